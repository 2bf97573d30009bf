"""Measurements as a Markdown table for the README."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.store.measuring import Measured, Measurement
from benchmarks.store.plans import reads

FACTOR, STATEMENT_S = 1.2, 0.020
"""The suite may take at most 1.2 times as long as psql, plus 20 ms for each statement."""


def table(measured: Sequence[Measured]) -> Iterator[str]:
    """Yield the lines: one per statement, the sums, and whether the bound is kept."""
    yield "| statement | suite, s | psql, s | ratio | goes by | scans |"
    yield "|---|---:|---:|---:|---|---|"
    for statement in measured:
        found = reads(statement.plan)
        goes_by, scans = ", ".join(found.indexes), ", ".join(found.scans)
        numbers = _numbers(statement.suite, statement.psql)
        yield f"| {statement.name} | {numbers} | {goes_by} | {scans} |"
    suite = sum(statement.suite for statement in measured)
    psql = sum(statement.psql for statement in measured)
    yield f"| all {len(measured)} | {_numbers(suite, psql)} | | |"
    # Of the sums, since a statement of a few milliseconds varies from run to run.
    bound = FACTOR * psql + STATEMENT_S * len(measured)
    kept = "kept" if suite <= bound else "NOT kept"
    yield ""
    yield (
        f"The bound, {FACTOR} × {psql:.3f} s + {len(measured)} × {STATEMENT_S:.3f} s = "
        f"{bound:.3f} s, is {kept}: the suite took {suite:.3f} s."
    )


def comparison(found: Measurement) -> Iterator[str]:
    """Yield the sum of these statements beside that of the earlier ones, if there are any."""
    if found.before:
        suite = sum(statement.suite for statement in found.measured)
        before = sum(found.before.values())
        yield (
            f"The {len(found.before)} earlier statements took {before:.3f} s in the same rounds; "
            f"these took {suite:.3f} s, {suite / before:.2f} of that."
        )


def _numbers(suite: float, psql: float) -> str:
    return f"{suite:.3f} | {psql:.3f} | {suite / psql:.2f}"
