"""One open transaction on the store's database: its questions, and why one can't be answered.

A probe is given an `Ask`: a function that runs one statement and returns its one row. A question
that can't be answered ends as BLOCKED with the cause: it proves nothing about the store.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, NoReturn, Protocol, TypeAlias

from pytest_prodstatus import blocked
from tests.acceptance.support.database.deadline import Deadline

if TYPE_CHECKING:
    from sqlalchemy import Connection
    from sqlalchemy.exc import DBAPIError

Row: TypeAlias = Mapping[str, Any]

_LACKS = {"42P01": "table", "42703": "column", "3F000": "schema", "42704": "type"}
_DIFFERS = ("42804", "42883", "42P18")
_LOCK_TIMEOUT = "55P03"
_TIMEOUTS = {
    "57014": "statement_timeout",
    _LOCK_TIMEOUT: "lock_timeout",
    "25P03": "idle time-out",
}
_UNREACHABLE = ("08", "53300", "57P", "58")
_EXHAUSTED = "53"
_ACCESS = {
    "28000": "the role or its host is not admitted",
    "28P01": "the password is not accepted",
    "3D000": "the database does not exist",
}
# libpq reports a refused connection by its message alone.
_ACCESS_WORDS = (
    (re.compile(r"password authentication failed|no password supplied"), "28P01"),
    (re.compile(r'database "[^"]*" does not exist'), "3D000"),
    (re.compile(r'role "[^"]*" does not exist|no pg_hba\.conf entry|not permitted'), "28000"),
)
_WRONG_PARAMETER = re.compile(
    r"invalid (?:\w+ value|connection option|port number)|service file|definition of service"
)


class Ask(Protocol):
    """Runs one statement with bound parameters and returns its only row."""

    def __call__(self, statement: str, /, **parameters: object) -> Row:
        """Return the row, or end as BLOCKED if the question could not be answered."""


Reading: TypeAlias = Callable[[Ask], object]
"""A question: it is given an `Ask`, may run several statements, and returns its answer."""


# Only this mode keeps a reader out, also while it waits for its own turn before the reader.
_LOCKED = """
SELECT ARRAY(
  SELECT DISTINCT CAST(c.relname AS text) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
  WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.pid <> pg_backend_pid()
    AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
) AS tables
"""
_NAMED = re.compile(r'\b(?:FROM|JOIN)\s+"?([A-Za-z_]\w*)"?(?!\w*\s*\()', re.I)
_DEFINED = re.compile(r"\b([A-Za-z_]\w*)\s+AS\s+(?:NOT\s+)?(?:MATERIALIZED\s+)?\(", re.I)


class Transaction:
    """A read-only transaction that is open: all its statements see the store as of one instant.

    Args:
        connection: an open connection.
        at: the instant, as below.
        place: host and port, for messages.
        deadline: ends it.

    Attributes:
        at: that instant by the server's clock (aware, UTC).
    """

    def __init__(
        self, connection: Connection, at: datetime, place: str, deadline: Deadline
    ) -> None:
        self.at = at
        self._connection = connection
        self._place = place
        self._deadline = deadline
        self._locked: set[str] = set()
        self._waited_for: frozenset[str] = frozenset()

    def ask(self, statement: str, /, **parameters: object) -> Row:
        """Run one statement and return its only row.

        Values are bound; a name that the statement doesn't use is ignored.

        Raises:
            Blocked: the question could not be answered (no connection, a time-out, a table that
                the store lacks, …). That proves nothing about the store, so it is never FAILED.
            ValueError: there is a semicolon in it. The server takes several statements at once,
                and after a COMMIT among them the next would not be in this transaction.
        """
        from sqlalchemy import text

        if ";" in statement:
            msg = f"a question is one statement, without any semicolon: {statement!r}"
            raise ValueError(msg)
        tables = tables_of(statement)
        if locked := sorted(tables & self._locked):
            _block_locked(self._place, locked)
        if self._deadline.over:
            self._deadline.end()
        with blocking_faults(self._place, self._deadline), self._noting_locks(tables):
            return dict(self._connection.execute(text(statement), parameters).mappings().one())

    @contextmanager
    def _noting_locks(self, tables: frozenset[str]) -> Iterator[None]:
        """Keep the tables of a statement that waited in vain for a lock."""
        from sqlalchemy.exc import DBAPIError

        try:
            yield
        except DBAPIError as error:
            if sqlstate_of(error) == _LOCK_TIMEOUT:
                self._waited_for = tables
            raise

    def _find_locked(self) -> None:
        """Find which table a statement has waited for; no other statement waits for it again."""
        waited_for, self._waited_for = self._waited_for, frozenset()
        if waited_for:
            held = frozenset(self.ask(_LOCKED)["tables"]) & waited_for
            # The lock may be gone by now, or be that of a table behind a view.
            self._locked |= held or waited_for

    @contextmanager
    def apart(self) -> Iterator[Ask]:
        """Let statements fail without ending the transaction (a savepoint that is rolled back)."""
        with blocking_faults(self._place, self._deadline):
            savepoint = self._connection.begin_nested()
        try:
            yield self.ask
        finally:
            with blocking_faults(self._place, self._deadline):
                savepoint.rollback()
            self._find_locked()

    def violation(self, statement: str, *states: str) -> str | None:
        """Run a statement that should be refused; return the SQLSTATE, None if it wasn't.

        Raises:
            Blocked: it ended with another state than those given, which proves nothing.
        """
        from sqlalchemy import text
        from sqlalchemy.exc import DBAPIError

        try:
            self._connection.execute(text(statement))
        except DBAPIError as error:
            state = sqlstate_of(error)
            if state in states and not _is_of_a_policy(error):
                return state
            if self._deadline.over:
                self._deadline.end()
            block_on_fault(error, self._place)
        return None


def bound(ask: Callable[..., Row], **always: object) -> Ask:
    """Return an `Ask` that gives every statement the same parameters beside its own."""

    def with_parameters(statement: str, /, **parameters: object) -> Row:
        return ask(statement, **{**always, **parameters})

    return with_parameters


def tables_of(statement: str) -> frozenset[str]:
    """Return the names that a statement reads from, without those that it defines itself."""
    return frozenset(_NAMED.findall(statement)) - frozenset(_DEFINED.findall(statement))


def _block_locked(place: str, tables: list[str]) -> NoReturn:
    blocked(
        f"{', '.join(tables)} in the database at {place} is locked: another question has waited "
        f"for it already (lock_timeout, {_LOCK_TIMEOUT})",
        kind="timeout",
        remedy="run again when the migration, or what else locks it, is over",
    )


@contextmanager
def blocking_faults(place: str, deadline: Deadline) -> Iterator[None]:
    """End as BLOCKED, saying why, if the driver reports an error.

    Args:
        place: host and port, for messages.
        deadline: if it is over, it is what cut the connection.
    """
    from sqlalchemy.exc import DBAPIError, PendingRollbackError

    try:
        yield
    except DBAPIError as error:
        if deadline.over:
            deadline.end()
        block_on_fault(error, place)
    except PendingRollbackError:
        if deadline.over:
            deadline.end()
        blocked(
            f"the connection to the database at {place} was lost, and its snapshot with it",
            kind="provider-unavailable",
            remedy="run again when the database stays up",
        )


def block_on_fault(error: DBAPIError, place: str) -> NoReturn:
    """End as BLOCKED with the kind that an error of the database driver calls for.

    Args:
        error: what the driver reported.
        place: host and port, for the message.
    """
    from sqlalchemy.exc import InterfaceError, OperationalError

    state = sqlstate_of(error)
    words = first_line(error.orig)
    if state in _ACCESS:
        _block_access(place, _ACCESS[state])
    if state is None and _WRONG_PARAMETER.search(words):
        _block_access(place, words)
    if _is_of_a_policy(error):
        blocked(
            f"row-level security may hide rows from the database role: {words}",
            kind="missing-config",
            remedy="let the role in DATABASE_URL see every row: ALTER ROLE … BYPASSRLS",
        )
    if state == "42501":
        blocked(
            f"the database role may not read what the criterion needs: {words}",
            kind="missing-config",
            remedy="GRANT SELECT on the store's tables to the role in DATABASE_URL",
        )
    if state in _LACKS:
        blocked(f"this store's schema lacks {_missing(_LACKS[state], words)}", kind="inconclusive")
    if state in _DIFFERS:
        blocked(f"this store's schema lacks a column of the right type: {words}")
    if state in _TIMEOUTS:
        blocked(
            f"the database at {place} did not answer in time ({_TIMEOUTS[state]}, {state})",
            kind="timeout",
            remedy="look at the server's load, or raise PRODSTATUS_STATEMENT_TIMEOUT",
        )
    if state is None and not isinstance(error, (InterfaceError, OperationalError)):
        # It is the driver's own, and quotes the value.
        blocked(
            f"a value in the database can't be read: {re.split('[:(]', words)[0].strip()}",
            kind="inconclusive",
            remedy="correct that value, as a date after the year 9999 is one",
        )
    if state is None or state.startswith(_UNREACHABLE):
        blocked(
            f"the database at {place} can't be reached: {words}",
            kind="provider-unavailable",
            remedy="start the database, or correct DATABASE_URL",
        )
    if state.startswith(_EXHAUSTED):
        blocked(
            f"the database at {place} lacks the resources to answer ({state}): {words}",
            kind="provider-unavailable",
            remedy="give the server, or the role in DATABASE_URL, more of what this names",
        )
    blocked(f"the database could not answer ({state}): {words}", kind="inconclusive")


def sqlstate_of(error: DBAPIError) -> str | None:
    """Return the SQLSTATE of an error, from its message if the driver has none."""
    return getattr(error.orig, "sqlstate", None) or _state_by_words(str(error.orig))


def _is_of_a_policy(error: DBAPIError) -> bool:
    """Return whether row-level security refused the statement, which row_security = off makes it.

    The SQLSTATE is that of a missing right, and the message is in the server's language.
    """
    return getattr(getattr(error.orig, "diag", None), "source_function", "") == "check_enable_rls"


def _block_access(place: str, why: str) -> NoReturn:
    blocked(
        f"DATABASE_URL can't be used at {place}: {why}",
        kind="missing-config",
        remedy="correct DATABASE_URL",
    )


def _state_by_words(text: str) -> str | None:
    return next((state for words, state in _ACCESS_WORDS if words.search(text)), None)


def _missing(noun: str, words: str) -> str:
    """Return what is missing as the server names it: `relation "sales" does not exist`."""
    named = re.search(r'"([^"]+)"|column (\S+)', words)
    name = (named[1] or named[2]) if named else words
    return f"the {noun} {name.strip(chr(34))!r}"


def first_line(original: BaseException | None) -> str:
    """Return the server's first line: never its DETAIL, which may quote a row."""
    diagnosis = getattr(getattr(original, "diag", None), "message_primary", None)
    lines = [line.strip() for line in str(diagnosis or original).splitlines() if line.strip()]
    line = lines[0] if lines else type(original).__name__
    # A password can only stand in a connection string; libpq quotes none, but a driver might.
    return re.sub(r"\S+", _without_user, line)


def _without_user(word: re.Match[str]) -> str:
    """Return a word without what is between the first `://` and the last `@`."""
    scheme, mark, address = word[0].partition("://")
    return scheme + mark + address.rpartition("@")[2]
