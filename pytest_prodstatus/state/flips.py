"""The flips: kept right whatever order runs are saved in, and however often.

A run that is saved, or saved again with other verdicts, can change two things alone for each stage:
whether it is a flip itself, and whether the next run that tells of the stage is one.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import ColumnElement, Connection, delete, insert, select, tuple_

from pytest_prodstatus.model.retrospect import KeptRun
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.state.history_schema import flips, runs
from pytest_prodstatus.state.kept import run_of


def place(connection: Connection, project: str, run: KeptRun) -> None:
    """Write the flips that follow from a run, in a transaction that no other writer shares."""
    _settle(connection, project, run, run.stages)


def remove(connection: Connection, project: str, run: KeptRun) -> None:
    """Take the flips of a run away, as if it had never told anything."""
    _settle(connection, project, run, {})


def _settle(
    connection: Connection, project: str, run: KeptRun, verdicts: Mapping[str, Verdict | None]
) -> None:
    following = _following(connection, project, run)
    connection.execute(delete(flips).where(*_at(project, run), flips.c.stage.in_(run.stages)))
    for stage in run.stages:
        held = _held_before(connection, project, run, stage)
        verdict = verdicts.get(stage)
        _insert(connection, project, run, stage, held, verdict)
        if stage in following:
            later = following[stage]
            at = _at(project, later)
            connection.execute(delete(flips).where(*at, flips.c.stage == stage))
            _insert(connection, project, later, stage, verdict or held, later.stages[stage])


def _held_before(connection: Connection, project: str, run: KeptRun, stage: str) -> Verdict | None:
    """Return what a stage was before a run; None where no run told of it."""
    statement = (
        select(flips.c.verdict)
        .where(
            flips.c.project == project,
            flips.c.target == run.target,
            flips.c.stage == stage,
            tuple_(flips.c.started, flips.c.run) < tuple_(run.started, run.run),
        )
        .order_by(flips.c.started.desc(), flips.c.run.desc())
        .limit(1)
    )
    found = connection.execute(statement).scalar()
    return Verdict(found) if found else None


def _at(project: str, run: KeptRun) -> tuple[ColumnElement[bool], ...]:
    return (
        flips.c.project == project,
        flips.c.target == run.target,
        flips.c.started == run.started,
        flips.c.run == run.run,
    )


def _insert(
    connection: Connection,
    project: str,
    run: KeptRun,
    stage: str,
    held: Verdict | None,
    verdict: Verdict | None,
) -> None:
    """Write a run down as a flip of a stage, where it tells of it and differs."""
    if verdict is None or verdict is held:
        return
    connection.execute(
        insert(flips).values(
            project=project,
            target=run.target,
            stage=stage,
            started=run.started,
            run=run.run,
            verdict=verdict.value,
            previous=held and held.value,
        )
    )


def _following(connection: Connection, project: str, run: KeptRun) -> dict[str, KeptRun]:
    """Return, for each stage of a run that a later run tells of, the first such run."""
    statement = (
        select(runs)
        .where(
            runs.c.project == project,
            runs.c.target == run.target,
            tuple_(runs.c.started, runs.c.run) > tuple_(run.started, run.run),
        )
        .order_by(runs.c.started, runs.c.run)
        .execution_options(yield_per=50)
    )
    found: dict[str, KeptRun] = {}
    with connection.execute(statement) as rows:
        for row in rows.mappings():
            later = run_of(row)
            for stage in run.stages:
                if later.stages.get(stage) is not None:
                    found.setdefault(stage, later)
            if len(found) == len(run.stages):
                break
    return found
