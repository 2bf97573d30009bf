"""The rules by which a record closes the gate, and the judging of a stored record again.

A stored verdict is never trusted. It is computed again from the observations, so that an edited
verdict opens no gate, and a CONFIRMED becomes stale with time.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from pytest_prodstatus.model.assemble import broken_off
from pytest_prodstatus.model.catalogue import Catalogue, Stage, base_of
from pytest_prodstatus.model.criterion_status import not_provided, outdated, unproven
from pytest_prodstatus.model.record import CriterionStatus, Record, Run
from pytest_prodstatus.model.rollup import Judged, stages_again
from pytest_prodstatus.model.text import format_age, format_duration, one_line
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because

# Longer than `clocks.SKEW`, which is about the clocks of one run.
SKEW = timedelta(minutes=5)
"""How far ahead a record may be dated, because it may come from a machine with another clock."""

MAX_AGE = timedelta(hours=24)
"""How old a record may be by default."""

_SHORTEST_COMMIT = 7  # git abbreviates to seven digits or more


class ViolationKind(Enum):
    """A rule of the gate, by its short name in reports.

    VERDICT requires that everything in question is CONFIRMED. The other rules are about the record,
    the status document and the waivers.
    """

    UNREADABLE = "unreadable"
    UNTRUSTED = "untrusted"
    RUN = "run"
    SHARD = "shard"
    TARGET = "target"
    SUBJECT = "subject"
    COMMIT = "commit"
    IN_PROGRESS = "in-progress"
    CLOCK = "clock"
    MAX_AGE = "max-age"
    CATALOGUE = "catalogue"
    CONTRADICTION = "contradiction"
    DOCUMENT = "document"
    WAIVER = "waiver"
    VERDICT = "verdict"

    def __str__(self) -> str:
        return self.value


NOT_ABOUT_QUERY = (
    ViolationKind.UNREADABLE,
    ViolationKind.UNTRUSTED,
    ViolationKind.RUN,
    ViolationKind.SHARD,
    ViolationKind.TARGET,
    ViolationKind.SUBJECT,
    ViolationKind.COMMIT,
    ViolationKind.IN_PROGRESS,
)
"""Violations after which the record says nothing about the query, so no verdict is computed."""


class Violation(Struct, frozen=True, kw_only=True):
    """A rule of the gate that is broken.

    Attributes:
        kind: the rule.
        text: one sentence that says what is wrong.
        remedy: what to do about it, if that is known.
    """

    kind: ViolationKind
    text: str
    remedy: str | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "text", one_line(self.text))


class GateQuery(Struct, frozen=True, kw_only=True):
    """What must be true for the gate to open.

    Attributes:
        target: the system to which a release is deployed.
        subject: the release that must have been judged; None for any.
        commit: the suite's commit, in full or its first digits; None for any.
        run: the id of the run; None for any.
        max_age: how long ago the run may have finished.
        require: ids of the stages that must be CONFIRMED; () for FINAL.
    """

    target: str
    subject: str | None = None
    commit: str | None = None
    run: str | None = None
    max_age: timedelta = MAX_AGE
    require: tuple[str, ...] = ()


def record_violations(
    record: Record, catalogue: Catalogue, query: GateQuery, now: datetime
) -> Iterator[Violation]:
    """Yield the rules that a record breaks, apart from its verdicts.

    Args:
        record: the record as it was read.
        catalogue: the catalogue as it is declared today.
        query: what must be true of the record.
        now: the instant at which its age is measured.
    """
    run = record.run
    again = run_again(query, run)
    if query.run is not None and run.id != query.run:
        text = f"the record is of run {run.id!r}, not of run {query.run!r}"
        yield Violation(kind=ViolationKind.RUN, text=text, remedy=run_again(query, same_id=True))
    if run.shard:
        text = (
            f"the record is one shard of run {run.id!r}, which judged only a part of the catalogue"
        )
        remedy = "merge the shards of the run with prodstatus merge, then ask the gate again"
        yield Violation(kind=ViolationKind.SHARD, text=text, remedy=remedy)
    if run.target != query.target:
        text = f"the record is about target {run.target!r}, not {query.target!r}"
        yield Violation(kind=ViolationKind.TARGET, text=text, remedy=again)
    if query.subject is not None and run.subject.release != query.subject:
        text = f"the record is about {_release(run)}, not {query.subject!r}"
        yield Violation(kind=ViolationKind.SUBJECT, text=text, remedy=again)
    if query.commit is not None and not _same_commit(run, query.commit):
        text = f"the suite that ran is {_suite(run)}, but commit {query.commit!r} is required"
        yield Violation(
            kind=ViolationKind.COMMIT, text=text, remedy=_commit_remedy(run, query.commit, again)
        )
    if run.finished is None:
        elapsed = format_age(now - run.started)
        text = (
            f"run {run.id} has been in progress for {elapsed}, or was killed: nothing is confirmed"
        )
        remedy = "wait for it to end, or run it again if it was killed"
        if why := broken_off(run):
            text, remedy = f"run {run.id}: {why.text}", why.remedy or remedy
        yield Violation(kind=ViolationKind.IN_PROGRESS, text=text, remedy=remedy)
        return  # all other rules need the run's end
    if run.finished - now > SKEW:
        ahead = format_age(run.finished - now)
        text = f"the record is dated {ahead} ahead of this machine's clock"
        yield Violation(kind=ViolationKind.CLOCK, text=text, remedy="set the clocks right")
    if now - run.finished > query.max_age:
        text = (
            f"the record is {format_age(now - run.finished)} old, "
            f"and may be at most {format_duration(query.max_age)} (--max-age)"
        )
        yield Violation(kind=ViolationKind.MAX_AGE, text=text, remedy=again)
    if run.catalogue != catalogue.digest:
        text = "the record was made with another catalogue than the declared one"
        yield Violation(kind=ViolationKind.CATALOGUE, text=text, remedy=again)


def run_again(query: GateQuery, run: Run | None = None, *, same_id: bool = False) -> str:
    """Return the remedy that runs the query's target again, with the command line to use.

    Args:
        query: the conditions that no saved record meets.
        run: the run of the record that was read; if the query names no release, its own release
            is judged again. None if there is no record.
        same_id: use the query's run id; only possible if no finished record has it.
    """
    # What another target runs may be another release.
    release = query.subject
    if release is None and run is not None and run.target == query.target:
        release = run.subject.release
    subject_option = f" --prodstatus-subject={shlex.quote(release)}" if release else ""
    command = f"pytest -m production --target {query.target}{subject_option}"
    if query.run is None:
        return f"run {command}"
    if same_id:
        return f"run PRODSTATUS_RUN_ID={shlex.quote(query.run)} {command}"
    return f"run {command} with a new PRODSTATUS_RUN_ID"


def own_status(status: CriterionStatus) -> CriterionStatus:
    """Return a criterion's status by its own observation, regardless of what its stage requires.

    A stored verdict that is better than the observation is replaced, with a reason that says so.
    """
    observed = status.observed or Verdict.BLOCKED
    if status.verdict < observed:
        text = f"the record calls it {status.verdict}, but it was observed as {observed}"
        if status.observed is None:
            text = f"the record calls it {status.verdict}, but it was never observed"
        why = Reason(text=text, kind=Kind.NOT_RUN)
        return replace(status, verdict=observed, **because(why))
    # Undo what the record's own rollup did: today's catalogue may require other stages.
    blocked_above = status.reason is not None and status.reason.kind is Kind.UPSTREAM
    if blocked_above and observed is Verdict.CONFIRMED:
        return replace(status, verdict=Verdict.CONFIRMED, **because(None))
    return status


def contradictions(
    record: Record, own_statuses: Sequence[CriterionStatus], judged: Judged | None
) -> Iterator[str]:
    """Yield a sentence for each statement of a finished record that its observations contradict.

    Args:
        record: the record as it was read; not of a shard, which confirms nothing by itself.
        own_statuses: its criteria, each by its own observation (`own_status`).
        judged: the verdicts computed from them; None if the record's catalogue isn't known.
    """
    for stored, by_itself in zip(record.criteria, own_statuses, strict=True):
        if by_itself.reason and stored.verdict < by_itself.verdict:
            yield f"{stored.id}: {by_itself.reason.text}"
    if judged:
        yield from _verdict_contradictions(record, judged)
    admitted = record.decision.rule.admits(record.final.verdict)
    if record.decision.open is not (admitted and not record.decision.unsigned):
        state = "open" if record.decision.open else "closed"
        yield f"its decision is {state}, but FINAL is {record.final.verdict}"
    # `complete` as `assemble.compose` defines it, from the observations.
    seen = all(status.observed_now for status in own_statuses)
    if record.run.complete is not (bool(own_statuses) and seen and not record.run.incidents):
        state = "complete" if record.run.complete else "not complete"
        yield f"it is called {state}, but its criteria say otherwise"


def reevaluate(
    own_statuses: Sequence[CriterionStatus],
    catalogue: Catalogue,
    release: str | None,
    now: datetime,
    *,
    require_evidence: bool,
) -> list[CriterionStatus]:
    """Return the present status of every criterion of the catalogue, by its own observation.

    Args:
        own_statuses: the record's criteria in stages of the catalogue (`own_status`).
        catalogue: today's. A criterion that it declares and the record lacks is BLOCKED.
        release: the release in question; None for any.
        now: the instant at which ages are measured.
        require_evidence: a CONFIRMED without evidence is BLOCKED, even if the run required none.
    """
    statuses = [
        _status_today(
            status, catalogue.by_id[status.stage], release, now, require_evidence=require_evidence
        )
        for status in own_statuses
    ]
    # A criterion with parameters is declared without them.
    known = {s.id for s in own_statuses} | {base_of(s.id) for s in own_statuses}
    statuses += [
        not_provided(
            name,
            Reason(
                text="the record doesn't contain it",
                kind=Kind.NOT_RUN,
                remedy=stages_again(stage.id),
            ),
        )
        for stage in catalogue.stages
        if stage.applies
        for name in stage.criteria
        if name not in known
    ]
    return statuses


def _verdict_contradictions(record: Record, judged: Judged) -> Iterator[str]:
    stages, final = judged
    computed = {stage.id: stage.verdict for stage in stages}
    stored = {stage.id: stage.verdict for stage in record.stages}
    for name in dict.fromkeys([*stored, *computed]):  # each once, in the record's order
        if name not in computed:
            yield f"it has a stage {name!r}"
        elif name not in stored:
            yield f"it has no stage {name!r}"
        elif stored[name] is not computed[name]:
            yield f"stage {name!r} is called {stored[name]}, but computed as {computed[name]}"
    if record.final.verdict is not final.verdict:
        yield f"FINAL is called {record.final.verdict}, but computed as {final.verdict}"


def _status_today(
    status: CriterionStatus,
    stage: Stage,
    release: str | None,
    now: datetime,
    *,
    require_evidence: bool,
) -> CriterionStatus:
    if status.verdict is not Verdict.CONFIRMED:
        return status
    reason = unproven(status, require_evidence=require_evidence)
    reason = reason or outdated(status, stage, now, release, ahead=SKEW)
    return replace(status, verdict=Verdict.BLOCKED, **because(reason)) if reason else status


def _release(run: Run) -> str:
    return f"release {run.subject.release!r}" if run.subject.release else "an unnamed release"


def _suite(run: Run) -> str:
    if not run.commit:
        why = run.no_commit or "not under git, or git isn't installed"
        return f"of no known commit ({why})"
    return f"{run.commit[:12]}{' with local changes' if run.dirty else ''}"


def _commit_remedy(run: Run, commit: str, again: str) -> str:
    if len(commit) < _SHORTEST_COMMIT:
        return f"name the commit by {_SHORTEST_COMMIT} digits or more"
    if not run.commit:
        return f"run pytest from a git checkout, with git installed: {again}"
    return f"commit your changes first, then {again}" if run.dirty else again


def _same_commit(run: Run, commit: str) -> bool:
    if not run.commit or run.dirty or len(commit) < _SHORTEST_COMMIT:
        return False  # with local changes, the suite isn't that commit
    # A person may paste a commit in capitals; git itself accepts both.
    return run.commit.lower().startswith(commit.lower())
