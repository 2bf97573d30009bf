"""The parts of the process that judges, put together: who takes reports in, and who tells of it.

Separate from the other parts, since an xdist worker, which has none of these, needn't pay for them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import terminal
from pytest_prodstatus.intake import Reports
from pytest_prodstatus.integrations.pytest_html import HtmlReport, switch_on
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.spool import Spool
from pytest_prodstatus.writers.board import final_line

if TYPE_CHECKING:
    from pytest_prodstatus.integrations.junitxml import JUnitXml


class Judging:
    """What a serial run's only process has, and the controller under xdist.

    Attributes:
        recorder: judges the run.
        words: the verdicts' own on the terminal.
        junit: completes the file of `--junitxml`; None where there is none.
    """

    def __init__(
        self, config: pytest.Config, settings: Settings, spool: Spool, redaction: Redaction
    ) -> None:
        self.recorder = Recorder(config, settings, spool, redaction)
        self.words = terminal.Words(self.recorder)
        self.junit: JUnitXml | None = None

    def register(self, config: pytest.Config, end_forked_process: Callable[[], object]) -> None:
        """Let pytest call the hooks."""
        recorder, plugins = self.recorder, config.pluginmanager
        reports = Reports(recorder.redaction, end_forked_process, recorder, self.words.speak)
        plugins.register(reports, "prodstatus-reports")
        plugins.register(recorder, "prodstatus-recorder")
        self.words.begin()
        plugins.register(HtmlReport(recorder), "prodstatus-html")
        switch_on(recorder.settings, config)
        if config.getoption("xmlpath", None):
            # Imported where it is needed, since every judged run pays for what is imported above.
            from pytest_prodstatus.integrations.junitxml import JUnitXml

            self.junit = JUnitXml.of(recorder, config)
            plugins.register(self.junit, "prodstatus-junit")

    def begin_session(self, config: pytest.Config) -> None:
        """Watch for criteria that take long, where a terminal can say so; tell GitHub.

        Not before the session starts, so that both come after the terminal reporter.
        """
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from pytest_prodstatus.integrations.github import GitHub

            config.pluginmanager.register(GitHub(self.recorder), "prodstatus-github")
        reporter = reporter_of(config)
        if reporter is not None and reporter.verbosity >= 0:
            waiting = terminal.Waiting(self.recorder)
            config.pluginmanager.register(waiting, "prodstatus-waiting")

    def finish(self, session: pytest.Session, exitstatus: int) -> bool:
        """Judge the run; return whether there was one to judge."""
        record = self.recorder.finish(exitstatus)
        if record is not None:
            session.exitstatus = record.decision.exit_code
        self.words.speak()  # in pytest's own summary
        return record is not None

    def reconsider(self, session: pytest.Session) -> None:
        """Look at the exit status again after every other plugin, and print the board."""
        session.exitstatus = self.recorder.reconsider(int(session.exitstatus))
        terminal.print_board(self.recorder, reporter_of(session.config))

    def end(self, config: pytest.Config) -> None:
        """Assert the exit status once more, whatever a hook did to it after the board.

        A run that ended before its session had started is judged here: pytest calls no other hook.
        """
        # pytest registers its session under this name; without one no run was begun.
        session: pytest.Session | None = config.pluginmanager.get_plugin("session")
        if session is None:
            return
        recorder, before = self.recorder, self.recorder.record
        if before is None and recorder.started:
            self.finish(session, int(session.exitstatus))
        session.exitstatus = recorder.reconsider(int(session.exitstatus))
        record = recorder.record
        if record is not None and record is not before:
            sys.stderr.write(f"prodstatus: {final_line(record).text}\n")


def reporter_of(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Return pytest's terminal reporter; None where there is none."""
    # Not asked for its class, which pytest 8 doesn't name in public.
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    return reporter
