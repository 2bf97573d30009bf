"""The journal's two tables, which only ever grow.

A claim is one row, its purchase's history the rows of events that point at it; what an entry's
state is follows from its last event, so nothing is ever changed to say it. Triggers refuse every
UPDATE and DELETE, also those of a person at a prompt.

Three unique keys do the locking, so READ COMMITTED is enough:

- (criterion, target, day, attempt): one claim a day, and one more for each that was REJECTED.
- (criterion, target, link): the claims of a criterion and target form a chain, each written by
  someone who saw all the former ones; of two racers on different days one finds its link taken
  and has to look again.
- (claim_id, ordinal): of two processes that go on from the same state one has to look again.

What was read before the insert can't turn false meanwhile: a settled entry stays settled.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    text,
)

from pytest_prodstatus.state.columns import ExactDecimal, IsoDay, Lines, UtcDateTime

metadata = MetaData()

claims = Table(
    "prodstatus_claim",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("criterion", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("link", Integer, nullable=False),
    Column("day", IsoDay, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("out_order_id", Text, nullable=False, unique=True),
    Column("payload_hash", Text, nullable=False),
    Column("amount", ExactDecimal, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cap", ExactDecimal, nullable=False),
    Column("who", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    UniqueConstraint("criterion", "target", "day", "attempt"),
    UniqueConstraint("criterion", "target", "link"),
)

events = Table(
    "prodstatus_claim_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("claim_id", Integer, ForeignKey("prodstatus_claim.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("order_ids", Lines, nullable=False),
    Column("resolution", Boolean, nullable=False),
    UniqueConstraint("claim_id", "ordinal"),
)

_REFUSAL = "the journal is append-only"
_LOCK_KEY = 0x70_73_6A_6F  # any number that no other program is likely to lock: "psjo"

_POSTGRES_FUNCTION = f"""
CREATE OR REPLACE FUNCTION prodstatus_append_only() RETURNS trigger LANGUAGE plpgsql
AS $$ BEGIN RAISE EXCEPTION '{_REFUSAL}'; END $$
"""
_POSTGRES_TRIGGER = """
CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION prodstatus_append_only()
"""
_SQLITE_TRIGGER = (
    "CREATE TRIGGER {table}_no_{verb} BEFORE {verb} ON {table} "
    f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
)


def exists(connection: Connection) -> bool:
    """Return whether both tables are there, so that a role without CREATE can use them."""
    inspector = inspect(connection)
    return all(inspector.has_table(table.name) for table in metadata.sorted_tables)


def create(connection: Connection) -> None:
    """Create what is missing, in the caller's transaction, one process at a time.

    SQLite's write transaction already keeps others out. PostgreSQL needs the lock: two CREATE
    TABLE IF NOT EXISTS at once fail on the catalogue's own unique index.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
    if exists(connection):
        return
    metadata.create_all(connection)
    for statement in _guards(connection.dialect.name):
        connection.exec_driver_sql(statement)


def _guards(dialect: str) -> Iterator[str]:
    """Yield the statements that make the database itself refuse a change."""
    if dialect == "postgresql":
        yield _POSTGRES_FUNCTION
        for table in metadata.sorted_tables:
            yield _POSTGRES_TRIGGER.format(table=table.name)
        return
    for table in metadata.sorted_tables:
        for verb in ("UPDATE", "DELETE"):
            yield _SQLITE_TRIGGER.format(table=table.name, verb=verb)
