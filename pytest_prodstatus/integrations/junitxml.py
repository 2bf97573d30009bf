"""Adds the verdicts, as properties, to the file that pytest writes for `--junitxml`.

This is the plugin `prodstatus-junit`; pytest's own `-p no:prodstatus-junit` switches it off.
A verdict is known only at the end of the run, and pytest's reporter has no public API for it. So
the file is completed after pytest has written it, which also works under xdist and with reruns.
"""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.recorder import Recorder
from pytest_prodstatus.writers import write_atomically, write_failure
from pytest_prodstatus.writers.exports import report_now
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
        """Return the plugin for a run with `--junitxml`.

        Args:
            recorder: of the run.
            config: pytest's, which has the file's path and class name prefix.
        """
        # As pytest itself computes it (`LogXML` in junitxml.py).
        path = Path(os.path.expandvars(str(config.getoption("xmlpath")))).expanduser()
        prefix = config.getoption("junitprefix", None) or ""
        return cls(recorder, config.invocation_params.dir / path, str(prefix))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        """Replace an older file, so that a killed run doesn't leave the last run's verdicts."""
        self.begin()

    @pytest.hookimpl(trylast=True, optionalhook=True)
    def pytest_xdist_node_collection_finished(self) -> None:
        """Replace an older file under xdist, whose workers collect instead of this process."""
        self.begin()

    @pytest.hookimpl(wrapper=True)
    def pytest_sessionfinish(self) -> Generator[None]:
        """Add the verdicts to the file after pytest has written it."""
        result = yield
        record = self.recorder.record
        if record is None or not self.path.is_file():
            return result
        try:
            text = with_verdicts(read_file(self.path), record, self.prefix)
            write_atomically(self.path, text.encode("utf-8"), through_link=True)
        except (OSError, JUnitError) as error:
            self.recorder.outputs.notices.append(f"{self.path} has no verdicts: {error}")
        return result

    def begin(self) -> None:
        """Replace an older file by one in which nothing is confirmed; only once per run."""
        if self._begun or not self.recorder.active or not self.path.is_file():
            return
        self._begun = True
        try:
            # With a case for each criterion: a CI server may show a file without cases as passed.
            marker, config = self.recorder.marker(), self.recorder.settings.config
            text = write(report_now(marker, config, clock.now()))
            write_atomically(self.path, text.encode("utf-8"), through_link=True)
        except OSError as error:
            notice = f"{write_failure(self.path, error)}: a killed run leaves it as it was"
            self.recorder.outputs.notices.append(notice)
