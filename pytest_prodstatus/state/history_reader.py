"""What the history is asked: each question is one step into an index, whatever it holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from sqlalchemy import Connection, Select, func, select, tuple_

from pytest_prodstatus.model.retrospect import (
    Flaky,
    Flip,
    KeptRun,
    Lapse,
    Retrospect,
    StagePast,
    Unmet,
    changes,
)
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.state.history_schema import criteria, flips, runs
from pytest_prodstatus.state.kept import flip_of, run_of, unmet_of


@final
@dataclass(frozen=True, slots=True)
class Reader:
    """The history of one target, inside one transaction."""

    connection: Connection
    project: str
    target: str

    def look_back(self, limit: int) -> Retrospect:
        """Return what the newest `limit` runs tell, and each stage's past."""
        rows = self.connection.execute(self.runs().limit(limit)).mappings().all()
        newest = {row[runs.c.id]: run_of(row) for row in rows}
        seen = tuple(newest.values())
        whole = next((run for run in seen if not run.partial), None)
        stages = dict.fromkeys(
            [*(whole.stages if whole else ()), *(seen[0].stages if seen else ())]
        )
        return Retrospect(
            project=self.project,
            target=self.target,
            runs=seen,
            stages=tuple(past for stage in stages for past in self._stage(stage, newest)),
            flaky=self._flaky(list(newest)),
        )

    def runs_before(self, run: KeptRun, limit: int) -> tuple[KeptRun, ...]:
        """Return the newest `limit` runs before one, the newest first."""
        earlier = tuple_(runs.c.started, runs.c.run) < tuple_(run.started, run.run)
        found = self.connection.execute(self.runs().where(earlier).limit(limit)).mappings()
        return tuple(map(run_of, found))

    def latest_flip(self, stage: str, *, away_from: Verdict | None = None) -> Flip | None:
        """Return a stage's newest flip, or its newest one away from a verdict."""
        statement = self.flips(stage)
        if away_from is not None:
            statement = statement.where(flips.c.previous == away_from.value)
        row = self.connection.execute(statement.limit(1)).mappings().first()
        return flip_of(row) if row else None

    def runs(self) -> Select[Any]:
        """Return the statement that selects the target's runs, the newest first."""
        return (
            select(runs)
            .where(runs.c.project == self.project, runs.c.target == self.target)
            .order_by(runs.c.started.desc(), runs.c.run.desc())
        )

    def flips(self, stage: str) -> Select[Any]:
        """Return the statement that selects a stage's flips, the newest first."""
        return (
            select(flips)
            .where(
                flips.c.project == self.project,
                flips.c.target == self.target,
                flips.c.stage == stage,
            )
            .order_by(flips.c.started.desc(), flips.c.run.desc())
        )

    def _stage(self, stage: str, newest: dict[int, KeptRun]) -> list[StagePast]:
        """Return the past of a stage; none where no run has told of it yet."""
        since = self.latest_flip(stage)
        if since is None:
            return []
        oldest = list(newest.values())[-1]
        statement = self.flips(stage).where(
            tuple_(flips.c.started, flips.c.run) >= tuple_(oldest.started, oldest.run),
            flips.c.previous.is_not(None),
        )
        seen = tuple(map(flip_of, self.connection.execute(statement).mappings()))
        held = since.verdict is Verdict.CONFIRMED
        lapse = None if held else self._lapse(stage, newest)
        return [StagePast(id=stage, since=since, flips=seen, lapse=lapse)]

    def _lapse(self, stage: str, newest: dict[int, KeptRun]) -> Lapse:
        turned = self.latest_flip(stage, away_from=Verdict.CONFIRMED)
        confirmed = self._last_confirmed(turned) if turned else None
        ended = self._run_of(turned) if turned else None
        return Lapse(
            confirmed=confirmed,
            turned=turned,
            changes=changes(confirmed, ended) if confirmed and ended else (),
            unmet=self._unmet(stage, newest),
        )

    def _last_confirmed(self, turned: Flip) -> KeptRun | None:
        earlier = tuple_(runs.c.started, runs.c.run) < tuple_(turned.at, turned.run)
        statement = self.runs().where(earlier).execution_options(yield_per=10)
        with self.connection.execute(statement) as rows:
            for row in rows.mappings():
                run = run_of(row)
                # Between it and the flip there may be runs that say nothing about the stage.
                if run.stages.get(turned.stage) is not None:
                    return run
        return None

    def _run_of(self, flip: Flip) -> KeptRun | None:
        statement = self.runs().where(runs.c.run == flip.run)
        row = self.connection.execute(statement).mappings().first()
        return run_of(row) if row else None

    def _unmet(self, stage: str, newest: dict[int, KeptRun]) -> tuple[Unmet, ...]:
        """Return what stands in a stage's way: its own criteria, and the root of its verdict."""
        for run_id, run in newest.items():
            if run.stages.get(stage) is None:
                continue
            wanted = (criteria.c.stage == stage) | (criteria.c.criterion == run.causes.get(stage))
            statement = (
                select(criteria)
                .where(criteria.c.run_id == run_id, wanted)
                .where(criteria.c.verdict != Verdict.CONFIRMED.value)
                .order_by(criteria.c.criterion)
            )
            return tuple(map(unmet_of, self.connection.execute(statement).mappings()))
        return ()

    def _flaky(self, run_ids: list[int]) -> tuple[Flaky, ...]:
        statement = (
            select(criteria.c.criterion, func.count(), func.max(runs.c.started))
            .join_from(criteria, runs, criteria.c.run_id == runs.c.id)
            .where(criteria.c.run_id.in_(run_ids), criteria.c.flaky.is_(True))
            .group_by(criteria.c.criterion)
            .order_by(func.count().desc(), criteria.c.criterion)
        )
        found: list[tuple[str, int, datetime]] = [
            (name, times, newest) for name, times, newest in self.connection.execute(statement)
        ]
        return tuple(Flaky(criterion=n, times=times, newest=at) for n, times, at in found)
