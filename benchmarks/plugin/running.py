"""Run pytest in a process of its own, and measure it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.plugin.reporters import Reporter
from benchmarks.process import Cost, measured


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """Runs pytest in one of several environments.

    Attributes:
        pythons: the interpreter of each environment, by the extra of the plugin in it.
        plugins: names of all plugins that pytest would load there.
        out: a folder for the outputs of reporters; each run empties it.
    """

    pythons: Mapping[str, Path]
    plugins: frozenset[str]
    out: Path

    def run(self, project: Path, reporter: Reporter, workers: int) -> Cost:
        """Run a project's tests with one reporter.

        Raises:
            RuntimeError: not all tests passed, or the reporter wrote nothing.
        """
        shutil.rmtree(self.out, ignore_errors=True)
        self.out.mkdir()
        if not reporter.again:
            shutil.rmtree(project / "reports", ignore_errors=True)
        # xdist is one package with two plugins.
        needed = reporter.plugins | ({"xdist", "xdist.looponfail"} if workers else set())
        switched_off = [f"-pno:{name}" for name in sorted(self.plugins - needed)]
        written = reporter.writes.format(out=self.out, project=project)
        args = [arg.format(written=written) for arg in reporter.args]
        spread = ["-n", str(workers)] if workers else []
        command = [
            *(str(self.pythons[reporter.extra]), "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(*switched_off, *args, *spread),
        ]
        # Bytecode of the first round is kept for the others, as it is for a user.
        environment = {
            **os.environ,
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPATH": str(project),
            "PYTHONHASHSEED": "0",  # the same collisions in every run
            "XDG_STATE_HOME": str(project),  # the history of this project, not of the machine
        }
        cost = measured(command, project, environment)
        if written and not Path(written).exists():
            msg = f"{' '.join(command)} in {project} wrote no {written}"
            raise RuntimeError(msg)
        return cost
