"""Writing a store into an empty database."""

from __future__ import annotations

from pathlib import Path

import psycopg
from psycopg import sql

from tests.acceptance.demo.world import Row, World

READER = "prodstatus_reader"
"""The role that the suite gets, made by the SQL that the documentation gives the operators."""

SCHEMA = Path(__file__).with_name("schema.sql")
"""The store's tables and indexes."""

_ROLE = Path(__file__).with_name("reader.sql")


def load(world: World, url: str) -> None:
    """Create the schema, copy every row, and let the reader read.

    Args:
        world: the store.
        url: an empty database, as its owner.
    """
    with psycopg.connect(url.split("&schema=")[0]) as connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA.read_bytes())
        for table, rows in world.tables.items():
            _copy(cursor, table, rows)
        cursor.execute(_ROLE.read_bytes())
        for statement in world.statements:
            cursor.execute(statement.encode())
        cursor.execute("ANALYZE")


def _copy(cursor: psycopg.Cursor, table: str, rows: list[Row]) -> None:
    # Rows leave out what has a default, so each set of columns is copied on its own.
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row), []).append(row)
    name = sql.Identifier(table)
    for columns, group in groups.items():
        names = sql.SQL(", ").join(map(sql.Identifier, columns))
        with cursor.copy(sql.SQL("COPY {} ({}) FROM STDIN").format(name, names)) as copy:
            for row in group:
                copy.write_row(tuple(row.values()))
    if rows and isinstance(rows[0]["id"], int):
        statement = sql.SQL("SELECT setval(pg_get_serial_sequence({}, 'id'), {})")
        cursor.execute(statement.format(sql.Literal(table), sql.Literal(len(rows))))
