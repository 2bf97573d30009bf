"""Durations as people write them: `30d`, `24h`, `15m`, `90s`."""

from __future__ import annotations

import re
from datetime import timedelta

_FORM = re.compile(r"([0-9]{1,6})([smhd])")
DURATION_FORM = "write a whole number and s, m, h or d, as in '24h'"
_UNIT = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: str) -> timedelta:
    """Return the duration that `text` names.

    Raises:
        ValueError: the text isn't a positive whole number followed by s, m, h or d.
    """
    match = _FORM.fullmatch(text.strip()) if isinstance(text, str) else None
    if not match or int(match[1]) == 0:
        msg = f"{text!r} is not a duration: {DURATION_FORM}"
        raise ValueError(msg)
    return timedelta(**{_UNIT[match[2]]: int(match[1])})


def age(span: timedelta) -> str:
    """Return a span as a short age, rounded down: `45 s`, `12 min`, `5 h`, `3 d`."""
    seconds = max(0, int(span.total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and unit == "min"):
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def text_of(span: timedelta) -> str:
    """Return a configured duration in its shortest exact form, the inverse of `parse_duration`."""
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
