"""One line a stage: its reason, or, where it is CONFIRMED, what was seen.

The document, the board and the page print these same lines.
"""

from __future__ import annotations

from collections.abc import Iterable

from pytest_prodstatus.model.evidence import shown
from pytest_prodstatus.model.record import Override, StageResult, Standing
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict

LINE_LIMIT = 300
TOTAL_LIMIT = 180
ENTRY_LIMIT = 80
"""An entry that is longer than this is left to the page."""


def stage_line(stage: StageResult) -> str:
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


def _dated(stage: StageResult) -> str:
    """Return how much of a stage wasn't seen by this run, and since when; "" where all was."""
    old = [s.observed_at for s in stage.criteria if s.carried_over and s.observed_at]
    if not old:
        return ""
    return (
        f" ({len(old)} of {len(stage.criteria)} carried over, seen {min(old):%Y-%m-%d %H:%M} UTC)"
    )


def _seen(criteria: Iterable[Standing]) -> list[str]:
    """Return what was seen, in short: each criterion's first two entries, each said once."""
    entries = [entry for standing in criteria for entry in standing.evidence[:2]]
    texts: list[str] = []
    for text in dict.fromkeys(f"{e.name.replace('_', ' ')} {shown(e)}" for e in entries):
        if len(text) <= ENTRY_LIMIT and sum(map(len, texts)) + len(text) <= TOTAL_LIMIT:
            texts.append(text)
    return texts
