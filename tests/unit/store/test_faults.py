"""A database's error is explained in words that a person can act on."""

from __future__ import annotations

import errno
import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from pytest_prodstatus.store.database import explain


def _refused(cause: Exception) -> SQLAlchemyError:
    return DBAPIError("INSERT …", {"who": "a secret value"}, cause)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (_refused(sqlite3.OperationalError("attempt to write a readonly database")), "let this"),
        (_refused(sqlite3.OperationalError("unable to open database file")), "let this user"),
        (_refused(sqlite3.OperationalError("database or disk is full")), "free some space"),
        (_refused(sqlite3.OperationalError("disk I/O error")), "that disk"),
        (_refused(sqlite3.OperationalError("database is locked")), "try again"),
        (_refused(sqlite3.DatabaseError("file is not a database")), "journal's own file"),
        (_refused(psycopg.errors.ReadOnlySqlTransaction("cannot execute")), "let this user"),
        (_refused(psycopg.errors.InsufficientPrivilege("permission denied")), "let this user"),
        (_refused(psycopg.errors.DiskFull("could not extend file")), "free some space"),
        (_refused(psycopg.errors.LockNotAvailable("canceling")), "try again"),
        (_refused(psycopg.errors.QueryCanceled("canceling")), "try again"),
        (_refused(psycopg.OperationalError("connection refused\n\tIs it up?")), "can be reached"),
        (OSError(errno.ENOSPC, "No space left on device"), "free some space"),
        (PermissionError(errno.EACCES, "Permission denied"), "let this user"),
        (ModuleNotFoundError("No module named 'psycopg'"), "[state]"),
        (SQLAlchemyError(), "can be reached"),
    ],
)
def test_each_refusal_has_a_cause_and_a_remedy(
    error: SQLAlchemyError | OSError | ImportError, remedy: str
) -> None:
    """Cause and remedy are one line each, without the values of the statement."""
    cause, found = explain(error)
    assert remedy in found
    assert cause
    assert "\n" not in cause
    assert "secret" not in cause
