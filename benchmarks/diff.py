"""Measure the comparison of two runs, and the size of a record that is kept.

    .venv/bin/python -m benchmarks.diff [number of criteria]

In CPU time. Each criterion has three values of evidence, of which two differ between the runs, and
one criterion in ten FAILED in the second run.
"""

from __future__ import annotations

import statistics
import sys
import time
import zlib
from datetime import datetime, timedelta

from msgspec.structs import replace

from benchmarks.history import BEGINNING
from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage
from pytest_prodstatus.model.codec import read_record, write_record
from pytest_prodstatus.model.criterion_status import RunData, criterion_statuses
from pytest_prodstatus.model.diff import diff
from pytest_prodstatus.model.evidence import entry_of
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import Record, Run, Subject
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, Verdict
from pytest_prodstatus.writers.diff import FORMATS

TIMES = 7
STAGES = tuple(f"stage-{number}" for number in range(10))


def record(count: int, run: int, beginning: datetime = BEGINNING, target: str = "x") -> Record:
    """Return the record of a run: the first, or the second an hour later."""
    at = beginning + timedelta(hours=run)
    criteria = [
        Criterion(
            id=f"{STAGES[n % 10]}.criterion-{n}",
            stage=STAGES[n % 10],
            nodeid=f"tests/test_{n // 100}.py::test_{n}",
            function=f"test_{n}",
            title=f"Criterion {n}",
        )
        for n in range(count)
    ]

    def observe(criterion: Criterion) -> Observation:
        number = int(criterion.nodeid.rpartition("_")[2])
        bad = run == 1 and number % 10 == 0
        values = {"orders": number + run, "amount": f"{number}.{run} USD", "mode": "live"}
        return Observation(
            verdict=Verdict.FAILED if bad else Verdict.CONFIRMED,
            reason=Reason(text=f"assert {number} == 1", kind=Kind.OBSERVED) if bad else None,
            observed_at=at,
            attempts=1,
            evidence=tuple(entry_of(name, at, value) for name, value in values.items()),
        )

    catalogue = Catalogue(stages=tuple(Stage(id=name, title=name) for name in STAGES))
    of = Run(
        id=f"run-{run}", target=target, subject=Subject(), started=at, finished=at,
        catalogue=catalogue.digest,
    )  # fmt: skip
    data = RunData(
        catalogue=catalogue,
        collected=tuple(criteria),
        selected=frozenset(criterion.id for criterion in criteria),
        observe=observe,
    )
    return compose(data, criterion_statuses(data, of, at), of, Rule.CONFIRMED, 0)


def main() -> None:
    """Compare two runs of so many criteria, and print the medians."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    before, after = record(count, 0), record(count, 1)
    texts = [write_record(each) for each in (before, after)]
    seconds: dict[str, list[float]] = {}
    for _ in range(TIMES):
        began = time.process_time()
        read = [read_record(text, "record") for text in texts]
        seconds.setdefault("read", []).append(time.process_time() - began)
        began = time.process_time()
        found = diff(*read)
        seconds.setdefault("compare", []).append(time.process_time() - began)
        for name, write in FORMATS.items():
            began = time.process_time()
            write(found)
            seconds.setdefault(name, []).append(time.process_time() - began)
    found = diff(before, replace(after, stages=after.stages))
    print(f"{count:,} criteria: {len(found.criteria):,} changed, {len(found.evidence):,} values")  # noqa: T201
    for name, durations in seconds.items():
        print(f"  {name}: {statistics.median(durations) * 1000:.0f} ms")  # noqa: T201
    size = len(texts[1].encode())
    packed = len(zlib.compress(texts[1].encode()))
    print(f"  the record: {size / 1000:,.0f} kB, {packed / 1000:,.0f} kB as it is kept")  # noqa: T201


if __name__ == "__main__":
    main()
