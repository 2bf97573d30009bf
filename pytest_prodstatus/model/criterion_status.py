"""The status of each criterion of the catalogue after a run, by its own outcome and its age.

A criterion was observed in this run, or it did not run, or it is carried over. Only a criterion
that this run didn't select is carried over, from the last record of the same target, while its
verdict is still valid. What its stage requires is `rollup`'s part.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import NamedTuple

from msgspec import UNSET, Struct
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import (
    DEFAULT_VALID_FOR,
    Catalogue,
    Criterion,
    Stage,
    base_of,
)
from pytest_prodstatus.model.outcome import NO_EVIDENCE, Observation, suspected, unproved
from pytest_prodstatus.model.record import CriterionStatus, Record, Run
from pytest_prodstatus.model.rollup import name_release, stages_again
from pytest_prodstatus.model.text import format_age, format_duration, one_line
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because

Observe = Callable[[Criterion], Observation | None]
"""Returns the observation of a criterion, or None; it is called once for each criterion."""


NOTHING_YET = "nothing yet"
"""The selection of a run that has started no criterion."""


class KilledRun(Struct, frozen=True, kw_only=True):
    """A run that began after the last record and never finished: what it saw isn't known.

    Attributes:
        run: its id.
        stages: ids of the stages that it was limited to; None if it may have run anything.
    """

    run: str
    stages: frozenset[str] | None = None

    def may_have_run(self, status: CriterionStatus) -> bool:
        """Return whether the killed run may have run a criterion, and so seen another outcome."""
        return self.stages is None or status.stage in self.stages

    @property
    def reason(self) -> Reason:
        """Why nothing is known of a criterion that it may have run."""
        text = f"run {self.run} was killed, and may have seen otherwise"
        return Reason(text=text, kind=Kind.NOT_RUN, remedy="run it again")


class RunData(NamedTuple):
    """What is known when a run has ended, or when it begins and nothing is observed yet.

    Attributes:
        catalogue: the stages.
        collected: every criterion whose test was collected, selected or not.
        selected: ids of the collected criteria that the run selected.
        observe: returns the observation of a criterion.
        stages: ids of the stages to which the run was limited; None for all.
        restricted: only a part of the suite was collected. A test that wasn't found may still
            exist, unless its file is one of `files`.
        files: paths of the files that were collected completely.
        missing: paths of the files that could not be collected, and why.
        former: the last finished record of the same target.
        untrusted: why no CONFIRMED of that record is carried over; None if they may be.
        unreached: why a criterion that was selected was not reached.
        gone: paths of the files of its criteria that no longer exist.
        ignored: paths of the files of its criteria that a plugin left out of a collection that
            wasn't restricted.
        unseen: by id, why a test that doesn't run isn't seen to be the one that was observed.
        sources: by path, the digest of each file that was collected, also in part.
        require_evidence: a CONFIRMED without evidence is BLOCKED, also one that is carried over.
        met: criteria were left out because they need no further run (`--unmet`), or are in another
            shard.
        held: ids of criteria that are unmet and act on the world. They aren't started again, but
            they count as selected.
        starts_unknown: why it isn't known what was started before; "" if it is.
        killed: the run after `former` that was killed; None if there was none.
    """

    catalogue: Catalogue
    collected: Collection[Criterion] = ()
    selected: Container[str] = frozenset()
    observe: Observe = lambda _: None
    stages: frozenset[str] | None = None
    restricted: bool = False
    files: frozenset[str] = frozenset()
    missing: Mapping[str, Reason] = MappingProxyType({})
    former: Record | None = None
    untrusted: Reason | None = None
    unreached: Reason = Reason(text="it was not reached", kind=Kind.NOT_RUN)
    gone: frozenset[str] = frozenset()
    ignored: frozenset[str] = frozenset()
    unseen: Mapping[str, Reason] = MappingProxyType({})
    sources: Mapping[str, str] = MappingProxyType({})
    require_evidence: bool = False
    met: bool = False
    held: frozenset[str] = frozenset()
    starts_unknown: str = ""
    killed: KilledRun | None = None


def criterion_statuses(data: RunData, run: Run, now: datetime) -> list[CriterionStatus]:
    """Return the status of every criterion, judged by its own outcome and its age.

    What a stage requires is considered later (`rollup.judge`). Criteria of a stage that doesn't
    apply have none.

    Args:
        data: what was collected and observed.
        run: the run that observed.
        now: the instant against which ages are measured.
    """
    return applicable(_all_statuses(data, run, now), data.catalogue)


def applicable(statuses: Iterable[CriterionStatus], catalogue: Catalogue) -> list[CriterionStatus]:
    """Return the criteria without those of stages that don't apply."""
    return [status for status in statuses if catalogue.by_id[status.stage].applies]


def _all_statuses(data: RunData, run: Run, now: datetime) -> list[CriterionStatus]:
    # A criterion that no test ever provided has nothing to carry over.
    former = {s.id: s for s in data.former.criteria if s.nodeid} if data.former else {}
    statuses = [
        _with_address(
            _observed_status(criterion, data, run, now)
            if criterion.id in data.selected
            else _unselected_status(criterion, former.get(criterion.id), data, run, now),
            criterion,
        )
        for criterion in data.collected
    ]
    declared = [(name, stage.id) for stage in data.catalogue.stages for name in stage.criteria]
    # The usual first run: every criterion that is known was collected.
    if not former and not declared:
        return statuses
    known = {status.id for status in statuses}
    for old in former.values():
        if old.id not in known and old.stage in data.catalogue.by_id:
            status = _uncollected_status(old, data, run, now)
            if status is not None:
                known.add(old.id)
                statuses.append(status)
    missing_ids = [(name, stage_id) for name, stage_id in declared if name not in known]
    # A declared id without parameters stands for every criterion that has it with parameters.
    provided = {base_of(name) for name in known} if missing_ids else set()
    gone = {
        name: file
        for old in former.values()
        if (file := file_of(old)) in data.gone
        for name in (old.id, base_of(old.id))
    }
    statuses += [
        _unprovided_status(name, stage_id, data, gone.get(name), former.get(name))
        for name, stage_id in missing_ids
        if name not in provided
    ]
    return statuses


def _with_address(status: CriterionStatus, criterion: Criterion) -> CriterionStatus:
    """Return a criterion that isn't CONFIRMED with the owner and the runbook of its mark."""
    if status.sentence is None or not (criterion.owner or criterion.runbook):
        return status
    return replace(
        status, owner=criterion.owner or status.owner, runbook=criterion.runbook or status.runbook
    )


def carried(
    old: CriterionStatus,
    stage: Stage,
    now: datetime,
    release: str | None,
    *,
    untrusted: Reason | None = None,
    require_evidence: bool,
) -> CriterionStatus:
    """Carry a criterion's former status over to now; a CONFIRMED may have become BLOCKED.

    One that its own record didn't trust stays BLOCKED.

    Args:
        old: the status that an earlier run recorded.
        stage: its stage, whose `valid_for` limits its age.
        now: the instant at which its age is measured.
        release: the release that is judged now; None if it wasn't named.
        untrusted: why its record can't be trusted, or not in this criterion; None if it can.
        require_evidence: a CONFIRMED without evidence doesn't count.
    """
    own = replace(old, carried_over=old.observed is not None, selected=False)
    # From `observed`, not from the stored verdict, which its stage's upstream may have changed. A
    # FAILED never becomes stale.
    if old.observed is not Verdict.CONFIRMED:
        return replace(own, verdict=old.observed or Verdict.BLOCKED)
    # A distrust stays until the criterion is observed again: the run that recorded it has carried
    # the CONFIRMED into a record of its own, and a signature of that one says nothing about it.
    distrust = old.reason if old.kind is Kind.UNTRUSTED else None
    reason = untrusted or distrust or unproven(old, require_evidence=require_evidence)
    # Clocks differ, but a date further ahead than the validity itself is no use.
    reason = reason or outdated(old, stage, now, release, ahead=stage.valid_for)
    return replace(own, verdict=Verdict.BLOCKED if reason else Verdict.CONFIRMED, **because(reason))


def unproven(observed: CriterionStatus, *, require_evidence: bool) -> Reason | None:
    """Return why a CONFIRMED doesn't count by today's rules of what proves it; None if it does.

    Args:
        observed: the CONFIRMED criterion, which an earlier configuration may have judged.
        require_evidence: evidence is required today.
    """
    return NO_EVIDENCE if require_evidence and not observed.evidence else None


def outdated(
    observed: CriterionStatus, stage: Stage, now: datetime, release: str | None, *, ahead: timedelta
) -> Reason | None:
    """Return why a CONFIRMED no longer counts; None if it does.

    It is too old, or of another release, or no assertion is known to have passed, and one is
    required now.

    The release doesn't matter in a stage whose `valid_for` is longer than the default: such a stage
    is declared to outlive a release.

    Args:
        observed: the CONFIRMED criterion; it is too old if its date is unknown.
        stage: its stage, whose `valid_for` limits its age.
        now: the instant at which its age is measured.
        release: the release that must have been observed; None for any.
        ahead: how far its date may lie after `now`, because clocks differ.
    """
    # The first rule that is broken gives the reason.
    age = now - observed.observed_at if observed.observed_at else None
    if age is None or not -ahead <= age <= stage.valid_for:
        since = "an unknown time" if age is None or age < timedelta() else format_age(age)
        text = (
            f"it was CONFIRMED {since} ago, which was valid for {format_duration(stage.valid_for)}"
        )
    elif (
        release is not None and observed.subject != release and stage.valid_for <= DEFAULT_VALID_FOR
    ):
        other = f"release {observed.subject!r}" if observed.subject else "an unnamed release"
        text = f"it was CONFIRMED of {other}, not of {release!r}"
    # "stage" isn't asked for: whether the stage is exempt is what it says today.
    elif stage.require_assertion and observed.exempt != "mark":
        why = unproved(observed.assertions)
        return replace(why, remedy=stages_again(stage.id)) if why else None
    else:
        return None
    return Reason(text=text, kind=Kind.STALE, remedy=stages_again(stage.id))


def valid_until(statuses: Iterable[CriterionStatus], catalogue: Catalogue) -> datetime | None:
    """Return when the first CONFIRMED of some criteria becomes stale; None if none is CONFIRMED.

    Args:
        statuses: the criteria; one that was carried over ends earlier than one observed now.
        catalogue: the stages; one that isn't declared has the default `valid_for`.
    """
    stages = catalogue.by_id
    ends = [
        status.observed_at
        + (stages[status.stage].valid_for if status.stage in stages else DEFAULT_VALID_FOR)
        for status in statuses
        if status.verdict is Verdict.CONFIRMED and status.observed_at
    ]
    return min(ends, default=None)


def not_observed(
    test: Criterion | CriterionStatus, reason: Reason, *, selected: bool = True
) -> CriterionStatus:
    """Return the BLOCKED status of a criterion whose test observed nothing.

    Args:
        test: the criterion, as it was collected or as an earlier run recorded it.
        reason: why nothing was observed.
        selected: the run selected it.
    """
    return CriterionStatus(
        id=test.id,
        title=test.title,
        nodeid=test.nodeid,
        verdict=Verdict.BLOCKED,
        selected=selected,
        **because(reason),
        side_effects=test.side_effects,
    )


def not_provided(name: str, reason: Reason, *, selected: bool = True) -> CriterionStatus:
    """Return the BLOCKED status of a declared criterion that has no test.

    Args:
        name: its id, which also gives its title.
        reason: why nothing was observed.
        selected: the run selected it.
    """
    words = name.partition(".")[2].replace("-", " ")
    return CriterionStatus(
        id=name,
        title=one_line(words[:1].upper() + words[1:]),
        nodeid=None,
        verdict=Verdict.BLOCKED,
        selected=selected,
        **because(reason),
    )


def _observed_status(
    criterion: Criterion, data: RunData, run: Run, now: datetime
) -> CriterionStatus:
    """Return the status of a criterion that the run selected."""
    observed = data.observe(criterion)
    if observed is None:
        return not_observed(criterion, data.unreached)
    required = data.catalogue.requires_assertion(criterion)
    why = unproved(observed.assertions, observed.doubt) if required else None
    if why is not None:
        observed = suspected(observed, why)
    # A test that didn't run to its end is BLOCKED, but that is not an observation.
    unfinished = observed.reason is not None and observed.reason.kind is Kind.NOT_RUN
    status = CriterionStatus(
        id=criterion.id,
        title=criterion.title,
        nodeid=criterion.nodeid,
        verdict=observed.verdict,
        observed=None if unfinished else observed.verdict,
        observed_at=observed.observed_at,
        **because(observed.reason),
        evidence=observed.evidence,
        duration=observed.duration,
        attempts=observed.attempts,
        flaky=observed.flaky,
        detail=observed.detail,
        side_effects=criterion.side_effects,
        run_id=run.id,
        subject=run.subject.release,
        assertions=observed.assertions if required else None,
        exempt=data.catalogue.exemption(criterion),
        source=data.sources.get(file_of(criterion), ""),
        attachments=observed.attachments or UNSET,
    )
    stage = data.catalogue.by_id[criterion.stage]
    at = status.observed_at
    if at is None or at >= run.started or status.verdict is not Verdict.CONFIRMED:
        return status
    # What it showed is older than the run (`prodstatus_seen_at`), so it may be stale already. The
    # gate would say so too.
    reason = outdated(status, stage, now, None, ahead=stage.valid_for)
    return replace(status, verdict=Verdict.BLOCKED, **because(reason)) if reason else status


def _unselected_status(
    criterion: Criterion, old: CriterionStatus | None, data: RunData, run: Run, now: datetime
) -> CriterionStatus:
    """Return the status of a collected criterion that the run didn't select; `old` is the former.

    What its test declares is taken from today's collection, what it showed from the former status.
    """
    if old is not None:
        updated = replace(
            old,
            title=criterion.title,
            nodeid=criterion.nodeid,
            side_effects=criterion.side_effects,
            exempt=data.catalogue.exemption(criterion),
        )
        status = _carried(updated, data, run, now)
    else:
        reason = Reason(
            text="it was not selected, and no earlier run observed it", kind=Kind.NOT_RUN
        )
        if criterion.id in data.held and data.starts_unknown:
            text = f"it acts on the world, and may have started before: {data.starts_unknown}"
            remedy = f"to let it act, run everything, or name it, as in --stage {criterion.stage}"
            reason = Reason(text=text, kind=Kind.NOT_RUN, remedy=remedy)
        status = not_observed(criterion, reason, selected=False)
    return replace(status, selected=True) if criterion.id in data.held else status


def _uncollected_status(
    old: CriterionStatus, data: RunData, run: Run, now: datetime
) -> CriterionStatus | None:
    """Return the status of a known criterion that wasn't collected; None if it was deleted."""
    file = file_of(old)
    # The run was to judge what this file holds, so the former verdict isn't carried over.
    if file in data.missing and (data.stages is None or old.stage in data.stages):
        return not_observed(old, data.missing[file])
    elsewhere = data.restricted and file not in data.files and file not in data.gone
    if file in data.missing or file in data.ignored or elsewhere:
        return _carried(old, data, run, now)
    if not _is_left_open(old, data, run):
        return None
    # It is unmet, and there is no test to run.
    return replace(_carried(old, data, run, now), selected=data.met)


def _is_left_open(old: CriterionStatus, data: RunData, run: Run) -> bool:
    """Return whether a test that wasn't CONFIRMED isn't found in a file that no one has edited.

    Its parameter may come from outside the file, and be left out for once. So only a run of all
    that the file holds has looked at it without this test; a shard runs a part of that.
    """
    file = file_of(old)
    known = old.observed is not Verdict.CONFIRMED and not run.shard
    if not known or not old.source or data.sources.get(file) != old.source:
        return False
    return any(file_of(c) == file and c.id not in data.selected for c in data.collected)


def _carried(old: CriterionStatus, data: RunData, run: Run, now: datetime) -> CriterionStatus:
    """Carry a criterion over into the run that the data is about."""
    if data.killed and old.observed is Verdict.CONFIRMED and data.killed.may_have_run(old):
        return not_observed(old, data.killed.reason, selected=False)
    stage, release = data.catalogue.by_id[old.stage], run.subject.release
    untrusted = data.untrusted or data.unseen.get(old.id)
    return carried(
        old,
        stage,
        now,
        release,
        untrusted=untrusted or (of_unnamed(old, stage) if release is None else None),
        require_evidence=data.require_evidence,
    )


def of_unnamed(old: CriterionStatus, stage: Stage) -> Reason | None:
    """Return why a CONFIRMED doesn't count in a run that names no release; None if it does.

    What runs by now may be another release than the one that was named then.
    """
    if old.subject is None or stage.valid_for > DEFAULT_VALID_FOR:
        return None
    remedy = f"{name_release(old.subject)}, or {stages_again(stage.id)}"
    text = f"it was CONFIRMED of release {old.subject!r}, and this run names none"
    return Reason(text=text, kind=Kind.STALE, remedy=remedy)


def file_of(test: Criterion | CriterionStatus) -> str:
    """Return the path of a criterion's file, as its node id has it; "" if it has no test."""
    return (test.nodeid or "").partition("::")[0]


def _unprovided_status(
    name: str, stage_id: str, data: RunData, gone: str | None, old: CriterionStatus | None
) -> CriterionStatus:
    """Return the status of a declared criterion that no test provides.

    Args:
        name: the criterion's id.
        stage_id: its stage's.
        data: what was collected.
        gone: the file that provided it in the last run and no longer exists; None if it isn't that.
        old: its status in the last run; None if it had no test then.
    """
    selected = not data.restricted and (data.stages is None or stage_id in data.stages)
    why = f": {gone} no longer exists" if gone else ""
    if old is not None and not gone:
        # With a restriction, `_uncollected_status` has seen that its file was looked through.
        why = f": {old.nodeid}, which did, is no longer collected"
    reason = Reason(
        text=f"no test provides it{why}",
        kind=Kind.NOT_RUN,
        # Not by its name: criteria with the same remedy are one line of the next actions.
        remedy=f"write a test for each criterion of stage {stage_id} that has none, "
        "or take it out of the catalogue",
    )
    if data.missing:
        # It is unknown which file would provide it; one that could not be collected may.
        reason = data.missing[min(data.missing)]
    elif data.restricted and gone is None and old is None:
        reason = Reason(text="it was not selected, and no run observed it", kind=Kind.NOT_RUN)
    return not_provided(name, reason, selected=selected)
