"""The floor: a plugin that lists every test's stage, outcome and reason, and does nothing else."""

from __future__ import annotations

import pytest


class Recorder:
    """Records stage, outcome and reason of every test."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str, str]] = []
        self.stages: dict[str, str] = {}

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Record the stage of a collected test."""
        mark = item.get_closest_marker("stage")
        if mark is not None:
            self.stages[item.nodeid] = mark.args[0]

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Record the outcome and the reason of a report."""
        reason = "" if report.passed else report.longreprtext
        stage = self.stages.get(report.nodeid, "")
        self.rows.append((report.nodeid, stage, report.outcome, reason))


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder."""
    config.pluginmanager.register(Recorder(), "floor-recorder")
