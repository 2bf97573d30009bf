"""The database of the state store, by SQLAlchemy: durable transactions, and errors as one sentence.

SQLite has the settings of `statements`, which opens the same file without SQLAlchemy.

PostgreSQL runs at READ COMMITTED (`schema` explains why that is enough). A commit waits for the
disk even if the role's default is not to wait.

Every operation opens its own connection. The store is used only a few times in a run, keeps no
connection open while another system works, and is safe across forks and kills. An operation on
PostgreSQL has an end on this side too: through a proxy that stops forwarding, neither an answer nor
the server's own time-out arrives.

The schema's revision is read first. If it is too old, Alembic is imported and brings the store to
the needed revision (`migrations/versions`).
"""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import SHUT_RDWR, socket
from threading import Timer
from typing import Any, final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    NoSuchModuleError,
    SQLAlchemyError,
)
from sqlalchemy.pool import NullPool

from pytest_prodstatus.store import (
    HEAD,
    JOURNAL,
    SCHEMES,
    VERSION_TABLE,
    Part,
    prepare_file,
)
from pytest_prodstatus.store.statements import (
    BUSY_TIMEOUT_S,
    SPACE,
    WRITABLE,
    Row,
    Statements,
    explain_file,
    make_durable,
    unavailable,
)

_FIRST = ("prodstatus_claim", "prodstatus_claim_event")  # the tables of revision 1
_LOCK_KEY = 0x70_73_6A_6F  # any number that no other program is likely to lock: "psjo"

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


class UnknownRevision(Exception):  # noqa: N818 - it says what was found
    """The store's schema is one that this release doesn't know."""


def parse_address(url: str, part: Part = JOURNAL) -> URL:
    """Return the SQLAlchemy URL of the store at `url`.

    A SQLite file needs an absolute path: a database in memory would die with the process, and a
    relative path would be another journal in another folder. PostgreSQL is always reached through
    psycopg 3, even if the URL names another driver.

    Args:
        url: the address, as in PRODSTATUS_STATE_URL.
        part: the part that will use it, for messages.

    Raises:
        StateUnavailable: (the part's own) the URL names no such database. The message never shows
            a password.
    """
    try:
        address = make_url(url.strip())
    except (ArgumentError, ValueError) as error:
        # ValueError: the port isn't a number.
        # The text isn't shown: in a URL that can't be parsed, any part may be the password.
        msg = f"The {part.name}'s PRODSTATUS_STATE_URL is not a database URL: set it to {SCHEMES}."
        raise part.unavailable(msg) from error
    if "@" in (address.host or ""):  # the password's end would be shown as part of the host
        msg = f"The {part.name}'s PRODSTATUS_STATE_URL holds an @ in its password: write it as %40."
        raise part.unavailable(msg)
    backend = address.drivername.partition("+")[0]
    # libpq reads both names; SQLAlchemy dropped the shorter one in 1.4.
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        msg = f"The {part.name} can't be kept at {shown(address)}: set PRODSTATUS_STATE_URL to "
        raise part.unavailable(msg + f"{SCHEMES}.")
    if address.query or not Path(address.database or "").is_absolute():
        msg = (
            f"The {part.name} can't be kept at {shown(address)}: a SQLite file is one absolute "
            "path without parameters, as in sqlite:////var/lib/prodstatus/state.sqlite3."
        )
        raise part.unavailable(msg)
    return address.set(drivername="sqlite+pysqlite")


def shown(address: URL) -> str:
    """Return the address as it may be printed: without its password and its parameters."""
    # libpq also takes a password as a parameter, which SQLAlchemy would show.
    return address.set(query={}).render_as_string(hide_password=True)


def current_revision(connection: Connection) -> int:
    """Return the revision of the store's schema; 0 if the store is empty.

    A journal that was made before there were revisions has no version table, and is revision 1.

    Raises:
        UnknownRevision: the revision is newer than `HEAD`, or not one of ours.
    """
    inspector = inspect(connection)
    if inspector.has_table(VERSION_TABLE):
        found = connection.execute(select(_version.c.version_num)).scalar()
        if found is not None:
            return _parse_revision(found)
    return int(all(map(inspector.has_table, _FIRST)))


def upgrade(connection: Connection, needed: int) -> None:
    """Bring the store to revision `needed` in the caller's transaction, one process at a time.

    SQLite's write transaction already keeps others out. PostgreSQL needs the lock: two CREATE
    TABLE at once fail on the catalogue's own unique index.

    Raises:
        UnknownRevision: meanwhile another process upgraded it beyond `HEAD`.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    found = current_revision(connection)
    # Another process may have done it while this one waited for the lock.
    if found >= needed:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "pytest_prodstatus.store:migrations")
    if found == 1:  # it may have no version table, and Alembic would begin at the first revision
        command.stamp(config, "1")
    command.upgrade(config, str(needed))


def _parse_revision(found: str) -> int:
    """Return the number of a revision by its name in the version table.

    Raises:
        UnknownRevision: it is none of this release's.
    """
    revisions = {str(number): number for number in range(1, HEAD + 1)}
    if found not in revisions:
        msg = f"its schema is {found!r} and this release knows those up to {HEAD}"
        raise UnknownRevision(msg)
    return revisions[found]


# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_SQLSTATE = {
    "25006": WRITABLE,  # read_only_sql_transaction
    "42501": WRITABLE,  # insufficient_privilege
    "53100": SPACE,  # disk_full
    "55P03": "try again when the process that holds it has ended",  # lock_not_available
    "57014": "try again when the server is less busy",  # query_canceled, by its time-out
}


def explain(
    error: SQLAlchemyError | OSError | ImportError | UnknownRevision,
) -> tuple[str, str]:
    """Return the cause of a database error in one line, without any values, and the remedy."""
    if isinstance(error, (ImportError, NoSuchModuleError)):
        return str(error), "install pytest-prodstatus[state]"
    if isinstance(error, UnknownRevision):
        return str(error), "update pytest-prodstatus"
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    # The driver's own text: SQLAlchemy's adds the statement and a link.
    line, remedy = explain_file(cause if isinstance(cause, Exception) else error)
    return line, _BY_SQLSTATE.get(getattr(cause, "sqlstate", None) or "", remedy)


# libpq's own default is to wait without end.
CONNECT_TIMEOUT_S = 10
OPERATION_TIMEOUT_S = 120.0
"""After this its connection is cut; the server ends a wait for a lock and a statement before."""

_WRITES = "prodstatus_writes"
# `on` only in place of `off`: an administrator's remote_apply is stronger and stays.
# The last argument, true, ends each setting with the transaction.
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

    __slots__ = ("_address", "_driver", "_engine", "_part")

    def __init__(self, address: URL, part: Part = JOURNAL) -> None:
        self._address = address
        self._part = part
        self._driver: Any = None
        with self._refusing("opened"):
            self._engine = _engine(address)
            if self._engine.dialect.name == "postgresql":
                event.listen(self._engine, "do_connect", self._connect)

    def prepare(self) -> None:
        """Create the file and the part's tables if missing; other processes may do so meanwhile.

        Raises:
            StateUnavailable: (here and below: the part's own) they are missing and can't be
                created, or can't be read, or a newer release made them.
        """
        if self._address.get_backend_name() == "sqlite":
            with self._refusing("opened"):
                prepare_file(Path(str(self._address.database)))
        with self.reading() as connection:
            ready = current_revision(connection) >= self._part.revision
        if not ready:
            with self.writing() as connection:
                upgrade(connection, self._part.revision)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Yield a connection inside one transaction that writes nothing.

        Raises:
            StateUnavailable: the database can't be read.
        """
        with self._operation("read"), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Yield a connection inside one transaction that is on the disk when the block ends.

        Raises:
            StateUnavailable: the database can't be written. If the connection is lost during the
                commit, the change may have been saved all the same.
            IntegrityError: another process wrote the same row first; nothing was written.
        """
        with self._operation("written"), self._engine.connect() as connection:
            connection = connection.execution_options(**{_WRITES: True})
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(_POSTGRES_SETTINGS)
                yield connection

    def close(self) -> None:
        """Release the engine's connections."""
        self._engine.dispose()

    @contextmanager
    def _operation(self, participle: str) -> Iterator[None]:
        """Raise a database error of the block as `_refusing` does, and end the block in time."""
        timer = Timer(OPERATION_TIMEOUT_S, self._cut)
        timer.daemon = True
        if self._engine.dialect.name == "postgresql":  # a file answers by itself
            timer.start()
        try:
            with self._refusing(participle):
                yield
        finally:
            timer.cancel()
            self._driver = None

    def _connect(self, dialect: Any, _record: object, args: Any, parameters: Any) -> Any:
        # Kept before its first statement, which SQLAlchemy itself sends: that may hang, too.
        self._driver = dialect.connect(*args, **parameters)
        return self._driver

    def _cut(self) -> None:
        """Shut the socket down, so that the wait for an answer ends with an error."""
        # A copy of the descriptor, which the driver may close at any moment.
        with suppress(Exception), socket(fileno=os.dup(self._driver.fileno())) as copy:
            copy.shutdown(SHUT_RDWR)

    @contextmanager
    def _refusing(self, participle: str) -> Iterator[None]:
        """Raise a database error of the block as the part's StateUnavailable."""
        try:
            yield
        except IntegrityError:
            raise  # nothing is broken: the caller reads again, and decides anew
        except (SQLAlchemyError, OSError, ImportError, UnknownRevision) as error:
            place = shown(self._address)
            raise unavailable(self._part, place, participle, explain(error)) from error


def _engine(address: URL) -> Engine:
    if address.get_backend_name() == "sqlite":
        # isolation_level=None keeps the driver from beginning transactions of its own.
        engine = create_engine(
            address,
            poolclass=NullPool,
            hide_parameters=True,  # an error is printed, and its values may be private
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
    make_durable(connection)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    # A plain BEGIN would take the lock at the first write, after what was read may have changed.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


_TARGET_LOCK = 0x70_73_68_69  # "pshi", beside a number made of project and target


@final
class DatabaseStatements:
    """Runs plain SQL in one transaction of SQLAlchemy."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rows(self, statement: str, **values: Any) -> list[Row]:
        """Run a query and return its rows by column name."""
        return list(self._connection.execute(text(statement), values).mappings())  # type: ignore[arg-type]

    def stream(self, statement: str, **values: Any) -> Generator[Row, None, None]:
        """Run a query and yield its rows by column name, read fifty at a time."""
        # The driver would else fetch all rows first, and the caller usually needs a few.
        streamed = text(statement).execution_options(yield_per=50)
        with self._connection.execute(streamed, values) as rows:
            yield from rows.mappings()  # type: ignore[misc]

    def change(self, statement: str, *rows: Row) -> None:
        """Run a statement that returns no rows, once for each set of values."""
        self._connection.execute(text(statement), [dict(values) for values in rows])

    def take_turns(self, project: str, target: str) -> None:
        """Wait for PostgreSQL's advisory lock on the target; the transaction's end releases it."""
        # The lock takes two signed 32-bit integers. If two targets share a number, one of them
        # waits for the other, which does no harm.
        number = zlib.crc32(f"{project}/{target}".encode()) - 2**31
        self.rows("SELECT pg_advisory_xact_lock(:what, :whose)", what=_TARGET_LOCK, whose=number)


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
