"""What the history is asked: few statements, each a step into an index, however much it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, final

from sqlalchemy import Connection, RowMapping, Select, func, select, tuple_, union_all

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
        rows = self.connection.execute(self._runs().limit(limit)).mappings().all()
        newest = {row[runs.c.id]: run_of(row) for row in rows}
        seen = tuple(newest.values())
        whole = next((run for run in seen if not run.partial), None)
        named = [*(whole.stages if whole else ()), *(seen[0].stages if seen else ())]
        since = self.newest_flips(list(dict.fromkeys(named)))
        flipped = self._flips_from(seen[-1], since) if seen else []
        lapses = self._lapses(
            [stage for stage, flip in since.items() if flip.verdict is not Verdict.CONFIRMED],
            newest,
        )
        return Retrospect(
            project=self.project,
            target=self.target,
            runs=seen,
            stages=tuple(
                StagePast(
                    id=stage,
                    verdict=flip.verdict,
                    since=flip,
                    flips=tuple(each for each in flipped if each.stage == stage),
                    lapse=lapses.get(stage),
                )
                for stage, flip in since.items()
            ),
            flaky=self._flaky(newest),
        )

    def runs_before(self, run: KeptRun, limit: int) -> tuple[KeptRun, ...]:
        """Return the newest `limit` runs before one, the newest first."""
        statement = self._runs_before(run.started, run.run).limit(limit)
        return tuple(map(run_of, self.connection.execute(statement).mappings()))

    def newest_flips(
        self, stages: Sequence[str], *, away_from: Verdict | None = None
    ) -> dict[str, Flip]:
        """Return each stage's newest flip, or its newest away from a verdict, where it has one."""
        statements = [self._flips(flips.c.stage == stage) for stage in stages]
        if away_from is not None:
            away = flips.c.previous == away_from.value
            statements = [statement.where(away) for statement in statements]
        found = map(flip_of, self._firsts(statements))
        by_stage = {flip.stage: flip for flip in found}
        return {stage: by_stage[stage] for stage in stages if stage in by_stage}

    def _runs(self) -> Select[Any]:
        return (
            select(runs)
            .where(runs.c.project == self.project, runs.c.target == self.target)
            .order_by(runs.c.started.desc(), runs.c.run.desc())
        )

    def _runs_before(self, at: datetime, run: str) -> Select[Any]:
        return self._runs().where(tuple_(runs.c.started, runs.c.run) < tuple_(at, run))

    def _flips(self, *where: Any) -> Select[Any]:
        return (
            select(flips)
            .where(flips.c.project == self.project, flips.c.target == self.target, *where)
            .order_by(flips.c.started.desc(), flips.c.run.desc())
        )

    def _firsts(self, statements: Sequence[Select[Any]]) -> Sequence[RowMapping]:
        """Return the first row of each statement that has one, all by one statement."""
        if not statements:
            return []
        firsts = [select(statement.limit(1).subquery()) for statement in statements]
        return self.connection.execute(union_all(*firsts)).mappings().all()

    def _flips_from(self, oldest: KeptRun, stages: Iterable[str]) -> list[Flip]:
        statement = self._flips(
            flips.c.stage.in_(stages),
            tuple_(flips.c.started, flips.c.run) >= tuple_(oldest.started, oldest.run),
            flips.c.previous.is_not(None),
        )
        return list(map(flip_of, self.connection.execute(statement).mappings()))

    def _lapses(self, stages: Sequence[str], newest: Mapping[int, KeptRun]) -> dict[str, Lapse]:
        turned = self.newest_flips(stages, away_from=Verdict.CONFIRMED)
        ended = self._runs_named({flip.run for flip in turned.values()})
        confirmed = self._last_confirmed(turned.values())
        unmet = self._unmet(stages, newest)
        return {
            stage: _lapse(
                turned.get(stage),
                confirmed.get(stage),
                ended.get(turned[stage].run) if stage in turned else None,
                unmet.get(stage, ()),
            )
            for stage in stages
        }

    def _runs_named(self, names: set[str]) -> dict[str, KeptRun]:
        statement = self._runs().where(runs.c.run.in_(names))
        found = map(run_of, self.connection.execute(statement).mappings())
        return {run.run: run for run in found}

    def _last_confirmed(self, turned: Iterable[Flip]) -> dict[str, KeptRun]:
        """Return the last run before each flip that told of its stage."""
        instants = sorted({(flip.at, flip.run) for flip in turned})
        rows = self._firsts([self._runs_before(*instant) for instant in instants])
        before = sorted(map(run_of, rows), key=lambda run: (run.started, run.run))
        found = {}
        for flip in turned:
            earlier = [run for run in before if (run.started, run.run) < (flip.at, flip.run)]
            last = earlier[-1] if earlier else None
            if last is not None and last.stages.get(flip.stage) is None:
                last = self._last_telling(flip)
            if last is not None:
                found[flip.stage] = last
        return found

    def _last_telling(self, flip: Flip) -> KeptRun | None:
        """Return the last run before a flip that told of its stage, past those that didn't."""
        statement = self._runs_before(flip.at, flip.run).execution_options(yield_per=20)
        with self.connection.execute(statement) as rows:
            told = (run for run in map(run_of, rows.mappings()) if run.stages.get(flip.stage))
            return next(told, None)

    def _unmet(
        self, stages: Iterable[str], newest: Mapping[int, KeptRun]
    ) -> dict[str, tuple[Unmet, ...]]:
        """Return what stands in each stage's way: its own criteria, and the root of its verdict."""
        telling = {
            stage: next((n for n, run in newest.items() if run.stages.get(stage)), None)
            for stage in stages
        }
        statement = (
            select(criteria)
            .where(criteria.c.run_id.in_({n for n in telling.values() if n is not None}))
            .where(criteria.c.verdict != Verdict.CONFIRMED.value)
            .order_by(criteria.c.criterion)
        )
        rows = self.connection.execute(statement).mappings().all()
        return {
            stage: tuple(
                unmet_of(row)
                for row in rows
                if row["run_id"] == n
                and (row["stage"] == stage or row["criterion"] == newest[n].causes.get(stage))
            )
            for stage, n in telling.items()
            if n is not None
        }

    def _flaky(self, run_ids: Iterable[int]) -> tuple[Flaky, ...]:
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


def _lapse(
    turned: Flip | None,
    confirmed: KeptRun | None,
    ended: KeptRun | None,
    unmet: tuple[Unmet, ...],
) -> Lapse:
    differing = changes(confirmed, ended) if confirmed and ended else ()
    return Lapse(confirmed=confirmed, turned=turned, changes=differing, unmet=unmet)
