"""A timeline: evidence that is a mapping from names to instants, as a list in time."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from markupsafe import Markup

from pytest_prodstatus.model.evidence import Entry, Item, MapEntry, TimeItem
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.writers.html.words import instant, span


def instants_of(value: Entry | Item) -> dict[str, datetime]:
    """Return the instants of a mapping of two or more, the earliest first; else nothing."""
    if not isinstance(value, MapEntry):
        return {}
    dated = {name: item.value for name, item in value.value.items() if isinstance(item, TimeItem)}
    if len(dated) < 2 or len(dated) < len(value.value):
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
            for name, at in instants_of(entry).items():
                found.setdefault(name, at)
    return found
