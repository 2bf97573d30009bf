"""A timeline: evidence that is a mapping from names to instants, as a list in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from pytest_prodstatus.model.evidence import JsonValue
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.writers.html.words import instant, span


def instants_of(value: JsonValue) -> dict[str, datetime]:
    """Return the instants of a mapping of two or more, the earliest first; else nothing."""
    if value["type"] != "map":
        return {}
    items = value["value"]
    if len(items) < 2 or any(item["type"] != "time" for item in items.values()):
        return {}
    try:
        dated = {name: _parsed(item["value"]) for name, item in items.items()}
    except ValueError:
        return {}
    return dict(sorted(dated.items(), key=lambda pair: pair[1]))


def timeline(instants: Mapping[str, datetime]) -> Markup:
    """Return the list; each item says how long after the one before it came."""
    rows = []
    last: datetime | None = None
    for name, at in instants.items():
        after = f"+ {span(at - last)}" if last else ""
        rows.append(
            Markup(
                '<li><time datetime="{}">{}</time> <b>{}</b> <span class="dim">{}</span></li>'
            ).format(at.isoformat(), instant(at), name, after)
        )
        last = at
    return Markup('<ol class="timeline">{}</ol>').format(Markup().join(rows))


def all_instants(record: Record) -> dict[str, datetime]:
    """Return every name of every timeline in the record with its instant; the first one counts."""
    found: dict[str, datetime] = {}
    for standing in record.criteria:
        for entry in standing.evidence:
            for name, at in instants_of(entry.value).items():
                found.setdefault(name, at)
    return found


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
