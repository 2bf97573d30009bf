"""Compute the verdicts of the stages and FINAL from the criteria: upstream, rollup, root cause.

All of it is computed from the finished run. No test is skipped because another one failed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import FINAL, Catalogue, Stage, base_of
from pytest_prodstatus.model.record import CriterionStatus, Final, StageStatus
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict, because, rollup

RUN = "run"
"""The id of causes in the run itself: a dead worker, an interrupt, a collection error."""

Judged: TypeAlias = tuple[tuple[StageStatus, ...], Final]
"""The status of every stage, and FINAL."""


class _Contribution(NamedTuple):
    """A verdict that counts towards a stage's verdict.

    Attributes:
        verdict: it limits the stage's verdict.
        reason: why it isn't CONFIRMED; None if it is.
        cause: the id of its root cause; "" if it is CONFIRMED.
        rolled: it comes from a stage that is rolled up; then the reason begins with its title.
    """

    verdict: Verdict
    reason: Reason | None
    cause: str
    rolled: bool = False


def judge(
    catalogue: Catalogue,
    statuses: Iterable[CriterionStatus],
    *,
    incidents: Sequence[Reason] = (),
    unselected: frozenset[str] = frozenset(),
) -> Judged:
    """Compute the status of every stage, in the catalogue's order, and FINAL.

    A criterion that is CONFIRMED by itself becomes BLOCKED if its stage's upstream isn't CONFIRMED.

    Args:
        catalogue: the stages.
        statuses: the criteria, each judged by its own outcome and its age.
        incidents: what went wrong outside any criterion; any of them caps FINAL at BLOCKED.
        unselected: ids of stages that don't block the stages that require them or roll them up,
            because the run didn't select them (`Decision.selection`); what they require blocks in
            their place.
    """
    by_stage: dict[str, list[CriterionStatus]] = {stage.id: [] for stage in catalogue.stages}
    declared = [name for stage in catalogue.stages for name in stage.criteria]
    places = {name: n for n, name in enumerate(declared)}

    def position(status: CriterionStatus) -> tuple[int, str]:
        index = places.get(status.id)
        if index is None:
            index = places.get(base_of(status.id), len(places))
        return index, status.id

    # Usually no criterion is declared by name; then a sort by id is enough, and faster.
    for status in sorted(statuses, key=position if places else attrgetter("id")):
        by_stage[status.stage].append(status)
    capped = [_Contribution(Verdict.BLOCKED, incident, RUN) for incident in incidents]
    results: dict[str, StageStatus] = {}
    titled: set[str] = set()  # stages whose reason names another stage already
    # In this order, what a stage requires or rolls up is judged before it.
    for stage_id in catalogue.order:
        stage = catalogue.by_id[stage_id]
        if not stage.applies:
            results[stage_id] = _not_applicable(stage)
            continue
        # What went wrong outside every criterion is about the whole run, so no other stage gets it.
        run_level = capped if stage_id == FINAL else []
        required = [results[name] for name in catalogue.required(stage_id, unselected)]
        upstream = _upstream_contribution(required)
        rolled = [
            _rollup_contribution(results[name], titled)
            for name in stage.rollup
            if name not in unselected
        ]
        own_statuses = by_stage[stage_id]
        result, worst = _judge_stage(stage, own_statuses, upstream, run_level, rolled)
        without = catalogue.without.get(stage_id)
        results[stage_id] = replace(result, without=without) if without else result
        if worst.rolled:
            titled.add(stage_id)
    in_order = tuple(results[stage.id] for stage in catalogue.stages)
    if FINAL in results:
        final_stage = results[FINAL]
        return in_order, Final(
            verdict=final_stage.verdict, **because(final_stage.reason), cause=final_stage.cause
        )
    judged = [result for result in in_order if result.applies]
    total = _worst([*capped, *(_rollup_contribution(result, titled) for result in judged)])
    final = Final(verdict=total.verdict, **because(total.reason), cause=total.cause or None)
    return in_order, final


def _judge_stage(
    stage: Stage,
    statuses: Sequence[CriterionStatus],
    upstream: _Contribution | None,
    run_level: Sequence[_Contribution],
    rolled: Sequence[_Contribution],
) -> tuple[StageStatus, _Contribution]:
    """Compute a stage's status, and return it with the contribution that decided it.

    A criterion that FAILED decides the verdict even if the stage is blocked by its upstream. But
    then the upstream is the root cause, because the failure may follow from it.
    """
    statuses = [_with_address(status, stage) for status in statuses]
    criteria = tuple(
        replace(status, verdict=Verdict.BLOCKED, **because(upstream.reason))
        if upstream and status.verdict is Verdict.CONFIRMED
        else status
        for status in statuses
    )
    # If all are CONFIRMED, one of them is enough: a record may have thousands.
    decisive = [s for s in statuses if s.verdict is not Verdict.CONFIRMED] or statuses[:1]
    own = [_Contribution(s.verdict, s.reason, s.id) for s in decisive]
    blocked_above = [upstream] if upstream else []
    # Of equal verdicts the first gives the reason: the run's, the stage's own, another stage's.
    worst = _worst([*run_level, *own, *rolled, *blocked_above], empty_stage=stage)
    from_run = any(worst is contribution for contribution in run_level)
    # An incident isn't caused by another stage.
    cause = upstream.cause if upstream and not from_run else worst.cause
    result = StageStatus(
        id=stage.id,
        title=stage.title,
        verdict=worst.verdict,
        **because(worst.reason),
        derived=stage.derived,
        cause=cause or None,
        criteria=criteria,
    )
    return result, worst


def _with_address(status: CriterionStatus, stage: Stage) -> CriterionStatus:
    """Return a criterion that isn't CONFIRMED with its stage's owner and runbook, if it has none.

    One that is blocked by what its stage requires gets those of the root.
    """
    if status.sentence is None or status.kind is Kind.UPSTREAM:
        return status
    owner, runbook = status.owner or stage.owner, status.runbook or stage.runbook
    if owner == (status.owner or "") and runbook == (status.runbook or ""):
        return status
    return replace(status, owner=owner or UNSET, runbook=runbook or UNSET)


def _not_applicable(stage: Stage) -> StageStatus:
    """Return a stage that isn't judged; not CONFIRMED, for readers that don't know its kind."""
    text = f"not applicable: {stage.reason} ({stage.owner})"
    reason = Reason(text=text, kind=Kind.NOT_APPLICABLE)
    return StageStatus(
        id=stage.id,
        title=stage.title,
        verdict=Verdict.BLOCKED,
        **because(reason),
        derived=stage.derived,
        cause=None,
        criteria=(),
    )


def _upstream_contribution(required: Sequence[StageStatus]) -> _Contribution | None:
    """Return the contribution of the worst required stage; None if all are CONFIRMED."""
    unconfirmed = [result for result in required if result.verdict is not Verdict.CONFIRMED]
    if not unconfirmed:
        return None
    # Of equals, `max` takes the first one that the stage names.
    worst = max(unconfirmed, key=lambda result: result.verdict.severity)
    root = worst.reason
    if root and root.kind is Kind.UPSTREAM:
        text = root.text  # names the root alone, not every stage between
    else:
        detail = f": {root.text}" if root else ""
        text = f"{worst.title} is {worst.verdict}, which it requires{detail}"
    reason = Reason(text=text, kind=Kind.UPSTREAM)
    if root:
        reason = replace(reason, remedy=root.remedy, owner=root.owner, runbook=root.runbook)
    return _Contribution(Verdict.BLOCKED, reason, worst.cause or worst.id)


def _rollup_contribution(result: StageStatus, titled: Collection[str]) -> _Contribution:
    """Return what a stage contributes to one that rolls it up; its reason gets the stage's title.

    Args:
        result: the status of the stage that is rolled up.
        titled: ids of the stages whose reason already begins with a title.
    """
    if result.reason is None:
        return _Contribution(result.verdict, None, "", rolled=True)
    reason = result.reason
    if result.id not in titled:
        reason = replace(reason, text=f"{result.title}: {reason.text}")
    return _Contribution(result.verdict, reason, result.cause or result.id, rolled=True)


def _worst(
    contributions: Sequence[_Contribution], *, empty_stage: Stage | None = None
) -> _Contribution:
    """Return the worst contribution, and the first among equals; BLOCKED if there is none."""
    verdict = rollup(contribution.verdict for contribution in contributions)
    if verdict is Verdict.CONFIRMED:
        return _Contribution(verdict, None, "")
    for contribution in contributions:
        if contribution.verdict is verdict:
            return contribution
    text = "no test provides a criterion of this stage" if empty_stage else "there are no stages"
    reason = Reason(text=text, kind=Kind.NOT_RUN)
    if empty_stage is None:
        return _Contribution(verdict, reason, RUN)
    owner, runbook = empty_stage.owner or UNSET, empty_stage.runbook or UNSET
    return _Contribution(verdict, replace(reason, owner=owner, runbook=runbook), empty_stage.id)
