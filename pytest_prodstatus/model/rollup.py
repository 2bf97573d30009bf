"""Compute the verdicts of the stages and FINAL from the criteria, and what caused them.

Upstream, rollup and root cause are computed from the finished run. No test is skipped because
another one failed.

Why FINAL isn't CONFIRMED and what to do next is computed here alone for each output and the gate.
Three rules apply. Criteria with the same reason are one cause, and so is an outage, however its
messages differ (`Reason.cause`). A stage is not a root cause, even if it FAILED, while a stage that
it requires isn't CONFIRMED. The action that unblocks the most stages comes first.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter
from typing import NamedTuple, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import FINAL, Catalogue, Stage, base_of
from pytest_prodstatus.model.record import Cause, CriterionStatus, Final, Record, StageStatus
from pytest_prodstatus.model.text import format_age, one_line
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
            results[stage_id] = not_applicable(stage)
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
        empty = _empty(stage, incidents)
        result, worst = _judge_stage(stage, own_statuses, upstream, run_level, rolled, empty)
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
    empty: _Contribution,
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
    worst = _worst([*run_level, *own, *rolled, *blocked_above], empty=empty)
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

    It isn't blocked by what its stage requires yet; then it has those of the root.
    """
    if status.sentence is None or not (stage.owner or stage.runbook):
        return status
    runbook = status.runbook or stage.runbook or UNSET
    return replace(status, owner=status.owner or stage.owner, runbook=runbook)


def not_applicable(stage: Stage) -> StageStatus:
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
        return _Contribution(result.verdict, None, "")
    reason = result.reason
    if result.id not in titled:
        reason = replace(reason, text=f"{result.title}: {reason.text}")
    return _Contribution(result.verdict, reason, result.cause or result.id, rolled=True)


def _empty(stage: Stage, incidents: Iterable[Reason]) -> _Contribution:
    """Return why a stage without criteria is BLOCKED; what did not collect may have some."""
    missing = (incident for incident in incidents if incident.kind is Kind.COLLECTION_ERROR)
    none = Reason(text="no test provides a criterion of this stage", kind=Kind.NOT_RUN)
    reason = next(missing, none)
    reason = replace(reason, owner=stage.owner, runbook=stage.runbook or UNSET)
    return _Contribution(Verdict.BLOCKED, reason, stage.id)


_NO_STAGES = Reason(text="there are no stages", kind=Kind.NOT_RUN)


def _worst(
    contributions: Sequence[_Contribution], *, empty: _Contribution | None = None
) -> _Contribution:
    """Return the worst contribution, and the first among equals; BLOCKED if there is none."""
    verdict = rollup(contribution.verdict for contribution in contributions)
    if verdict is Verdict.CONFIRMED:
        return _Contribution(verdict, None, "")
    for contribution in contributions:
        if contribution.verdict is verdict:
            return contribution
    return empty or _Contribution(verdict, _NO_STAGES, RUN)


ACTION_LIMIT = 300
"""Characters kept of one action."""


def causes(
    catalogue: Catalogue,
    stages: Sequence[StageStatus],
    incidents: Iterable[Reason],
    roots: Collection[str],
    *,
    unselected: frozenset[str] = frozenset(),
) -> tuple[Cause, ...]:
    """Return the root causes, the worst verdict first, then those that block the most stages.

    Args:
        catalogue: the stages.
        stages: as they were judged.
        incidents: what went wrong outside any criterion.
        roots: ids of the stages in question (`Catalogue.roots` for FINAL); causes that don't
            affect them are left out.
        unselected: ids of stages that were left out of the judgement (`rollup.judge`), so that they
            are no cause and hide none.
    """
    relevant = catalogue.with_needs(roots) - unselected
    confirmed = {stage.id for stage in stages if stage.verdict is Verdict.CONFIRMED}
    found: dict[tuple[Verdict, object], tuple[Reason, list[tuple[str, str]]]] = {}
    for stage in stages:
        # The trouble of a stage may follow from that of a stage that it requires.
        required = catalogue.required(stage.id, unselected) if stage.id in relevant else ()
        if stage.id not in relevant or not confirmed.issuperset(required):
            continue
        for status in stage.criteria:
            reason = status.reason
            if reason:
                key = status.verdict, reason.cause
                _, members = found.setdefault(key, (reason, []))
                members.append((stage.id, one_line(status.id)))
        # A stage that is its own cause has no criterion.
        if stage.reason and stage.cause == stage.id:
            key = stage.verdict, stage.reason.cause
            _, members = found.setdefault(key, (stage.reason, []))
            members.append((stage.id, stage.id))
    # Only stages that require or roll up others can be affected by a cause that isn't their own.
    in_order = [stage.id for stage in catalogue.stages if stage.id in relevant]
    dependants = [(name, catalogue.needs[name]) for name in in_order if catalogue.needs[name]]
    result = []
    for (verdict, _), (reason, members) in found.items():
        own = {stage_id: None for stage_id, _ in members}  # each once, in order
        cause = Cause(
            verdict=verdict,
            **because(reason),
            ids=tuple(name for _, name in members),
            stages=tuple(own),
            affected=tuple(
                i for i, needs in dependants if not needs.isdisjoint(own) and i not in own
            ),
        )
        result.append(cause)
    # An incident caps FINAL alone (`rollup.judge`), so no other stage is affected by it.
    capped = tuple(name for name in roots if name == FINAL)
    result += [run_cause(reason, capped) for reason in incidents]
    return tuple(sorted(result, key=lambda cause: (-cause.verdict.severity, -_stage_count(cause))))


def run_cause(reason: Reason, affected: tuple[str, ...] = ()) -> Cause:
    """Build the BLOCKED cause for something that went wrong outside any criterion.

    Args:
        reason: what went wrong.
        affected: ids of the stages that it blocks.
    """
    blocked = Verdict.BLOCKED
    return Cause(verdict=blocked, **because(reason), ids=(RUN,), stages=(), affected=affected)


def actions_of(causes: Sequence[Cause]) -> tuple[str, ...]:
    """Return the actions to take, each once; those that unblock the most stages come first."""
    unblocked: dict[str, set[str]] = {}
    # Causes of several texts may have one remedy, which is then one action for all their tests.
    ids: dict[str | None, list[str]] = {}
    for cause in causes:
        if cause.reason and cause.reason.is_about_test:
            ids.setdefault(cause.remedy, []).extend(cause.ids)
    for cause in causes:
        action = _action(cause, ids)
        if action:
            unblocked.setdefault(action, set()).update(cause.stages, cause.affected)
    # `sorted` keeps the order of equals, so what FAILED stays before what is BLOCKED.
    return tuple(sorted(unblocked, key=lambda action: -len(unblocked[action])))


def is_said(reason: Reason, actions: Iterable[str]) -> bool:
    """Return whether one of the actions says the remedy of a reason."""
    if reason.is_about_test:  # behind the criterion's id
        return any(action.endswith(f": {reason.remedy}") for action in actions)
    return any(action == reason.remedy for action in actions)


def _action(cause: Cause, ids: Mapping[str | None, Sequence[str]]) -> str | None:
    """Return what to do about a cause; None if that isn't known.

    Args:
        cause: the cause.
        ids: the criteria of each remedy that is about a test.
    """
    action = cause.remedy
    if action and cause.reason and cause.reason.is_about_test:
        action = f"{_label(ids[action])}: {action}"
    if not action and (cause.verdict is Verdict.FAILED or cause.kind is Kind.SETUP_ERROR):
        action = one_line(f"fix {_label(cause.ids)}: {cause.sentence}", limit=ACTION_LIMIT)
    elif not action and cause.kind is Kind.SKIPPED and cause.stages:
        text = f"run {_label(cause.ids)}, which was skipped: {cause.sentence}"
        action = one_line(text, limit=ACTION_LIMIT)
    return action


def name_release(release: str) -> str:
    """Return what to do first about what was CONFIRMED of a release, in a run that names none."""
    return f"name the release, --prodstatus-subject={release}"


def stages_again(*stages: str) -> str:
    """Return the action that runs stages again; the rest of the command line stays as it was."""
    return f"run again with --stage {','.join(stages)}"


def run_again(stages: Iterable[StageStatus], now: datetime | None) -> str | None:
    """Return the one action about what a partial run carried over; None if all of it is CONFIRMED.

    An earlier run's trouble may be over, so the action is to look again, not to fix it.

    Args:
        stages: as they were judged.
        now: the end of the run.
    """
    found, unnamed = [], ""
    for stage in stages:
        old = [s for s in stage.criteria if s.is_carried_trouble]
        for status in old:
            name = name_release(status.subject) if status.subject else ""
            # Then running them again so helps little: the first criterion asks for the release.
            if name and (status.remedy or "").startswith(name):
                unnamed = unnamed or f"{name}, or "
        if old:
            seen = max((status.observed_at for status in old if status.observed_at), default=None)
            found.append((stage, rollup(filter(None, (s.observed for s in old))), seen))
    if not found:
        return None
    first, verdict, seen = found[0]
    ago = f" {format_age(now - seen)} ago" if now and seen else ""
    more = len(found) - 1
    # "was CONFIRMED" alone would sound as if nothing were to be done.
    void = ", which no longer counts" if verdict is Verdict.CONFIRMED else ""
    others = f", and {more} more {'stage is' if more == 1 else 'stages are'} not CONFIRMED"
    action = stages_again(*(stage.id for stage, *_ in found))
    return f"{first.title} was {verdict}{ago}{void}{others if more else ''}: {unnamed}{action}"


def cause_line(cause: Cause) -> str:
    """Describe a cause in one sentence: its criterion or stage, its verdict, and why."""
    return f"{_label(cause.ids)} {cause.verdict}: {cause.sentence}"


def why_final(record: Record) -> str:
    """Return why FINAL isn't CONFIRMED: the first root cause, as the gate names it; "" if it is.

    FINAL's own reason may be of a stage that FAILED behind another one, and isn't what to fix.
    """
    final, found = record.final, record.decision.causes
    if final.reason is None:
        return ""
    # What went wrong with the run as a whole has no criterion, and explains why there is none.
    if not found or RUN in (final.cause, *found[0].ids):
        return final.reason.text
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    line = f"{cause_line(found[0])}{more}"
    if any(cause.verdict is final.verdict for cause in found):
        return line
    # Else the line would seem to deny the verdict: what FAILED is behind what is BLOCKED.
    judged = (stage for stage in record.stages if stage.applies)
    behind = next((stage for stage in judged if stage.verdict is final.verdict), None)
    return f"{behind.title} {behind.verdict}, behind {line}" if behind else line


def _label(ids: Sequence[str]) -> str:
    """Return the first id, and how many more there are."""
    return ids[0] + (f" and {len(ids) - 1} more" if len(ids) > 1 else "")


def _stage_count(cause: Cause) -> int:
    """Return how many stages a cause keeps from being CONFIRMED."""
    return len(cause.stages) + len(cause.affected)
