"""Revision 3: the journal of real actions of any kind; purchases become actions with details."""

from __future__ import annotations

import json
from itertools import groupby
from typing import Any

import sqlalchemy as sa
from alembic import op

from pytest_prodstatus.store.migrations import guard

revision = "3"
down_revision = "2"

_TABLES = ("prodstatus_action", "prodstatus_action_event")
_FORMER = ("prodstatus_claim", "prodstatus_claim_event")


def upgrade() -> None:
    """Create the tables and their triggers, and copy the claims of the journal of purchases.

    The former tables are renamed first. On PostgreSQL that waits for processes that write to them.
    Afterwards a process of an older release can't write a claim that the new tables would miss. The
    former tables are kept, unless they are empty.
    """
    for name in _FORMER:
        op.rename_table(name, f"{name}_former")
    actions, events = _create()
    if _copy_claims(actions):
        _copy_events(events)
        _continue_numbers()
    else:
        for name in reversed(_FORMER):
            op.drop_table(f"{name}_former")
    guard("prodstatus_append_only", "the journal is append-only", _TABLES)


def _create() -> tuple[sa.Table, sa.Table]:
    actions = op.create_table(
        "prodstatus_action",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("link", sa.Integer, nullable=False),
        sa.Column("criterion", sa.Text, nullable=False),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("period", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("payload_digest", sa.Text, nullable=False),
        sa.Column("armed_by", sa.Text, nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("limits", sa.Text, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.UniqueConstraint("chain", "link"),
        sa.UniqueConstraint("chain", "period", "key", "attempt"),
    )
    events = op.create_table(
        "prodstatus_action_event",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("action_id", sa.Integer, sa.ForeignKey("prodstatus_action.id"), nullable=False),
        sa.Column("ordinal", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("receipts", sa.Text, nullable=False),
        sa.Column("resolution", sa.Boolean, nullable=False),
        sa.UniqueConstraint("action_id", "ordinal"),
    )
    return actions, events


def _copy_claims(actions: sa.Table) -> bool:
    """Copy all claims with their numbers, and return whether there were any."""
    same = ("id", "criterion", "target", "link", "attempt", "expires_at")
    former = _former(
        _FORMER[0],
        *("id", "criterion", "target", "link", "day", "attempt", "out_order_id", "payload_hash"),
        *("amount", "currency", "cap", "who", "route", "mode"),
        "expires_at",
    )
    rows = op.get_bind().execute(sa.select(former).order_by(former.c.id)).mappings().all()
    op.bulk_insert(
        actions,
        [
            {
                **{name: row[name] for name in same},
                "chain": json.dumps([row["criterion"], row["target"]]),
                "project": "",
                "period": "day",
                "key": row["day"],
                "payload_digest": row["payload_hash"],
                "armed_by": row["who"],
                "limits": json.dumps(
                    [
                        {
                            "name": "price",
                            "amount": row["amount"],
                            "maximum": row["cap"],
                            "unit": row["currency"],
                        }
                    ]
                ),
                "details": json.dumps(
                    {name: row[name] for name in ("mode", "route", "out_order_id")}
                ),
            }
            for row in rows
        ],
    )
    return bool(rows)


def _copy_events(events: sa.Table) -> None:
    """Copy the events except PLANNED, which came with each INTENT and repeats the claim."""
    same = ("at", "state", "who", "resolution")
    former = _former(
        _FORMER[1],
        *("claim_id", "ordinal", "state", "detail", "who", "order_ids"),
        *("at", "resolution"),
    )
    wanted = sa.select(former).where(former.c.state != "PLANNED")
    rows = op.get_bind().execute(wanted.order_by(former.c.claim_id, former.c.ordinal)).mappings()
    op.bulk_insert(
        events,
        [
            {
                **{name: row[name] for name in same},
                "action_id": claim_id,
                "ordinal": ordinal,
                "note": row["detail"],
                "receipts": row["order_ids"],
            }
            for claim_id, own in groupby(rows, key=lambda row: row["claim_id"])
            for ordinal, row in enumerate(own, start=1)
        ],
    )


def _former(name: str, *columns: str) -> sa.TableClause:
    types: dict[str, Any] = {
        "expires_at": sa.DateTime(timezone=True),
        "at": sa.DateTime(timezone=True),
        "resolution": sa.Boolean(),
    }
    return sa.table(f"{name}_former", *(sa.column(column, types.get(column)) for column in columns))


def _continue_numbers() -> None:
    """Let PostgreSQL continue the numbers after the last action; SQLite does so by itself."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "SELECT setval(pg_get_serial_sequence('prodstatus_action', 'id'), max(id)) "
            "FROM prodstatus_action"
        )
