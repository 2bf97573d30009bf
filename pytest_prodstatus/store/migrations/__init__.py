"""The store's schema, as revisions that Alembic runs, and triggers that refuse changed rows."""

from __future__ import annotations

from collections.abc import Iterable

from alembic import op

_POSTGRES_FUNCTION = """
CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{refusal}'; END $$
"""
_POSTGRES_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION {function}()
"""
_SQLITE_TRIGGER = (
    "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    "BEGIN SELECT RAISE(ABORT, '{refusal}'); END"
)


def guard(function: str, refusal: str, tables: Iterable[str]) -> None:
    """Make `tables` append-only by triggers.

    Args:
        function: the name of PostgreSQL's function for these tables.
        refusal: the database's error message for an UPDATE, DELETE or TRUNCATE.
        tables: their names.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.execute(_POSTGRES_FUNCTION.format(function=function, refusal=refusal))
        for table in tables:
            op.execute(_POSTGRES_TRIGGER.format(table=table, function=function))
        return
    for table in tables:
        for verb in ("UPDATE", "DELETE"):
            op.execute(_SQLITE_TRIGGER.format(table=table, verb=verb, refusal=refusal))
