"""Measure queries of a history of 100,000 runs: `python -m benchmarks.history [RUNS]`.

It fills a history on SQLite and on its own PostgreSQL (embedded, in a temporary folder), opens it,
looks back, saves one more run, and prints the medians in milliseconds, without imports. The runs
have nine stages and 25 criteria. One run in twenty has a failed criterion, and one stage has been
FAILED for the newer half of all runs, so that its last CONFIRMED lies far back.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import Catalogue, Criterion, Stage
from pytest_prodstatus.model.criterion_status import RunData, criterion_statuses
from pytest_prodstatus.model.history import SavedRun, saved_run
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import Record, Run, Subject
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, Verdict
from pytest_prodstatus.store import HISTORY
from pytest_prodstatus.store.history import HistoryStore, criterion_values, run_values
from pytest_prodstatus.store.statements import insert_into, open_store

PROJECT, TARGET = "benchmark", "production"
STAGES = tuple(f"stage-{number}" for number in range(8))
BEGINNING = datetime(2020, 1, 1, tzinfo=timezone.utc)
HOUR = timedelta(hours=1)
BATCH = 5_000  # runs whose rows are in memory at once
TIMES = 15

CATALOGUE = Catalogue(
    stages=(
        *(Stage(id=name, title=name) for name in STAGES),
        Stage(id="final", title="final", rollup=STAGES),
    )
)
CRITERIA = tuple(
    Criterion(
        id=f"{STAGES[number % 8]}.criterion-{number}",
        stage=STAGES[number % 8],
        nodeid=f"test_{number}",
        function=f"test_{number}",
        title=f"Criterion {number}",
    )
    for number in range(25)
)


def template(bad: frozenset[str], flaky: bool) -> Record:
    """Return the record of a run in which these criteria FAILED; with `flaky`, one is flaky."""
    failed = Reason(text="assert 0 == 1, of 2,500 rows", kind=Kind.OBSERVED)
    seen = {
        criterion.id: Observation(
            verdict=Verdict.FAILED if criterion.id in bad else Verdict.CONFIRMED,
            reason=failed if criterion.id in bad else None,
            observed_at=BEGINNING,
            attempts=1,
            flaky=flaky and criterion is CRITERIA[7],
        )
        for criterion in CRITERIA
    }
    run = Run(
        id="",
        target=TARGET,
        subject=Subject(),
        started=BEGINNING,
        finished=BEGINNING,
        dirty=False,
        catalogue="0" * 64,
        versions={"python": "3.11.9", "pytest": "9.2.0", "pytest-prodstatus": "0.1.0"},
    )
    data = RunData(
        catalogue=CATALOGUE,
        collected=CRITERIA,
        selected=frozenset(seen),
        observe=lambda criterion: seen.get(criterion.id),
    )
    return compose(data, criterion_statuses(data, run, BEGINNING), run, Rule.CONFIRMED, 0)


def records(count: int) -> Iterator[Record]:
    """Yield the records of `count` runs, an hour apart. Every call yields the same records."""
    chance = random.Random(20261122)  # noqa: S311  not for secrets
    # There are few kinds of records, and composing 100,000 would take minutes (2 ms each).
    made: dict[tuple[frozenset[str], bool], Record] = {}
    for number in range(count):
        lasting = {CRITERIA[3].id} if number > count // 2 else set()
        passing = {chance.choice(CRITERIA).id} if chance.random() < 0.05 else set()
        kind = frozenset(lasting | passing), number % 50 == 0
        if kind not in made:
            made[kind] = template(*kind)
        started = BEGINNING + number * HOUR
        run = replace(
            made[kind].run,
            id=f"{started:%Y%m%dT%H%M%SZ}-{number:06x}",
            subject=Subject(release=f"v{number // 24}"),  # a release a day, a commit every 5 hours
            started=started,
            finished=started + timedelta(minutes=2),
            commit=f"{number // 5:040x}",
        )
        yield replace(made[kind], run=run)


def fill(url: str, count: int) -> None:
    """Save `count` runs in bulk. The tables are as after `count` calls of `HistoryStore.save`."""
    HistoryStore.open(url, PROJECT).close()
    latest: dict[str, Verdict] = {}
    runs: list[dict[str, Any]] = []
    criteria: list[dict[str, Any]] = []
    flips: list[dict[str, Any]] = []
    tables = {
        "prodstatus_run": runs,
        "prodstatus_run_criterion": criteria,
        "prodstatus_flip": flips,
    }
    with open_store(url, HISTORY).writing() as statements:
        for number, record in enumerate(records(count), 1):
            saved = saved_run(record)
            runs.append({"id": number, **run_values(saved, PROJECT)})
            criteria += criterion_values(record, number)
            flips += _flips(saved, latest)
            if number % BATCH == 0 or number == count:
                for table, rows in tables.items():
                    if rows:
                        statements.change(insert_into(table, rows[0]), *rows)
                    rows.clear()
        if url.startswith("postgresql"):
            # The rows brought their own numbers, so the sequence still stands at the beginning.
            statements.rows("SELECT setval('prodstatus_run_id_seq', :count)", count=count)
            statements.change("ANALYZE", {})  # as autovacuum would, but it is off on this server


def _flips(saved: SavedRun, latest: dict[str, Verdict]) -> Iterator[dict[str, Any]]:
    for stage, verdict in saved.stages.items():
        previous = latest.get(stage)
        if verdict is not None and verdict is not previous:
            latest[stage] = verdict
            yield {
                "project": PROJECT,
                "target": TARGET,
                "stage": stage,
                "started": saved.started,
                "run": saved.run,
                "verdict": verdict.value,
                "previous": previous and previous.value,
            }


def milliseconds(action: Callable[[], object]) -> float:
    """Return the median duration of `action` in milliseconds; a first call doesn't count."""
    action()
    seconds = []
    for _ in range(TIMES):
        began = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) * 1000


def look_back(url: str) -> None:
    """Open the history, look back and close it, as `prodstatus history` does."""
    with HistoryStore.open(url, PROJECT) as history:
        assert len(history.look_back(TARGET).stages) == len(STAGES) + 1


def measure(name: str, url: str, count: int) -> None:
    """Fill one database, and print the durations of looking back and saving."""
    began = time.perf_counter()
    fill(url, count)
    filled = time.perf_counter() - began
    (newest,) = records(1)
    later = BEGINNING + (count + 1) * HOUR
    newest = replace(newest, run=replace(newest.run, id="newest", started=later))

    def save() -> None:
        with HistoryStore.open(url, PROJECT) as history:
            history.save(newest)

    began = time.perf_counter()
    look_back(url)
    first = (time.perf_counter() - began) * 1000
    print(  # noqa: T201  a command prints
        f"{name}: {count:,} runs, filled in {filled:.0f} s: "
        f"look back {milliseconds(lambda: look_back(url)):.1f} ms "
        f"(the first time {first:.1f} ms), save {milliseconds(save):.1f} ms"
    )


def main() -> None:
    """Measure both databases."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.sqlite3"
        measure("SQLite", f"sqlite:///{path}", count)
        print(f"  {path.stat().st_size / 1e6:.0f} MB")  # noqa: T201
    from tests.acceptance.demo.postgres import Postgres, new_folder

    server = Postgres(new_folder())
    try:
        server.create_database()
        # `schema` is a parameter of Prisma, the store's client; libpq refuses it.
        measure("PostgreSQL", server.url().replace("&schema=public", ""), count)
    finally:
        server.stop()


if __name__ == "__main__":
    main()
