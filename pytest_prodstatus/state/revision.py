"""The schema's revisions: which one a state store has, and the way to the one that is needed.

Alembic does the steps (`migrations/versions`), which is imported only where there is one to do.
"""

from __future__ import annotations

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, text

from pytest_prodstatus.state.schema import claims, events

HEAD = 2
"""The newest revision that this release knows."""

VERSION_TABLE = "prodstatus_version"
_LOCK_KEY = 0x70_73_6A_6F  # any number that no other program is likely to lock: "psjo"

_version = Table(VERSION_TABLE, MetaData(), Column("version_num", String(32)))


class UnknownRevision(Exception):  # noqa: N818 - it says what was found
    """The store's schema is none that this release knows."""


def current(connection: Connection) -> int:
    """Return the store's revision, 0 where it is empty.

    A journal made before there were revisions has no version table and is revision 1.

    Raises:
        UnknownRevision: it is newer than `HEAD`, or none of ours.
    """
    inspector = inspect(connection)
    if inspector.has_table(VERSION_TABLE):
        found = connection.execute(select(_version.c.version_num)).scalar()
        if found is not None:
            return _known(found)
    return int(all(inspector.has_table(table.name) for table in (claims, events)))


def upgrade(connection: Connection, needed: int) -> None:
    """Bring the store to revision `needed` in the caller's transaction, one process at a time.

    SQLite's write transaction already keeps others out. PostgreSQL needs the lock: two CREATE
    TABLE at once fail on the catalogue's own unique index.

    Raises:
        UnknownRevision: another process made it newer than `HEAD` meanwhile.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    found = current(connection)
    if found >= needed:
        return
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", "pytest_prodstatus.state:migrations")
    if found == 1:
        command.stamp(config, "1")
    command.upgrade(config, str(needed))


def _known(found: str) -> int:
    known = {str(number): number for number in range(1, HEAD + 1)}
    if found not in known:
        msg = f"its schema is {found!r} and this release knows those up to {HEAD}"
        raise UnknownRevision(msg)
    return known[found]
