"""Words that every output shares: instants, spans, numbers, and what the verdicts mean."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from pytest_prodstatus.model.catalogue import Stage
from pytest_prodstatus.model.verdict import Verdict

VERDICT_WIDTH = max(len(verdict.value) for verdict in Verdict)
"""Columns of the longest verdict, for what stands below each other."""


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


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: `1 run`, `3 runs`; `many` if a plural isn't made by an s."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def meanings(stage: Stage) -> dict[Verdict, str]:
    """Return what each verdict means for a stage, as far as the project says so."""
    declared = {
        Verdict.CONFIRMED: stage.confirmed,
        Verdict.FAILED: stage.failed,
        Verdict.BLOCKED: stage.blocked,
    }
    return {verdict: text for verdict, text in declared.items() if text}
