"""The journal's two tables, which only ever grow.

A claim is one row, its purchase's history the rows of events that point at it; what an entry's
state is follows from its last event, so nothing is ever changed to say it. Triggers refuse every
UPDATE and DELETE, also those of a person at a prompt. The tables and the triggers are made by the
first revision in `migrations`; what stands here is what statements are built from.

Three unique keys do the locking, so READ COMMITTED is enough:

- (criterion, target, day, attempt): one claim a day, and one more for each that was REJECTED.
- (criterion, target, link): the claims of a criterion and target form a chain, each written by
  someone who saw all the former ones; of two racers on different days one finds its link taken
  and has to look again.
- (claim_id, ordinal): of two processes that go on from the same state one has to look again.

What was read before the insert can't turn false meanwhile: a settled entry stays settled.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
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
