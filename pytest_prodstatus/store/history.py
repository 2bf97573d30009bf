"""The history of finished runs: each kept once, whatever order they are saved in.

A run that is saved, or saved again with other verdicts, can change two things alone for each stage:
whether it is a flip itself, and whether the next run that tells of the stage is one. Questions are
few statements, each a step into an index, however much it holds.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, final

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    delete,
    func,
    insert,
    select,
    text,
    tuple_,
    union_all,
)

from pytest_prodstatus.model.history import (
    Flaky,
    Flip,
    KeptRun,
    Lapse,
    Retrospect,
    StagePast,
    Unmet,
    changes,
    kept_run,
    with_past,
)
from pytest_prodstatus.model.record import HISTORY_LIMIT, Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.store.address import HISTORY, parse_address
from pytest_prodstatus.store.database import Database
from pytest_prodstatus.store.schema import criteria, flips, runs


def run_values(kept: KeptRun, project: str) -> dict[str, Any]:
    """Return the row of a run, without its number."""
    return {
        "project": project,
        "target": kept.target,
        "run": kept.run,
        "started": kept.started,
        "finished": kept.finished,
        "final": kept.final.value,
        "gate_open": kept.open,
        "complete": kept.complete,
        "partial": kept.partial,
        "selection": kept.selection,
        "suite_commit": kept.commit,
        "suite_dirty": kept.dirty,
        "subject_release": kept.release,
        "catalogue": kept.catalogue,
        "versions": kept.versions,
        "stages": {name: verdict and verdict.value for name, verdict in kept.stages.items()},
        "causes": kept.causes,
    }


def criterion_values(record: Record, run_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a run's criteria that aren't plainly CONFIRMED."""
    for standing in record.criteria:
        if standing.verdict is not Verdict.CONFIRMED or standing.flaky:
            yield {
                "run_id": run_id,
                "criterion": standing.id,
                "stage": standing.stage,
                "verdict": standing.verdict.value,
                "kind": standing.reason and standing.reason.kind.value,
                "reason": standing.reason and standing.reason.text,
                # What was carried over was flaky in the run that observed it.
                "flaky": standing.flaky and not standing.carried_over,
            }


def run_of(row: RowMapping) -> KeptRun:
    """Return the run in a row."""
    return KeptRun(
        run=row["run"],
        target=row["target"],
        started=row["started"],
        finished=row["finished"],
        final=Verdict(row["final"]),
        open=row["gate_open"],
        complete=row["complete"],
        partial=row["partial"],
        selection=row["selection"],
        commit=row["suite_commit"],
        dirty=row["suite_dirty"],
        release=row["subject_release"],
        catalogue=row["catalogue"],
        versions=row["versions"],
        stages=verdicts_of(row["stages"]),
        causes=row["causes"],
    )


def verdicts_of(names: dict[str, str | None]) -> dict[str, Verdict | None]:
    """Return the verdicts of a run's stages."""
    return {name: Verdict(told) if told else None for name, told in names.items()}


def flip_of(row: RowMapping) -> Flip:
    """Return the flip in a row."""
    previous = row["previous"]
    return Flip(
        stage=row["stage"],
        at=row["started"],
        run=row["run"],
        verdict=Verdict(row["verdict"]),
        previous=Verdict(previous) if previous else None,
    )


def unmet_of(row: RowMapping) -> Unmet:
    """Return the criterion in a row."""
    return Unmet(
        criterion=row["criterion"],
        stage=row["stage"],
        verdict=Verdict(row["verdict"]),
        kind=row["kind"],
        reason=row["reason"],
    )


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


_LOCK = 0x70_73_68_69  # "pshi", beside a number made of project and target


@final
class History:
    """The history of a project at an address; open it with `History.open`, use it in a `with`."""

    __slots__ = ("_database", "_project")

    def __init__(self, database: Database, project: str) -> None:
        self._database = database
        self._project = project

    @classmethod
    def open(cls, url: str, project: str) -> History:
        """Open the history of `project` at `url`, creating file and tables where missing.

        Args:
            url: a SQLite file by its absolute path, or a PostgreSQL database.
            project: whose runs; targets of the same name in two projects are two targets.

        Raises:
            StateUnavailable: it can't be used, in one sentence with the remedy.
        """
        database = Database(parse_address(url, HISTORY), HISTORY)
        database.prepare()
        return cls(database, project)

    def __enter__(self) -> History:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what the history holds of its database; nothing is left to be written."""
        self._database.close()

    def save(self, record: Record) -> None:
        """Keep a finished run, in place of what was kept under its target and id before.

        Raises:
            ValueError: the run is in progress.
            StateUnavailable: it could not be written; nothing of it was.
        """
        kept = kept_run(record)
        same = (
            runs.c.project == self._project,
            runs.c.target == kept.target,
            runs.c.run == kept.run,
        )
        with self._database.writing() as connection:
            _take_turns(connection, self._project, kept.target)
            former = connection.execute(select(runs).where(*same)).mappings().first()
            if former is not None:
                remove(connection, self._project, run_of(former))
                connection.execute(delete(runs).where(*same))
            row = insert(runs).values(run_values(kept, self._project))
            run_id: int = next(iter(connection.execute(row).inserted_primary_key or ()))
            unmet = list(criterion_values(record, run_id))
            if unmet:
                connection.execute(insert(criteria), unmet)
            place(connection, self._project, kept)

    def look_back(self, target: str, *, limit: int = 30) -> Retrospect:
        """Return what the newest `limit` runs of a target tell, and each stage's past.

        Raises:
            StateUnavailable: it can't be read.
        """
        with self._database.reading() as connection:
            return Reader(connection, self._project, target).look_back(limit)

    def dated(self, record: Record) -> Record:
        """Return a saved record with the former runs and `since` that the history knows better.

        Raises:
            StateUnavailable: it can't be read.
        """
        with self._database.reading() as connection:
            reader = Reader(connection, self._project, record.run.target)
            former = reader.runs_before(kept_run(record), HISTORY_LIMIT)
            flips = reader.newest_flips([stage.id for stage in record.stages])
        return with_past(record, tuple(run.past for run in reversed(former)), flips)


def _take_turns(connection: Connection, project: str, target: str) -> None:
    """Let one process at a time write about a target; SQLite's write transaction does already."""
    if connection.dialect.name == "postgresql":
        named = zlib.crc32(f"{project}/{target}".encode()) - 2**31
        locked = text("SELECT pg_advisory_xact_lock(:what, :whose)")
        connection.execute(locked, {"what": _LOCK, "whose": named})
