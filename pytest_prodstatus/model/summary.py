"""One line a stage: its reason, or, where it is CONFIRMED, what was seen.

The document, the board and the page print these same lines.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from pytest_prodstatus.model.evidence import Entry, shown
from pytest_prodstatus.model.record import StageResult, Standing
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict

if TYPE_CHECKING:
    from pytest_prodstatus.model.record import Override

LINE_LIMIT = 300
TOLD_LIMIT = 180
ENTRY_LIMIT = 80
"""An entry that is longer than this is left to the page."""


def stage_line(stage: StageResult) -> str:
    """Return the reason of a stage that isn't CONFIRMED, else a line of its evidence."""
    if stage.reason is not None:
        others = [
            s for s in stage.criteria if s.verdict is not Verdict.CONFIRMED and s.id != stage.cause
        ]
        more = f" (and {len(others)} more)" if others and _own(stage) else ""
        return one_line(stage.reason.text, limit=LINE_LIMIT) + more
    if not stage.criteria:
        return "every stage that it rolls up is CONFIRMED"
    told = ", ".join(_told(stage.criteria))
    return one_line(told or _counted(len(stage.criteria)), limit=LINE_LIMIT) + _dated(stage)


def _dated(stage: StageResult) -> str:
    """Return how much of a stage wasn't seen by this run, and since when; "" where all was."""
    old = [s.observed_at for s in stage.criteria if s.carried_over and s.observed_at]
    if not old:
        return ""
    return (
        f" ({len(old)} of {len(stage.criteria)} carried over, seen {min(old):%Y-%m-%d %H:%M} UTC)"
    )


def _own(stage: StageResult) -> bool:
    return (stage.cause or "").partition(".")[0] == stage.id


def _counted(number: int) -> str:
    return f"{number} {'criterion' if number == 1 else 'criteria'} held"


def _told(criteria: Iterable[Standing]) -> list[str]:
    """Return what was seen, in short: each criterion's first two entries, each said once."""
    seen = [standing.evidence[:2] for standing in criteria if standing.evidence]
    entries = [_entry(entry) for some in seen for entry in some]
    told: list[str] = []
    for entry in dict.fromkeys(entries):
        if len(entry) <= ENTRY_LIMIT and sum(map(len, told)) + len(entry) <= TOLD_LIMIT:
            told.append(entry)
    return told


def _entry(entry: Entry) -> str:
    return f"{entry.name.replace('_', ' ')} {shown(entry)}"


def override_line(override: Override) -> str:
    """Return who opened the gate over the verdict, until when, and why."""
    return (
        f"OVERRIDE until {override.until:%Y-%m-%d %H:%M} UTC, by {override.who}: {override.reason}"
    )
