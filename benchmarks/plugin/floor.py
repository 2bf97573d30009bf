"""The floor: a plugin that lists every test's stage, outcome and reason, and does nothing else."""

from __future__ import annotations

import pytest


class Recorder:
    """Records stage, outcome and reason of every test."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str, str]] = []
        self.stages: dict[str, str] = {}

    @pytest.hookimpl
    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Note the stage."""
        mark = item.get_closest_marker("stage")
        if mark is not None:
            self.stages[item.nodeid] = mark.args[0]

    @pytest.hookimpl
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Note what the report says."""
        why = "" if report.passed else report.longreprtext
        stage = self.stages.get(report.nodeid, "")
        self.seen.append((report.nodeid, stage, report.outcome, why))


def pytest_configure(config: pytest.Config) -> None:
    """Register the recorder."""
    config.pluginmanager.register(Recorder(), "floor-recorder")
