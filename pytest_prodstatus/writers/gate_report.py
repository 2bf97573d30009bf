"""The gate's decision: plain lines for a person, JSON for a program.

The Structs are a contract: the JSON and its schema (`pytest_prodstatus/schema/gate-v1.json`) are
made of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from pytest_prodstatus.model.codec import data_of
from pytest_prodstatus.model.gate import GateDecision, Waived
from pytest_prodstatus.model.record import Cause, Override, Run
from pytest_prodstatus.model.text import Instant, format_age, one_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.model.violations import ViolationKind
from pytest_prodstatus.writers.words import minute

SHOWN = 20
"""Causes and ids that the text names; the JSON has all of them."""

SCHEMA = 1
"""The version of the answer's JSON form."""


class Question(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the gate was asked.

    Attributes:
        target: the system.
        subject: the release; null for any.
        commit: the suite's commit; null for any.
        run: the run's id; null for any.
        max_age_s: how old a record may be, in seconds.
        require: the stages; none for FINAL.
    """

    target: str
    subject: str | None
    commit: str | None
    run: str | None
    max_age_s: int
    require: tuple[str, ...]


class AnsweredRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that a record is of.

    Attributes:
        id: its id.
        target: the system that it judged.
        started: when it began.
        finished: when it ended; null while it is in progress.
        release: what it judged; null if the run didn't know.
        commit: the suite's commit; null if it isn't under git.
    """

    id: str
    target: str
    started: Instant
    finished: Instant | None
    release: str | None
    commit: str | None


class RefusedBy(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What closes the gate whatever the verdicts are.

    Attributes:
        rule: the rule of the gate.
        reason: one sentence that says what.
        remedy: what a person can do about it, if that is known.
    """

    rule: ViolationKind
    reason: str
    remedy: str | None


class WaivedCriterion(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What isn't CONFIRMED and waived.

    Attributes:
        criterion: its id.
        verdict: FAILED or BLOCKED.
        reason: why it is accepted.
        owner: who answers for it.
        expires: until when.
    """

    criterion: str
    verdict: Verdict
    reason: str
    owner: str
    expires: Instant


class OverrideInForce(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The override in force, needed or not.

    Attributes:
        who: the person who answers for it.
        reason: why.
        since: when it began.
        until: when it ends.
    """

    who: str
    reason: str
    since: Instant
    until: Instant


class RecordAnswer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The answer by one record.

    Attributes:
        record: the file.
        run: the run it is of; null if it can't be read.
        open: whether it opens the gate.
        exit_code: 0 open, 1 something FAILED, 10 closed otherwise.
        decision: `open`, `open, N waived`, `open by an override` or `closed`.
        sentence: the whole answer in one line.
        rules: the rules by which it is closed, or would be without an override, in the order of the
            reasons.
        verdict: of what was asked about, now, whatever is waived; null if nothing is known.
        refusals: what closes the gate whatever the verdicts are.
        causes: the root causes of what isn't CONFIRMED and not waived, the worst first.
        waived: what isn't CONFIRMED and waived.
        override: the override in force, needed or not.
        actions: what to do, what unblocks most first.
    """

    record: str
    run: AnsweredRun | None
    open: bool
    exit_code: int
    decision: str
    sentence: str
    rules: tuple[ViolationKind, ...]
    verdict: Verdict | None
    violations: tuple[RefusedBy, ...]
    causes: tuple[Cause, ...]
    waived: tuple[WaivedCriterion, ...]
    override: OverrideInForce | None
    actions: tuple[str, ...]


class GateAnswer(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag=SCHEMA
):
    """What `prodstatus gate --format json` answers.

    Attributes:
        at: when the gate was asked.
        open: whether every record opens the gate.
        exit_code: 0 open, 1 something FAILED, 10 closed otherwise.
        asked: the question.
        records: the answer by each record, in the order they were named.
    """

    at: Instant
    open: bool
    exit_code: int
    asked: Question
    records: tuple[RecordAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """One record's answer: the file, its run where it could be read, and the answer."""

    source: str
    run: Run | None
    answer: GateDecision


def exit_code_of(told: Sequence[GateReport]) -> int:
    """Return the exit status of several answers: FAILED before closed before open."""
    codes = {each.answer.exit_code for each in told}
    return min(codes - {0}, default=0)


def answer_lines(told: GateReport, now: datetime) -> Iterator[str]:
    """Yield an answer as lines, the whole of it in the first."""
    answer = told.answer
    if answer.override:
        yield f"OVERRIDE: {override_words(answer.override)}"
    yield answer.sentence
    yield f"  {told.source}{_described(told.run, now) if told.run else ''}"
    if answer.violations or answer.causes:
        yield "Why:" if not answer.open else "It would be closed:"
    for violation in answer.violations:
        yield f"  {violation.kind}: {violation.text}"
    for cause in answer.causes[:SHOWN]:
        yield from _cause(cause)
    if answer.causes[SHOWN:]:
        yield f"  … and {len(answer.causes) - SHOWN:,} more; --format json has all of them"
    if answer.waived:
        yield "Waived:"
    for each in answer.waived:
        name = one_line(each.status.id)
        yield f"  {each.status.verdict!s:<7}  {name}: {each.waiver.reason}"
        yield f"           accepted by {each.waiver.owner} until {minute(each.waiver.expires)}"
    if answer.actions:
        yield "Next:"
    for number, action in enumerate(answer.actions[:SHOWN], 1):
        yield f"  {number}. {action}"


def override_words(override: Override) -> str:
    """Return in words what an override does."""
    opened = f"{override.who} opened the gate of {override.target} until {minute(override.until)}"
    return f"{opened}, whatever the verdict: {override.reason}"


def _described(run: Run, now: datetime) -> str:
    parts = [
        f"run {run.id}",
        f"finished {format_age(now - run.finished)} ago" if run.finished else "not finished",
        f"release {run.subject.release}" if run.subject.release else "",
        f"suite commit {run.commit[:12]}" if run.commit else "",
    ]
    return ": " + ", ".join(filter(None, parts))


def _cause(cause: Cause) -> Iterator[str]:
    named = ", ".join(cause.ids[:SHOWN])
    more = f" and {len(cause.ids) - SHOWN:,} more" if cause.ids[SHOWN:] else ""
    yield f"  {cause.verdict!s:<7}  {named}{more}: {cause.sentence}"
    if cause.affected:
        yield f"           depends on it: {', '.join(cause.affected)}"


def answers_to_text(told: Sequence[GateReport], now: datetime) -> str:
    """Return all answers as JSON text, in ASCII, so that every terminal can show it."""
    asked = told[0].answer.query
    answer = GateAnswer(
        at=now,
        open=all(each.answer.open for each in told),
        exit_code=exit_code_of(told),
        asked=Question(
            target=asked.target,
            subject=asked.subject,
            commit=asked.commit,
            run=asked.run,
            max_age_s=int(asked.max_age.total_seconds()),
            require=tuple(asked.require),
        ),
        records=tuple(map(_record, told)),
    )
    return json.dumps(data_of(answer), indent=1)


def _record(told: GateReport) -> RecordAnswer:
    answer, override = told.answer, told.answer.override
    return RecordAnswer(
        record=told.source,
        run=_run(told.run) if told.run else None,
        open=answer.open,
        exit_code=answer.exit_code,
        decision=answer.decision,
        sentence=answer.sentence,
        rules=answer.rules,
        verdict=answer.verdict,
        violations=tuple(
            RefusedBy(rule=each.kind, reason=each.text, remedy=each.remedy)
            for each in answer.violations
        ),
        causes=answer.causes,
        waived=tuple(map(_waived, answer.waived)),
        override=OverrideInForce(
            who=override.who, reason=override.reason, since=override.since, until=override.until
        )
        if override
        else None,
        actions=answer.actions,
    )


def _run(run: Run) -> AnsweredRun:
    return AnsweredRun(
        id=run.id,
        target=run.target,
        started=run.started,
        finished=run.finished,
        release=run.subject.release,
        commit=run.commit,
    )


def _waived(waived: Waived) -> WaivedCriterion:
    status, waiver = waived.status, waived.waiver
    return WaivedCriterion(
        criterion=status.id,
        verdict=status.verdict,
        reason=waiver.reason,
        owner=waiver.owner,
        expires=waiver.expires,
    )
