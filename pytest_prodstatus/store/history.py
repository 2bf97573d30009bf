"""The history of finished runs: each kept once, whatever order they are saved in.

One row a run, with the verdicts of its stages in it: 100,000 runs of nine stages, 100,000 rows. One
row a flip, which is when a stage's verdict differs from that of the run before: since when a stage
is what it is and when it was last CONFIRMED is one step into an index, however long ago. One row a
criterion that isn't plainly CONFIRMED in a run: what held leaves none. Runs are ordered by their
start, then by their id. Flips stay when old runs are deleted, so `since` outlives them; the rows of
criteria go with their run. The tables are made by the second revision in `migrations`.

A run that is saved, or saved again with other verdicts, can change two things alone for each stage:
whether it is a flip itself, and whether the next run that tells of the stage is one. Questions are
few statements, each a step into an index, however much it holds.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, final

from pytest_prodstatus.model.history import (
    Flaky,
    Flip,
    History,
    Regression,
    SavedRun,
    StagePast,
    Unconfirmed,
    changes,
    saved_run,
    with_past,
)
from pytest_prodstatus.model.record import HISTORY_LIMIT, Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.store.address import HISTORY
from pytest_prodstatus.store.statements import (
    Row,
    Statements,
    Store,
    among,
    insert_into,
    instant_of,
    open_store,
)


@final
class HistoryStore:
    """The history of a project at an address; open it with `History.open`, use it in a `with`."""

    __slots__ = ("_project", "_store")

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project

    @classmethod
    def open(cls, url: str, project: str) -> HistoryStore:
        """Open the history of `project` at `url`, creating file and tables where missing.

        Args:
            url: a SQLite file by its absolute path, or a PostgreSQL database.
            project: whose runs; targets of the same name in two projects are two targets.

        Raises:
            StateUnavailable: it can't be used, in one sentence with the remedy.
        """
        return cls(open_store(url, HISTORY), project)

    def __enter__(self) -> HistoryStore:
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
        self._store.close()

    def save(self, record: Record) -> None:
        """Keep a finished run, in place of what was kept under its target and id before.

        Raises:
            ValueError: the run is in progress.
            StateUnavailable: it could not be written; nothing of it was.
        """
        kept = saved_run(record)
        with self._store.writing() as statements:
            Writer(statements, self._project, kept.target).save(record, kept)

    def look_back(self, target: str, *, limit: int = 30) -> History:
        """Return what the newest `limit` runs of a target tell, and each stage's past.

        Raises:
            StateUnavailable: it can't be read.
        """
        with self._store.reading() as statements:
            return Reader(statements, self._project, target).look_back(limit)

    def dated(self, record: Record) -> Record:
        """Return a saved record with the former runs and `since` that the history knows better.

        Raises:
            StateUnavailable: it can't be read.
        """
        with self._store.reading() as statements:
            reader = Reader(statements, self._project, record.run.target)
            former = reader.runs_before(saved_run(record), HISTORY_LIMIT)
            flips = reader.newest_flips([stage.id for stage in record.stages])
        return with_past(record, tuple(run.past for run in reversed(former)), flips)


class _Target:
    """The rows of one target of a project, inside one transaction."""

    __slots__ = ("_statements", "_whose")

    def __init__(self, statements: Statements, project: str, target: str) -> None:
        self._statements = statements
        self._whose = {"project": project, "target": target}

    def _rows(self, statement: str, **values: Any) -> list[Row]:
        return self._statements.rows(statement, **self._whose, **values)

    def _stream(self, statement: str, **values: Any) -> Generator[Row, None, None]:
        return self._statements.stream(statement, **self._whose, **values)


_SAME_RUN = "FROM prodstatus_run WHERE project = :project AND target = :target AND run = :run"
_LATER_RUNS = (
    "SELECT * FROM prodstatus_run WHERE project = :project AND target = :target "
    "AND (started, run) > (:started, :run) ORDER BY started, run"
)
_VERDICT_BEFORE = (
    "SELECT verdict FROM prodstatus_flip "
    "WHERE project = :project AND target = :target AND stage = :stage "
    "AND (started, run) < (:started, :run) ORDER BY started DESC, run DESC LIMIT 1"
)
_DELETE_FLIP = (
    "DELETE FROM prodstatus_flip WHERE project = :project AND target = :target "
    "AND stage = :stage AND started = :started AND run = :run"
)


@final
class Writer(_Target):
    """Writes the runs of one target, in a transaction that no other writer shares."""

    __slots__ = ()

    def save(self, record: Record, kept: SavedRun) -> None:
        """Write a run in place of what was there under its id."""
        self._statements.take_turns(**self._whose)
        for former in self._rows(f"SELECT * {_SAME_RUN}", run=kept.run):
            # As if it had never told anything.
            self._settle(run_of(former), {})
            self._statements.change(f"DELETE {_SAME_RUN}", {**self._whose, "run": kept.run})
        values = run_values(kept, self._whose["project"])
        self._statements.change(insert_into("prodstatus_run", values), values)
        (row,) = self._rows(f"SELECT id {_SAME_RUN}", run=kept.run)
        unconfirmed = list(criterion_values(record, row["id"]))
        if unconfirmed:
            self._statements.change(
                insert_into("prodstatus_run_criterion", unconfirmed[0]), *unconfirmed
            )
        self._settle(kept, kept.stages)

    def _settle(self, run: SavedRun, verdicts: Mapping[str, Verdict | None]) -> None:
        """Write the flips that follow from a run that gave its stages these verdicts."""
        following = self._following(run)
        for stage in run.stages:
            former = self._verdict_before(run, stage)
            verdict = verdicts.get(stage)
            self._turn(run, stage, former, verdict)
            if stage in following:
                later = following[stage]
                self._turn(later, stage, verdict or former, later.stages[stage])

    def _verdict_before(self, run: SavedRun, stage: str) -> Verdict | None:
        """Return what a stage was before a run; None where no run told of it."""
        found = self._rows(_VERDICT_BEFORE, stage=stage, started=run.started, run=run.run)
        return Verdict(found[0]["verdict"]) if found else None

    def _turn(
        self, run: SavedRun, stage: str, former: Verdict | None, verdict: Verdict | None
    ) -> None:
        """Write a run down as a flip of a stage if it tells of it and differs, else as none."""
        flip = {**self._whose, "stage": stage, "started": run.started, "run": run.run}
        self._statements.change(_DELETE_FLIP, flip)
        if verdict is not None and verdict is not former:
            row = {**flip, "verdict": verdict.value, "previous": former and former.value}
            self._statements.change(insert_into("prodstatus_flip", row), row)

    def _following(self, run: SavedRun) -> dict[str, SavedRun]:
        """Return, for each stage of a run that a later run tells of, the first such run."""
        found: dict[str, SavedRun] = {}
        with closing(self._stream(_LATER_RUNS, started=run.started, run=run.run)) as rows:
            for later in map(run_of, rows):
                for stage in run.stages:
                    if later.stages.get(stage) is not None:
                        found.setdefault(stage, later)
                if len(found) == len(run.stages):
                    break
        return found


_RUNS = "SELECT * FROM prodstatus_run WHERE project = :project AND target = :target"
_FLIPS = "SELECT * FROM prodstatus_flip WHERE project = :project AND target = :target"
_CRITERIA = "SELECT * FROM prodstatus_run_criterion"
_COUNTED = (
    "SELECT criterion, count(*) AS times, max(started) AS newest "
    "FROM prodstatus_run_criterion JOIN prodstatus_run ON run_id = id"
)
_NEWEST = "ORDER BY started DESC, run DESC"
_BEFORE = f"{_RUNS} AND (started, run) < (:started, :run) {_NEWEST}"


@final
class Reader(_Target):
    """Reads the history of one target."""

    __slots__ = ()

    def look_back(self, limit: int) -> History:
        """Return what the newest `limit` runs tell, and each stage's past."""
        rows = self._rows(f"{_RUNS} {_NEWEST} LIMIT :limit", limit=limit)
        newest: dict[int, SavedRun] = {row["id"]: run_of(row) for row in rows}
        seen = tuple(newest.values())
        whole = next((run for run in seen if not run.partial), None)
        named = [*(whole.stages if whole else ()), *(seen[0].stages if seen else ())]
        since = self.newest_flips(list(dict.fromkeys(named)))
        flipped = self._flips_from(seen[-1], since) if seen else []
        regressions = self._lapses(
            [stage for stage, flip in since.items() if flip.verdict is not Verdict.CONFIRMED],
            newest,
        )
        return History(
            **self._whose,
            runs=seen,
            stages=tuple(
                StagePast(
                    id=stage,
                    verdict=flip.verdict,
                    since=flip,
                    flips=tuple(each for each in flipped if each.stage == stage),
                    regression=regressions.get(stage),
                )
                for stage, flip in since.items()
            ),
            flaky=self._flaky(newest),
        )

    def runs_before(self, run: SavedRun, limit: int) -> tuple[SavedRun, ...]:
        """Return the newest `limit` runs before one, the newest first."""
        rows = self._rows(f"{_BEFORE} LIMIT :limit", started=run.started, run=run.run, limit=limit)
        return tuple(map(run_of, rows))

    def newest_flips(
        self, stages: Sequence[str], *, away_from: Verdict | None = None
    ) -> dict[str, Flip]:
        """Return each stage's newest flip, or its newest away from a verdict, where it has one."""
        values: dict[str, Any] = {f"stage_{number}": stage for number, stage in enumerate(stages)}
        away = ""
        if away_from is not None:
            away, values["away"] = " AND previous = :away", away_from.value
        conditions = [f"stage = :stage_{number}{away}" for number in range(len(stages))]
        found = map(flip_of, self._firsts(_FLIPS, conditions, values))
        by_stage = {flip.stage: flip for flip in found}
        return {stage: by_stage[stage] for stage in stages if stage in by_stage}

    def _firsts(
        self, statement: str, conditions: Sequence[str], values: Mapping[str, Any]
    ) -> list[Row]:
        """Return the newest row that meets each of some conditions, all by one statement."""
        if not conditions:
            return []
        each = (
            f"SELECT * FROM ({statement} AND {condition} {_NEWEST} LIMIT 1) AS n_{number}"  # noqa: S608
            for number, condition in enumerate(conditions)
        )
        return self._rows(" UNION ALL ".join(each), **values)

    def _flips_from(self, oldest: SavedRun, stages: Iterable[str]) -> list[Flip]:
        names = {f"stage_{number}": stage for number, stage in enumerate(stages)}
        if not names:
            return []
        rows = self._rows(
            f"{_FLIPS} AND stage IN {among(names)} AND (started, run) >= (:started, :run) "
            f"AND previous IS NOT NULL {_NEWEST}",
            started=oldest.started,
            run=oldest.run,
            **names,
        )
        return list(map(flip_of, rows))

    def _lapses(
        self, stages: Sequence[str], newest: Mapping[int, SavedRun]
    ) -> dict[str, Regression]:
        turned = self.newest_flips(stages, away_from=Verdict.CONFIRMED)
        ended = self._runs_named({flip.run for flip in turned.values()})
        confirmed = self._last_confirmed(turned.values())
        unconfirmed = self._unmet(stages, newest)
        return {
            stage: _lapse(
                turned.get(stage),
                confirmed.get(stage),
                ended.get(turned[stage].run) if stage in turned else None,
                unconfirmed.get(stage, ()),
            )
            for stage in stages
        }

    def _runs_named(self, ids: set[str]) -> dict[str, SavedRun]:
        names = {f"run_{number}": run for number, run in enumerate(ids)}
        if not names:
            return {}
        found = map(run_of, self._rows(f"{_RUNS} AND run IN {among(names)}", **names))
        return {run.run: run for run in found}

    def _last_confirmed(self, turned: Iterable[Flip]) -> dict[str, SavedRun]:
        """Return the last run before each flip that told of its stage."""
        instants = sorted({(flip.at, flip.run) for flip in turned})
        values: dict[str, Any] = {}
        for number, (at, run) in enumerate(instants):
            values |= {f"at_{number}": at, f"run_{number}": run}
        conditions = [
            f"(started, run) < (:at_{number}, :run_{number})" for number in range(len(instants))
        ]
        rows = self._firsts(_RUNS, conditions, values)
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

    def _last_telling(self, flip: Flip) -> SavedRun | None:
        """Return the last run before a flip that told of its stage, past those that didn't."""
        with closing(self._stream(_BEFORE, started=flip.at, run=flip.run)) as rows:
            return next((run for run in map(run_of, rows) if run.stages.get(flip.stage)), None)

    def _unmet(
        self, stages: Iterable[str], newest: Mapping[int, SavedRun]
    ) -> dict[str, tuple[Unconfirmed, ...]]:
        """Return what stands in each stage's way: its own criteria, and the root of its verdict."""
        telling = {
            stage: next((n for n, run in newest.items() if run.stages.get(stage)), None)
            for stage in stages
        }
        ids = {f"id_{n}": n for n in telling.values() if n is not None}
        if not ids:
            return {}
        rows = self._statements.rows(
            f"{_CRITERIA} WHERE run_id IN {among(ids)} AND verdict <> :confirmed "
            "ORDER BY criterion",
            confirmed=Verdict.CONFIRMED.value,
            **ids,
        )
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
        ids = {f"id_{n}": n for n in run_ids}
        if not ids:
            return ()
        rows = self._statements.rows(
            f"{_COUNTED} WHERE run_id IN {among(ids)} AND flaky "
            "GROUP BY criterion ORDER BY times DESC, criterion",
            **ids,
        )
        return tuple(
            Flaky(criterion=row["criterion"], times=row["times"], newest=instant_of(row["newest"]))
            for row in rows
        )


def _lapse(
    turned: Flip | None,
    confirmed: SavedRun | None,
    ended: SavedRun | None,
    unconfirmed: tuple[Unconfirmed, ...],
) -> Regression:
    differing = changes(confirmed, ended) if confirmed and ended else ()
    return Regression(
        confirmed=confirmed, turned=turned, changes=differing, unconfirmed=unconfirmed
    )


def run_values(kept: SavedRun, project: str) -> dict[str, Any]:
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
        # In plain ASCII, which any encoding can hold.
        "versions": json.dumps(dict(kept.versions)),
        "stages": json.dumps({name: told and told.value for name, told in kept.stages.items()}),
        "causes": json.dumps(dict(kept.causes)),
    }


def criterion_values(record: Record, run_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a run's criteria that aren't plainly CONFIRMED."""
    for status in record.criteria:
        if status.verdict is not Verdict.CONFIRMED or status.flaky:
            yield {
                "run_id": run_id,
                "criterion": status.id,
                "stage": status.stage,
                "verdict": status.verdict.value,
                "kind": status.reason and status.reason.kind.value,
                "reason": status.reason and status.reason.text,
                # What was carried over was flaky in the run that observed it.
                "flaky": status.flaky and not status.carried_over,
            }


def run_of(row: Row) -> SavedRun:
    """Return the run in a row."""
    return SavedRun(
        run=row["run"],
        target=row["target"],
        started=instant_of(row["started"]),
        finished=instant_of(row["finished"]),
        final=Verdict(row["final"]),
        open=bool(row["gate_open"]),
        complete=bool(row["complete"]),
        partial=bool(row["partial"]),
        selection=row["selection"],
        commit=row["suite_commit"],
        dirty=None if row["suite_dirty"] is None else bool(row["suite_dirty"]),
        release=row["subject_release"],
        catalogue=row["catalogue"],
        versions=json.loads(row["versions"]),
        stages={
            name: Verdict(verdict) if verdict else None
            for name, verdict in json.loads(row["stages"]).items()
        },
        causes=json.loads(row["causes"]),
    )


def flip_of(row: Row) -> Flip:
    """Return the flip in a row."""
    previous = row["previous"]
    return Flip(
        stage=row["stage"],
        at=instant_of(row["started"]),
        run=row["run"],
        verdict=Verdict(row["verdict"]),
        previous=Verdict(previous) if previous else None,
    )


def unmet_of(row: Row) -> Unconfirmed:
    """Return the criterion in a row."""
    return Unconfirmed(
        criterion=row["criterion"],
        stage=row["stage"],
        verdict=Verdict(row["verdict"]),
        kind=row["kind"],
        reason=row["reason"],
    )
