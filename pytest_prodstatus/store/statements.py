"""Plain SQL on either database, for the parts that every run uses: history and overrides.

A statement is one text that both SQLite and PostgreSQL understand, with named values as in
`:target`. Python's own sqlite3 opens a SQLite file (`sqlite`). SQLAlchemy and Alembic are imported
only for PostgreSQL, and for a file that an older release made.
"""

from __future__ import annotations

import zlib
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar, final

from pytest_prodstatus.store.address import OpenPart, Part, parse_address, sqlite_file
from pytest_prodstatus.store.sqlite import FileStore

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from pytest_prodstatus.store.database import Database

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
    from pytest_prodstatus.store.database import Database

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
            project: the project's name in the store, as `address.scope_of` gives it; targets of one
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


def insert_into(table: str, names: Mapping[str, object]) -> str:
    """Return the INSERT statement for a row with columns of these names."""
    values = ", ".join(f":{name}" for name in names)
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"  # noqa: S608  our own names


def among(values: Mapping[str, object]) -> str:
    """Return the list of these named values, as it follows IN; it must not be empty."""
    return f"({', '.join(f':{name}' for name in values)})"


_LOCK = 0x70_73_68_69  # "pshi", beside a number made of project and target


@final
class DatabaseStatements:
    """Runs plain SQL in one transaction of SQLAlchemy."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """Run a query and return its rows by column name."""
        from sqlalchemy import text

        return list(self._connection.execute(text(statement), values).mappings())  # type: ignore[arg-type]

    def stream(self, statement: str, **values: Any) -> Generator[Row, None, None]:
        """Run a query and yield its rows by column name, read fifty at a time."""
        from sqlalchemy import text

        # The driver would else fetch all rows first, and the caller usually needs a few.
        streamed = text(statement).execution_options(yield_per=50)
        with self._connection.execute(streamed, values) as rows:
            yield from rows.mappings()  # type: ignore[misc]

    def change(self, statement: str, *rows: Row) -> None:
        """Run a statement that returns no rows, once for each set of values."""
        from sqlalchemy import text

        self._connection.execute(text(statement), [dict(values) for values in rows])

    def take_turns(self, project: str, target: str) -> None:
        """Wait for PostgreSQL's advisory lock on the target; the transaction's end releases it."""
        # The lock takes two signed 32-bit integers. If two targets share a number, one of them
        # waits for the other, which does no harm.
        number = zlib.crc32(f"{project}/{target}".encode()) - 2**31
        self.rows("SELECT pg_advisory_xact_lock(:what, :whose)", what=_LOCK, whose=number)


@final
class DatabaseStore:
    """A part's tables, read and written through SQLAlchemy."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self) -> Iterator[Statements]:
        """Open a transaction that writes nothing, and yield its statements."""
        with self._database.reading() as connection:
            yield DatabaseStatements(connection)

    @contextmanager
    def writing(self) -> Iterator[Statements]:
        """Open a transaction that is on the disk when the block ends, and yield its statements."""
        with self._database.writing() as connection:
            yield DatabaseStatements(connection)

    def close(self) -> None:
        """Release the engine's connections."""
        self._database.close()
