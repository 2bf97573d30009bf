"""Other tools' forms of a record: the rows that they count, and each form's file name.

Most tools look at the list of tests alone. A run whose worker died, or a stage that no test belongs
to, is BLOCKED without any criterion that says so; each is a row here, so that a list in which
everything passed is only ever seen if FINAL is CONFIRMED.

A new form is one module of `pytest_prodstatus.writers` that holds a `Writer` as `write`, and its
line in `EXPORTS`. It is imported when it is asked for.
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
"""The title under which rows stand that belong to the run and to no stage."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of another tool's list.

    Attributes:
        id: of the criterion or stage; "run" for the run itself.
        title: what a person reads, on one line.
        stage: the stage's id; "run" for the run itself.
        stage_title: the stage's title.
        reason: None where the verdict is CONFIRMED.
        status: the criterion; None where the row is none.
    """

    id: str
    title: str
    stage: str
    stage_title: str
    verdict: Verdict
    reason: Reason | None
    status: CriterionStatus | None = None

    @property
    def asked(self) -> bool:
        """Whether the run was asked to look at it; a partial run isn't asked for everything."""
        return self.status is None or self.status.selected

    @property
    def file(self) -> str | None:
        """The test's file, relative to the project's root."""
        nodeid = self.status.nodeid if self.status else None
        return nodeid.partition("::")[0] if nodeid else None


class Export(NamedTuple):
    """One form.

    Attributes:
        file: its name in the output folder.
        about: what it is, for the help.
    """

    file: str
    about: str


EXPORTS: Mapping[str, Export] = {
    "ctrf": Export(file="ctrf.json", about="Common Test Report Format"),
    "github": Export(file="summary.md", about="a step summary for GitHub"),
    "junit": Export(file="junit.xml", about="JUnit XML of every criterion"),
}
"""The forms by their names; the module of the same name makes it."""


class Writer(Protocol):
    """Makes the text of one form; the same record gives the same text."""

    def __call__(self, record: Record, config: Config) -> str:
        """Return the record, of a finished run or one in progress, in this form."""


def writer_of(name: str) -> Writer:
    """Return what makes a form of `EXPORTS`."""
    writer: Writer = import_module(f"pytest_prodstatus.writers.{name}").write
    return writer


def rows_of(record: Record) -> list[Row]:
    """Return the rows of a record, in the order of its stages, the run's own last."""
    rows = [_of_criterion(s, stage) for stage in record.stages for s in stage.criteria]
    rows += [
        _of_stage(stage) for stage in record.stages if not stage.criteria and not stage.derived
    ]
    rows += [_of_run(incident) for incident in record.run.incidents]
    if not rows and record.final.reason:
        rows.append(_of_run(record.final.reason))
    return rows


def worst_first(rows: list[Row]) -> list[Row]:
    """Return the rows that aren't CONFIRMED: the worst first, and causes before consequences."""

    def rank(row: Row) -> tuple[int, bool]:
        return -row.verdict.severity, row.reason is not None and row.reason.kind is Kind.UPSTREAM

    return sorted((row for row in rows if row.verdict is not Verdict.CONFIRMED), key=rank)


def _of_criterion(status: CriterionStatus, stage: StageStatus) -> Row:
    # The titles of a parametrised criterion's items differ in nothing but their parameters.
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


def _of_stage(stage: StageStatus) -> Row:
    title = f"{stage.title} has a criterion"
    return Row(
        id=stage.id, title=title, stage=stage.id, stage_title=stage.title,
        verdict=stage.verdict, reason=stage.reason,
    )  # fmt: skip


def _of_run(incident: Reason) -> Row:
    return Row(
        id=RUN, title="The run itself", stage=RUN, stage_title=NOT_A_STAGE,
        verdict=Verdict.BLOCKED, reason=incident,
    )  # fmt: skip
