"""What was measured, as the Markdown table that a README can take over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.store.measuring import Measured
from benchmarks.store.plans import reads

FACTOR, A_STATEMENT = 1.2, 0.020
"""The bound: the suite takes at most so many times what psql takes, and 20 ms a statement."""


def table(measured: Sequence[Measured]) -> Iterator[str]:
    """Yield the lines: a statement each, their sums, and whether the bound is kept."""
    yield "| statement | suite, s | psql, s | ratio | goes by | scans |"
    yield "|---|---:|---:|---:|---|---|"
    for each in measured:
        found = reads(each.plan)
        goes_by, scans = ", ".join(found.indexes), ", ".join(found.scans)
        yield f"| {each.name} | {_numbers(each.suite, each.psql)} | {goes_by} | {scans} |"
    suite, psql = sum(each.suite for each in measured), sum(each.psql for each in measured)
    yield f"| all {len(measured)} | {_numbers(suite, psql)} | | |"
    most = FACTOR * psql + A_STATEMENT * len(measured)
    yield ""
    yield (
        f"The bound, {FACTOR} × {psql:.3f} s + {len(measured)} × {A_STATEMENT:.3f} s = "
        f"{most:.3f} s, is {'kept' if suite <= most else 'NOT kept'}: the suite took {suite:.3f} s."
    )


def _numbers(suite: float, psql: float) -> str:
    return f"{suite:.3f} | {psql:.3f} | {suite / psql:.2f}"
