"""The database under the state store: durable transactions, and its refusals in one sentence.

SQLite: a rollback journal (DELETE) with synchronous=EXTRA, which is FULL and also syncs the
folder once the rollback journal is gone; with FULL alone a power cut just after a commit could
bring that journal back and undo the commit (https://sqlite.org/pragma.html#pragma_synchronous).
No WAL: it gains nothing at a few rows a day, and doesn't work on network folders. Writers begin
IMMEDIATE, so that what they read can't change before they write, and wait up to 30 s.

PostgreSQL: READ COMMITTED (why it suffices is said in the schema); a commit waits for the disk
even where the role's default says otherwise.

Every operation opens its own connection: the store is asked a few times in a run, holds
nothing open while a supplier thinks, and is safe across forks and kills.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from pytest_prodstatus.state import revision
from pytest_prodstatus.state.address import prepare_file, shown
from pytest_prodstatus.state.faults import explain
from pytest_prodstatus.state.part import JOURNAL, Part

BUSY_TIMEOUT_S = 30
CONNECT_TIMEOUT_S = 10

_WRITES = "prodstatus_writes"
# `on` only in place of `off`: an administrator's remote_apply is stronger and stays.
_POSTGRES_SETTINGS = text(
    "SELECT set_config('lock_timeout', '30s', true), "
    "set_config('statement_timeout', '60s', true), "
    "set_config('synchronous_commit', "
    "CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on' "
    "ELSE current_setting('synchronous_commit') END, true)"
)


@final
class Database:
    """A part's tables behind an address that `parse_address` accepted."""

    __slots__ = ("_address", "_engine", "_part")

    def __init__(self, address: URL, part: Part = JOURNAL) -> None:
        self._address = address
        self._part = part
        with self._told("opened"):
            self._engine = _engine(address)

    def prepare(self) -> None:
        """Create the file and the part's tables where missing; safe against other processes.

        Raises:
            StateUnavailable: (this and below: the part's own) they are missing and can't be
                created, or can't be read, or are a newer release's.
        """
        if self._address.get_backend_name() == "sqlite":
            with self._told("opened"):
                prepare_file(Path(str(self._address.database)))
        with self.reading() as connection:
            ready = revision.current(connection) >= self._part.revision
        if not ready:
            with self.writing() as connection:
                revision.upgrade(connection, self._part.revision)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection inside one transaction that writes nothing.

        Raises:
            StateUnavailable: the database can't be read.
        """
        with self._told("read"), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection inside one transaction that is on the disk when the block ends.

        Raises:
            StateUnavailable: it can't be written; where that came at the very end (a server
                lost while it committed) the change may have been kept all the same.
            IntegrityError: another process wrote the same row first; nothing was written.
        """
        with self._told("written"), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(_POSTGRES_SETTINGS)
                yield connection

    def close(self) -> None:
        """Give back what the engine holds."""
        self._engine.dispose()

    @contextmanager
    def _told(self, participle: str) -> Iterator[None]:
        try:
            yield
        except IntegrityError:
            raise
        except (SQLAlchemyError, OSError, ImportError, revision.UnknownRevision) as error:
            cause, remedy = explain(error)
            msg = (
                f"The {self._part.name} at {shown(self._address)} could not be {participle} "
                f"({cause}): {remedy}{self._part.consequence}"
            )
            raise self._part.unavailable(msg) from error


def _engine(address: URL) -> Engine:
    if address.get_backend_name() == "sqlite":
        # isolation_level=None keeps the driver from beginning transactions of its own.
        engine = create_engine(
            address,
            poolclass=NullPool,
            hide_parameters=True,
            connect_args={"timeout": BUSY_TIMEOUT_S, "isolation_level": None},
        )
        event.listen(engine, "connect", _make_durable)
        event.listen(engine, "begin", _begin)
        return engine
    defaults: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT_S,
        "fallback_application_name": "prodstatus",
    }
    return create_engine(
        address,
        poolclass=NullPool,
        hide_parameters=True,
        isolation_level="READ COMMITTED",
        connect_args={key: value for key, value in defaults.items() if key not in address.query},
    )


def _make_durable(connection: sqlite3.Connection, _record: object) -> None:
    for setting in (
        "journal_mode = DELETE",
        "synchronous = EXTRA",
        "fullfsync = ON",  # macOS: a plain fsync stops at the drive's cache
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
