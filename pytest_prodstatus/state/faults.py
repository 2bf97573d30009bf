"""Why the database under the state store refused, in words a person can act on."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError

from pytest_prodstatus.state.revision import UnknownRevision

_WRITABLE = (
    "let this user write to it (for a file: to its folder too) or set PRODSTATUS_STATE_URL to "
    "a place where it may"
)
_SPACE = "free some space there"

# Fragments of SQLite's messages (sqlite3ErrStr in main.c), which carry no code before Python 3.11.
_BY_FRAGMENT = {
    "readonly database": _WRITABLE,
    "unable to open database file": _WRITABLE,
    "database or disk is full": _SPACE,
    "disk i/o error": "look at that disk: it is full, over its quota or failing",
    "database is locked": "try again when the process that holds it has ended",
    "file is not a database": "set PRODSTATUS_STATE_URL to the journal's own file",
}
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_SQLSTATE = {
    "25006": _WRITABLE,
    "42501": _WRITABLE,
    "53100": _SPACE,
    "55P03": "try again when the process that holds it has ended",
    "57014": "try again when the server is less busy",
}
_ELSE = "set PRODSTATUS_STATE_URL to a database that can be reached and written"


def explain(
    error: SQLAlchemyError | OSError | ImportError | UnknownRevision,
) -> tuple[str, str]:
    """Return the cause in one line, without the statement's values, and the remedy."""
    if isinstance(error, (ImportError, NoSuchModuleError)):
        return str(error), "install pytest-prodstatus[state]"
    if isinstance(error, UnknownRevision):
        return str(error), "update pytest-prodstatus"
    if isinstance(error, OSError):
        remedy = _SPACE if error.errno in (28, 122) else _WRITABLE  # ENOSPC, EDQUOT
        return error.strerror or str(error), remedy
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    line = next(iter(str(cause).strip().splitlines()), type(cause).__name__).rstrip(" .:")
    sqlstate = getattr(cause, "sqlstate", None)
    if sqlstate in _BY_SQLSTATE:
        return line, _BY_SQLSTATE[sqlstate]
    for fragment, remedy in _BY_FRAGMENT.items():
        if fragment in line.lower():
            return line, remedy
    return line, _ELSE
