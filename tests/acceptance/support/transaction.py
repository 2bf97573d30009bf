"""One open transaction on the store's database: what can be asked in it, and how it is refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from pytest_prodstatus import blocked
from tests.acceptance.support.database_faults import block_on_fault, sqlstate_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

Row: TypeAlias = Mapping[str, Any]


class Ask(Protocol):
    """Runs one statement with bound parameters and returns its only row."""

    def __call__(self, statement: str, /, **parameters: object) -> Row:
        """Return the row, or end as BLOCKED where the question could not be answered."""


class Transaction:
    """A read-only transaction that is open: all its statements see the store as of one instant.

    Attributes:
        at: that instant by the server's clock (aware, UTC).
    """

    def __init__(self, connection: Connection, at: datetime, place: str) -> None:
        self.at = at
        self._connection = connection
        self._place = place

    def ask(self, statement: str, /, **parameters: object) -> Row:
        """Run one statement and return its only row.

        Values are bound; a name that the statement doesn't use is ignored.

        Raises:
            Blocked: the question could not be answered (no connection, a time-out, a table that
                the store lacks, …). That says nothing about the store, so it is never FAILED.
            ValueError: there is a semicolon in it. The server takes several statements at once,
                and after a COMMIT among them the next would not be in this transaction.
        """
        from sqlalchemy import text

        if ";" in statement:
            msg = f"a question is one statement, without any semicolon: {statement!r}"
            raise ValueError(msg)
        with told(self._place):
            return dict(self._connection.execute(text(statement), parameters).mappings().one())

    @contextmanager
    def apart(self) -> Iterator[Ask]:
        """Let statements fail without ending the transaction (a savepoint that is rolled back)."""
        with told(self._place):
            savepoint = self._connection.begin_nested()
        try:
            yield self.ask
        finally:
            with told(self._place):
                savepoint.rollback()

    def refusal(self, statement: str, *states: str) -> str | None:
        """Run a statement that should be refused; return the SQLSTATE, None where it wasn't.

        Raises:
            Blocked: it ended with another state than those given, which proves nothing.
        """
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        try:
            self._connection.execute(text(statement))
        except DBAPIError as error:
            state = sqlstate_of(error)
            if state in states:
                return state
            block_on_fault(error, self._place)
        return None


@contextmanager
def told(place: str) -> Iterator[None]:
    """End as BLOCKED, saying why, where the driver reports an error."""
    from sqlalchemy.exc import DBAPIError, PendingRollbackError

    try:
        yield
    except DBAPIError as error:
        block_on_fault(error, place)
    except PendingRollbackError:
        blocked(
            f"the connection to the database at {place} was lost, and its snapshot with it",
            kind="provider-unavailable",
            remedy="run again when the database stays up",
        )
