"""Measure how long `prodstatus gate` takes over a record of thousands of criteria.

    python -m benchmarks.gate [--criteria 10000] [--rounds 15]

Each call is a process of its own, as in a deploy job. The exit status is 0, regardless of the
numbers.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from statistics import median

from msgspec.structs import replace

from benchmarks.store.machine import machine
from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage, title_of
from pytest_prodstatus.model.codec import write_record
from pytest_prodstatus.model.criterion_status import RunData, criterion_statuses
from pytest_prodstatus.model.evidence import entry_of
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import Record, Run, Subject
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, Verdict

STAGES = 10
_NOW = datetime.now(timezone.utc)
_SEEN = Observation(verdict=Verdict.CONFIRMED, reason=None, observed_at=_NOW, attempts=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of record.

    Attributes:
        observe: the observation of the criterion with a number.
        declared: whether pyproject.toml declares every criterion, or only the stages.
    """

    observe: Callable[[int], Observation]
    declared: bool = False


def _confirmed(number: int) -> Observation:
    evidence = (
        entry_of("order_id", _NOW, f"order {number}"),
        entry_of("count", _NOW, number),
    )
    return replace(_SEEN, evidence=evidence, duration=0.01)


def _half_failed(number: int) -> Observation:
    if number % 2:
        return _confirmed(number)
    reason = Reason(text=f"order {number} is not there", kind=Kind.OBSERVED)
    # Ten lines, the length of a short traceback.
    detail = f"test_api.py:{number}: in test\n" + "E   assert None is not None\n" * 10
    return replace(_SEEN, verdict=Verdict.FAILED, reason=reason, detail=detail)


CASES = {
    "all CONFIRMED": Case(observe=_confirmed),
    "all CONFIRMED, each declared by name": Case(observe=_confirmed, declared=True),
    "half FAILED, each for a reason of its own, with tracebacks": Case(observe=_half_failed),
}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gate", description=__doc__)
    parser.add_argument("--criteria", type=int, default=10_000, metavar="N")
    parser.add_argument("--rounds", type=int, default=15, metavar="N")
    options = parser.parse_args()
    print(machine())  # noqa: T201  a command prints
    print(f"\n| a record of {options.criteria:,} criteria | size | min | median | max |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
            _write(Path(folder), case, options.criteria)
            size = (Path(folder) / "reports" / "status.json").stat().st_size / 1e6
            times = sorted(_times(Path(folder), options.rounds))
        cells = " | ".join(f"{t:.3f} s" for t in (times[0], median(times), times[-1]))
        print(f"| {name} | {size:.1f} MB | {cells} |")  # noqa: T201
    return 0


def _times(folder: Path, rounds: int) -> Iterator[float]:
    # The installed command, whose start is part of what a deploy job waits for.
    command = [str(Path(sys.executable).with_name("prodstatus")), "gate"]
    # Compiled modules are kept, as they are for a user; an empty variable counts as unset. And the
    # gate finds no state store of this machine, in which it would look for an override.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", "XDG_STATE_HOME": str(folder)}
    for number in range(rounds + 1):
        began = time.perf_counter()
        done = subprocess.run(
            command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, check=False
        )
        if done.returncode not in (0, 1):  # open, or closed by what FAILED, as the cases are made
            msg = f"{' '.join(command)} ended with {done.returncode}"
            raise RuntimeError(msg)
        if number:  # the first round compiles the modules, so it doesn't count
            yield time.perf_counter() - began


def _write(folder: Path, case: Case, criteria: int) -> None:
    """Write a project: its pyproject.toml and the record of its last run."""
    tests = [_criterion(number) for number in range(criteria)]
    names = {f"stage-{n}": [c.id for c in tests if c.stage == f"stage-{n}"] for n in range(STAGES)}
    stages = tuple(
        Stage(id=name, title=title_of(name), criteria=tuple(ids) if case.declared else ())
        for name, ids in names.items()
    )
    lines = []
    for stage in stages:
        own = ", ".join(f'"{name}"' for name in stage.criteria)
        lines += ["[[tool.prodstatus.stages]]", f'id = "{stage.id}"', f"criteria = [{own}]"]
    (folder / "pyproject.toml").write_text("\n".join(lines), encoding="utf-8")
    record = _record(Catalogue(stages=stages), tests, case)
    (folder / "reports").mkdir()
    (folder / "reports" / "status.json").write_text(write_record(record), encoding="utf-8")


def _criterion(number: int) -> Criterion:
    name, stage = f"number-{number}-holds", f"stage-{number % STAGES}"
    nodeid = f"tests/acceptance/test_{stage}.py::test_{name}"
    return Criterion(id=f"{stage}.{name}", stage=stage, nodeid=nodeid, title=name, function=nodeid)


def _record(catalogue: Catalogue, tests: list[Criterion], case: Case) -> Record:
    seen = {test.id: case.observe(number) for number, test in enumerate(tests)}
    run = Run(
        id="run-1",
        target="production",
        subject=Subject(),
        started=_NOW,
        finished=_NOW,
        catalogue=catalogue.digest,
    )
    data = RunData(
        catalogue=catalogue,
        collected=tests,
        selected=frozenset(seen),
        observe=lambda criterion: seen.get(criterion.id),
    )
    return compose(data, criterion_statuses(data, run, _NOW), run, Rule.CONFIRMED, 0)


if __name__ == "__main__":
    sys.exit(main())
