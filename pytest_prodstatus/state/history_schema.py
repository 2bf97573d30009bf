"""The history's tables, made for its questions.

- One row a run, with the verdicts of its stages in it: 100,000 runs of nine stages, 100,000 rows.
- One row a flip, which is where a stage's verdict differs from that of the run before. Since when a
  stage is what it is and when it was last CONFIRMED is one step into an index, however long ago.
- One row a criterion that isn't plainly CONFIRMED in a run: what held leaves none.

Runs are ordered by their start, then by their id. Flips stay when old runs are deleted, so `since`
outlives them; the rows of criteria go with their run.
"""

from __future__ import annotations

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, Table, Text, UniqueConstraint

from pytest_prodstatus.state.columns import Names, UtcDateTime
from pytest_prodstatus.state.schema import metadata

runs = Table(
    "prodstatus_run",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("run", Text, nullable=False),
    Column("started", UtcDateTime, nullable=False),
    Column("finished", UtcDateTime, nullable=False),
    Column("final", Text, nullable=False),
    Column("gate_open", Boolean, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("partial", Boolean, nullable=False),
    Column("selection", Text),
    Column("suite_commit", Text),
    Column("suite_dirty", Boolean),
    Column("subject_release", Text),
    Column("catalogue", Text, nullable=False),
    Column("versions", Names, nullable=False),
    Column("stages", Names, nullable=False),
    Column("causes", Names, nullable=False),
    UniqueConstraint("project", "target", "run"),
    Index("prodstatus_run_by_time", "project", "target", "started", "run"),
)

criteria = Table(
    "prodstatus_run_criterion",
    metadata,
    Column(
        "run_id",
        Integer,
        ForeignKey("prodstatus_run.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    Column("criterion", Text, primary_key=True),
    Column("stage", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("kind", Text),
    Column("reason", Text),
    Column("flaky", Boolean, nullable=False),
)

flips = Table(
    "prodstatus_flip",
    metadata,
    Column("project", Text, primary_key=True),
    Column("target", Text, primary_key=True),
    Column("stage", Text, primary_key=True),
    Column("started", UtcDateTime, primary_key=True),
    Column("run", Text, primary_key=True),
    Column("verdict", Text, nullable=False),
    Column("previous", Text),
    Index(
        "prodstatus_flip_by_previous", "project", "target", "stage", "previous", "started", "run"
    ),
)
