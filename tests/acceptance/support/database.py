"""The one place where the store's database is asked: read-only, bounded, and given back at once.

A probe is given an `Ask`: a function that runs one statement and returns its one row. How the
connection is made, what it may do and how long it may take is settled here and nowhere else.
Everything is set inside the transaction, since a pooler may refuse start-up options. Nothing is
asked before a write through the same engine was seen to be refused (`write_proof`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from tests.acceptance.support.clock import from_column
from tests.acceptance.support.database_url import Address, read_address
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.transaction import Ask, Row, Transaction, told
from tests.acceptance.support.write_proof import require_refused_writes

if TYPE_CHECKING:
    from sqlalchemy import Engine

__all__ = ["Ask", "Database", "Row", "bound"]

# One statement, so that it follows BEGIN at once: it fixes the snapshot, and a transaction that has
# run a query can no longer be switched back to read-write (25001). The snapshot is taken while it
# runs, so whatever was committed before its `at` is seen. No JIT: of statements that take a second
# or two it compiles for longer than that (measured on PostgreSQL 15 at a million rows).
_BEGIN = """
SELECT statement_timestamp() AT TIME ZONE 'UTC' AS at,
       set_config('statement_timeout', :statement_timeout, true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
       set_config('TimeZone', 'UTC', true),
       set_config('jit', 'off', true),
       set_config('application_name', :application_name, true),
       CASE WHEN CAST(:schema AS text) IS NOT NULL
            THEN set_config('search_path', quote_ident(:schema), true) END
"""


class Database:
    """The store's database, one connection a process.

    Args:
        url: DATABASE_URL as the operators have it.
        run_id: names the run in the server's list of sessions.
        statement_timeout: how long a statement may run.
        lock_timeout: how long it may wait for a lock.
        connect_timeout: how long connecting may take.

    Raises:
        Blocked: missing-config, where the URL can't be used. Nothing is connected yet.
    """

    def __init__(
        self,
        url: Secret,
        *,
        run_id: str,
        statement_timeout: timedelta = timedelta(seconds=60),
        lock_timeout: timedelta = timedelta(seconds=5),
        connect_timeout: timedelta = timedelta(seconds=10),
    ) -> None:
        self._address = read_address(url)
        name = f"prodstatus/{run_id}"[:63]
        self._engine = _engine(self._address, connect_timeout, name)
        self._proved = False
        self._settings = {
            "statement_timeout": _milliseconds(statement_timeout),
            "lock_timeout": _milliseconds(lock_timeout),
            # Between two statements of ours there is no work, so that a hang is not ours.
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
            Blocked: there is no connection, or it was not seen to refuse a write.
        """
        if not self._proved:
            require_refused_writes(self._begin)
            self._proved = True
        with self._begin() as transaction:
            yield transaction

    def ask(self, statement: str, /, **parameters: object) -> Row:
        """Run one statement as of this moment, in a transaction of its own; see `Transaction.ask`.

        The connection is given back before this returns.
        """
        with self.transaction() as transaction:
            return transaction.ask(statement, **parameters)

    def close(self) -> None:
        """Close the connection, if there is one; the next question makes a new one."""
        self._engine.dispose()

    @contextmanager
    def _begin(self) -> Iterator[Transaction]:
        from sqlalchemy import text

        with told(self.place), self._engine.connect() as connection:
            at = connection.execute(text(_BEGIN), self._settings).mappings().one()["at"]
            yield Transaction(connection, from_column(at), self.place)


def bound(ask: Callable[..., Row], **always: object) -> Ask:
    """Return an `Ask` that gives every statement the same parameters beside its own."""

    def with_parameters(statement: str, /, **parameters: object) -> Row:
        return ask(statement, **{**always, **parameters})

    return with_parameters


def _engine(address: Address, connect_timeout: timedelta, name: str) -> Engine:
    from sqlalchemy import create_engine

    return create_engine(
        address.url,
        isolation_level="REPEATABLE READ",
        execution_options={"postgresql_readonly": True},
        pool_size=1,
        max_overflow=0,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={
            "application_name": name,  # while it connects, too
            "connect_timeout": max(2, round(connect_timeout.total_seconds())),
            # A prepared statement belongs to a server connection, which a pooler may swap.
            "prepare_threshold": None,
        },
    )


def _milliseconds(span: timedelta) -> str:
    return f"{max(1, round(span / timedelta(milliseconds=1)))}ms"
