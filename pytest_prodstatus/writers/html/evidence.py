"""Evidence in HTML: each value as what it is, ids so that they can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pytest_prodstatus.model.evidence import (
    Entry,
    Item,
    ListEntry,
    MapEntry,
    TextEntry,
    TextItem,
    TimeEntry,
    TimeItem,
    shown,
)
from pytest_prodstatus.writers.html.timeline import instants_of, timeline
from pytest_prodstatus.writers.html.words import instant


def evidence(entries: Sequence[Entry]) -> str:
    """Return the entries as a list of names and values, dated; "" where there are none."""
    if not entries:
        return ""
    last = entries[0].at
    first = said = instant(last)
    rows = []
    for entry in entries:
        dated = ""
        if entry.at != last:
            last, now = entry.at, instant(entry.at)
            dated = f' <span class="dim">{now}</span>' if now != said else ""
            said = now
        rows.append(f"<dt>{escape(entry.name)}</dt><dd>{_value(entry)}{dated}</dd>")
    return f'<p class="seen">Seen at {first}</p><dl class="evidence">{"".join(rows)}</dl>'


def _value(value: Entry | Item) -> str:
    match value:
        case TextEntry(value=text) | TextItem(value=text):
            # An id is a text in one piece, worth copying.
            return f"<code>{escape(text)}</code>" if _is_id(text) else escape(text)
        case TimeEntry() | TimeItem():
            return escape(shown(value).replace("T", " ").replace("Z", " UTC").replace(".000", ""))
        case ListEntry():
            items = [f"<li>{_value(item)}</li>" for item in value.value]
            return f"<ul>{''.join(items)}{_cut(value)}</ul>" if items else "none"
        case MapEntry():
            instants = instants_of(value)
            if instants:
                return f"{timeline(instants)}{_cut(value)}"
            named = [f"<li>{escape(key)} {_value(item)}</li>" for key, item in value.value.items()]
            return f"<ul>{''.join(named)}{_cut(value)}</ul>" if named else "none"
        case _:
            return escape(shown(value))


def _cut(value: ListEntry | MapEntry) -> str:
    return "" if value.cut_from is None else f"<li>… ({value.cut_from} in all)</li>"


def _is_id(text: str) -> bool:
    return len(text) > 5 and " " not in text and any(map(str.isdigit, text))
