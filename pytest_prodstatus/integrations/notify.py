"""Notifies at the end of a run, if the key `notify` names variables and one of them is set.

This is the plugin `prodstatus-notify`; `-p no:prodstatus-notify` switches it off. It changes no
verdict; what isn't delivered is a notice.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.recorder import Recorder


class Notifications:
    """Notifies of one run."""

    def __init__(self, recorder: Recorder, environ: Mapping[str, str] = os.environ) -> None:
        self.recorder = recorder
        # Taken now: a test may change the environment.
        self.environ = dict(environ)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        """Send what is new after the run was judged."""
        result = yield
        record = self.recorder.record
        settings = self.recorder.settings
        if record is not None and not settings.ephemeral and not record.run.shard:
            from pytest_prodstatus.notify import notify
            from pytest_prodstatus.writers.exports import report_now
            from pytest_prodstatus.writers.gate_report import Judged

            now, config = clock.now(), settings.config
            report = report_now(record, config, now).gate
            judged = Judged(report=report, config=config, record=record, at=now)
            _, problems = notify(judged, settings.root, self.environ)
            self.recorder.outputs.notices += problems
        return result
