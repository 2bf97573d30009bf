"""Adds the verdicts to the report of pytest-html, if that plugin is installed and in use.

pytest-html inserts cells and summary as raw HTML, so everything is escaped, its own test ids too.
A row shows the verdict of its test alone; only the block above the table (`write_block`) takes the
test's dependencies into account.
"""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path

import pytest

from pytest_prodstatus.model.outcome import finding_of
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.reports import phase_of
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers import clear_leftovers, write_atomically, write_failure

_WRITE = "_write_report"
"""pytest-html's private method that writes its file (4.x)."""

_IN_PROGRESS = "The run is in progress: nothing is confirmed yet."
_ID_CELL = re.compile(r'(<td class="col-testId">)(.*)(</td>)', re.DOTALL)


def switch_on(settings: Settings, config: pytest.Config) -> None:
    """Let a production run write pytest-html's report, if the project configures one.

    A `--html` on the command line takes precedence.
    """
    requested = settings.requested and settings.judges and settings.config.html
    # `absent`: pytest-html isn't installed, so there is no such option.
    if requested and getattr(config.option, "htmlpath", "absent") is None:
        config.option.htmlpath = str(settings.folder / settings.config.html)
        # In one file, so that the report can be moved or sent.
        config.option.self_contained_html = True


class HtmlReport:
    """Adds columns for stage and verdict, and a block with the status, to pytest-html's report."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._path = Path()
        self._failed = False

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Make pytest-html write its report as we write ours: private, atomic, without secrets.

        pytest-html has no public API for this, so its private method is replaced. If a later
        version has no such method, its file is redacted after it was written.
        """
        config = session.config
        path = self._report_path()
        if not path or not self.recorder.redaction.on:
            return
        self._path = path
        for plugin in config.pluginmanager.get_plugins():
            if type(plugin).__module__.startswith("pytest_html.") and hasattr(plugin, _WRITE):
                setattr(plugin, _WRITE, self._write)
        if not self.recorder.settings.requested:
            return  # only a production run has the folder's lock
        clear_leftovers(self._path)
        if self._path.is_file():
            # A killed run must not leave the last run's report.
            self._write(f"<!doctype html><title>{escape(path.name)}</title><p>{_IN_PROGRESS}</p>")

    def written(self) -> Path | None:
        """Return the report of this run, which pytest-html wrote before; None if it couldn't."""
        path = self._report_path()
        return path if path and not self._failed and path.is_file() else None

    def _report_path(self) -> Path | None:
        """Return the path of pytest-html's report; None if it writes none."""
        # As pytest-html itself computes it (basereport.py).
        name = self.recorder.config.getoption("htmlpath", None)
        return Path.cwd() / Path(os.path.expandvars(name)).expanduser() if name else None

    def _write(self, rendered: str) -> None:
        """Write the rendered report without secrets; note if that fails."""
        clean = self.recorder.redaction.text(rendered)
        try:
            write_atomically(
                self._path, clean.encode("utf-8", "backslashreplace"), through_link=True
            )
        except OSError as error:
            self._failed = True
            self.recorder.outputs.notices.append(write_failure(self._path, error))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: object) -> None:
        """Name the report after the project's status document."""
        if self.recorder.settings.requested:
            title = f"{self.recorder.settings.config.title}: {self.recorder.settings.target}"
            report.title = title  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Add columns for stage and verdict."""
        cells[1:1] = [
            '<th class="sortable" data-column-type="stage">Stage</th>',
            '<th class="sortable" data-column-type="verdict">Verdict</th>',
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: object, cells: list[str]) -> None:
        """Add two cells to every row, as many as the header has.

        Another plugin empties a row to leave it out (documented by pytest-html), so it stays empty.
        """
        if not cells:
            return
        cells[:] = [_with_escaped_id(cell, report) for cell in cells]
        cells[1:1] = [
            f'<td class="col-stage">{escape(self._stage(report))}</td>',
            f'<td class="col-verdict">{self._verdict(report)}</td>',
        ]

    def _stage(self, report: object) -> str:
        """Return the id of the stage of a report's criterion; "" for any other report."""
        criterion = self.recorder.criteria.get(str(getattr(report, "nodeid", "")))
        return criterion.stage if criterion else ""

    def _verdict(self, report: object) -> str:
        """Return the verdict that a row shows for its report; "" for a rerun or another test."""
        if getattr(report, "outcome", "") == "rerun":
            return ""
        verdict = self.recorder.verdict_of(report)
        return verdict.value if verdict else ""

    @pytest.hookimpl(optionalhook=True, tryfirst=True)
    def pytest_html_results_table_html(self, report: object, data: list[str]) -> None:
        """Replace the tuple by which pytest reports a skip, with paths in it, by the reason."""
        is_tuple = isinstance(getattr(report, "longrepr", None), tuple)
        if not is_tuple or not data or not self._stage(report):
            return
        finding = finding_of(phase_of(report))  # type: ignore[arg-type]  # it is a test's
        if finding:
            verdict, reason = finding
            remedy = f"\nWhat to do: {reason.remedy}" if reason.remedy else ""
            data[0] = escape(f"{verdict} ({reason.kind}): {reason.text}{remedy}\n")

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Insert the block with the status above the table."""
        record = self.recorder.record
        if record is not None:
            # Not above: a run without a report shouldn't pay for the import.
            from pytest_prodstatus.writers.html.page import write_block

            prefix.append(write_block(record, self.recorder.settings.config))


def _with_escaped_id(cell: str, report: object) -> str:
    """Escape the test id in pytest-html's cell for it; any other cell is returned unchanged."""
    match = _ID_CELL.fullmatch(cell) if isinstance(cell, str) else None
    nodeid = str(getattr(report, "nodeid", ""))
    # If the text doesn't begin with the raw id, another plugin made it, perhaps with markup.
    if not match or not match[2].startswith(nodeid):
        return cell
    return match[1] + escape(match[2]) + match[3]
