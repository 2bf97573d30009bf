"""The history of finished runs: each run is kept once, in any order of saving.

- A run is one row, with the verdicts of its stages in it: 100,000 runs of nine stages are 100,000
  rows.
- A flip is one row: a run that gave a stage another verdict than the run before. So one step into
  an index finds since when a stage has its verdict, and when it was last CONFIRMED.
- A criterion that was not CONFIRMED in a run, or was flaky, is one row. All others have none.

Runs are ordered by their start, then by their id. Flips stay if old runs are deleted, so `since`
outlives them; the rows of criteria are deleted with their run. The second revision in `migrations`
makes the tables.

Saving a run, also a second time with other verdicts, changes two things for each stage: whether
this run is a flip, and whether the next run that has a verdict of the stage is one. Each query is a
few statements, and each statement one step into an index, however large the history is.

The archive lies beside it in the same database: the record of each run, and its attestations, byte
for byte, compressed. So a run is kept completely or not at all, no file name is made of its id, and
they go with the run when it is deleted. The fourth revision makes its table.

What no run needs, only a person who looks back, is in `look_back`.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, final

from pytest_prodstatus.model.history import (
    Flip,
    History,
    SavedRun,
    saved_run,
    with_past,
)
from pytest_prodstatus.model.record import HISTORY_LIMIT, Failures, Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers import LIMIT
from pytest_prodstatus.readers.config import OUTPUTS
from pytest_prodstatus.store import ARCHIVE, HISTORY
from pytest_prodstatus.store.statements import (
    ProjectPart,
    Row,
    Statements,
    from_row,
    insert_into,
    instant_of,
)

FAILURES_LIMIT = 1000
"""How many of the newest runs are searched for a criterion's last failure; it costs some 10 ms."""


@final
class HistoryStore(ProjectPart):
    """One project's history."""

    __slots__ = ()
    part = HISTORY

    def save(self, record: Record) -> None:
        """Save a finished run; it replaces an earlier save of the same target and run id.

        Raises:
            ValueError: the run is in progress.
            StateUnavailable: the run could not be written, so nothing of it was.
        """
        saved = saved_run(record)
        with self._store.writing() as statements:
            Writer(statements, self._project, saved.target).save(record, saved)

    def note_open(self, target: str, run: str) -> None:
        """Note that a saved run opens the gate, since its record was signed; unknown ones aren't.

        Raises:
            StateUnavailable: it could not be written.
        """
        with self._store.writing() as statements:
            Writer(statements, self._project, target).note_open(run)

    def look_back(self, target: str, *, limit: int = 30) -> History:
        """Return the newest `limit` runs of a target, with each stage's flips and regression.

        Raises:
            StateUnavailable: the history can't be read.
        """
        from pytest_prodstatus.store.look_back import LookBack

        with self._store.reading() as statements:
            return LookBack(statements, self._project, target).look_back(limit)

    def newest(
        self, target: str, release: str | None, *, any_release: bool = False, but: str = ""
    ) -> SavedRun | None:
        """Return the run of a target and release that started last; None if none was saved.

        A run that names no release may have judged any. So if it wasn't CONFIRMED, it counts for
        each of them; and if no release is asked for, so does such a run of any release.

        Args:
            target: the system.
            release: the release that was judged; None if it isn't known.
            any_release: whether all runs of all other releases count too.
            but: the id of a run that doesn't count; "" for none.

        Raises:
            StateUnavailable: the history can't be read.
        """
        values = {"but": but}
        of_release = ""
        if not any_release:
            values["confirmed"] = Verdict.CONFIRMED.value
            of_release = "AND (subject_release IS NULL OR final <> :confirmed)"
        if not any_release and release is not None:
            values["release"] = release
            unnamed = "subject_release IS NULL AND final <> :confirmed"
            of_release = f"AND (subject_release = :release OR {unnamed})"
        with self._reading(target) as reader:
            return reader.first(f"{RUNS} {of_release} AND run <> :but {NEWEST}", **values)

    def last_open(self, target: str, before: Record | None = None) -> SavedRun | None:
        """Return the newest run of a target with an open gate; None if there is none.

        Args:
            target: the system.
            before: only runs that started before this one's count; None for all.

        Raises:
            StateUnavailable: the history can't be read.
        """
        with self._reading(target) as reader:
            if before is None:
                return reader.first(LAST_OPEN)
            place = {"started": before.run.started, "run": before.run.id}
            return reader.first(_OPEN_BEFORE, **place)

    def prune(self, target: str, before: datetime, *, last_of_release: bool) -> int:
        """Delete the runs of a target that started before an instant; return how many.

        What the archive keeps of them goes with them; flips stay. The last run with an open gate is
        kept in any case: comparisons start from it.

        Args:
            target: the system.
            before: the instant.
            last_of_release: keep the last run of each release, and its last full run.

        Raises:
            StateUnavailable: the history can't be written, and nothing was deleted.
        """
        from pytest_prodstatus.store.look_back import Pruning

        with self._store.writing() as statements:
            return Pruning(statements, self._project, target).prune(before, last_of_release)

    def dated(self, record: Record) -> Record:
        """Return a saved record with its past from the history: former runs, `since`, failures.

        The history knows them better than the last record does, which may be another machine's.

        Raises:
            StateUnavailable: the history can't be read.
        """
        place = {"started": record.run.started, "run": record.run.id}
        with self._reading(record.run.target) as reader:
            former = reader.rows(f"{BEFORE} LIMIT :limit", limit=HISTORY_LIMIT, **place)
            failures = reader.failures_until(place)
            flips = reader.newest_flips([stage.id for stage in record.stages])
        past = tuple(run_of(row).past for row in reversed(former))
        return with_past(record, past, flips, failures)

    @contextmanager
    def _reading(self, target: str) -> Iterator[Reader]:
        """Yield a reader of a target's history, inside one transaction that writes nothing."""
        with self._store.reading() as statements:
            yield Reader(statements, self._project, target)


class Target:
    """The rows of one target of a project, inside one transaction."""

    __slots__ = ("_scope", "_statements")

    def __init__(self, statements: Statements, project: str, target: str) -> None:
        self._statements = statements
        self._scope = {"project": project, "target": target}

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """Run a query about the target and return its rows."""
        return self._statements.rows(statement, **self._scope, **values)

    def stream(self, statement: str, **values: Any) -> Generator[Row, None, None]:
        """Run a query about the target and yield its rows; close the generator to stop early."""
        return self._statements.stream(statement, **self._scope, **values)


# Two columns are compared as a pair, (started, run), so that an index answers in one step; SQLite
# knows this since 3.15 (https://sqlite.org/rowvalue.html).
_SAME_RUN = "FROM prodstatus_run WHERE project = :project AND target = :target AND run = :run"
_NOTE_OPEN = (
    "UPDATE prodstatus_run SET gate_open = :open "
    "WHERE project = :project AND target = :target AND run = :run"
)
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
class Writer(Target):
    """Writes runs of one target, in a transaction that keeps other writers out."""

    __slots__ = ()

    def save(self, record: Record, saved: SavedRun) -> None:
        """Write a run; it replaces the row that has its id."""
        # A flip depends on the runs beside it: two writers at once would each miss the other's run.
        self._statements.take_turns(**self._scope)
        for former in self.rows(f"SELECT * {_SAME_RUN}", run=saved.run):
            # Undo its flips first, as if it had never been saved.
            self._update_flips(run_of(former), {})
            self._statements.change(f"DELETE {_SAME_RUN}", {**self._scope, "run": saved.run})
        values = run_values(saved, self._scope["project"])
        self._statements.change(insert_into("prodstatus_run", values), values)
        # Not RETURNING, which SQLite has only since 3.35.
        (row,) = self.rows(f"SELECT id {_SAME_RUN}", run=saved.run)
        unconfirmed = list(criterion_values(record, row["id"]))
        if unconfirmed:
            self._statements.change(
                insert_into("prodstatus_run_criterion", unconfirmed[0]), *unconfirmed
            )
        self._update_flips(saved, saved.stages)

    def note_open(self, run: str) -> None:
        """Note that the run with this id opens the gate."""
        self._statements.take_turns(**self._scope)
        self._statements.change(_NOTE_OPEN, {**self._scope, "run": run, "open": True})

    def _update_flips(self, run: SavedRun, verdicts: Mapping[str, Verdict | None]) -> None:
        """Write the flips that change because `run` gave its stages these verdicts."""
        following = self._following(run)
        for stage in run.stages:
            former = self._verdict_before(run, stage)
            verdict = verdicts.get(stage)
            self._replace_flip(run, stage, former, verdict)
            if stage in following:
                # If this run has no verdict of the stage, the later one follows the run before.
                later = following[stage]
                self._replace_flip(later, stage, verdict or former, later.stages[stage])

    def _verdict_before(self, run: SavedRun, stage: str) -> Verdict | None:
        """Return the verdict of a stage before a run; None if no earlier run has one."""
        found = self.rows(_VERDICT_BEFORE, stage=stage, started=run.started, run=run.run)
        return Verdict(found[0]["verdict"]) if found else None

    def _replace_flip(
        self, run: SavedRun, stage: str, former: Verdict | None, verdict: Verdict | None
    ) -> None:
        """Replace the flip of a stage in a run; there is none if the verdict didn't change."""
        flip = {**self._scope, "stage": stage, "started": run.started, "run": run.run}
        # Always: an earlier save of the run, or of a run beside it, may have left one.
        self._statements.change(_DELETE_FLIP, flip)
        if verdict is not None and verdict is not former:
            row = {**flip, "verdict": verdict.value, "previous": former and former.value}
            self._statements.change(insert_into("prodstatus_flip", row), row)

    def _following(self, run: SavedRun) -> dict[str, SavedRun]:
        """Return the next run that has a verdict of it, for each stage of a run that has one."""
        found: dict[str, SavedRun] = {}
        # Usually there is no later run, or the next one has all stages.
        with closing(self.stream(_LATER_RUNS, started=run.started, run=run.run)) as rows:
            for later in map(run_of, rows):
                for stage in run.stages:
                    if later.stages.get(stage) is not None:
                        found.setdefault(stage, later)
                if len(found) == len(run.stages):
                    break
        return found


RUNS = "SELECT * FROM prodstatus_run WHERE project = :project AND target = :target"
FLIPS = "SELECT * FROM prodstatus_flip WHERE project = :project AND target = :target"
NEWEST = "ORDER BY started DESC, run DESC"
LAST_OPEN = f"{RUNS} AND gate_open {NEWEST}"
_UNTIL = (
    "SELECT id, started FROM prodstatus_run WHERE project = :project AND target = :target "
    "AND (started, run) <= (:started, :run) ORDER BY started DESC, run DESC LIMIT :limit"
)
_HOW_MANY = f"SELECT count(*) AS runs FROM ({_UNTIL}) AS searched"  # noqa: S608
_LAST_FAILED = (
    f"SELECT criterion, max(started) AS newest FROM ({_UNTIL}) AS searched "  # noqa: S608
    "JOIN prodstatus_run_criterion ON run_id = id WHERE verdict = :failed GROUP BY criterion"
)
BEFORE = f"{RUNS} AND (started, run) < (:started, :run) {NEWEST}"
_OPEN_BEFORE = f"{RUNS} AND gate_open AND (started, run) < (:started, :run) {NEWEST}"


class Reader(Target):
    """Reads the history of one target."""

    __slots__ = ()

    def first(self, query: str, **values: Any) -> SavedRun | None:
        """Return the first run that a query finds; None if there is none."""
        rows = self.rows(f"{query} LIMIT 1", **values)
        return run_of(rows[0]) if rows else None

    def failures_until(self, place: Mapping[str, object]) -> Failures:
        """Return which criteria FAILED in the newest runs up to a place, and when last."""
        values = {**place, "limit": FAILURES_LIMIT}
        (found,) = self.rows(_HOW_MANY, **values)
        rows = self.rows(_LAST_FAILED, failed=Verdict.FAILED.value, **values)
        last = {row["criterion"]: newest_of(row) for row in rows}
        return Failures(runs=max(1, found["runs"]), last=last)

    def newest_flips(
        self, stages: Sequence[str], *, away_from: Verdict | None = None
    ) -> dict[str, Flip]:
        """Return each stage's newest flip, by stage; stages without one are left out.

        Args:
            stages: the stages' ids.
            away_from: count only flips from this verdict to another.
        """
        values: dict[str, Any] = {f"stage_{number}": stage for number, stage in enumerate(stages)}
        away = ""
        if away_from is not None:
            away, values["away"] = " AND previous = :away", away_from.value
        conditions = [f"stage = :stage_{number}{away}" for number in range(len(stages))]
        found = map(flip_of, self.newest_of_each(FLIPS, conditions, values))
        by_stage = {flip.stage: flip for flip in found}
        return {stage: by_stage[stage] for stage in stages if stage in by_stage}

    def newest_of_each(
        self, statement: str, conditions: Sequence[str], values: Mapping[str, Any]
    ) -> list[Row]:
        """Return, for each condition, the newest row that meets it, by one statement."""
        if not conditions:
            return []
        # SQLite allows LIMIT in a part of a UNION only inside a subquery, which needs a name in
        # PostgreSQL before 16.
        queries = (
            f"SELECT * FROM ({statement} AND {condition} {NEWEST} LIMIT 1) AS n_{number}"  # noqa: S608
            for number, condition in enumerate(conditions)
        )
        return self.rows(" UNION ALL ".join(queries), **values)


def run_values(run: SavedRun, project: str) -> dict[str, Any]:
    """Return the row of a run by column, without its number, which the database gives."""
    return {
        "project": project,
        "target": run.target,
        "run": run.run,
        "started": run.started,
        "finished": run.finished,
        "final": run.final.value,
        "gate_open": run.open,
        "complete": run.complete,
        "partial": run.partial,
        "selection": run.selection,
        "suite_commit": run.commit,
        "suite_dirty": run.dirty,
        "subject_release": run.release,
        "catalogue": run.catalogue,
        # In plain ASCII, which any encoding can hold.
        "versions": json.dumps(dict(run.versions)),
        "stages": json.dumps(
            {name: verdict and verdict.value for name, verdict in run.stages.items()}
        ),
        "causes": json.dumps(dict(run.causes)),
    }


def criterion_values(record: Record, run_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of those criteria of a run that are not CONFIRMED, or were flaky."""
    for status in record.criteria:
        if status.verdict is not Verdict.CONFIRMED or status.flaky:
            yield {
                "run_id": run_id,
                "criterion": status.id,
                "stage": status.stage,
                "verdict": status.verdict.value,
                "kind": status.reason and status.reason.kind.value,
                "reason": status.reason and status.reason.text,
                # A carried-over criterion was flaky in the run that observed it, not in this one.
                "flaky": status.flaky and not status.carried_over,
            }


@from_row
def newest_of(row: Row) -> datetime:
    """Return the newest instant of a group of rows."""
    return instant_of(row["newest"])


@from_row
def run_of(row: Row) -> SavedRun:
    """Build a run from its row."""
    return SavedRun(
        run=row["run"],
        target=row["target"],
        started=instant_of(row["started"]),
        finished=instant_of(row["finished"]),
        final=Verdict(row["final"]),
        open=bool(row["gate_open"]),  # SQLite has no booleans, and gives 0 or 1
        complete=bool(row["complete"]),
        partial=bool(row["partial"]),
        selection=row["selection"],
        commit=row["suite_commit"],
        dirty=None if row["suite_dirty"] is None else bool(row["suite_dirty"]),
        release=row["subject_release"],
        catalogue=row["catalogue"],
        versions=dict(json.loads(row["versions"])),
        stages={
            name: Verdict(verdict) if verdict else None
            for name, verdict in json.loads(row["stages"]).items()
        },
        causes=dict(json.loads(row["causes"])),
    )


@from_row
def flip_of(row: Row) -> Flip:
    """Return the flip that a row of the history holds."""
    previous = row["previous"]
    return Flip(
        stage=row["stage"],
        at=instant_of(row["started"]),
        run=row["run"],
        verdict=Verdict(row["verdict"]),
        previous=Verdict(previous) if previous else None,
    )


RECORD = OUTPUTS[0]
"""The name of a run's record among its files."""

_RUN = "SELECT id FROM prodstatus_run WHERE project = :project AND target = :target AND run = :run"
_TARGETS = (
    "SELECT target FROM prodstatus_run WHERE project = :project AND run = :run ORDER BY target"
)
_FILES = "SELECT name, content FROM prodstatus_archive WHERE run_id = :id ORDER BY name"
_ONE = "SELECT content FROM prodstatus_archive WHERE run_id = :id AND name = :name"
_DELETE = "DELETE FROM prodstatus_archive WHERE run_id = :id"


@final
class ArchiveStore(ProjectPart):
    """One project's archive."""

    __slots__ = ()
    part = ARCHIVE

    def keep(self, target: str, run: str, record: bytes) -> None:
        """Keep the record of a run that is in the history; it replaces what was kept of the run.

        A run that isn't there any more, since another process deleted it, isn't kept.
        """
        with self._store.writing() as statements:
            statements.take_turns(self._project, target)
            run_id = self._run_id(statements, target, run)
            if run_id is not None:
                statements.change(_DELETE, {"id": run_id})  # its attestations are of the former one
                _insert(statements, run_id, {RECORD: record})

    def attest(self, target: str, run: str, record: bytes, files: Mapping[str, bytes]) -> bool:
        """Keep the attestations of a run's record.

        Args:
            target: the run's target.
            run: its id.
            record: the record that they are about.
            files: the content of each file, by its name.

        Returns:
            Whether that record is kept, so that they are, too.
        """
        with self._store.writing() as statements:
            statements.take_turns(self._project, target)
            run_id = self._run_id(statements, target, run)
            kept = statements.rows(_ONE, id=run_id, name=RECORD) if run_id is not None else []
            # Meanwhile another process may have saved the run again, with another record.
            if run_id is None or not kept or _unpacked(kept[0]["content"]) != record:
                return False
            statements.change(f"{_DELETE} AND name <> :name", {"id": run_id, "name": RECORD})
            _insert(statements, run_id, files)
        return True

    def files(self, target: str, run: str) -> dict[str, bytes] | None:
        """Return the files of a run by their names.

        They are empty if the history knows the run, but its record isn't kept; None if the history
        doesn't know the run.
        """
        with self._store.reading() as statements:
            run_id = self._run_id(statements, target, run)
            if run_id is None:
                return None
            rows = statements.rows(_FILES, id=run_id)
        return {row["name"]: _unpacked(row["content"]) for row in rows}

    def targets(self, run: str) -> list[str]:
        """Return the targets that have a run of this id."""
        with self._store.reading() as statements:
            rows = statements.rows(_TARGETS, project=self._project, run=run)
        return [row["target"] for row in rows]

    def _run_id(self, statements: Statements, target: str, run: str) -> int | None:
        """Return the number of a run's row in the history; None if it has none."""
        found = statements.rows(_RUN, project=self._project, target=target, run=run)
        return int(found[0]["id"]) if found else None


def _insert(statements: Statements, run_id: int, files: Mapping[str, bytes]) -> None:
    """Insert the files of a run, by name, compressed."""
    rows: list[dict[str, Any]] = [
        {"run_id": run_id, "name": name, "content": zlib.compress(content)}
        for name, content in files.items()
    ]
    if rows:
        statements.change(insert_into("prodstatus_archive", rows[0]), *rows)


def _unpacked(content: bytes) -> bytes:
    """Return the content; b"" if it isn't one, or is larger than any file that is read."""
    # Bounded, because a few bytes can unpack to more than the memory; `eof` tells a whole one.
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(content, LIMIT)
    except zlib.error:
        return b""
    return unpacked if unpacker.eof else b""
