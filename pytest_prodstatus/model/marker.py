"""The record that stands while a run is in progress: one that is killed confirms nothing."""

from __future__ import annotations

from collections.abc import Collection

from pytest_prodstatus.model.catalogue import Catalogue, Criterion
from pytest_prodstatus.model.causes import actions_of, of_run
from pytest_prodstatus.model.decision import EXIT_BLOCKED
from pytest_prodstatus.model.judge import RUN
from pytest_prodstatus.model.reason import Kind, Reason, because
from pytest_prodstatus.model.record import Decision, Final, Record, Run, Selection, StageResult
from pytest_prodstatus.model.standings import not_observed
from pytest_prodstatus.model.verdict import Rule, Verdict

IN_PROGRESS = Reason(
    text="the run is in progress: nothing is confirmed yet",
    kind=Kind.NOT_RUN,
    remedy="wait for the run to end; if it was killed, run it again",
)


def marker_of(
    run: Run,
    rule: Rule,
    catalogue: Catalogue,
    criteria: Collection[Criterion] = (),
    former: Record | None = None,
) -> Record:
    """Return the record of a run that has just begun: every stage is BLOCKED, the gate closed.

    Args:
        run: without its end.
        rule: the gate's.
        catalogue: the stages.
        criteria: those to list by name; each of thousands would say the same.
        former: the last finished record, which a killed run shall not lose.
    """
    of_stage: dict[str, list[Criterion]] = {stage.id: [] for stage in catalogue.stages}
    for criterion in criteria:
        of_stage[criterion.stage].append(criterion)
    stages = tuple(
        StageResult(
            id=stage.id,
            title=stage.title,
            verdict=Verdict.BLOCKED,
            **because(IN_PROGRESS),
            derived=stage.derived,
            cause=RUN,
            criteria=tuple(
                not_observed(one, IN_PROGRESS, selected=True) for one in of_stage[stage.id]
            ),
            since=run.started,
        )
        for stage in catalogue.stages
    )
    cause = of_run(IN_PROGRESS, tuple(stage.id for stage in catalogue.stages))
    return Record(
        run=run,
        final=Final(verdict=Verdict.BLOCKED, **because(IN_PROGRESS), cause=RUN),
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
