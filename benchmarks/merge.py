"""Measure how time and memory of `prodstatus merge` grow with the number of shards.

    .venv/bin/python -m benchmarks.merge                      # 10, 50 and 200 shards of 5,000
    .venv/bin/python -m benchmarks.merge --shards 10,50 --criteria 1000 --own 5000

Each shard's record lists the criteria that it collected, and it observed its part of them. By
default every shard collects the whole catalogue, so the merged record has `--criteria` of them.
With `--own` each shard has so many besides that the others don't know, and the merged record grows.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from datetime import datetime, timedelta, timezone
from pathlib import Path

from benchmarks.process import measured
from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage
from pytest_prodstatus.model.codec import record_pieces
from pytest_prodstatus.model.criterion_status import RunData, criterion_statuses
from pytest_prodstatus.model.evidence import entry_of
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import Run, Subject
from pytest_prodstatus.model.verdict import Rule, Verdict

STAGES = tuple(f"stage-{number}" for number in range(10))
_STAGE = '[[tool.prodstatus.stages]]\nid = "{}"\n'


def criterion(name: str, number: int) -> Criterion:
    """Return one of the criteria of a catalogue, or of a shard."""
    stage = STAGES[number % len(STAGES)]
    return Criterion(
        id=f"{stage}.{name}-{number}",
        stage=stage,
        nodeid=f"tests/test_{name}_{number // 100}.py::test_{number}",
        function=f"test_{number}",
        title=f"Criterion {number} of {name}",
    )


def write_shards(folder: Path, shards: int, criteria: int, own: int) -> None:
    """Write the project and the records of so many shards into a folder."""
    config = "[tool.prodstatus]\n" + "".join(map(_STAGE.format, STAGES))
    (folder / "pyproject.toml").write_text(config, encoding="utf-8")
    from pytest_prodstatus.project import config_in

    catalogue: Catalogue = config_in(folder).catalogue
    now = datetime.now(timezone.utc) - timedelta(hours=1)
    common = [criterion("common", n) for n in range(criteria)]
    for shard in range(shards):
        collected = [*common, *(criterion(f"s{shard}", n) for n in range(own))]
        selected = frozenset(
            c.id for n, c in enumerate(collected) if n >= criteria or n % shards == shard
        )
        run = Run(
            id="run", target="production", subject=Subject(), started=now, finished=now,
            catalogue=catalogue.digest, shard=True,
        )  # fmt: skip
        seen = Observation(
            verdict=Verdict.CONFIRMED,
            reason=None,
            observed_at=now,
            attempts=1,
            evidence=(entry_of("orders", now, shard), entry_of("mode", now, "live")),
        )
        data = RunData(
            catalogue=Catalogue(stages=tuple(Stage(id=name, title=name) for name in STAGES)),
            collected=tuple(collected),
            selected=selected,
            observe=lambda _, seen=seen: seen,  # type: ignore[misc]
        )
        record = compose(data, criterion_statuses(data, run, now), run, Rule.CONFIRMED, 0)
        with (folder / f"shard-{shard}.json").open("wb") as file:
            file.writelines(record_pieces(record))


def measure(shards: int, criteria: int, own: int) -> str:
    """Merge so many shards in a process of its own, and return a row of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_shards(folder, shards, criteria, own)
        paths = sorted(str(path) for path in folder.glob("shard-*.json"))
        size = sum(os.path.getsize(path) for path in paths)  # noqa: PTH202  as text, above
        command = [sys.executable, "-m", "pytest_prodstatus", "merge", *paths, "--output", "m.json"]
        cost = measured(command, folder, {**os.environ, "PRODSTATUS_HISTORY": "0"})
        merged = (folder / "m.json").stat().st_size
    mib = 2**20
    return (
        f"| {shards} | {criteria + own:,} | {shards * (criteria + own):,} | {size / mib:,.0f} | "
        f"{merged / mib:,.1f} | {cost.wall:.1f} | {cost.cpu:.1f} | {cost.peak / 1024:,.0f} |"
    )


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--shards", default="10,50,200")
    parser.add_argument("--criteria", type=int, default=5_000)
    parser.add_argument("--own", type=int, default=0)
    given = parser.parse_args()
    head = "shards | criteria of each | in all | MiB read | MiB written | s | s of CPU | MiB"
    sys.stdout.write(f"| {head} |\n|{'---|' * 8}\n")
    for shards in map(int, given.shards.split(",")):
        sys.stdout.write(measure(shards, given.criteria, given.own) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
