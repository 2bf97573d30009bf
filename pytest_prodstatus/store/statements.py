"""Plain SQL on either database, for the parts that every run uses: history and overrides.

A statement is one text that both SQLite and PostgreSQL understand, with named values as in
`:target`. Python's own sqlite3 opens a SQLite file. SQLAlchemy and Alembic are imported only for
PostgreSQL, and for a file that an older release made (`database`): they cost some 100 ms.

The file, its settings and its refusals are the same either way: a rollback journal (DELETE) with
synchronous=EXTRA, which is FULL and also syncs the folder once the rollback journal is gone; with
FULL alone a power cut just after a commit could bring that journal back and undo the commit
(https://sqlite.org/pragma.html#pragma_synchronous). No WAL: it gains nothing at a few rows a day,
and doesn't work on network folders. Writers begin IMMEDIATE, so that what they read can't change
before they write, and wait up to 30 s.

Every operation opens its own connection, so it is safe across forks and kills.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime, timezone
from functools import wraps
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar, final

from pytest_prodstatus.store import (
    HEAD,
    VERSION_TABLE,
    OpenPart,
    Part,
    StateUnavailable,
    prepare_file,
    sqlite_file,
)

BUSY_TIMEOUT_S = 30
NEW_STORE = Path(__file__).with_name("migrations") / "sqlite.sql"
"""The schema of revision `HEAD` for an empty file, a statement a paragraph.

`python -m tests.integration.store.new_store` generates it from the revisions; a test compares.
"""

WRITABLE = (
    "let this user write to it (for a file: to its folder too) or set PRODSTATUS_STATE_URL to "
    "a place where it may"
)
SPACE = "free some space there"
ELSE = "set PRODSTATUS_STATE_URL to a database that can be reached and written"
"""The remedy for an error of no known kind."""

# Fragments of SQLite's messages (sqlite3ErrStr in main.c), which carry no code before Python 3.11.
_BY_FRAGMENT = {
    "readonly database": WRITABLE,
    "unable to open database file": WRITABLE,
    "database or disk is full": SPACE,
    "disk i/o error": "look at that disk: it is full, over its quota or failing",
    "database is locked": "try again when the process that holds it has ended",
    "file is not a database": "set PRODSTATUS_STATE_URL to the journal's own file",
}


def explain_file(error: Exception) -> tuple[str, str]:
    """Return the cause in one line and the remedy, for an error of SQLite or of its file."""
    if isinstance(error, OSError):
        remedy = SPACE if error.errno in (28, 122) else WRITABLE  # ENOSPC, EDQUOT
        return error.strerror or str(error), remedy
    # Only the first line: the message ends up in one sentence.
    line = next(iter(str(error).strip().splitlines()), type(error).__name__).rstrip(" .:")
    for fragment, remedy in _BY_FRAGMENT.items():
        if fragment in line.lower():
            return line, remedy
    return line, ELSE


def unavailable(
    part: Part, place: str, participle: str, cause: tuple[str, str]
) -> StateUnavailable:
    """Build the exception for a part of the store that can't be used; one sentence.

    Args:
        part: the part of the store.
        place: its address as it may be shown.
        participle: the operation that failed: "opened", "read" or "written".
        cause: the cause in one line, and the remedy.
    """
    line, remedy = cause
    return part.unavailable(
        f"The {part.name} at {place} could not be {participle} ({line}): {remedy}{part.consequence}"
    )


def make_durable(connection: sqlite3.Connection) -> None:
    """Set a connection up so that each commit is on the disk when it returns."""
    for setting in (
        "journal_mode = DELETE",
        "synchronous = EXTRA",
        "fullfsync = ON",  # macOS: a plain fsync stops at the drive's cache
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")


@final
class FileStatements:
    """Runs plain SQL in one transaction on a SQLite file."""

    __slots__ = ("_connection",)

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, **values: Any) -> list[Mapping[str, Any]]:
        """Run a query and return its rows by column name."""
        return list(self.stream(statement, **values))

    def stream(self, statement: str, **values: Any) -> Generator[Mapping[str, Any], None, None]:
        """Run a query and yield its rows by column name, each when it is asked for."""
        cursor = self._connection.execute(statement, _bound(values))
        names = [column[0] for column in cursor.description or ()]
        with closing(cursor):
            for row in cursor:
                yield dict(zip(names, row, strict=True))

    def change(self, statement: str, *rows: Mapping[str, Any]) -> None:
        """Run a statement that returns no rows, once for each set of values."""
        self._connection.executemany(statement, [_bound(values) for values in rows])

    def take_turns(self, project: str, target: str) -> None:
        """Do nothing, since a write transaction on a file keeps all other writers out anyway."""


def _bound(values: Mapping[str, Any]) -> dict[str, Any]:
    """Convert values for SQLite: an instant becomes text in UTC, as SQLAlchemy writes it."""
    return {
        name: value.astimezone(timezone.utc).replace(tzinfo=None).isoformat(" ", "microseconds")
        if isinstance(value, datetime)
        else value
        for name, value in values.items()
    }


@final
class FileStore:
    """A part's tables in a SQLite file.

    Args:
        path: the file, absolute; it may not exist.
        part: the part of the store.
    """

    __slots__ = ("_part", "_path")

    def __init__(self, path: Path, part: Part) -> None:
        self._path = path
        self._part = part

    def is_ready(self) -> bool:
        """Return whether the file has the part's tables, in a schema that this release knows.

        Raises:
            StateUnavailable: (here and below: the part's own) the file can't be read.
        """
        return self._version() in _named(self._part.revision, HEAD)

    def may_hold(self) -> bool:
        """Return whether the file may have the part's tables, also in a newer schema."""
        version = self._version()
        return version is not None and version not in _named(1, self._part.revision - 1)

    def prepare(self) -> bool:
        """Create the file and all tables if missing; other processes may do so meanwhile.

        Returns:
            Whether the part is ready. If not, an older or a newer release made the tables.
        """
        if self._version() is not None:
            return self.is_ready()
        with self._refusing("opened"):
            prepare_file(self._path)
        with self._connected("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            # Another process may have made the tables while this one waited for the lock.
            if not connection.execute(_OURS).fetchone():
                for statement in _paragraphs(NEW_STORE.read_text(encoding="utf-8")):
                    connection.execute(statement)
                connection.execute("COMMIT")
        return self.is_ready()

    @contextmanager
    def reading(self) -> Iterator[FileStatements]:
        """Open a transaction that writes nothing, and yield the object that runs statements in it.

        Raises:
            StateUnavailable: the file can't be read.
        """
        with self._connected("read") as connection:
            # One transaction, so that all queries of the block see the same state.
            connection.execute("BEGIN")
            yield FileStatements(connection)
            connection.execute("COMMIT")

    @contextmanager
    def writing(self) -> Iterator[FileStatements]:
        """Open a transaction that is on the disk when the block ends, and yield its statements.

        Raises:
            StateUnavailable: the file can't be written, and nothing of the transaction was.
        """
        with self._connected("written") as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield FileStatements(connection)
            connection.execute("COMMIT")

    def close(self) -> None:
        """Do nothing: between two operations no connection is open."""

    def _version(self) -> str | None:
        """Return the schema's revision from its table; None if there is no such table."""
        with self._refusing("opened"):
            if not self._path.exists():
                return None
        with self._connected("read") as connection:
            named = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
            if not connection.execute(named, (VERSION_TABLE,)).fetchone():
                return None
            query = f"SELECT version_num FROM {VERSION_TABLE}"  # noqa: S608  a name of ours
            row = connection.execute(query).fetchone()
        return str(row[0]) if row else None

    @contextmanager
    def _connected(self, participle: str) -> Iterator[sqlite3.Connection]:
        """Yield a connection; closing it rolls back a transaction that isn't committed."""
        # mode=rw: if the file was deleted, don't create it again with a mode that others can read.
        address = f"{self._path.as_uri()}?mode=rw"
        with (
            self._refusing(participle),
            closing(
                # isolation_level=None keeps the driver from beginning transactions of its own.
                sqlite3.connect(address, uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            ) as connection,
        ):
            make_durable(connection)
            yield connection

    @contextmanager
    def _refusing(self, participle: str) -> Iterator[None]:
        """Raise an error of SQLite or of the file as the part's StateUnavailable."""
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            place = f"sqlite+pysqlite:///{self._path}"
            raise unavailable(self._part, place, participle, explain_file(error)) from error


_OURS = "SELECT 1 FROM sqlite_master WHERE name LIKE 'prodstatus%' LIMIT 1"


def _named(first: int, last: int) -> set[str]:
    """Return the revisions from `first` to `last`, as the version table has them."""
    return {str(revision) for revision in range(first, last + 1)}


def _paragraphs(text: str) -> Iterable[str]:
    # Not by semicolons: a trigger contains some. Not executescript: it commits first.
    return filter(None, (part.strip() for part in text.split("\n\n")))


Row = Mapping[str, Any]


class Statements(Protocol):
    """Runs statements in one transaction."""

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """Run a query and return its rows by column name."""

    def stream(self, statement: str, **values: Any) -> Generator[Row, None, None]:
        """Run a query and yield its rows by column name; close the generator to stop early."""

    def change(self, statement: str, *rows: Row) -> None:
        """Run a statement that returns no rows, once for each set of values."""

    def take_turns(self, project: str, target: str) -> None:
        """Let no other process write about a target until the transaction ends."""


class Store(Protocol):
    """A part's tables, which exist."""

    def reading(self) -> AbstractContextManager[Statements]:
        """Open a transaction that writes nothing, and yield the object that runs statements in it.

        Raises:
            StateUnavailable: (here and below: the part's own) the store can't be read.
        """

    def writing(self) -> AbstractContextManager[Statements]:
        """Open a transaction that is on the disk when the block ends, and yield its statements.

        Raises:
            StateUnavailable: the store can't be written.
        """

    def close(self) -> None:
        """Release the database's connections; everything is written by then."""


def open_store(url: str, part: Part) -> Store:
    """Open a part of the store at `url`, and create file and tables if they are missing.

    Raises:
        StateUnavailable: (the part's own) the store can't be used; one sentence with the remedy.
    """
    path = sqlite_file(url)
    if path is not None:
        file = FileStore(path, part)
        if file.prepare():
            return file
    from pytest_prodstatus.store.database import Database, DatabaseStore, parse_address

    address = parse_address(url, part)
    database = Database(address, part)
    database.prepare()
    # Alembic has now brought the older file to a schema that plain SQL can use.
    if path is not None:
        return FileStore(path, part)
    return DatabaseStore(database)


# typing.Self needs Python 3.11.
_Open = TypeVar("_Open", bound="ProjectPart")


class ProjectPart(OpenPart):
    """What one project has in a part of the store; use it in a `with` block.

    Attributes:
        part: the part.
    """

    __slots__ = ("_project", "_store")
    part: ClassVar[Part]

    def __init__(self, store: Store, project: str) -> None:
        self._store = store
        self._project = project

    @classmethod
    def open(cls: type[_Open], url: str, project: str) -> _Open:
        """Open the part at `url`, and create file and tables if they are missing.

        Args:
            url: a SQLite file by its absolute path, or a PostgreSQL database.
            project: the project's name in the store, as `store.scope_of` gives it; targets of one
                name in two projects are two targets.

        Raises:
            StateUnavailable: (here and below: the part's own) the store can't be used; one sentence
                with the remedy.
        """
        return cls(open_store(url, cls.part), project)

    def close(self) -> None:
        """Release the database's connections; everything is written by then."""
        self._store.close()


def instant_of(value: str | datetime) -> datetime:
    """Convert a database's value to an aware instant in UTC, for any time zone of its session."""
    if isinstance(value, str):  # SQLite has no type for instants, so it is text in UTC
        return datetime.fromisoformat(value).replace(tzinfo=timezone.utc)
    return value.astimezone(timezone.utc)


_Built = TypeVar("_Built")


def from_row(build: Callable[[Row], _Built]) -> Callable[[Row], _Built]:
    """Decorate a function that builds a value from a row, so that it raises StateUnavailable.

    It does if a value in the row is not one that this package writes.
    """

    @wraps(build)
    def built(row: Row) -> _Built:
        try:
            return build(row)
        except (ValueError, TypeError, AttributeError) as error:
            msg = (
                f"A row of the history can't be read ({error}), so it was changed by something "
                "else: restore the state store from a copy, or delete that row."
            )
            raise StateUnavailable(msg) from None

    return built


def insert_into(table: str, names: Mapping[str, object]) -> str:
    """Return the INSERT statement for a row with columns of these names."""
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"  # noqa: S608  our own names


def among(values: Mapping[str, object]) -> str:
    """Return the list of these named values, as it follows IN; it must not be empty."""
    return f"({', '.join(f':{name}' for name in values)})"
