"""Writes the schema of a new SQLite store: `python -m tests.integration.store.new_store`.

It is what Alembic makes of an empty file, read back from it, so that the first run on a machine
needs neither Alembic nor SQLAlchemy for it.
"""

from __future__ import annotations

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from pytest_prodstatus.store import HEAD, HISTORY, VERSION_TABLE
from pytest_prodstatus.store.database import Database, parse_address, upgrade
from pytest_prodstatus.store.statements import NEW_STORE


def new_store() -> str:
    """Return the statements that make a store like all revisions up to the newest do."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite3"
        path.touch()
        database = Database(parse_address(f"sqlite:///{path}", HISTORY), HISTORY)
        with database.writing() as connection:
            upgrade(connection, HEAD)
        database.close()
        made = schema_of(path)
    version = f"INSERT INTO {VERSION_TABLE} (version_num) VALUES ('{HEAD}')"
    return "\n\n".join([*made, version]) + "\n"


def schema_of(path: Path) -> list[str]:
    """Return the statements that made the tables, indexes and triggers of a file, in order."""
    query = "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
    with closing(sqlite3.connect(path)) as store:
        found = [sql for (sql,) in store.execute(query)]
    lines = ([line.strip() for line in sql.splitlines()] for sql in found)
    return ["\n".join(filter(None, parts)) for parts in lines]


if __name__ == "__main__":
    NEW_STORE.write_text(new_store(), encoding="utf-8")
