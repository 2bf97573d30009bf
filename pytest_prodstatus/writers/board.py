"""The board: the record as plain lines for a terminal, at most `width` columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pytest_prodstatus.model.record import CriterionStatus, Record, StageStatus
from pytest_prodstatus.model.text import format_age
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.writers.words import VERDICT_WIDTH, counted, override_line, stage_line


class Line(NamedTuple):
    """A line of the board, and the verdict that gives its colour; None for no colour."""

    text: str
    verdict: Verdict | None = None


def board_lines(record: Record, *, verbosity: int = 0, width: int = 80) -> list[Line]:
    """Return the board of a record: its stages, criteria and next actions.

    FINAL isn't part of it: `final_line` is printed last.

    Args:
        record: of a finished run.
        verbosity: below 0 no lines; 0 every stage, and the criteria that aren't CONFIRMED or were
            carried over; above 0 every criterion with its evidence.
        width: of the terminal, in columns; at least 40.
    """
    if verbosity < 0:
        return []
    lines = [line for stage in record.stages for line in _stage(stage, record, verbosity, width)]
    actions = record.decision.actions
    if actions:
        lines += [Line(""), Line("Next:")]
    for number, action in enumerate(actions, 1):
        lines += _wrapped(f"{number}. {action}", width, "  ", "     ")
    return lines


def final_line(record: Record) -> Line:
    """Return the line that gives FINAL, its target, the gate, and why it is closed."""
    final, selection = record.final, record.decision.selection
    gate, scope = "open" if record.decision.open else "closed", ""
    if record.run.shard:
        gate, scope = "closed until the shards of this run are merged", " of one shard"
    why = f": {final.reason.text}" if final.reason else ""
    if selection.partial:
        criteria = counted(selection.criteria, "criterion", "criteria")
        why += f" [selected: {selection.verdict}, {criteria}{_unjudged_upstream(record)}]"
    text = f"FINAL {final.verdict}{scope} (target {record.run.target}, gate {gate}){why}"
    return Line(text, final.verdict)


def _unjudged_upstream(record: Record) -> str:
    """Return the note that what was selected requires stages which this run didn't judge."""
    confirmed = record.decision.selection.verdict is Verdict.CONFIRMED
    blocked = any(status.selected and status.kind is Kind.UPSTREAM for status in record.criteria)
    return "; its upstream was not judged" if confirmed and blocked else ""


def override_lines(record: Record, *, width: int = 80) -> list[Line]:
    """Return a line for each override in force; they are printed at every verbosity."""
    return [
        line
        for override in record.overrides
        for line in _wrapped(override_line(override), width, "", "  ")
    ]


def _stage(stage: StageStatus, record: Record, verbosity: int, width: int) -> Iterator[Line]:
    partial = record.decision.selection.partial and verbosity == 0
    # A partial run is about what it selected, so the rest gets no line of its own.
    shown = [s for s in stage.criteria if not (partial and _is_elsewhere(s))]
    longest = max(len(other.title) for other in record.stages)
    column = min(longest, width - VERDICT_WIDTH - 4)  # two columns after the title and the verdict
    title = _cut(stage.title, column)
    line = (_seen(stage, record.run.finished) if partial else "") or stage_line(stage)
    if not stage.applies:
        yield from _wrapped(f"{title:<{column}}  {line}", width, "", "    ")
        return
    head = f"{title:<{column}}  {stage.verdict!s:<{VERDICT_WIDTH}}"
    row = f"{head}  {line}".rstrip()
    confirmed = stage.verdict is Verdict.CONFIRMED
    # What was seen may be cut; a reason is needed in full, on lines of its own.
    if verbosity == 0 and (confirmed or len(row) <= width):
        yield Line(_cut(_without_last_items(row, len(head), width), width), stage.verdict)
    else:
        yield Line(head.rstrip(), stage.verdict)
        # Not twice: if a criterion has the same reason, its own line below gives it.
        if not confirmed and all(s.reason != stage.reason for s in shown):
            yield from _wrapped(line, width, "    ", "    ")
            if stage.reason and not stage.is_affected:
                yield from _wrapped(stage.reason.address, width, "    ", "    ")
    for status in shown:
        if verbosity > 0 or status.verdict is not Verdict.CONFIRMED or status.carried_over:
            yield from _criterion(status, record.run.finished, verbosity, width)


def _is_elsewhere(status: CriterionStatus) -> bool:
    """Return whether a criterion's trouble is an earlier run's, or another stage's."""
    held = status.kind is Kind.UPSTREAM and status.observed is Verdict.CONFIRMED
    return held or status.is_carried_trouble


def _seen(stage: StageStatus, now: datetime | None) -> str:
    """Return when an earlier run saw what decides a stage's verdict; "" if this run saw it."""
    old = [s for s in stage.criteria if s.is_carried_trouble]
    seen = [s.observed_at for s in old if s.observed_at]
    if not seen or now is None or not any(s.id == stage.cause for s in old):
        return ""
    return f"carried over, seen {format_age(now - max(seen))} ago"


def _without_last_items(text: str, head: int, width: int) -> str:
    """Drop items from the end of a list in a line until the line fits.

    Args:
        text: the line; its items are separated by commas.
        head: characters at its beginning that stay.
        width: the columns that it may have.
    """
    while len(text) > width and text.rfind(", ") > head:
        text = text[: text.rfind(", ")]
    return text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 2].rstrip()} …"


def _criterion(
    status: CriterionStatus, now: datetime | None, verbosity: int, width: int
) -> Iterator[Line]:
    text = f"{status.id}: {status.verdict}"
    if status.carried_over and status.observed_at and now:
        text += f", carried over, seen {format_age(now - status.observed_at)} ago"
    if status.flaky:
        text += f", flaky ({status.attempts} attempts)"
    reason = status.reason
    if reason:
        text += f" ({reason.kind}) {reason.text}"
    yield from _wrapped(text, width, "  ", "    ", status.verdict)
    # The remedy of another stage stands at that stage, and under Next.
    if reason and reason.remedy and reason.kind is not Kind.UPSTREAM:
        yield from _wrapped(f"-> {reason.remedy}", width, "    ", "       ")
    if reason and reason.kind is not Kind.UPSTREAM:
        yield from _wrapped(reason.address, width, "    ", "    ")
    if verbosity > 0:
        for entry in status.evidence:
            yield from _wrapped(str(entry), width, "      ", "        ")


def _wrapped(
    text: str, width: int, first: str, indent: str, verdict: Verdict | None = None
) -> list[Line]:
    """Wrap a text into lines.

    Args:
        text: what is wrapped; ids in it aren't broken at their hyphens.
        width: columns.
        first: indentation of the first line.
        indent: indentation of the others.
        verdict: the colour of all.
    """
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )
    return [Line(line, verdict) for line in lines]
