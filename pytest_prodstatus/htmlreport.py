"""pytest-html's report with the verdicts in it, where that plugin is there and asked for.

pytest-html takes cells and summary as raw HTML, so everything is escaped here; it drops tests that
crashed or never ran, so its summary gets every criterion that isn't CONFIRMED.
"""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

import pytest

from pytest_prodstatus.model.outcome import finding_of
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.payload import Payload
from pytest_prodstatus.phases import phase_of
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers.files import clear_leftovers, write_atomically


def switch_on(settings: Settings, config: pytest.Config) -> None:
    """Let a production run write pytest-html's report, where the project configures one."""
    wanted = settings.asked and settings.judges and settings.config.html
    if wanted and getattr(config.option, "htmlpath", "absent") is None:
        config.option.htmlpath = str(settings.folder / settings.config.html)
        # One file: the report shall open wherever it is moved.
        config.option.self_contained_html = True


_WRITE = "_write_report"
_IN_PROGRESS = "The run is in progress: nothing is confirmed yet."


class HtmlReport:
    """Adds a verdict column and the status to pytest-html's report."""

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
            told = f"{self._path} can't be written ({error.strerror or error})"
            self.recorder.outputs.notices.append(told)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_report_title(self, report: object) -> None:
        """Name the report after the project's status document."""
        if self.recorder.settings.asked:
            title = f"{self.recorder.settings.config.title}: {self.recorder.settings.target}"
            report.title = title  # type: ignore[attr-defined]

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_header(self, cells: list[str]) -> None:
        """Add a column."""
        cells.insert(1, '<th class="sortable" data-column-type="verdict">Verdict</th>')

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_table_row(self, report: object, cells: list[str]) -> None:
        """Add a cell to every row, since their number must be the header's."""
        cells.insert(1, f'<td class="col-verdict">{escape(self._verdict(report))}</td>')

    def _verdict(self, report: object) -> str:
        if not isinstance(report, pytest.TestReport) or Payload.of(report) is None:
            return ""
        finding = finding_of(phase_of(report))
        return str(finding[0] if finding else Verdict.CONFIRMED)

    @pytest.hookimpl(optionalhook=True)
    def pytest_html_results_summary(self, prefix: list[str]) -> None:
        """Put the status above the table."""
        record = self.recorder.record
        if record is None:
            return
        final = record.final
        why = f": {final.reason.text}" if final.reason else ""
        prefix.append(f"<h2>FINAL {escape(str(final.verdict))}{escape(why)}</h2><ul>")
        for stage in record.stages:
            prefix.append(f"<li>{escape(stage.title)}: <b>{escape(str(stage.verdict))}</b>")
            unmet = [s for s in stage.criteria if s.verdict is not Verdict.CONFIRMED]
            if unmet:
                items = "".join(
                    f"<li>{escape(s.id)} {escape(str(s.verdict))}: "
                    f"{escape(s.reason.text if s.reason else '')}</li>"
                    for s in unmet
                )
                prefix.append(f"<ul>{items}</ul>")
            prefix.append("</li>")
        prefix.append("</ul>")
