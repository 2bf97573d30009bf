"""Small words of the page: instants, spans and verdicts, the same everywhere on it."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from markupsafe import Markup

from pytest_prodstatus.model.verdict import Verdict

CLASS = {Verdict.CONFIRMED: "C", Verdict.BLOCKED: "B", Verdict.FAILED: "F"}
"""The style of each verdict: a colour, and a sign that tells it apart without one."""

WORD = {verdict: verdict.value for verdict in Verdict}
"""The word for each verdict, where thousands are written."""

# Signs are drawn, not typed, since not every font has them: a tick, a bar, a cross.
SIGN = {
    Verdict.CONFIRMED: "M-6 0l4 4.5 8-9",
    Verdict.BLOCKED: "M-6 0h12",
    Verdict.FAILED: "M-5-5l10 10M5-5l-10 10",
}
"""The sign of each verdict, as an SVG path around its own middle, 12 units wide."""


def instant(at: datetime | None) -> str:
    """Return a UTC instant to the second, or "unknown"."""
    return f"{at.date().isoformat()} {at.time().isoformat('seconds')} UTC" if at else "unknown"


def minute(at: datetime | None) -> str:
    """Return a UTC instant to the minute, or "unknown"."""
    return f"{at.date().isoformat()} {at.time().isoformat('minutes')} UTC" if at else "unknown"


def span(length: timedelta) -> str:
    """Return how long something took, in its two largest units: `9 d 3 h`, `4 min 12 s`."""
    seconds = int(abs(length).total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for (unit, size), (smaller, part) in pairwise(units):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"


def counted(number: int, one: str, many: str) -> str:
    """Return a number with its noun: `1 run`, `3 runs`."""
    return f"{number:,} {one if number == 1 else many}"


def tag(verdict: Verdict) -> Markup:
    """Return a verdict as a label."""
    return Markup('<b class="tag {}">{}</b>').format(CLASS[verdict], verdict.value)


def code(text: object) -> Markup:
    """Return what is to be read letter by letter: an id, a digest, an address."""
    return Markup("<code>{}</code>").format(text)
