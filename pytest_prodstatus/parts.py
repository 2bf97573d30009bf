"""The parts of a run, put in place where it has criteria or may have some.

Separate from the plugin, which every run of pytest imports: all of this costs a tenth of a second.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import htmlreport, scope, settings, terminal
from pytest_prodstatus.collector import Collector
from pytest_prodstatus.crossing import Crossing
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.reports import Reports
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.spool import Spool

if TYPE_CHECKING:
    from pytest_prodstatus.junitxml import JUnitXml


class Parts:
    """The parts of one process's run.

    Attributes:
        settings: what the run was told.
        redaction: takes secrets out of what this process tells.
        collector: knows the criteria of this process.
        recorder: judges the run; None in an xdist worker.
        words: the verdicts' own on the terminal; None in a worker.
        junit: completes the file of `--junitxml`; None where there is none.
    """

    def __init__(self, config: pytest.Config, spool: Spool, run_id: str) -> None:
        self.settings: Settings = settings.resolve(config, run_id)
        self.redaction = Redaction(self.settings)
        self.collector = Collector(self.settings, spool, self.redaction)
        self.recorder: Recorder | None = None
        self.words: terminal.Words | None = None
        self.junit: JUnitXml | None = None
        if not hasattr(config, "workerinput"):
            self.recorder = Recorder(config, self.settings, spool, self.redaction)

    def register(self, config: pytest.Config) -> None:
        """Let pytest call the parts' hooks.

        Raises:
            pytest.UsageError: another run writes the folder that this one was asked to write.
        """
        told, plugins = self.settings, config.pluginmanager
        plugins.register(self.redaction, "prodstatus-redaction")
        plugins.register(self.collector, "prodstatus-collector")
        scope.collect_only_criteria(told, config)
        if self.recorder is None:
            plugins.register(Reports(self.redaction), "prodstatus-reports")
            plugins.register(Crossing(self.collector.criteria), "prodstatus-crossing")
            return
        if told.asked and told.judges:
            self.recorder.outputs.lock()
        plugins.register(self.recorder, "prodstatus-recorder")
        self.words = terminal.Words(self.recorder)
        self.words.begin()
        reports = Reports(self.redaction, self.recorder.take, self.words.speak)
        plugins.register(reports, "prodstatus-reports")
        plugins.register(htmlreport.HtmlReport(self.recorder), "prodstatus-html")
        htmlreport.switch_on(told, config)
        if config.getoption("xmlpath", None):
            # Imported where it is needed, since every judged run pays for what is imported above.
            from pytest_prodstatus.junitxml import JUnitXml

            self.junit = JUnitXml.of(self.recorder, config)
            plugins.register(self.junit, "prodstatus-junit")

    def begin_session(self, config: pytest.Config) -> None:
        """Watch for criteria that take long, where a terminal can say so; tell GitHub.

        Not before the session starts, so that both come after the terminal reporter.
        """
        if self.recorder is None:
            return
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from pytest_prodstatus.github import GitHub

            config.pluginmanager.register(GitHub(self.recorder), "prodstatus-github")
        reporter = reporter_of(config)
        if reporter is not None and reporter.verbosity >= 0:
            waiting = terminal.Waiting(self.recorder)
            config.pluginmanager.register(waiting, "prodstatus-waiting")

    def finish(self, session: pytest.Session, exitstatus: int) -> bool:
        """Judge the run; return whether there was one to judge."""
        record = self.recorder.finish(exitstatus) if self.recorder else None
        if record is not None:
            session.exitstatus = record.decision.exit_code
        if self.words is not None:
            self.words.speak()  # in pytest's own summary
        return record is not None

    def reconsider(self, session: pytest.Session) -> None:
        """Look at the exit status again when everyone had their say, and print the board."""
        if self.recorder is not None:
            session.exitstatus = self.recorder.reconsider(int(session.exitstatus))
            terminal.print_board(self.recorder, reporter_of(session.config))


def reporter_of(config: pytest.Config) -> pytest.TerminalReporter | None:
    """Return pytest's terminal reporter; None where there is none."""
    # Not asked for its class, which pytest 8 doesn't name in public.
    reporter: pytest.TerminalReporter | None = config.pluginmanager.get_plugin("terminalreporter")
    return reporter
