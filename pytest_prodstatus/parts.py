"""The parts of a run, put in place where it has criteria or may have some.

Separate from the plugin, which every run of pytest imports: all of this costs far more.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus.collector import Collector
from pytest_prodstatus.intake import Reports
from pytest_prodstatus.options import worker_input
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.settings import Settings, collect_only_criteria, resolve
from pytest_prodstatus.spool import Spool

if TYPE_CHECKING:
    from pytest_prodstatus.judging import Judging


class Parts:
    """The parts of one process's run.

    Attributes:
        settings: what the run was told.
        redaction: takes secrets out of what this process tells.
        collector: knows the criteria of this process.
        judging: judges the run; None in an xdist worker.

    Args:
        config: pytest's.
        spool: of the run.
        run_id: of the run.
        namespace: the command line as far as it is known; by default all of it.
    """

    def __init__(
        self,
        config: pytest.Config,
        spool: Spool,
        run_id: str,
        namespace: argparse.Namespace | None = None,
    ) -> None:
        self.settings: Settings = resolve(config, run_id, namespace=namespace)
        self._process = os.getpid()
        self.redaction = Redaction(self.settings)
        unmarked = worker_input(config).get("prodstatus_unmarked", "")
        self.collector = Collector(self.settings, spool, self.redaction, unmarked)
        self.judging: Judging | None = None
        if not hasattr(config, "workerinput"):
            from pytest_prodstatus.judging import Judging

            self.judging = Judging(config, self.settings, spool, self.redaction)

    def start(self) -> None:
        """Write that nothing is confirmed, if this process judges and was asked to.

        Raises:
            pytest.UsageError: another run writes the folder or the last record is a newer
                release's, and nothing was written; or the run's id was used before.
        """
        if self.judging is not None and self.settings.asked and self.settings.judges:
            try:
                self.judging.recorder.start()
            except BaseException:
                self.release()
                raise

    @property
    def unmarked(self) -> str:
        """Why the run could not write that nothing is confirmed; "" if it could."""
        return self.judging.recorder.outputs.unmarked if self.judging else ""

    def end_forked_process(self) -> None:
        """End this process if a test forked it: only the one that began the run judges and writes.

        A test that returns in a child of `os.fork` would go on with all that is left of the run.
        """
        if os.getpid() != self._process:
            line = (
                f"prodstatus: process {os.getpid()}, which a test forked, came back from the test: "
                "it ends here, and the run goes on in its parent; end it with os._exit\n"
            )
            os.write(2, line.encode())
            os._exit(1)

    def register(self, config: pytest.Config) -> None:
        """Let pytest call the parts' hooks."""
        plugins = config.pluginmanager
        plugins.register(self.redaction, "prodstatus-redaction")
        plugins.register(self.collector, "prodstatus-collector")
        collect_only_criteria(self.settings, config)
        # With any of Python's own options for warnings, pytest leaves deprecations hidden.
        if sys.warnoptions or any(map(_hides_kinds, config.getini("filterwarnings"))):
            # Not above, since most projects hide nothing, and every judged run pays for the import.
            from pytest_prodstatus.reports import HEARD

            for line in HEARD:
                config.addinivalue_line("filterwarnings", line)
        if self.judging is not None:
            self.judging.register(config, self.end_forked_process)
            return
        # Only a worker has this, and only a worker pays for it.
        from pytest_prodstatus.xdist import Crossing

        plugins.register(Reports(self.redaction, self.end_forked_process), "prodstatus-reports")
        plugins.register(Crossing(self.collector.criteria), "prodstatus-crossing")

    def release(self) -> None:
        """Let go of the output folder, and of the criteria."""
        # What pytest does last is to look for garbage, several times, in all that is left.
        self.collector.forget()
        if self.judging is not None:
            self.judging.recorder.outputs.release()
            self.judging.recorder.forget()


def _hides_kinds(line: str) -> bool:
    """Return whether a filter hides whole kinds of warnings, whatever they say.

    One that names a message, or a warning of pytest's or of a library, was meant for just that.
    """
    action, _, rest = line.partition(":")
    message, _, rest = rest.partition(":")
    category = rest.partition(":")[0]
    hides = bool(action.strip()) and "ignore".startswith(action.strip())
    return hides and not message.strip() and "." not in category
