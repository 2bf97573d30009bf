"""The parts of a run, put in place where it has criteria or may have some.

Separate from the plugin, which every run of pytest imports: all of this costs far more.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import scope, settings
from pytest_prodstatus.collector import Collector
from pytest_prodstatus.redaction import Redaction
from pytest_prodstatus.reports import Reports
from pytest_prodstatus.settings import Settings
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
    """

    def __init__(self, config: pytest.Config, spool: Spool, run_id: str) -> None:
        self.settings: Settings = settings.resolve(config, run_id)
        self.redaction = Redaction(self.settings)
        self.collector = Collector(self.settings, spool, self.redaction)
        self.judging: Judging | None = None
        if not hasattr(config, "workerinput"):
            from pytest_prodstatus.judging import Judging

            self.judging = Judging(config, self.settings, spool, self.redaction)

    def register(self, config: pytest.Config) -> None:
        """Let pytest call the parts' hooks.

        Raises:
            pytest.UsageError: another run writes the folder that this one was asked to write.
        """
        plugins = config.pluginmanager
        plugins.register(self.redaction, "prodstatus-redaction")
        plugins.register(self.collector, "prodstatus-collector")
        scope.collect_only_criteria(self.settings, config)
        # With any of Python's own options for warnings, pytest leaves deprecations hidden.
        if sys.warnoptions or any(map(_hides_kinds, config.getini("filterwarnings"))):
            # Not above, since most projects hide nothing, and every judged run pays for the import.
            from pytest_prodstatus.doubts import HEARD

            for line in HEARD:
                config.addinivalue_line("filterwarnings", line)
        if self.judging is not None:
            self.judging.register(config)
            return
        # Only a worker has this, and only a worker pays for it.
        from pytest_prodstatus.crossing import Crossing

        plugins.register(Reports(self.redaction), "prodstatus-reports")
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
