"""The proof, before anything is judged, that what judges could not change the store.

The attempt locks no row of `orders` for an update. To PostgreSQL that is a write: it needs the
right to UPDATE some column, and a read-only transaction refuses it, as a hot standby does. It is
the one write that leaves nothing behind even where it is let through: it fires no trigger and no
rule, burns no sequence number, takes no row and asks for the weakest table lock that a write has.
Source: PostgreSQL's manual on SELECT ("The Locking Clause") and on SET TRANSACTION.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, NoReturn

from pytest_prodstatus import blocked

if TYPE_CHECKING:
    from tests.acceptance.support.transaction import Transaction

READ_ONLY_TRANSACTION = "25006"
NO_PRIVILEGE = "42501"

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


def require_refused_writes(begin: Callable[[], AbstractContextManager[Transaction]]) -> None:
    """End as BLOCKED unless a write is refused in a transaction of its own.

    Refused with 25006 the transaction is read-only, and so is every one that is begun alike.
    Refused with 42501 it is not, and the role has no right to that one table: then the catalogue
    is asked whether it may write any other.

    Args:
        begin: opens a transaction with the settings of those that judge.

    Raises:
        Blocked: "connection is writable", or the proof could not be made.
    """
    with begin() as attempt:
        refused = attempt.refusal(_ATTEMPT, READ_ONLY_TRANSACTION, NO_PRIVILEGE)
    if refused is None:
        _writable("an attempt to write to orders was not refused")
    if refused == NO_PRIVILEGE:
        with begin() as transaction:
            tables = transaction.ask(_WRITABLE)["tables"]
        if tables:
            _writable(f"its transactions are not read-only, and it may write {', '.join(tables)}")


def _writable(why: str) -> NoReturn:
    blocked(
        f"connection is writable: {why}",
        kind="missing-config",
        remedy="set DATABASE_URL to a role that can only SELECT (docs/security.md has its SQL)",
    )
