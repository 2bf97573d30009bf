"""The connection to the store's database: read-only, bounded, given back at once.

How the connection is made, what it may do and how long it may take is settled only here.
Everything is set inside the transaction, since a pooler may refuse start-up options. What the
server keeps is kept on this side too (`deadline`), since the network may swallow its answers.

No question is read before a write through the same engine was refused. That attempt locks
no row of `orders` for an update. To PostgreSQL it is a write: it needs the right to UPDATE some
column, and a read-only transaction refuses it, as a hot standby does. It is the one write that
leaves nothing behind even if it is let through: it fires no trigger and no rule, burns no sequence
number, takes no row and needs the weakest table lock that a write has.
Source: PostgreSQL's manual on SELECT ("The Locking Clause") and on SET TRANSACTION.

Two things would make the database say less than the store holds, without an error: a replica that
doesn't follow its primary, and policies that hide rows. Both end as BLOCKED. So does a database in
another encoding than UTF-8: Prisma makes none, and its text would be compared byte by byte, or not
at all. What else the machine, the role or the database has set differently is set back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from pytest_prodstatus import blocked
from tests.acceptance.support.clock import from_column
from tests.acceptance.support.database.address import Address, read_address
from tests.acceptance.support.database.deadline import Deadline
from tests.acceptance.support.database.transaction import Row, Transaction, blocking_faults
from tests.acceptance.support.secrets import Secret

if TYPE_CHECKING:
    import psycopg
    from sqlalchemy import Engine

_READ_ONLY_TRANSACTION = "25006"
_NO_PRIVILEGE = "42501"

_ATTEMPT = "SELECT id FROM orders WHERE false FOR UPDATE"

# What the role may write, of all that it can name without a schema.
_WRITABLE = """
SELECT ARRAY(
  SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'f') AND pg_table_is_visible(c.oid)
    AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
    AND (has_table_privilege(c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE')
      OR has_any_column_privilege(c.oid, 'INSERT, UPDATE'))
  ORDER BY c.relname LIMIT 5) AS tables
"""

# One statement, so that it follows BEGIN at once: it fixes the snapshot, and a transaction that has
# run a query can no longer be switched back to read-write (25001). The snapshot is taken while it
# runs, so all that was committed before its instant is seen. No JIT: compiling takes longer than a
# statement of a second or two (measured on PostgreSQL 15 at a million rows). With row_security off
# a statement whose rows a policy might hide is an error, as pg_dump has it.
_BEGIN = """
SELECT statement_timestamp() AT TIME ZONE 'UTC' AS now,
       pg_is_in_recovery() AS replica,
       pg_last_xact_replay_timestamp() AT TIME ZONE 'UTC' AS replayed,
       current_setting('server_encoding') AS encoding,
       set_config('statement_timeout', :statement_timeout, true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
       set_config('TimeZone', 'UTC', true),
       set_config('jit', 'off', true),
       set_config('row_security', 'off', true),
       set_config('standard_conforming_strings', 'on', true),
       set_config('application_name', :application_name, true),
       CASE WHEN CAST(:schema AS text) IS NOT NULL
            THEN set_config('search_path', quote_ident(:schema), true) END
"""

_LONGEST_LAG = timedelta(minutes=15)


class Database:
    """The store's database, one connection a process.

    Args:
        url: DATABASE_URL as the operators have it.
        run_id: names the run in the server's list of sessions.
        statement_timeout: how long a statement may run.
        lock_timeout: how long it may wait for a lock.
        connect_timeout: how long connecting may take.
        budget: how long a transaction may take with all its statements, and with connecting.

    Raises:
        Blocked: missing-config, if the URL can't be used. Nothing is connected yet.
    """

    def __init__(
        self,
        url: Secret,
        *,
        run_id: str,
        statement_timeout: timedelta = timedelta(seconds=60),
        lock_timeout: timedelta = timedelta(seconds=5),
        connect_timeout: timedelta = timedelta(seconds=10),
        budget: timedelta = timedelta(seconds=60),
    ) -> None:
        self._address = read_address(url)
        name = f"prodstatus/{run_id}"[:63]
        self._budget = budget
        self._deadline: Deadline | None = None
        self._driver: psycopg.Connection | None = None
        self._engine = _engine(self._address, connect_timeout, name, self._connected)
        self._proved = False
        self._settings = {
            # Nobody waits longer, so that the server needn't either.
            "statement_timeout": _milliseconds(min(statement_timeout, budget)),
            "lock_timeout": _milliseconds(lock_timeout),
            # We do no work between two statements, so an idle transaction is not ours to keep.
            "idle_timeout": _milliseconds(max(statement_timeout, timedelta(seconds=30))),
            "application_name": name,
            "schema": self._address.schema,
        }

    @property
    def place(self) -> str:
        """Host and port, as a record may show them."""
        return self._address.place

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Open a read-only transaction; it is rolled back, having written nothing, at the end.

        Raises:
            Blocked: no connection could be made, or it did not refuse a write; inconclusive, if it
                is to a replica that is too far behind; timeout, if all of it took longer than the
                budget.
        """
        with Deadline(self._budget, self.place) as self._deadline:
            if self._driver is not None:
                self._deadline.watch(self._driver)
            try:
                if not self._proved:
                    _require_refused_writes(self._begin)
                    self._proved = True
                with self._begin() as transaction:
                    yield transaction
            finally:
                self._deadline = None

    def ask(self, statement: str, /, **parameters: object) -> Row:
        """Run one statement as of this moment, in a transaction of its own; see `Transaction.ask`.

        The connection is given back before this returns.
        """
        with self.transaction() as transaction:
            return transaction.ask(statement, **parameters)

    def close(self) -> None:
        """Close the connection, if there is one; the next question makes a new one."""
        self._engine.dispose()
        self._driver = None

    def _connected(self, connect: Callable[[], psycopg.Connection]) -> psycopg.Connection:
        """Connect in time; the connection is watched from SQLAlchemy's own first statement on."""
        assert self._deadline is not None
        self._driver = self._deadline.connected(connect)
        return self._driver

    @contextmanager
    def _begin(self) -> Iterator[Transaction]:
        from sqlalchemy import text

        assert self._deadline is not None
        deadline = self._deadline
        with blocking_faults(self.place, deadline), self._engine.connect() as connection:
            begun = dict(connection.execute(text(_BEGIN), self._settings).mappings().one())
            _require_utf8(begun["encoding"], self.place)
            yield Transaction(connection, _instant(begun, self.place), self.place, deadline)


def _instant(begun: Row, place: str) -> datetime:
    """Return the instant of a transaction's snapshot: on a replica, of what it replayed last.

    What was due only after that may have been done since, and not be replayed yet.

    Raises:
        Blocked: inconclusive, if a replica is too far behind to prove anything about the store.
    """
    now: datetime = from_column(begun["now"])
    if not begun["replica"]:
        return now
    replayed = from_column(begun["replayed"])
    if replayed is None or now - replayed > _LONGEST_LAG:
        last = (
            f"has replayed its last transaction of {replayed.isoformat(timespec='seconds')}"
            if replayed
            else "hasn't replayed any transaction since it was started"
        )
        minutes = _LONGEST_LAG // timedelta(minutes=1)
        blocked(
            f"the database at {place} is a replica that at {now.isoformat(timespec='seconds')} "
            f"{last}, and one that may be more than {minutes} minutes behind proves nothing",
            kind="inconclusive",
            remedy="run again when it follows its primary, or set DATABASE_URL to the primary, "
            "also if that has just been quiet for as long",
        )
    return min(now, replayed)


def _require_utf8(encoding: str, place: str) -> None:
    if encoding != "UTF8":
        blocked(
            f"the database at {place} is in {encoding}, and a store's is in UTF8",
            kind="missing-config",
            remedy="set DATABASE_URL to the store's own database",
        )


def _require_refused_writes(begin: Callable[[], AbstractContextManager[Transaction]]) -> None:
    """End as BLOCKED unless a write is refused in a transaction of its own.

    Refused with 25006 the transaction is read-only, and so is every one that is begun alike.
    Refused with 42501 it is not, and the role has no right to that one table: then the catalogue
    shows whether it may write any other.

    Args:
        begin: opens a transaction with the settings of those that judge.

    Raises:
        Blocked: "connection is writable", or the proof could not be made.
    """
    with begin() as attempt:
        refused = attempt.violation(_ATTEMPT, _READ_ONLY_TRANSACTION, _NO_PRIVILEGE)
    if refused is None:
        _writable("an attempt to write to orders was not refused")
    if refused == _NO_PRIVILEGE:
        with begin() as transaction:
            tables = transaction.ask(_WRITABLE)["tables"]
        if tables:
            _writable(f"its transactions are not read-only, and it may write {', '.join(tables)}")


# libpq's: a peer that is gone is noticed within half a minute, on an idle connection and with a
# statement under way. What the URL sets stays.
_TCP = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


def _engine(
    address: Address,
    connect_timeout: timedelta,
    name: str,
    connected: Callable[[Callable[[], psycopg.Connection]], psycopg.Connection],
) -> Engine:
    from sqlalchemy import create_engine, event

    engine = create_engine(
        # libpq's own parameters: SQLAlchemy's URL has no room for some of them.
        "postgresql+psycopg://",
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            **_TCP,
            **address.parameters,
            "application_name": name,  # while it connects, too
            "client_encoding": "UTF8",  # PGCLIENTENCODING may name another
            "connect_timeout": max(2, round(connect_timeout.total_seconds())),
            # A prepared statement belongs to a server connection, which a pooler may swap.
            "prepare_threshold": None,
        },
    )

    def connect(dialect: Any, _record: object, args: Any, parameters: Any) -> psycopg.Connection:
        return connected(lambda: dialect.connect(*args, **parameters))

    event.listen(engine, "do_connect", connect)
    return engine


def _milliseconds(span: timedelta) -> str:
    return f"{max(1, round(span / timedelta(milliseconds=1)))}ms"


def _writable(why: str) -> NoReturn:
    blocked(
        f"connection is writable: {why}",
        kind="missing-config",
        remedy="set DATABASE_URL to a role that can only SELECT (docs/security.md has its SQL)",
    )
