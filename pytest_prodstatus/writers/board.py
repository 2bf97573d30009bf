"""The board: the record as plain lines for a terminal, at most `width` columns wide."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from pytest_prodstatus.model.record import Record, StageResult, Standing
from pytest_prodstatus.model.summary import override_line, stage_line
from pytest_prodstatus.model.text import age
from pytest_prodstatus.model.verdict import Kind, Verdict

_VERDICT = max(len(verdict.value) for verdict in Verdict)


class Line(NamedTuple):
    """One line of the board, and the verdict that colours it."""

    text: str
    verdict: Verdict | None = None


def board_lines(record: Record, *, verbosity: int = 0, width: int = 80) -> list[Line]:
    """Return the board.

    Args:
        record: of a finished run.
        verbosity: below 0 FINAL alone, 0 every stage and what isn't CONFIRMED, above 0 every
            criterion with its evidence.
        width: columns; at least 40.
    """
    if verbosity < 0:
        return []
    return [line for stage in record.stages for line in _stage(stage, record, verbosity, width)] + [
        Line(text) for text in _next(record, width)
    ]


def final_line(record: Record) -> Line:
    """Return the one line that says FINAL, for which target, and why the gate is closed."""
    final, decision = record.final, record.decision
    why = f": {final.reason.text}" if final.reason else ""
    if decision.selection.partial:
        selected = decision.selection
        why += f" [selected: {selected.verdict}, {_criteria(selected.criteria)}]"
    gate = "open" if decision.open else "closed"
    if record.run.shard:
        gate = "closed until the shards of this run are merged"
        text = f"FINAL {final.verdict} of one shard (target {record.run.target}, gate {gate}){why}"
        return Line(text, final.verdict)
    text = f"FINAL {final.verdict} (target {record.run.target}, gate {gate}){why}"
    return Line(text, final.verdict)


def override_lines(record: Record, *, width: int = 80) -> list[Line]:
    """Return what says that a person opened the gate, whatever the verbosity."""
    return [
        Line(text)
        for override in record.overrides
        for text in _wrapped(override_line(override), width, "  ", "")
    ]


def _criteria(number: int) -> str:
    return f"{number} {'criterion' if number == 1 else 'criteria'}"


def _stage(stage: StageResult, record: Record, verbosity: int, width: int) -> Iterator[Line]:
    longest = max(len(other.title) for other in record.stages)
    column = min(longest, width - _VERDICT - 4)
    title = _cut(stage.title, column)
    head = f"{title:<{column}}  {stage.verdict!s:<{_VERDICT}}"
    line = stage_line(stage)
    beside = f"{head}  {line}".rstrip()
    held = stage.verdict is Verdict.CONFIRMED
    if verbosity == 0 and (held or len(beside) <= width):
        yield Line(_cut(_without_last_items(beside, len(head), width), width), stage.verdict)
    else:
        yield Line(head.rstrip(), stage.verdict)
        # A reason that one of its criteria gives is told there.
        if not held and all(s.reason != stage.reason for s in stage.criteria):
            yield from (Line(text) for text in _wrapped(line, width, "    "))
    for standing in stage.criteria:
        if verbosity > 0 or standing.verdict is not Verdict.CONFIRMED or standing.carried_over:
            yield from _standing(standing, record, verbosity, width)


def _without_last_items(text: str, head: int, width: int) -> str:
    """Return what was seen without its last items, as many as don't fit."""
    while len(text) > width and text.rfind(", ") > head:
        text = text[: text.rfind(", ")]
    return text


def _standing(standing: Standing, record: Record, verbosity: int, width: int) -> Iterator[Line]:
    notes = _notes(standing, record.run.finished)
    told = f"{standing.id}: {standing.verdict}{notes}"
    if standing.reason:
        told += f" ({standing.reason.kind}) {standing.reason.text}"
    yield from (Line(text, standing.verdict) for text in _wrapped(told, width, "    ", "  "))
    if standing.reason and standing.reason.remedy and standing.reason.kind is not Kind.UPSTREAM:
        yield from (
            Line(text)
            for text in _wrapped(f"-> {standing.reason.remedy}", width, "       ", "    ")
        )
    if verbosity > 0:
        for entry in standing.evidence:
            yield from (Line(text) for text in _wrapped(str(entry), width, "        ", "      "))


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 2].rstrip()} …"


def _notes(standing: Standing, now: datetime | None) -> str:
    notes = ""
    if standing.carried_over and standing.observed_at and now:
        notes += f", carried over, seen {age(now - standing.observed_at)} ago"
    if standing.flaky:
        notes += f", flaky ({standing.attempts} attempts)"
    return notes


def _next(record: Record, width: int) -> Iterator[str]:
    actions = record.decision.actions
    if actions:
        yield ""
        yield "Next:"
    for number, action in enumerate(actions, 1):
        yield from _wrapped(f"{number}. {action}", width, "     ", "  ")


def _wrapped(text: str, width: int, indent: str, first: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
