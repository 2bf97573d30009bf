"""The one place where the store's database is asked: read-only, bounded, and given back at once.

A probe is given an `Ask`: a function that runs one statement and returns its one row. How the
connection is made, what it may do and how long it may take is settled here and nowhere else.
Everything is set inside the transaction, since a pooler may refuse start-up options.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from tests.acceptance.support.database_faults import block_on_fault
from tests.acceptance.support.database_url import Address, read_address
from tests.acceptance.support.secrets import Secret

if TYPE_CHECKING:
    from sqlalchemy import Engine

Row: TypeAlias = Mapping[str, Any]

# One statement, so that it follows BEGIN at once: it fixes the snapshot, and a transaction that has
# run a query can no longer be switched back to read-write (25001).
_BEGIN = """
SELECT set_config('statement_timeout', :statement_timeout, true),
       set_config('lock_timeout', :lock_timeout, true),
       set_config('idle_in_transaction_session_timeout', :idle_timeout, true),
       set_config('TimeZone', 'UTC', true),
       set_config('application_name', :application_name, true),
       CASE WHEN CAST(:schema AS text) IS NOT NULL
            THEN set_config('search_path', quote_ident(:schema), true) END
"""


class Ask(Protocol):
    """Runs one statement with bound parameters and returns its only row."""

    def __call__(self, statement: str, /, **parameters: object) -> Row:
        """Return the row, or end as BLOCKED where the question could not be answered."""


class Database:
    """The store's database, asked one statement at a time.

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
        self._engine = _engine(self._address, connect_timeout)
        self._settings = {
            "statement_timeout": _milliseconds(statement_timeout),
            "lock_timeout": _milliseconds(lock_timeout),
            # Between two statements of ours there is no work, so that a hang is not ours.
            "idle_timeout": _milliseconds(max(statement_timeout, timedelta(seconds=30))),
            "application_name": f"prodstatus/{run_id}"[:63],
            "schema": self._address.schema,
        }

    @property
    def place(self) -> str:
        """Host and port, as a record may show them."""
        return self._address.place

    def ask(self, statement: str, /, **parameters: object) -> Row:
        """Run one statement in a read-only transaction of its own and return its only row.

        Values are bound; a name that the statement doesn't use is ignored. The connection goes back
        before this returns.

        Raises:
            Blocked: the question could not be answered (no connection, a time-out, a table that
                the store lacks, …). That says nothing about the store, so it is never FAILED.
        """
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        try:
            with self._engine.connect() as connection:
                connection.execute(text(_BEGIN), self._settings)
                row = connection.execute(text(statement), parameters).mappings().one()
                # Back before the row is looked at; nothing was written, so nothing is committed.
                connection.rollback()
                return dict(row)
        except DBAPIError as error:
            block_on_fault(error, self._address.place)

    def close(self) -> None:
        """Close the connection, if there is one."""
        self._engine.dispose()


def bound(ask: Callable[..., Row], **always: object) -> Ask:
    """Return an `Ask` that gives every statement the same parameters beside its own."""

    def with_parameters(statement: str, /, **parameters: object) -> Row:
        return ask(statement, **{**always, **parameters})

    return with_parameters


def _engine(address: Address, connect_timeout: timedelta) -> Engine:
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
            "connect_timeout": max(2, round(connect_timeout.total_seconds())),
            # A prepared statement belongs to a server connection, which a pooler may swap.
            "prepare_threshold": None,
        },
    )


def _milliseconds(span: timedelta) -> str:
    return f"{max(1, round(span / timedelta(milliseconds=1)))}ms"
