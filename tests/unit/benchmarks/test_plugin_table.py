"""The table shows the costs that were measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.plugin.projects import write_project
from benchmarks.plugin.reporters import (
    ALONE,
    COUNTING,
    FLOOR,
    OURS,
    OWN_CASES,
    RECORDING,
    REPORTERS,
    Reporter,
)
from benchmarks.plugin.running import Runner
from benchmarks.plugin.table import table
from benchmarks.process import Cost


def test_ratios_are_taken_within_a_round() -> None:
    """If the machine slows down over three rounds, the table has the median of their ratios."""
    base = [Cost(cpu=n, wall=2 * n, peak=1000) for n in (1.0, 2.0, 4.0)]
    ours = [Cost(cpu=1.5 * n, wall=2.4 * n, peak=1200) for n in (1.0, 2.0, 4.0)]
    rows = table({ALONE: base, OURS: ours}, tests=100).splitlines()
    assert rows[2] == "| pytest alone | 1.00 | — | (20000 in all) | 1.00 | — |"
    assert rows[3] == "| pytest-prodstatus | 1.500 | 1000 | 10000.0 | 1.200 | 2.00 |"


def test_a_reporter_is_beside_pytest_alone() -> None:
    """Every round begins with pytest alone, to compare with; no reporter's name is used twice."""
    assert next(iter(REPORTERS)) == ALONE
    assert len({**REPORTERS, **OWN_CASES, **RECORDING, **COUNTING}) == sum(
        map(len, (REPORTERS, OWN_CASES, RECORDING, COUNTING))
    )


def test_a_reporter_says_what_it_writes() -> None:
    """Every reporter but pytest alone, the floor and a run without criteria writes something."""
    cases = REPORTERS | OWN_CASES | RECORDING | COUNTING
    silent = {name for name, one in cases.items() if not one.writes}
    assert silent == {ALONE, FLOOR, "no stage marks"}


@pytest.mark.slow  # runs a process
def test_a_reporter_that_wrote_nothing_is_not_measured(tmp_path: Path) -> None:
    """A reporter that wrote nothing is an error, because it would look like the cheapest of all."""
    write_project(tmp_path / "project", 100, marked=False)
    runner = Runner(pythons={"": Path(sys.executable)}, plugins=frozenset(), out=tmp_path / "out")
    quiet = Reporter(writes="{out}/report.md")
    with pytest.raises(RuntimeError, match=r"wrote no .*/report\.md"):
        runner.run(tmp_path / "project", quiet, workers=0)
