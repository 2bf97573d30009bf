"""Evidence in HTML: each value as what it is, ids so that they can be copied."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pytest_prodstatus.model.evidence import Entry, JsonValue, shown
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
        rows.append(f"<dt>{escape(entry.name)}</dt><dd>{_value(entry.value)}{dated}</dd>")
    return f'<p class="seen">Seen at {first}</p><dl class="evidence">{"".join(rows)}</dl>'


def _value(value: JsonValue) -> str:
    content = value["value"]
    match value["type"]:
        case "text":
            # An id is a text in one piece, worth copying.
            return f"<code>{escape(content)}</code>" if _is_id(content) else escape(content)
        case "int":
            return str(content)
        case "time":
            return escape(content.replace("T", " ").replace("Z", " UTC").replace(".000", ""))
        case "list":
            items = [f"<li>{_value(item)}</li>" for item in content]
            return f"<ul>{''.join(items)}{_cut(value)}</ul>" if items else "none"
        case "map":
            instants = instants_of(value)
            if instants:
                return f"{timeline(instants)}{_cut(value)}"
            named = [f"<li>{escape(key)} {_value(item)}</li>" for key, item in content.items()]
            return f"<ul>{''.join(named)}{_cut(value)}</ul>" if named else "none"
        case _:
            return escape(shown(value))


def _cut(value: JsonValue) -> str:
    return f"<li>… ({value['cut_from']} in all)</li>" if "cut_from" in value else ""


def _is_id(text: str) -> bool:
    return len(text) > 5 and " " not in text and any(map(str.isdigit, text))
