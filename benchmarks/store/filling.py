"""Fill an empty database with a store of any size, in the demo's schema, by set-based SQL."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import psycopg
from psycopg import sql

from tests.acceptance.demo.loading import READER, SCHEMA
from tests.acceptance.support.clock import to_column

_ROWS = Path(__file__).with_name("rows.sql")


def fill(url: str, *, rows: int, now: datetime) -> None:
    """Create the store's tables, fill them, add the indexes that the store has, and analyse.

    Args:
        url: an empty database, as its owner. The owner must be a superuser, to switch the triggers
            of foreign keys off; the rows satisfy the keys without them.
        rows: the number of orders, and of sales.
        now: the instant of the newest order (aware).
    """
    tables, indexes = _parts(SCHEMA.read_text())
    # `schema` is a parameter of Prisma, the store's client. VACUUM can't run in a transaction.
    with psycopg.connect(url.split("&schema=")[0], autocommit=True) as connection:
        settings = {
            # Parameters of rows.sql: a name with a dot may be any.
            "benchmark.rows": str(rows),
            "benchmark.now": str(to_column(now)),
            "session_replication_role": "replica",  # switches triggers of foreign keys off
            "maintenance_work_mem": "512MB",
        }
        for name, value in settings.items():
            connection.execute("SELECT set_config(%s, %s, false)", (name, value))
        for part in (tables, _ROWS.read_text(), indexes):
            connection.execute(part.encode())
        role = sql.Identifier(READER)
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(role))
        tables_of = sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}")
        connection.execute(tables_of.format(role))
        # As autovacuum does on the store's server: index-only scans need the visibility map.
        connection.execute("VACUUM ANALYZE")


def _parts(schema: str) -> tuple[str, str]:
    """Return the schema without its indexes, and the indexes, which are built faster at the end."""
    lines = schema.splitlines()
    indexes = [line for line in lines if line.startswith(("CREATE INDEX", "CREATE UNIQUE INDEX"))]
    return "\n".join(line for line in lines if line not in indexes), "\n".join(indexes)
