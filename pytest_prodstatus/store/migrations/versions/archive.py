"""Revision 4: the records of finished runs, with their attestations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "4"
down_revision = "3"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "prodstatus_archive",
        sa.Column(
            "run_id",
            sa.Integer,
            sa.ForeignKey("prodstatus_run.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
