"""Revision 1: the journal of real purchases, two tables that only ever grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pytest_prodstatus.store.migrations import guard

revision = "1"
down_revision = None

_TABLES = ("prodstatus_claim", "prodstatus_claim_event")


def upgrade() -> None:
    """Create the tables and the triggers that refuse a change."""
    op.create_table(
        "prodstatus_claim",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("criterion", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("link", sa.Integer, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("out_order_id", sa.Text, nullable=False, unique=True),
        sa.Column("payload_hash", sa.Text, nullable=False),
        sa.Column("amount", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("cap", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("mode", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("criterion", "target", "day", "attempt"),
        sa.UniqueConstraint("criterion", "target", "link"),
    )
    op.create_table(
        "prodstatus_claim_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("claim_id", sa.Integer, sa.ForeignKey("prodstatus_claim.id"), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("order_ids", sa.Text, nullable=False),
        sa.Column("resolution", sa.Boolean, nullable=False),
        sa.UniqueConstraint("claim_id", "ordinal"),
    )
    guard("prodstatus_append_only", "the journal is append-only", _TABLES)
