"""The verdicts in the file of pytest's `--junitxml`, as properties.

It is the plugin `prodstatus-junit`; pytest's own `-p no:prodstatus-junit` switches it off.
A verdict is known only when the run has ended, and pytest's reporter offers no public way in. So
the file is completed after it was written: the same serially, under xdist and with reruns.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.writers.files import unwritten, write_atomically
from pytest_prodstatus.writers.junit import JUnitError, with_verdicts, write


class JUnitXml:
    """Completes the JUnit file of one run."""

    def __init__(self, recorder: Recorder, path: Path, prefix: str) -> None:
        self.recorder = recorder
        self.path = path
        self.prefix = prefix
        self._begun = False

    @classmethod
    def of(cls, recorder: Recorder, config: pytest.Config) -> JUnitXml:
        """Return the part for a run that was asked for a JUnit file."""
        path = Path(os.path.expandvars(str(config.getoption("xmlpath")))).expanduser()
        prefix = config.getoption("junitprefix", None) or ""
        return cls(recorder, config.invocation_params.dir / path, str(prefix))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """Write over an older file that nothing is confirmed yet, as a killed run leaves it."""
        self.begin()

    @pytest.hookimpl(trylast=True, optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Do the same where workers collect."""
        self.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        """Complete the file, once pytest has written it."""
        result = yield
        record = self.recorder.record
        if record is None or not self.path.is_file():
            return result
        try:
            text = with_verdicts(self.path.read_bytes(), record, self.prefix)
            write_atomically(self.path, text.encode("utf-8"))
        except (OSError, JUnitError) as error:
            self.recorder.outputs.notices.append(f"{self.path} has no verdicts: {error}")
        return result

    def begin(self) -> None:
        """Write over an older file, once the run has begun."""
        if self._begun or not self.recorder.active or not self.path.is_file():
            return
        self._begun = True
        try:
            # By name, since a CI server may take a file of no test for a green one.
            text = write(self.recorder.marker(), self.recorder.settings.config)
            write_atomically(self.path, text.encode("utf-8"))
        except OSError as error:
            notice = f"{unwritten(self.path, error)}: a killed run leaves it as it was"
            self.recorder.outputs.notices.append(notice)
