"""The gate's decision: plain lines for a person, JSON for a program.

The Structs are a contract: msgspec makes the JSON from them, and its schema
(`pytest_prodstatus/schema/gate-v1.json`) from them and their docstrings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from msgspec import Struct

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.codec import printed_json
from pytest_prodstatus.model.gate import GateDecision, Waived, end_of_open
from pytest_prodstatus.model.record import Cause, Override, Record, Run
from pytest_prodstatus.model.text import Instant, format_age, one_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.model.violations import ViolationKind
from pytest_prodstatus.model.waiver import SOON
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.words import minute

SHOWN = 20
"""How many causes, and ids of each, the text names; the JSON has all of them."""

SCHEMA = 1
"""The version of the JSON form."""


class ReportedQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The query that the gate decided.

    Attributes:
        target: the name of the system.
        subject: the release that the run must have judged; null for any.
        commit: the suite's commit that the run must have used; null for any.
        run: the id that the run must have; null for any.
        max_age_s: how old a record may be, in seconds.
        require: the ids of the stages that must be CONFIRMED; empty for FINAL.
    """

    target: str
    subject: str | None
    commit: str | None
    run: str | None
    max_age_s: int
    require: tuple[str, ...]


class ReportedRun(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that made a record.

    Attributes:
        id: its id.
        target: the system that it judged.
        started: when it began.
        finished: when it ended; null while it is in progress.
        release: the release that it judged; null if the run didn't know.
        commit: the suite's commit; null if it isn't under git.
    """

    id: str
    target: str
    started: Instant
    finished: Instant | None
    release: str | None
    commit: str | None


class ReportedViolation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule that closes the gate, regardless of the verdicts.

    Attributes:
        rule: the rule.
        reason: one sentence that says how the record violates it.
        remedy: what a person can do about it, if that is known.
    """

    rule: ViolationKind
    reason: str
    remedy: str | None


class ReportedWaiver(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A criterion that isn't CONFIRMED and is waived.

    Attributes:
        criterion: its id.
        verdict: FAILED or BLOCKED.
        reason: why it is accepted.
        owner: who is responsible for it.
        expires: when the waiver ends.
    """

    criterion: str
    verdict: Verdict
    reason: str
    owner: str
    expires: Instant


class ReportedOverride(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The override in force, needed or not.

    Attributes:
        who: the person who is responsible for it.
        reason: why the gate was opened.
        since: when it began.
        until: when it ends.
    """

    who: str
    reason: str
    since: Instant
    until: Instant


class RecordDecision(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The gate's decision on one record.

    Attributes:
        record: the file.
        run: the run that made it; null if it can't be read.
        open: whether it opens the gate.
        exit_code: 0 open, 1 something FAILED, 10 closed otherwise.
        decision: `open`, `open, N waived`, `open by an override` or `closed`.
        sentence: the decision in one line.
        rules: the rules by which it is closed, or would be without an override, in the order of the
            reasons.
        verdict: of FINAL or the required stages, now, before any waiver; null if nothing is known.
        violations: the rules that close the gate, regardless of the verdicts.
        causes: the root causes of what is neither CONFIRMED nor waived, the worst first.
        waived: the criteria that aren't CONFIRMED and are waived.
        override: the override in force, needed or not.
        actions: what to do, what unblocks most first.
        not_applicable: the stages that aren't judged, each in a sentence with its reason and owner.
        until: until when an open gate stays open by itself; null if it is closed.
    """

    record: str
    run: ReportedRun | None
    open: bool
    exit_code: int
    decision: str
    sentence: str
    rules: tuple[ViolationKind, ...]
    verdict: Verdict | None
    violations: tuple[ReportedViolation, ...]
    causes: tuple[Cause, ...]
    waived: tuple[ReportedWaiver, ...]
    override: ReportedOverride | None
    actions: tuple[str, ...]
    not_applicable: tuple[str, ...]
    until: Instant | None


class GateOutput(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="schema", tag=SCHEMA
):
    """The output of `prodstatus gate --format json`.

    Attributes:
        at: when the gate decided.
        open: whether every record opens the gate.
        exit_code: 0 open, 1 something FAILED, 10 closed otherwise.
        asked: the query.
        records: the decision on each record, in the order in which they were named.
    """

    at: Instant
    open: bool
    exit_code: int
    asked: ReportedQuery  # the key's published name; scripts read it
    records: tuple[RecordDecision, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """One record's decision.

    Attributes:
        source: the record's file.
        run: the run that made it; None if it can't be read.
        decision: the decision.
        until: until when an open gate stays open by itself; None if it is closed.
    """

    source: str
    run: Run | None
    decision: GateDecision
    until: datetime | None = None

    @property
    def headline(self) -> str:
        """The verdict as of now in a few words, with its end: what a badge or a monitor shows.

        Something that keeps it for ever must show its date, so it has one in every case.
        """
        decision = self.decision
        verdict = str(decision.present_verdict)
        if not decision.open:
            at = self.run.finished if self.run else None
            return f"{verdict}, judged {minute(at)}" if at else f"{verdict}, not judged"
        # "open" alone would hide that something isn't CONFIRMED.
        state = "" if decision.decision == "open" else f", {decision.decision}"
        return f"{verdict}{state} until {minute(self.until)}" if self.until else f"{verdict}{state}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A target as it is judged at one instant.

    Attributes:
        report: the gate's decision.
        config: the project's configuration then.
        record: the record; None if there is none, or it can't be read or judged.
        at: the instant.
    """

    report: GateReport
    config: Config
    record: Record | None
    at: datetime


def report_of(
    record: Record, decision: GateDecision, catalogue: Catalogue, source: str
) -> GateReport:
    """Return the report of a decision by a record that could be read.

    Args:
        record: the record.
        decision: the decision.
        catalogue: the catalogue by which it was decided.
        source: the record's file.
    """
    end = end_of_open(record, catalogue, decision)
    # An override has its own end; without one, the gate also closes when the run is too old.
    if end is not None and decision.confirmed and record.run.finished:
        end = min(end, record.run.finished + decision.query.max_age)
    return GateReport(source=source, run=record.run, decision=decision, until=end)


def exit_code_of(reports: Sequence[GateReport]) -> int:
    """Return the exit status of several decisions: FAILED before closed before open.

    1 is FAILED and 10 closed, so the smallest code that isn't 0 is the worst.
    """
    codes = {report.decision.exit_code for report in reports}
    return min(codes - {0}, default=0)


def decision_lines(report: GateReport, now: datetime) -> Iterator[str]:
    """Yield a decision as lines for a terminal, the decision in one sentence first.

    Args:
        report: the decision.
        now: the age of the run is measured against it.
    """
    decision = report.decision
    if decision.override:
        yield f"OVERRIDE: {override_sentence(decision.override)}"
    yield decision.sentence
    yield f"  {report.source}{_run_text(report.run, now) if report.run else ''}"
    if decision.violations or decision.causes:
        # Open with violations or causes: an override opened it.
        yield "Why:" if not decision.open else "It would be closed:"
    for violation in decision.violations:
        yield f"  {violation.kind}: {violation.text}"
    for cause in decision.causes[:SHOWN]:
        yield from _cause_lines(cause)
    if decision.causes[SHOWN:]:
        yield f"  … and {len(decision.causes) - SHOWN:,} more; --format json has all of them"
    if decision.waived:
        yield "Waived:"
    for waived in decision.waived:
        # An id ends with the test's parameters, which may contain control characters.
        name = one_line(waived.status.id)
        # 7 columns for BLOCKED: what is CONFIRMED is neither waived nor a cause.
        yield f"  {waived.status.verdict!s:<7}  {name}: {waived.waiver.reason}"
        left = waived.waiver.expires - now
        soon = f", which is in {format_age(left)}" if left <= SOON else ""
        until = f"{minute(waived.waiver.expires)}{soon}"
        yield f"           accepted by {waived.waiver.owner} until {until}"
    for sentence in decision.not_applicable:
        yield f"  {sentence}"
    if decision.actions:
        yield "Next:"
    for number, action in enumerate(decision.actions[:SHOWN], 1):
        yield f"  {number}. {action}"


def override_sentence(override: Override) -> str:
    """Return a sentence that says who opened the gate by an override, until when, and why."""
    opened = f"{override.who} opened the gate of {override.target} until {minute(override.until)}"
    return f"{opened}, regardless of the verdict: {override.reason}"


def _run_text(run: Run, now: datetime) -> str:
    """Return a run in words: its id, its age and its release."""
    parts = [
        f"run {run.id}",
        f"finished {format_age(now - run.finished)} ago" if run.finished else "not finished",
        f"release {run.subject.release}" if run.subject.release else "",
        f"suite commit {run.commit[:12]}" if run.commit else "",
    ]
    return ": " + ", ".join(filter(None, parts))


def _cause_lines(cause: Cause) -> Iterator[str]:
    """Yield the lines about a cause, with the criteria that it is the cause of."""
    named = ", ".join(cause.ids[:SHOWN])
    more = f" and {len(cause.ids) - SHOWN:,} more" if cause.ids[SHOWN:] else ""
    yield f"  {cause.verdict!s:<7}  {named}{more}: {cause.sentence}"
    if cause.reason and cause.reason.address:
        yield f"           {cause.reason.address}"
    if cause.affected:
        yield f"           depends on it: {', '.join(cause.affected)}"


def decisions_to_json(reports: Sequence[GateReport], now: datetime) -> str:
    """Return all decisions as JSON text, in ASCII, so that every terminal can show it.

    Args:
        reports: the decisions, of one query; at least one.
        now: when the gate decided.
    """
    query = reports[0].decision.query
    output = GateOutput(
        at=now,
        open=all(report.decision.open for report in reports),
        exit_code=exit_code_of(reports),
        asked=ReportedQuery(
            target=query.target,
            subject=query.subject,
            commit=query.commit,
            run=query.run,
            max_age_s=int(query.max_age.total_seconds()),
            require=tuple(query.require),
        ),
        records=tuple(map(reported_decision, reports)),
    )
    return printed_json(output)


def reported_decision(report: GateReport) -> RecordDecision:
    """Return a decision in the form that its JSON has."""
    decision, override = report.decision, report.decision.override
    return RecordDecision(
        record=report.source,
        run=_reported_run(report.run) if report.run else None,
        open=decision.open,
        exit_code=decision.exit_code,
        decision=decision.decision,
        sentence=decision.sentence,
        rules=decision.rules,
        verdict=decision.verdict,
        violations=tuple(
            ReportedViolation(rule=violation.kind, reason=violation.text, remedy=violation.remedy)
            for violation in decision.violations
        ),
        causes=decision.causes,
        waived=tuple(map(_reported_waiver, decision.waived)),
        override=ReportedOverride(
            who=override.who, reason=override.reason, since=override.since, until=override.until
        )
        if override
        else None,
        actions=decision.actions,
        not_applicable=decision.not_applicable,
        until=report.until,
    )


def _reported_run(run: Run) -> ReportedRun:
    """Return what the gate's JSON says of a run."""
    return ReportedRun(
        id=run.id,
        target=run.target,
        started=run.started,
        finished=run.finished,
        release=run.subject.release,
        commit=run.commit,
    )


def _reported_waiver(waived: Waived) -> ReportedWaiver:
    """Return what the gate's JSON says of a waived criterion."""
    status, waiver = waived.status, waived.waiver
    return ReportedWaiver(
        criterion=status.id,
        verdict=status.verdict,
        reason=waiver.reason,
        owner=waiver.owner,
        expires=waiver.expires,
    )
