"""Exports of a record to the formats of other tools: their rows, names and files.

Most tools look at the list of tests alone. A run whose worker died is BLOCKED although no criterion
says so, and so is a stage without a test. Each of these is a row here, so a list in which
everything passed exists only if FINAL is CONFIRMED.

To add a format, add a line to `EXPORTS` and a module of the same name to
`pytest_prodstatus.writers`, with a `Writer` called `write`. It is imported only if it is used.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple, Protocol

from pytest_prodstatus.model.record import CriterionStatus, Record, StageStatus
from pytest_prodstatus.model.rollup import RUN
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.readers.config import Config

NOT_A_STAGE = "RUN"
"""The stage title of rows that belong to the run and to no stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One test in another tool's list: a criterion, a stage without criteria, or the run itself.

    Attributes:
        id: the criterion's or stage's; "run" for the run itself.
        title: one line for a person.
        stage: the stage's id; "run" for the run itself.
        stage_title: the stage's title.
        verdict: the criterion's, the stage's, or BLOCKED for the run.
        reason: None if the verdict is CONFIRMED.
        status: the criterion; None if the row isn't a criterion.
    """

    id: str
    title: str
    stage: str
    stage_title: str
    verdict: Verdict
    reason: Reason | None
    status: CriterionStatus | None = None

    @property
    def selected(self) -> bool:
        """Whether the run selected it; a partial run doesn't select every criterion."""
        return self.status is None or self.status.selected

    @property
    def file(self) -> str | None:
        """The test's file, relative to the project's root."""
        nodeid = self.status.nodeid if self.status else None
        return nodeid.partition("::")[0] if nodeid else None


class Export(NamedTuple):
    """One format.

    Attributes:
        file: the file's name in the output folder.
        about: a short description for the help.
    """

    file: str
    about: str


EXPORTS: Mapping[str, Export] = {
    "ctrf": Export(file="ctrf.json", about="Common Test Report Format"),
    "github": Export(file="summary.md", about="a step summary for GitHub"),
    "junit": Export(file="junit.xml", about="JUnit XML of every criterion"),
}
"""The formats by name; each is written by the module of that name."""


class Writer(Protocol):
    """Writes a record in one format; the same record gives the same text."""

    def __call__(self, record: Record, config: Config) -> str:
        """Return the text for a record of a run that has finished or is in progress."""


def writer_of(name: str) -> Writer:
    """Return the writer of a format.

    Args:
        name: a key of `EXPORTS`.
    """
    writer: Writer = import_module(f"pytest_prodstatus.writers.{name}").write
    return writer


def rows_of(record: Record) -> list[Row]:
    """Return a record's rows in the order of its stages, those of the run itself last."""
    rows = [_criterion_row(s, stage) for stage in record.stages for s in stage.criteria]
    # A derived stage only repeats the verdicts of others.
    rows += [
        _stage_row(stage)
        for stage in record.stages
        if not stage.criteria and not stage.derived and stage.applies
    ]
    rows += [_run_row(incident) for incident in record.run.incidents]
    # Even a record without stages must not be an empty list, which tools show as passed.
    if not rows and record.final.reason:
        rows.append(_run_row(record.final.reason))
    return rows


def worst_first(rows: list[Row]) -> list[Row]:
    """Return the rows that aren't CONFIRMED: the worst first, and causes before consequences."""

    def rank(row: Row) -> tuple[int, bool]:
        return -row.verdict.severity, row.reason is not None and row.reason.kind is Kind.UPSTREAM

    return sorted((row for row in rows if row.verdict is not Verdict.CONFIRMED), key=rank)


def _criterion_row(status: CriterionStatus, stage: StageStatus) -> Row:
    # The items of a parametrised criterion share one title; only the parameters differ.
    bracket = "".join(status.id.partition("[")[1:])
    return Row(
        id=status.id,
        title=f"{status.title} {bracket}" if bracket else status.title or status.id,
        stage=stage.id,
        stage_title=stage.title,
        verdict=status.verdict,
        reason=status.reason,
        status=status,
    )


def _stage_row(stage: StageStatus) -> Row:
    # What a tool shows as the test that didn't pass.
    title = f"{stage.title} has a criterion"
    return Row(
        id=stage.id, title=title, stage=stage.id, stage_title=stage.title,
        verdict=stage.verdict, reason=stage.reason,
    )  # fmt: skip


def _run_row(incident: Reason) -> Row:
    return Row(
        id=RUN, title="The run itself", stage=RUN, stage_title=NOT_A_STAGE,
        verdict=Verdict.BLOCKED, reason=incident,
    )  # fmt: skip
