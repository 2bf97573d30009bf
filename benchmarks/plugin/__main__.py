"""Measure the plugin, pytest alone and other reporters, in one environment and one run.

    python -m benchmarks.plugin                       100, 1,000 and 10,000 tests
    python -m benchmarks.plugin --sizes 100,50000 --workers 0,2 --rounds 3

All tests pass, because pytest 9.2's own summary of failures costs failures × tests with any
reporter. The reporters take turns within a round, and a ratio is of two costs of one round. The
exit status is 0, regardless of the numbers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from benchmarks.plugin.projects import write_project
from benchmarks.plugin.reporters import (
    ALONE,
    COUNTING,
    OWN_CASES,
    PACKAGES,
    RECORDING,
    REPORTERS,
    STATE,
    Reporter,
)
from benchmarks.plugin.running import Runner
from benchmarks.plugin.table import table
from benchmarks.process import Cost
from benchmarks.store.machine import machine
from tests.compat.environment import ROOT, Environment

# Run in the environment: every plugin that isn't measured is switched off by its name.
_NAMES = (
    "from importlib.metadata import entry_points\n"
    "print(*sorted({point.name for point in entry_points(group='pytest11')}))"
)


def main() -> int:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        environment = _environment(folder / "venv", str(ROOT))
        # In an environment of its own: with the extra installed, every run would save its history.
        with_state = _environment(folder / "venv-state", f"{ROOT}[{STATE}]")
        names = subprocess.run(
            [environment.python, "-c", _NAMES], check=True, capture_output=True, text=True
        )
        plugins = frozenset(names.stdout.split())
        pythons = {"": environment.python, STATE: with_state.python}
        runner = Runner(pythons=pythons, plugins=plugins, out=folder / "out")
        _print(f"{machine()}\n{', '.join(environment.packages())}")
        for tests in options.sizes:
            for workers in options.workers:
                mode = f"-n {workers}" if workers else "serially"
                _print(f"\n### {tests:,} tests, {mode}\n")
                costs = _measured(runner, folder / f"{tests}-{workers}", tests, workers, options)
                _print(table(costs, tests))
    return 0


def _environment(folder: Path, requirement: str) -> Environment:
    environment = Environment.make(folder, Path(sys.executable))
    environment.install(requirement, *PACKAGES)
    return environment


def _measured(
    runner: Runner, folder: Path, tests: int, workers: int, options: argparse.Namespace
) -> dict[str, list[Cost]]:
    reporters = {**REPORTERS, **OWN_CASES, **RECORDING, **COUNTING}
    if options.only:
        wanted = {ALONE, *options.only.split(",")}
        reporters = {name: reporter for name, reporter in reporters.items() if name in wanted}
    projects = {name: _project(folder, reporter) for name, reporter in reporters.items()}
    for project, reporter in {projects[name]: r for name, r in reporters.items()}.items():
        write_project(
            project,
            tests,
            marked=reporter.marked,
            records=reporter.records,
            asserts=reporter.asserts,
            counts=reporter.counts,
        )
    costs: dict[str, list[Cost]] = defaultdict(list)
    # The first round isn't counted: it compiles the modules, and leaves the record for `again`.
    for number in range(options.rounds + 1):
        for name, reporter in reporters.items():
            cost = runner.run(projects[name], reporter, workers)
            if number:
                costs[name].append(cost)
    return costs


def _project(folder: Path, reporter: Reporter) -> Path:
    # Runs share a project only if they have the same tests and both find a record, or neither does.
    of = reporter
    tests = f"{of.marked}-{of.records}-{of.asserts}-{of.counts}"
    return folder / f"{tests}-{of.again}-{of.extra}".lower()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plugin", description=__doc__)
    sizes = [100, 1_000, 10_000]
    parser.add_argument("--sizes", type=_numbers, default=sizes, metavar="N[,N…]")
    parser.add_argument(
        "--workers", type=_numbers, default=[0], metavar="N[,N…]", help="0: serially"
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N")
    parser.add_argument("--only", default="", metavar="NAME[,NAME…]", help="of the reporters")
    return parser.parse_args()


def _numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
