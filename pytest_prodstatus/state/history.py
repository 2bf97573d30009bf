"""The history of finished runs: kept once each, and asked since when things are what they are."""

from __future__ import annotations

import zlib
from types import TracebackType
from typing import final

from sqlalchemy import Connection, delete, insert, select, text

from pytest_prodstatus.model.record import HISTORY_LIMIT, Record
from pytest_prodstatus.model.retrospect import Retrospect, kept_run, with_past
from pytest_prodstatus.state.address import parse_address
from pytest_prodstatus.state.database import Database
from pytest_prodstatus.state.flips import place, remove
from pytest_prodstatus.state.history_reader import Reader
from pytest_prodstatus.state.history_schema import criteria, runs
from pytest_prodstatus.state.kept import criterion_values, run_of, run_values
from pytest_prodstatus.state.part import HISTORY

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
