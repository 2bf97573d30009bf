"""Words that every output shares: a line a stage, instants, spans, numbers, meanings."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise

from pytest_prodstatus.model.catalogue import Stage
from pytest_prodstatus.model.evidence import shown
from pytest_prodstatus.model.record import CriterionStatus, Override, StageStatus
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict

LINE_LIMIT = 300
TOTAL_LIMIT = 180
ENTRY_LIMIT = 80
"""An entry that is longer than this is left to the page."""


def stage_line(stage: StageStatus) -> str:
    """Return the reason of a stage that isn't CONFIRMED, else a line of its evidence."""
    if stage.reason is not None:
        others = [
            s for s in stage.criteria if s.verdict is not Verdict.CONFIRMED and s.id != stage.cause
        ]
        own = (stage.cause or "").partition(".")[0] == stage.id
        more = f" (and {len(others)} more)" if others and own else ""
        return one_line(stage.reason.text, limit=LINE_LIMIT) + more
    if not stage.criteria:
        return "every stage that it rolls up is CONFIRMED"
    number = len(stage.criteria)
    text = ", ".join(_seen(stage.criteria)) or (
        f"{number} {'criterion' if number == 1 else 'criteria'} held"
    )
    return one_line(text, limit=LINE_LIMIT) + _dated(stage)


def override_line(override: Override) -> str:
    """Return who opened the gate over the verdict, until when, and why."""
    return (
        f"OVERRIDE until {override.until:%Y-%m-%d %H:%M} UTC, by {override.who}: {override.reason}"
    )


def _dated(stage: StageStatus) -> str:
    """Return how much of a stage wasn't seen by this run, and since when; "" where all was."""
    old = [s.observed_at for s in stage.criteria if s.carried_over and s.observed_at]
    if not old:
        return ""
    return (
        f" ({len(old)} of {len(stage.criteria)} carried over, seen {min(old):%Y-%m-%d %H:%M} UTC)"
    )


def _seen(criteria: Iterable[CriterionStatus]) -> list[str]:
    """Return what was seen, in short: each criterion's first two entries, each said once."""
    entries = [entry for status in criteria for entry in status.evidence[:2]]
    texts: list[str] = []
    for text in dict.fromkeys(f"{e.name.replace('_', ' ')} {shown(e)}" for e in entries):
        if len(text) <= ENTRY_LIMIT and sum(map(len, texts)) + len(text) <= TOTAL_LIMIT:
            texts.append(text)
    return texts


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
