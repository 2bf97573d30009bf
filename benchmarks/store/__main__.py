"""Fill a store of any size, and measure every database statement of the criteria on it.

    python -m benchmarks.store                     a store of 100,000 orders and as many sales
    python -m benchmarks.store --rows 5000000 --plans FOLDER
    python -m benchmarks.store --save FILE         at one commit, and at a later one
    python -m benchmarks.store --against FILE      to measure both commits' statements in one run

All files are in a temporary folder, which is removed at the end.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.store.filling import fill
from benchmarks.store.judging import judge
from benchmarks.store.machine import machine
from benchmarks.store.measuring import Measured, measure
from benchmarks.store.memory import peak
from benchmarks.store.psql import Psql
from benchmarks.store.recording import save, saved
from benchmarks.store.table import comparison, table
from tests.acceptance.demo.loading import READER
from tests.acceptance.demo.postgres import Postgres, new_folder

# A server of that size has at least this much. With the demo's 64 MB, the kernel's cache would be
# measured.
_OPTIONS = {"shared_buffers": "1GB", "max_wal_size": "8GB"}


def main() -> int:
    """Measure and print; return 0, regardless of the numbers."""
    options = _options()
    _print(machine())
    with _server() as server:
        now, began = datetime.now(timezone.utc), time.perf_counter()
        fill(server.url(), rows=options.rows, now=now)
        _print(
            f"{now:%Y-%m-%d}, {options.rows:,} orders and as many sales, filled in "
            f"{time.perf_counter() - began:.0f} s; {options.rounds} rounds after one that warms"
        )
        url = server.url(user=READER)
        # As the role that may only read, as in production; libpq refuses Prisma's parameter.
        with Psql(server.program("psql"), url.split("&schema=")[0]) as psql:
            found = measure(url, now=now, psql=psql, rounds=options.rounds, against=options.against)
        _print("", *table(found.measured), *comparison(found))
        judged = judge(url)
    _print(
        f"This process used at most {peak():.0f} MB.",
        f"pytest, judging {sum(judged.verdicts.values())} criteria by their database statements "
        f"alone, took {judged.seconds:.1f} s and used at most {judged.peak:.0f} MB.",
    )
    if options.plans is not None:
        _write(found.measured, options.plans)
    if options.save is not None:
        save(options.save, found.statements)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store")
    parser.add_argument("--rows", type=int, default=100_000, help="orders, and as many sales")
    parser.add_argument("--rounds", type=int, default=5, help="how often each statement is timed")
    parser.add_argument("--plans", type=Path, help="a folder to write the plans to")
    parser.add_argument("--save", type=Path, help="a file to write the statements to")
    parser.add_argument(
        "--against",
        metavar="FILE",
        help="a file of another commit's --save: its statements are measured in the same rounds",
    )
    options = parser.parse_args()
    for name, least in (("rows", 1_000), ("rounds", 1)):
        if getattr(options, name) < least:
            parser.error(
                f"--{name} is {getattr(options, name)}, and the least is {least}: raise it"
            )
    try:
        options.against = {} if options.against is None else saved(options.against)
    except ValueError as error:
        parser.error(str(error))
    return options


@contextmanager
def _server() -> Iterator[Postgres]:
    folder = new_folder()
    try:
        server = Postgres(folder, options=_OPTIONS)
        try:
            server.create_database()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _write(measured: tuple[Measured, ...], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for statement in measured:
        (folder / f"{statement.name}.txt").write_text(statement.plan, encoding="utf-8")


def _print(*lines: str) -> None:
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
