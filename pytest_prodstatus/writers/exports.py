"""Exports of a record to the formats of other tools: what a format is, and the rows it shows.

A format is an `Export`, registered as an entry point of the group `prodstatus.exports`: ours in
this package's pyproject.toml, anyone else's in their own. It is imported only if it is used. So
that other packages can have formats, the names in `__all__` are public.

Most tools look at the list of tests alone. A run whose worker died is BLOCKED although no criterion
says so, and so is a stage without a test. Each of these is a row here, so a list in which
everything passed exists only if FINAL is CONFIRMED.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from pytest_prodstatus.model.record import CriterionStatus, Record, StageStatus
from pytest_prodstatus.model.rollup import RUN
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.readers.config import Config

if TYPE_CHECKING:
    from pytest_prodstatus.model.gate import GateDecision
    from pytest_prodstatus.writers.gate_report import GateReport

__all__ = ["Export", "Report", "Row"]

GROUP = "prodstatus.exports"
"""The group of entry points in which a format is registered, by its name."""

NOT_A_STAGE = "RUN"
"""The stage title of rows that belong to the run and to no stage."""

_OURS = "pytest-prodstatus"


class ExportError(Exception):
    """A format that can't be used; the message is one sentence."""


class UnknownExportError(ExportError):
    """A name that no format has; the message lists those that there are."""


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
        """Whether the run selected the criterion; a partial run doesn't select every criterion."""
        return self.status is None or self.status.selected

    @property
    def file(self) -> str | None:
        """The test's file, relative to the project's root."""
        nodeid = self.status.nodeid if self.status else None
        return nodeid.partition("::")[0] if nodeid else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a format shows: a record, and the gate's decision by it as of now.

    Attributes:
        record: of a run that has finished or is in progress, as it was written.
        config: the project's configuration.
        gate: the decision; a verdict of the record may have ended since.
        now: when it was decided.
        page: the address of the page, if the CI system has one; else the name of its file.
    """

    record: Record
    config: Config
    gate: GateReport
    now: datetime
    page: str = "status.html"

    @property
    def rows(self) -> list[Row]:
        """The record's rows, and one for the gate if only the gate knows that it is closed."""
        rows = rows_of(self.record)
        decision = self.gate.decision
        if decision.present_verdict is Verdict.CONFIRMED or worst_first(rows):
            return rows
        return [*rows, _gate_row(decision)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One format.

    Attributes:
        file: the file's name in the output folder.
        about: a short description for the help.
        write: returns the text; the same report gives the same text. Only CONFIRMED may read as
            success, and nothing BLOCKED as skipped or neutral.
    """

    file: str
    about: str
    write: Callable[[Report], str]


def report_now(
    record: Record, config: Config, now: datetime, *, page: str = "status.html"
) -> Report:
    """Return what the formats show of a record that a run has just composed, as of now.

    Args:
        record: the record, with the overrides that are in force.
        config: the project's configuration.
        now: the aware instant of the decision.
        page: the address of the page.
    """
    # Imported here: JUnit and GitHub show a run's rows without asking the gate.
    from pytest_prodstatus.model.gate import decide
    from pytest_prodstatus.model.record import SIGN, UNSIGNED
    from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind
    from pytest_prodstatus.writers.gate_report import report_of

    decision = decide(
        record,
        config.catalogue,
        GateQuery(target=record.run.target),
        now,
        waivers=config.waivers,
        override=max(record.overrides, key=lambda found: found.until, default=None),
        require_evidence=config.require_evidence,
        found=(
            (Violation(kind=ViolationKind.UNTRUSTED, text=f"the gate is {UNSIGNED}", remedy=SIGN),)
            if record.decision.unsigned is True
            else ()
        ),
    )
    gate = report_of(record, decision, config.catalogue, "status.json")
    return Report(record=record, config=config, gate=gate, now=now, page=page)


def export_names() -> list[str]:
    """Return the names of all formats that are installed, without importing any.

    Raises:
        ExportError: this package's own aren't, since its metadata is older than its source.
    """
    points = entry_points(group=GROUP)
    # An editable installation keeps the entry points of the day on which it was made.
    if not any(map(_is_ours, points)):
        msg = f"{_OURS} is installed without its exports: install it again"
        raise ExportError(msg)
    return sorted({point.name for point in points})


def load_export(name: str) -> Export:
    """Import and return a format; of several with one name this package's own.

    Raises:
        UnknownExportError: there is none of this name.
        ExportError: it can't be used.
    """
    points = sorted(entry_points(group=GROUP, name=name), key=_is_ours, reverse=True)
    if not points:
        msg = f"{name!r} is not a form; the forms are {', '.join(export_names())}"
        raise UnknownExportError(msg)
    point = points[0]
    try:
        export = point.load()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # an import may end with sys.exit, for example
        raise _broken(name, _cause(error)) from error
    if not isinstance(export, Export):
        raise _broken(name, f"{point.value!r} is a {type(export).__name__}, not an Export")
    # Another package's: it must not leave the output folder.
    if not _is_plain(export.file):
        raise _broken(name, f"its file is {export.file!r}, which must be a plain name")
    if not isinstance(export.about, str):
        raise _broken(name, f"its description is {export.about!r}, which must be a text")
    return export


def text_of(name: str, export: Export, report: Report) -> str:
    """Return a report in a format.

    Raises:
        ExportError: the format's own code raises, or returns something else.
    """
    try:
        text = export.write(report)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also pytest.fail and a cancelled task
        raise _broken(name, _cause(error)) from error
    if not isinstance(text, str):
        raise _broken(name, f"it returned {type(text).__name__!r}, not a text")
    if not text.strip():
        raise _broken(name, "it returned an empty text, which readers take for no trouble")
    return text


def _is_ours(point: EntryPoint) -> bool:
    """Return whether this package itself registered a format."""
    return point.dist is not None and point.dist.name == _OURS


def _broken(name: str, why: str) -> ExportError:
    """Return the error of a format that can't be used, in one sentence."""
    return ExportError(one_line(f"the export {name!r} is broken: {why}"))


def _is_plain(name: object) -> bool:
    """Return whether a value is a file's name without a folder."""
    if not isinstance(name, str) or name in ("", ".", ".."):
        return False
    return one_line(name) == name and not set(name) & set("/\\")


def _cause(error: BaseException) -> str:
    """Return an exception in words: its type, and its text if it has one."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001  it is another package's
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


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
    """Return the row of a criterion."""
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
    """Return the row of a stage that has no criterion, which makes it BLOCKED."""
    # What a tool shows as the test that didn't pass.
    title = f"{stage.title} has a criterion"
    return Row(
        id=stage.id, title=title, stage=stage.id, stage_title=stage.title,
        verdict=stage.verdict, reason=stage.reason,
    )  # fmt: skip


def _run_row(incident: Reason) -> Row:
    """Return a BLOCKED row for what went wrong outside any criterion."""
    return Row(
        id=RUN, title="The run itself", stage=RUN, stage_title=NOT_A_STAGE,
        verdict=Verdict.BLOCKED, reason=incident,
    )  # fmt: skip


def why_closed(decision: GateDecision) -> Reason:
    """Return the worst reason why a decision isn't CONFIRMED."""
    why = next((cause.reason for cause in decision.causes), None)
    if why is not None:
        return why
    found = decision.violations[0] if decision.violations else None
    return Reason(
        text=found.text if found else "nothing is known",
        kind=Kind.STALE if found and found.kind.value == "max-age" else Kind.UNTRUSTED,
        remedy=found.remedy if found else None,
    )


def _gate_row(decision: GateDecision) -> Row:
    """Return the row for a gate that is closed although every row of the record is CONFIRMED."""
    return _run_row(why_closed(decision))
