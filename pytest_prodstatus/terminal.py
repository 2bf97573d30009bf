"""What a person sees while a run goes on and when it ends: words, waiting lines, the board."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TextIO

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.model.outcome import CRASHED
from pytest_prodstatus.model.text import obeys_commands, without_workflow_commands
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.project import shown_path
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.writers.board import board_lines, final_line, override_lines

WAITING_S = 10.0
"""A criterion that runs longer than this is named, and again each time it has run as long."""

_COLOUR = {
    Verdict.CONFIRMED: {"green": True},
    Verdict.BLOCKED: {"yellow": True},
    Verdict.FAILED: {"red": True},
}
_LETTER = {Verdict.BLOCKED: "B", Verdict.FAILED: "F"}
"""CONFIRMED keeps pytest's letter, since another plugin may have changed it."""


_SILENT = ("", "", "")
"""pytest's status of a set-up or tear-down that passed: it prints nothing for it."""


class TerminalWords:
    """Prints CONFIRMED, FAILED and BLOCKED instead of PASSED, FAILED and SKIPPED.

    Without -v, pytest prints one letter for each test, and a passed test's letter is the same. So
    the hook is registered only when the first other outcome is reported.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._shows_verdicts = False

    def begin(self) -> None:
        """Show verdicts from the start if pytest prints words, or a pass may not be CONFIRMED."""
        config = self.recorder.config
        verbose = config.get_verbosity(config.VERBOSITY_TEST_CASES) > 0
        configured = self.recorder.settings.config
        if verbose or configured.require_evidence or configured.catalogue.requires_assertions:
            self.show_verdicts()

    def show_verdicts(self) -> None:
        """Print verdicts in place of pytest's words from now on; once is enough."""
        if not self._shows_verdicts:
            self._shows_verdicts = True
            self.recorder.config.pluginmanager.register(self, "prodstatus-words")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> Generator[None, object, object]:
        """Replace the letter and the word, and keep the category, which pytest counts by."""
        status = yield
        verdict = None if status == _SILENT else self.recorder.verdict_of(report)
        if verdict is None or not isinstance(status, tuple):
            return status
        category, letter, word = status
        if not letter and not word:
            return status
        if category == "rerun":
            return category, letter, "RERUN"
        return category, _LETTER.get(verdict, letter), (verdict.value, _COLOUR[verdict])


class Waiting:
    """Prints criteria that have been running for long, so that a person knows why it takes time.

    While a test runs, pytest captures standard output, and the terminal reporter writes there too.
    So the lines go to a copy of the descriptor, made while nothing was captured.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._running: dict[str, float] = {}
        self._output: TextIO | None = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    @pytest.hookimpl
    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Begin to measure the test's time, and start the thread that watches it."""
        if not self.recorder.active:
            return
        self._running[nodeid] = clock.elapsed()
        if self._thread is None:
            self._output = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Stop counting how long a test runs, at its last report."""
        if report.when in ("teardown", CRASHED):
            self._running.pop(report.nodeid, None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Stop the thread and close its output."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()
        if self._output is not None:
            with contextlib.suppress(OSError):
                self._output.close()

    def _watch(self) -> None:
        """Print, in a thread, each criterion that has been running for ten seconds more."""
        announced: dict[str, int] = {}
        while not self._over.wait(min(0.5, WAITING_S / 4)):
            now = clock.elapsed()
            # A copy, made at once: the other thread goes on.
            for nodeid, since in self._running.copy().items():
                times = int((now - since) / WAITING_S)
                if times > announced.get(nodeid, 0):
                    announced[nodeid] = times
                    criterion = self.recorder.criteria.get(nodeid)
                    name = criterion.id if criterion else nodeid
                    what = self.recorder.spool.read_waiting(name)
                    self._print(f"waiting for {name}: {now - since:.0f} s{what and ', '}{what}")

    def _print(self, line: str) -> None:
        """Print a line on the terminal, even while a test's output is captured."""
        # The cursor stands after a test's name or a row of dots. A closed pipe is not an error.
        if self._output is not None:
            with contextlib.suppress(OSError):
                self._output.write(_harmless(f"\n{line}\n"))
                self._output.flush()


def reporter_of(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Return pytest's terminal reporter; None if there is none."""
    # Its class isn't checked: pytest 8 has no public name for it.
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    return reporter


def print_board(recorder: Recorder, reporter: pytest.TerminalReporter | None) -> None:
    """Print the board and, last, FINAL.

    Without a terminal reporter (`-p no:terminal`), only notices and overrides go to standard error.
    """
    record, notices = recorder.record, recorder.outputs.notices
    if record is None:
        return
    if reporter is None:
        overridden = [line.text for line in override_lines(record)]
        for notice in [*notices, *overridden]:
            sys.stderr.write(_harmless(f"prodstatus: {notice}\n"))
        return

    def write_line(text: str, **markup: bool) -> None:
        reporter.write_line(_harmless(text), **markup)

    verbosity = reporter.verbosity
    if verbosity >= 0:
        reporter.section(f"production status: {record.run.target}", "=", bold=True)
    for line in board_lines(record, verbosity=verbosity, width=_width()):
        write_line(line.text, **(_COLOUR[line.verdict] if line.verdict else {}))
    if verbosity >= 0:
        write_line("")
        settings = recorder.settings
        unwritten = {problem.path for problem in recorder.outputs.problems}
        written = (
            settings.document,
            settings.page,
            *_html_report(recorder),
            *recorder.outputs.exports,
        )
        for path in (*written, settings.record):
            if path not in unwritten and not recorder.restored:
                write_line(f"wrote {shown_path(path)}")
    for notice in notices:
        write_line(notice, yellow=True)
    for line in override_lines(record, width=_width()):
        write_line(line.text, bold=True, red=True)
    line = final_line(record, recorder.outputs.closed_by if record.decision.open else "")
    write_line(line.text, bold=True, **_COLOUR[record.final.verdict])


def _html_report(recorder: Recorder) -> tuple[Path, ...]:
    """Return pytest-html's report of this run; nothing if there is none."""
    plugin = recorder.config.pluginmanager.get_plugin("prodstatus-html")
    path: Path | None = plugin.written() if plugin else None
    return (path,) if path else ()


def _harmless(text: str) -> str:
    """Return a text without what a CI system's runner would obey, if it reads this output."""
    return without_workflow_commands(text) if obeys_commands(os.environ) else text


def _width() -> int:
    """Return the width of the board in characters, the same on every terminal."""
    return 80
