"""Revision 2: the history of runs, and the overrides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from pytest_prodstatus.store.migrations import guard

revision = "2"
down_revision = "1"


def upgrade() -> None:
    """Create the four tables and their indexes."""
    op.create_table(
        "prodstatus_run",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("run", sa.Text, nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished", sa.DateTime(timezone=True), nullable=False),
        sa.Column("final", sa.Text, nullable=False),
        sa.Column("gate_open", sa.Boolean, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("partial", sa.Boolean, nullable=False),
        sa.Column("selection", sa.Text),
        sa.Column("suite_commit", sa.Text),
        sa.Column("suite_dirty", sa.Boolean),
        sa.Column("subject_release", sa.Text),
        sa.Column("catalogue", sa.Text, nullable=False),
        sa.Column("versions", sa.Text, nullable=False),
        sa.Column("stages", sa.Text, nullable=False),
        sa.Column("causes", sa.Text, nullable=False),
        sa.UniqueConstraint("project", "target", "run"),
    )
    op.create_index(
        "prodstatus_run_by_time", "prodstatus_run", ["project", "target", "started", "run"]
    )
    op.create_table(
        "prodstatus_run_criterion",
        sa.Column(
            "run_id",
            sa.Integer,
            sa.ForeignKey("prodstatus_run.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("criterion", sa.Text, primary_key=True),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("kind", sa.Text),
        sa.Column("reason", sa.Text),
        sa.Column("flaky", sa.Boolean, nullable=False),
    )
    op.create_table(
        "prodstatus_flip",
        sa.Column("project", sa.Text, primary_key=True),
        sa.Column("target", sa.Text, primary_key=True),
        sa.Column("stage", sa.Text, primary_key=True),
        sa.Column("started", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("run", sa.Text, primary_key=True),
        sa.Column("verdict", sa.Text, nullable=False),
        sa.Column("previous", sa.Text),
    )
    op.create_index(
        "prodstatus_flip_by_previous",
        "prodstatus_flip",
        ["project", "target", "stage", "previous", "started", "run"],
    )
    op.create_table(
        "prodstatus_override",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("who", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index(
        "prodstatus_override_by_end", "prodstatus_override", ["project", "target", "until"]
    )
    guard(
        "prodstatus_overrides_append_only",
        "the list of overrides is append-only",
        ("prodstatus_override",),
    )
