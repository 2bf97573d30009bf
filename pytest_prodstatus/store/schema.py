"""The journal's tables, which only ever grow.

A claim is one row, its history the rows of events that point at it; what an
entry's state is follows from its last event, so nothing is ever changed to say it. Triggers refuse
every UPDATE and DELETE, also those of a person at a prompt. The tables and the triggers are made by
the first revision in `migrations`; what stands here is what statements are built from. Three unique
keys do the locking, so READ COMMITTED is enough:

- (criterion, target, day, attempt): one claim a day, and one more for each that was REJECTED.
- (criterion, target, link): the claims of a criterion and target form a chain, each written by
  someone who saw all the former ones; of two racers on different days one finds its link taken
  and has to look again.
- (claim_id, ordinal): of two processes that go on from the same state one has to look again.

What was read before the insert can't turn false meanwhile: a settled entry stays settled.
"""

from __future__ import annotations

import json
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as its own text: SQLite would turn NUMERIC into a float."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the digits, all of them, without an exponent."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Return the same Decimal, trailing zeros included."""
        return None if value is None else Decimal(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as the database keeps it."""
        if value is None:
            return None
        instant = value.astimezone(timezone.utc)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Return the instant, aware and in UTC whatever the session's time zone."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.combine(value.date(), value.time(), tzinfo=timezone.utc)
        instant: datetime = value.astimezone(timezone.utc)
        return instant


class IsoDay(TypeDecorator[date]):
    """A day as its ISO text, so that its spelling in a unique key can't differ."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the day as in 2026-01-31."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> date | None:  # noqa: ARG002
        """Return the day."""
        return None if value is None else date.fromisoformat(value)


class Lines(TypeDecorator[tuple[str, ...]]):
    """A tuple of texts as a JSON array in plain ASCII, which any encoding can hold."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the JSON array."""
        return None if value is None else json.dumps(list(value))

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> tuple[str, ...] | None:
        """Return the texts."""
        return None if value is None else tuple(json.loads(value))


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
