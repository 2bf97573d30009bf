"""Notifies at the end of a run, if the key `notify` names variables and one of them is set.

This is the plugin `prodstatus-notify`; `-p no:prodstatus-notify` switches it off. It changes no
verdict; what isn't delivered is a notice.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.recorder import Recorder


class Notifications:
    """Sends, at the end of one run, what is new about its target."""

    def __init__(self, recorder: Recorder, environ: Mapping[str, str] = os.environ) -> None:
        self.recorder = recorder
        # Taken now: a test may change the environment.
        self.environ = dict(environ)

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        """Send what is new, after the run was judged; what can't be sent becomes a notice."""
        result = yield
        record = self.recorder.record
        settings = self.recorder.settings
        if record is not None and not self._is_decided_later(record):
            from pytest_prodstatus.notify import notify
            from pytest_prodstatus.writers.exports import report_now
            from pytest_prodstatus.writers.gate_report import Judged

            now, config = clock.now(), settings.config
            report = report_now(record, config, now).gate
            judged = Judged(report=report, config=config, record=record, at=now)
            _, problems = notify(judged, settings.root, self.environ)
            self.recorder.outputs.notices += problems
        return result

    def _is_decided_later(self, record: Record) -> bool:
        """Return whether this record alone doesn't say if the target's gate is open.

        If the gate wants a signature, `prodstatus notify` looks for it after the run; what the run
        says and what that says would else be flips.
        """
        settings = self.recorder.settings
        return settings.ephemeral or record.run.shard or bool(settings.config.signed_by)
