"""Build the record of a run: one when it begins, and one when it has ended.

The first says that nothing is confirmed. It stays if the run is killed. Both are values: `recorder`
and `publish` write them.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue, Criterion
from pytest_prodstatus.model.criterion_status import RunData, not_observed
from pytest_prodstatus.model.record import (
    HISTORY_LIMIT,
    Cause,
    CriterionStatus,
    Decision,
    Final,
    Record,
    Run,
    Selection,
    StageStatus,
)
from pytest_prodstatus.model.rollup import (
    RUN,
    actions_of,
    causes,
    judge,
    not_applicable,
    run_again,
    run_cause,
)
from pytest_prodstatus.model.verdict import (
    EXIT_BLOCKED,
    Kind,
    Reason,
    Rule,
    Verdict,
    because,
    exit_status,
    rollup,
)

IN_PROGRESS = Reason(
    text="the run is in progress: nothing is confirmed yet",
    kind=Kind.NOT_RUN,
    remedy="wait for the run to end; if it was killed, run it again",
)
"""Why nothing is confirmed from a run's beginning to its end, or for ever if it is killed."""
BROKEN_OFF = "pytest ended before it collected a test"
"""How the reason of a run begins that an error ended before it had collected anything."""


def broken_off(run: Run) -> Reason | None:
    """Return why an error ended a run before it collected anything, by its marker; else None."""
    found = (one for one in run.incidents if one.text.startswith(BROKEN_OFF))
    return None if run.finished else next(found, None)


def rest_of(file: str) -> Reason:
    """Return why FINAL isn't known while a file of criteria was never collected as a whole."""
    return Reason(
        text=f"{file} has criteria that weren't collected, and no earlier run knows them all",
        kind=Kind.NOT_COLLECTED,
        remedy="run the whole suite once: pytest -m production",
    )


UNWRITTEN = Reason(
    text="the record could not be written, so nothing is confirmed",
    kind=Kind.INCONCLUSIVE,
    remedy="let the run write its folder, and run again",
)
"""Why nothing is confirmed by a run that ends without a record (exit status 11)."""


def compose(
    data: RunData,
    statuses: Sequence[CriterionStatus],
    run: Run,
    rule: Rule,
    pytest_status: int,
    *,
    rest: Reason | None = None,
) -> Record:
    """Build the record of a run that has ended.

    Args:
        data: what was collected, selected and observed.
        statuses: every criterion, judged by itself and by its age (`criterion_statuses`).
        run: the run, with its end.
        rule: the gate's.
        pytest_status: the exit status with which pytest would end.
        rest: why it isn't known which criteria there are besides those that the run looked at. It
            caps FINAL as an incident does, and isn't about what the run selected.
    """
    own_incidents = run.incidents
    run = replace(run, incidents=(*run.incidents, *([rest] if rest else [])))
    catalogue, former = data.catalogue, data.former
    # `all` is true of no criteria, but then nothing was observed.
    complete = bool(statuses) and all(status.observed_now for status in statuses)
    run = replace(run, complete=complete and not run.incidents)
    stages, final = judge(catalogue, statuses, incidents=run.incidents)
    stages = _with_since(stages, former, run.started)
    root_causes = causes(catalogue, stages, run.incidents, catalogue.roots)
    selection, own_causes = _selection(data, statuses, own_incidents, final.verdict)
    if selection.partial:
        # What earlier runs saw may be over, so a partial run lists what to do about its own part.
        # One more action names the other stages that aren't CONFIRMED.
        again = run_again(stages, run.finished)
        actions = (*actions_of(own_causes), *([again] if again else []))
        actions += (rest.remedy,) if rest and rest.remedy else ()
    else:
        actions = actions_of(root_causes)
    decision = Decision(
        open=rule.admits(final.verdict),
        rule=rule,
        exit_code=exit_status(rule, selection.verdict, pytest_status),
        causes=root_causes,
        actions=actions,
        selection=selection,
    )
    return Record(
        run=run,
        final=final,
        decision=decision,
        stages=stages,
        history=(*former.history, former.past)[-HISTORY_LIMIT:] if former else (),
        # The digest is filled in when the document has been written.
        document="",
        overrides=(),
    )


def marker_of(
    run: Run,
    rule: Rule,
    catalogue: Catalogue,
    criteria: Collection[Criterion] = (),
    former: Record | None = None,
    *,
    why: Reason = IN_PROGRESS,
) -> Record:
    """Build a record that confirms nothing: each stage that applies is BLOCKED, the gate closed.

    Args:
        run: the run; one that has just begun has no end.
        rule: the gate's.
        catalogue: the stages.
        criteria: the criteria to list. Leave them out if there are thousands: all have one reason.
        former: the last finished record. It is kept inside, so that a killed run doesn't lose it.
        why: why nothing is confirmed.
    """
    of_stage: dict[str, list[Criterion]] = {stage.id: [] for stage in catalogue.stages}
    for criterion in criteria:
        of_stage[criterion.stage].append(criterion)
    stages = tuple(
        StageStatus(
            id=stage.id,
            title=stage.title,
            verdict=Verdict.BLOCKED,
            **because(why),
            derived=stage.derived,
            cause=RUN,
            criteria=tuple(not_observed(c, why) for c in of_stage[stage.id]),
            since=run.started,
        )
        if stage.applies
        else replace(not_applicable(stage), since=run.started)
        for stage in catalogue.stages
    )
    cause = run_cause(why, tuple(stage.id for stage in catalogue.stages if stage.applies))
    return Record(
        run=run,
        final=Final(verdict=Verdict.BLOCKED, **because(why), cause=RUN),
        decision=Decision(
            open=False,
            rule=rule,
            exit_code=EXIT_BLOCKED,
            causes=(cause,),
            actions=actions_of((cause,)),
            selection=Selection(partial=False, verdict=Verdict.BLOCKED, criteria=len(criteria)),
        ),
        stages=stages,
        history=(),
        document="",
        overrides=(),
        previous=former,
    )


def _selection(
    data: RunData,
    statuses: Sequence[CriterionStatus],
    incidents: Sequence[Reason],
    final_verdict: Verdict,
) -> tuple[Selection, tuple[Cause, ...]]:
    """Return the verdict on the part of the catalogue that the run was limited to, and its causes.

    If the run wasn't limited, the verdict is FINAL's, and there are no causes.
    """
    selected = [status.id for status in statuses if status.selected]
    partial = len(selected) < len(statuses) or data.restricted or data.stages is not None
    if not partial:
        return Selection(partial=False, verdict=final_verdict, criteria=len(selected)), ()
    # Only what this run selected decides its exit status. A stage without a selected criterion is
    # left out: it would be BLOCKED, and would block each stage that requires it.
    own = [status for status in statuses if status.selected]
    covered = {status.stage for status in own}
    unselected = frozenset(
        name for name in data.catalogue.by_id if covered.isdisjoint(data.catalogue.closure([name]))
    )
    stages, _ = judge(data.catalogue, own, incidents=incidents, unselected=unselected)
    verdicts = [s.verdict for stage in stages for s in stage.criteria]
    if data.stages is not None:
        # A stage that was named but has no criterion must not pass because nothing was checked.
        empty = data.stages - {status.stage for status in statuses}
        verdicts += [s.verdict for s in stages if s.id in empty and not s.derived]
    # Incidents are counted here as well, since `judge` lets them cap only FINAL.
    verdicts += [Verdict.BLOCKED for _ in incidents]
    if not verdicts and data.met:
        # `--unmet` found nothing to run. Without this line, the rollup of nothing is BLOCKED.
        verdicts = [Verdict.CONFIRMED]
    roots = tuple(data.catalogue.by_id)
    found = causes(data.catalogue, stages, incidents, roots, unselected=unselected)
    return Selection(partial=True, verdict=rollup(verdicts), criteria=len(selected)), found


def _with_since(
    stages: tuple[StageStatus, ...], former: Record | None, now: datetime
) -> tuple[StageStatus, ...]:
    """Return the stages, each with its former verdict and the start of the run that changed it."""
    former_stages = {stage.id: stage for stage in former.stages} if former else {}

    def with_since(stage: StageStatus) -> StageStatus:
        former_stage = former_stages.get(stage.id)
        if former_stage is None:
            return replace(stage, since=now)
        if former_stage.verdict is stage.verdict:
            return replace(stage, since=former_stage.since or now, previous=former_stage.previous)
        return replace(stage, since=now, previous=former_stage.verdict)

    return tuple(map(with_since, stages))
