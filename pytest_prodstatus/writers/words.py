"""Texts that every output shares: a stage in one line, instants, durations, counts, meanings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from pytest_prodstatus.model.catalogue import Stage
from pytest_prodstatus.model.evidence import Entry, shown
from pytest_prodstatus.model.record import CriterionStatus, Override, StageStatus
from pytest_prodstatus.model.text import format_age, one_line
from pytest_prodstatus.model.verdict import Verdict

LINE_LIMIT = 300
"""Characters of a stage's line."""

TOTAL_LIMIT = 180
"""Characters of the evidence in a stage's line."""

ENTRY_LIMIT = 80
"""Characters of one value in it; only the page shows a longer one."""


def stage_line(stage: StageStatus, width: int = LINE_LIMIT, *, now: datetime | None = None) -> str:
    """Return a stage in one line: its evidence, or the reason if it isn't CONFIRMED.

    It names the stages that this one would require or roll up and that aren't applicable.

    Args:
        stage: the stage.
        width: characters that the line of a CONFIRMED stage should have at most; it gives as much
            evidence as fits, and always which criteria are flaky or were carried over.
        now: if given, what was carried over has its age at this instant, instead of an instant.
    """
    absent = f" ({', '.join(stage.without)}: not applicable)" if stage.without else ""
    return _seen_or_why(stage, width - len(absent), now) + absent


def _seen_or_why(stage: StageStatus, width: int, now: datetime | None) -> str:
    """Return a stage's evidence, or the reason if it isn't CONFIRMED, in one line."""
    if stage.reason is not None:
        others = [
            s for s in stage.criteria if s.verdict is not Verdict.CONFIRMED and s.id != stage.cause
        ]
        # If the cause is in another stage, the others here aren't more of the same.
        caused_here = (stage.cause or "").partition(".")[0] == stage.id
        more = f" (and {len(others)} more)" if others and caused_here else ""
        # A stage that has no criterion to name is its own cause.
        name = (stage.cause or "").partition(".")[2] if caused_here else ""
        text = f"{name}: {stage.reason.text}" if name else stage.reason.text
        return one_line(text, limit=LINE_LIMIT) + more
    if not stage.criteria:
        return "every stage that it rolls up is CONFIRMED"
    notes = _flaky_note(stage) + _carried_over_note(stage, now)
    texts = _evidence_texts(stage.criteria)
    # A sentence may have commas of its own.
    glue = "; " if any(not e.name for s in stage.criteria for e in s.evidence) else ", "
    # Whole entries are left out, so that none is cut in its middle.
    while len(texts) > 1 and len(glue.join(texts)) > width - len(notes):
        texts.pop()
    held = f"{counted(len(stage.criteria), 'criterion', 'criteria')} held"
    return one_line(glue.join(texts) or held, limit=LINE_LIMIT) + notes


def override_line(override: Override) -> str:
    """Return a line that says who opened the gate by an override, until when, and why."""
    return (
        f"OVERRIDE until {override.until:%Y-%m-%d %H:%M} UTC, by {override.who}: {override.reason}"
    )


def _flaky_note(stage: StageStatus) -> str:
    """Return which criteria passed only in a later attempt; "" if none did."""
    flaky = [status.id.partition(".")[2] for status in stage.criteria if status.flaky]
    return f" (flaky: {one_line(', '.join(flaky), limit=ENTRY_LIMIT)})" if flaky else ""


def _carried_over_note(stage: StageStatus, now: datetime | None) -> str:
    """Return how many criteria were carried over, and when the oldest was observed; "" if none."""
    carried = [s.observed_at for s in stage.criteria if s.carried_over and s.observed_at]
    if not carried:
        return ""
    oldest = min(carried)
    seen = f"{format_age(now - oldest)} ago" if now else f"{oldest:%Y-%m-%d %H:%M} UTC"
    part = len(carried) < len(stage.criteria)
    number = f"{len(carried)} of {len(stage.criteria)} " if part else ""
    return f" ({number}carried over, seen {seen})"


def _evidence_texts(criteria: Sequence[CriterionStatus]) -> list[str]:
    """Return the sentences of the criteria; without any, the first two values of each criterion.

    Each name is shown once: two criteria may give it to different things, and side by side they
    would contradict.
    """
    sentences = [entry for status in criteria for entry in status.evidence if not entry.name]
    entries = sentences or [entry for status in criteria for entry in status.evidence[:2]]
    first: dict[str, str] = {}
    for entry in entries:
        first.setdefault(entry.name or shown(entry), named(entry))
    texts: list[str] = []
    for text in first.values():
        # No break: a later, shorter entry may still fit.
        if (
            len(text) <= (TOTAL_LIMIT if sentences else ENTRY_LIMIT)
            and sum(map(len, texts)) + len(text) <= TOTAL_LIMIT
        ):
            texts.append(text)
    return texts


def named(entry: Entry) -> str:
    """Return a value with its name in words: `took ms 12`; a sentence as it is."""
    return f"{label(entry)} {shown(entry)}" if entry.name else shown(entry)


def label(entry: Entry) -> str:
    """Return the name of a value in words: a name in Python has underscores for blanks."""
    return entry.name.replace("_", " ")


VERDICT_WIDTH = max(len(verdict.value) for verdict in Verdict)
"""Columns of the longest verdict, to align a table."""


def instant(at: datetime | None) -> str:
    """Return a UTC instant to the second, or "unknown"."""
    # In this form, since a page may have thousands: `{at:%Y-%m-%d %H:%M:%S}` takes twice as long.
    return f"{at.date().isoformat()} {at.time().isoformat('seconds')} UTC" if at else "unknown"


def minute(at: datetime | None) -> str:
    """Return a UTC instant to the minute, or "unknown"."""
    return f"{at.date().isoformat()} {at.time().isoformat('minutes')} UTC" if at else "unknown"


def span(length: timedelta) -> str:
    """Return a duration in its two largest units: `9 d 3 h`, `4 min 12 s`."""
    # Negative if a clock was set back between the two instants.
    seconds = int(abs(length).total_seconds())
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for (unit, size), (smaller, part) in pairwise(units):
        if seconds >= size:
            rest = seconds % size // part
            return f"{seconds // size} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{seconds} s"


def counted(number: int, singular: str, plural: str = "") -> str:
    """Return a number with its noun: `1 run`, `3 runs`.

    Args:
        number: how many.
        singular: the noun.
        plural: its plural; "" if it only adds an s.
    """
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def meanings(stage: Stage) -> dict[Verdict, str]:
    """Return the meanings of a stage's verdicts, for each verdict that the project describes."""
    declared = {
        Verdict.CONFIRMED: stage.confirmed,
        Verdict.FAILED: stage.failed,
        Verdict.BLOCKED: stage.blocked,
    }
    return {verdict: text for verdict, text in declared.items() if text}
