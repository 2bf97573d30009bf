"""pytest-html's report with the verdicts in it, if that plugin is installed and asked for.

pytest-html takes cells and summary as raw HTML, so everything is escaped, its own test ids too.
A row's verdict is what its test says by itself; the block above the table (`write_block`) knows
what it depends on.
"""

from __future__ import annotations

import os
import re
from html import escape
from pathlib import Path

import pytest

from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers.files import clear_leftovers, unwritten, write_atomically

_WRITE = "_write_report"
_IN_PROGRESS = "The run is in progress: nothing is confirmed yet."
_ID = re.compile(r'(<td class="col-testId">)(.*)(</td>)', re.DOTALL)


def switch_on(settings: Settings, config: pytest.Config) -> None:
    """Let a production run write pytest-html's report, where the project configures one."""
    wanted = settings.asked and settings.judges and settings.config.html
    if wanted and getattr(config.option, "htmlpath", "absent") is None:
        config.option.htmlpath = str(settings.folder / settings.config.html)
        # One file: the report shall open wherever it is moved.
        config.option.self_contained_html = True


class HtmlReport:
    """Adds columns for stage and verdict, and the status, to pytest-html's report."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._path = Path()

    @pytest.hookimpl(trylast=True)
    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Write pytest-html's report as ours: private, whole, without secrets.

        It has no public way to be told so; where it changes, its own file is redacted afterwards.
        """
        config = session.config
        name = config.getoption("htmlpath", None)
        if not name or not self.recorder.redaction.on:
            return
        self._path = Path.cwd() / Path(os.path.expandvars(name)).expanduser()
        for plugin in config.pluginmanager.get_plugins():
            if type(plugin).__module__.startswith("pytest_html.") and hasattr(plugin, _WRITE):
                setattr(plugin, _WRITE, self._write)
        if not self.recorder.settings.asked:
            return  # without the folder's lock
        clear_leftovers(self._path)
        if self._path.is_file():
            # What a killed run leaves must not be the last run's report.
            self._write(f"<!doctype html><title>{escape(name)}</title><p>{_IN_PROGRESS}</p>")

    def _write(self, rendered: str) -> None:
        clean = self.recorder.redaction.text(rendered)
        try:
            write_atomically(self._path, clean.encode("utf-8", "backslashreplace"))
        except OSError as error:
            self.recorder.outputs.notices.append(unwritten(self._path, error))

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: object) -> None:
        """Name the report after the project's status document."""
        if self.recorder.settings.asked:
            title = f"{self.recorder.settings.config.title}: {self.recorder.settings.target}"
            report.title = title  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Add two columns."""
        cells[1:1] = [
            '<th class="sortable" data-column-type="stage">Stage</th>',
            '<th class="sortable" data-column-type="verdict">Verdict</th>',
        ]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: object, cells: list[str]) -> None:
        """Add two cells to every row, since their number must be the header's.

        A row that somebody emptied is to be left out, so it stays empty.
        """
        if not cells:
            return
        cells[:] = [_with_escaped_id(cell, report) for cell in cells]
        cells[1:1] = [
            f'<td class="col-stage">{escape(self._stage(report))}</td>',
            f'<td class="col-verdict">{self._verdict(report)}</td>',
        ]

    def _stage(self, report: object) -> str:
        criterion = self.recorder.criteria.get(str(getattr(report, "nodeid", "")))
        return criterion.stage if criterion else ""

    def _verdict(self, report: object) -> str:
        if getattr(report, "outcome", "") == "rerun":
            return ""
        verdict = self.recorder.verdict_of(report)
        return verdict.value if verdict else ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put the status above the table."""
        record = self.recorder.record
        if record is not None:
            # Not above, since a run without a report has nothing to pay for.
            from pytest_prodstatus.writers.html.page import write_block

            prefix.append(write_block(record, self.recorder.settings.config))


def _with_escaped_id(cell: str, report: object) -> str:
    """Return pytest-html's cell with its test id escaped, and any other cell as it is."""
    found = _ID.fullmatch(cell) if isinstance(cell, str) else None
    nodeid = str(getattr(report, "nodeid", ""))
    # What doesn't begin with the raw id was made by somebody else, who may have meant its markup.
    if not found or not found[2].startswith(nodeid):
        return cell
    return found[1] + escape(found[2]) + found[3]
