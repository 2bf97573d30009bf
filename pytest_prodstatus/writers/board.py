"""The board: the record as plain lines for a terminal, at most `width` columns wide.

Each reason is printed once: with a line for every criterion, a stopped service of twelve criteria
took 43 lines, and its remedy stood there thirteen times.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from pytest_prodstatus.model.record import CriterionStatus, Record, StageStatus
from pytest_prodstatus.model.rollup import is_said, why_final
from pytest_prodstatus.model.text import format_age
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.writers.words import VERDICT_WIDTH, counted, named, override_line, stage_line

_MOST_NAMES = 4
"""Criteria that are named for one reason; of more, the rest is counted."""


class Line(NamedTuple):
    """A line of the board, and the verdict that gives its colour; None for no colour."""

    text: str
    verdict: Verdict | None = None


def board_lines(record: Record, *, verbosity: int = 0, width: int = 80) -> list[Line]:
    """Return the board of a record: its stages, criteria and next actions.

    FINAL isn't part of it: `final_line` is printed last.

    Args:
        record: of a finished run.
        verbosity: below 0 no lines; 0 every stage, and each reason once, with the criteria that
            give it; above 0 every criterion with its evidence.
        width: of the terminal, in columns; at least 40.
    """
    if verbosity < 0:
        return []
    lines = list(_Board(record, verbosity, width).lines())
    actions = record.decision.actions
    if actions:
        lines += [Line(""), Line("Next:")]
    for number, action in enumerate(actions, 1):
        lines += _wrapped(f"{number}. {action}", width, "  ", "     ")
    return lines


def final_line(record: Record, gate: str = "") -> Line:
    """Return the line that gives FINAL, its target, the gate, and why it is closed.

    Args:
        record: of a finished run.
        gate: the gate's decision in a few words; "" for what the run itself said of it.
    """
    final, selection = record.final, record.decision.selection
    gate, scope = gate or record.decision.gate, ""
    if record.run.shard:
        gate, scope = "closed until the shards of this run are merged", " of one shard"
    first = why_final(record)
    why = f": {first}" if first else ""
    if selection.partial:
        criteria = counted(selection.criteria, "criterion", "criteria")
        words = f"{selection.verdict}, {criteria}" if selection.criteria else "nothing"
        why += f" [selected: {words}{_unjudged_upstream(record)}]"
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


class _Board:
    """Makes the stages' lines, and knows which reasons it has printed already."""

    def __init__(self, record: Record, verbosity: int, width: int) -> None:
        self._record = record
        self._verbosity = verbosity
        self._width = width
        self._now = record.run.finished
        self._partial = record.decision.selection.partial and verbosity == 0
        self._titles = {stage.id: stage.title for stage in record.stages}
        # Two columns after the title and the verdict.
        longest = max(map(len, self._titles.values()), default=0)
        self._column = min(longest, width - VERDICT_WIDTH - 4)
        self._shown_in: dict[tuple[Verdict, object], str] = {}

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all stages."""
        for stage in self._record.stages:
            yield from self._stage(stage)

    def _stage(self, stage: StageStatus) -> Iterator[Line]:
        """Yield the lines of one stage: its row, then its criteria or their reasons."""
        title = f"{_cut(stage.title, self._column):<{self._column}}"
        if not stage.applies:
            yield from _wrapped(f"{title}  {stage_line(stage)}", self._width, "", "    ")
            return
        head = f"{title}  {stage.verdict!s:<{VERDICT_WIDTH}}"
        room = self._width - len(head) - 2
        # A partial run is about what it selected, so the rest gets no line of its own.
        listed = [s for s in stage.criteria if not (self._partial and _is_elsewhere(s))]
        if self._verbosity > 0:
            yield Line(head.rstrip(), stage.verdict)
            # Not twice: if a criterion has the same reason, its own line below gives it.
            if stage.reason and all(s.reason != stage.reason for s in listed):
                yield from self._why(stage, stage_line(stage))
            for status in listed:
                yield from self._criterion(status)
        else:
            confirmed = stage.verdict is Verdict.CONFIRMED
            groups = [] if confirmed else self._groups(listed)
            line = (
                stage_line(stage, room, now=self._now)
                if confirmed
                else self._summary(stage, groups)
            )
            if len(line) <= room:
                yield Line(f"{head}  {line}".rstrip(), stage.verdict)
            else:
                yield Line(head.rstrip(), stage.verdict)
                yield from self._why(stage, line)
            yield from self._causes(stage, groups)

    def _why(self, stage: StageStatus, line: str) -> Iterator[Line]:
        """Yield on lines of their own what doesn't fit beside a stage's verdict."""
        yield from _wrapped(line, self._width, "    ", "    ")
        if line and stage.reason and not stage.is_affected:
            yield from _wrapped(stage.reason.address, self._width, "    ", "    ")

    def _groups(self, listed: Iterable[CriterionStatus]) -> list[_Group]:
        """Return the criteria that give a reason of their own, those with the same one together."""
        groups: dict[object, _Group] = {}
        for status in listed:
            if status.reason and status.kind is not Kind.UPSTREAM:
                # By the cause, not the text: reasons of one outage quote different request ids.
                key = status.verdict, status.reason.cause, _age(status, self._now)
                groups.setdefault(key, _Group(status.reason, [])).criteria.append(status)
        return list(groups.values())

    def _summary(self, stage: StageStatus, groups: Sequence[_Group]) -> str:
        """Return what a stage's row says beside its verdict; "" if the lines below say it."""
        if len(groups) == 1:
            return self._as_before(stage, groups[0])
        if groups:
            return ""
        if self._partial and (seen := _seen(stage, self._now)):
            return seen
        root = self._titles.get((stage.cause or "").partition(".")[0])
        if stage.is_affected and root and root != stage.title:
            return f"because of {root}"
        return stage_line(stage)

    def _as_before(self, stage: StageStatus, group: _Group) -> str:
        """Return in which stage a group's reason is shown; "" if here, or nowhere yet."""
        found = self._shown_in.get(group.key, stage.title)
        number = counted(len(group.criteria), "criterion", "criteria")
        return f"{number}, as in {found}" if found != stage.title else ""

    def _causes(self, stage: StageStatus, groups: Sequence[_Group]) -> Iterator[Line]:
        """Yield the lines of the criteria that aren't CONFIRMED, one reason for each group."""
        for group in groups:
            first = group.criteria[0]
            before = self._as_before(stage, group)
            if not before:
                self._shown_in[group.key] = stage.title
                yield from _reason_of(first, _names(group.criteria), self._now, self._width)
                yield from self._remedy(group.reason)
            elif len(groups) > 1:
                yield from _wrapped(f"{first.verdict}: {before}", self._width, "  ", "    ")

    def _remedy(self, reason: Reason) -> Iterator[Line]:
        """Yield what to do, unless Next says it."""
        if reason.remedy and not is_said(reason, self._record.decision.actions):
            yield from _wrapped(f"-> {reason.remedy}", self._width, "    ", "       ")

    def _criterion(self, status: CriterionStatus) -> Iterator[Line]:
        """Yield the lines of one criterion: its reason and what to do."""
        yield from _reason_of(status, status.id, self._now, self._width)
        # The remedy of another stage stands at that stage.
        if status.reason and status.kind is not Kind.UPSTREAM:
            yield from self._remedy(status.reason)
        for entry in status.evidence:
            yield from _wrapped(named(entry), self._width, "      ", "        ")
        for one in status.attachments or ():
            text = f"attached {one.name} ({one.media_type}, {one.size:,} bytes)"
            yield from _wrapped(text, self._width, "      ", "        ")


class _Group(NamedTuple):
    """The criteria of one stage that have the same cause."""

    reason: Reason
    criteria: list[CriterionStatus]

    @property
    def key(self) -> tuple[Verdict, object]:
        """What is the same in another stage, if it has the same cause."""
        return self.criteria[0].verdict, self.reason.cause


def _is_elsewhere(status: CriterionStatus) -> bool:
    """Return whether a criterion's trouble isn't this run's: carried over, or another stage's."""
    held = status.kind is Kind.UPSTREAM and status.observed is Verdict.CONFIRMED
    return held or status.is_carried_trouble


def _seen(stage: StageStatus, now: datetime | None) -> str:
    """Return when an earlier run saw what decides a stage's verdict; "" if this run saw it.

    If it saw CONFIRMED, the text begins with why that doesn't count now.
    """
    old = [s for s in stage.criteria if s.is_carried_trouble]
    seen = [s.observed_at for s in old if s.observed_at]
    cause = next((s for s in old if s.id == stage.cause), None)
    if not seen or now is None or cause is None:
        return ""
    text = f"carried over, seen {format_age(now - max(seen))} ago"
    return f"{cause.sentence} ({text})" if cause.observed is Verdict.CONFIRMED else text


def _cut(text: str, width: int) -> str:
    """Return a text of at most so many characters, with an ellipsis if it was longer."""
    return text if len(text) <= width else f"{text[: width - 2].rstrip()} …"


def _reason_of(
    status: CriterionStatus, names: str, now: datetime | None, width: int
) -> Iterator[Line]:
    """Yield the lines that say a verdict, why, and who takes care of it."""
    text = f"{names}: {status.verdict}{_age(status, now)}"
    if status.flaky:
        text += f", flaky ({status.attempts} attempts)"
    reason = status.reason
    if reason:
        text += f" ({reason.kind}) {reason.text}"
    yield from _wrapped(text, width, "  ", "    ", status.verdict)
    if reason and reason.kind is not Kind.UPSTREAM:
        yield from _wrapped(reason.address, width, "    ", "    ")


def _age(status: CriterionStatus, now: datetime | None) -> str:
    """Return how long ago a carried-over criterion was seen, in words; else ""."""
    if status.carried_over and status.observed_at and now:
        return f", carried over, seen {format_age(now - status.observed_at)} ago"
    return ""


def _names(group: Sequence[CriterionStatus]) -> str:
    """Return the ids of criteria of one stage, the first in full; of many, the first three."""
    first, *others = (status.id for status in group)
    names = [first, *(name.partition(".")[2] for name in others)]
    if len(names) > _MOST_NAMES:
        more = len(names) - _MOST_NAMES + 1
        return f"{', '.join(names[: _MOST_NAMES - 1])} and {more} more"
    return ", ".join(names)


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
