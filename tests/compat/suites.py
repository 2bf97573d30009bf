"""Running the suite of a cell."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.compat import projects
from tests.compat.cells import Cell
from tests.compat.environment import ROOT, Environment, requirements_of
from tests.compat.junit import skipped_in
from tests.compat.output import write_packages

NEIGHBOURS = "tests/integration/neighbours"
# While a test runs, flaky has replaced a function of pytest's runner for the whole process. A run
# inside that test then fails, with plain pytest too. So the tests run without it, as inner runs do.
_WITHOUT = ("-pno:flaky",)
# The plugin's own tests, without the demo store's, its database's, the browser's and the pages'.
PLUGIN = (
    *(f"tests/unit/{name}" for name in ("model", "readers", "writers")),
    *(f"tests/unit/test_{name}.py" for name in ("attempts", "masked", "to_builtins")),
    "tests/integration",
    f"--ignore={NEIGHBOURS}",
    *(f"--ignore=tests/integration/{name}"
      for name in ("ci", "documentation", "store", "suite", "gate/test_pipelines.py",
                   "files/test_page.py")),
)  # fmt: skip


def run(cell: Cell, interpreter: Path, work: Path) -> list[str]:
    """Run a cell in a folder of its own and return what is wrong, one line for each problem.

    Raises:
        subprocess.CalledProcessError: its environment could not be made.
    """
    if cell.suite == "projects":
        return projects.compare(cell.beside, cell.pytest, interpreter, work)
    environment = Environment.make(work / "environment", interpreter)
    environment.install(*requirements_of(cell))
    write_packages(environment.packages())
    report = work / "junit.xml"
    tests = PLUGIN if cell.suite == "plugin" else (NEIGHBOURS,)
    if cell.suite == "plugin" and cell.beside == "all":
        tests += ("tests/unit/cli",)  # needs the state store, an extra
    workers = ("-n", "2") if cell.beside in ("xdist", "all") else ()
    # pytest-asyncio warns if it is unset; a project without pytest-asyncio can't set it.
    asyncio = ("-oasyncio_default_fixture_loop_scope=function",) if cell.beside == "all" else ()
    options = ("-q", f"--junitxml={report}", *_WITHOUT, *asyncio, *workers)
    done = subprocess.run(
        [environment.python, "-m", "pytest", *options, *tests],
        cwd=ROOT,
        check=False,
        env={**os.environ, "XDG_STATE_HOME": str(work / "state")},  # the default state store
    )
    wrong = [f"pytest ended with {done.returncode}"] if done.returncode else []
    if cell.suite == "neighbours" and report.exists():
        # Every neighbour is installed, so a test that skips itself for want of one is an error.
        wrong += [f"skipped: {skipped}" for skipped in skipped_in(report)]
    return wrong
