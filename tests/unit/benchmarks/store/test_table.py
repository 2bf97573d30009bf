"""The table lists what was measured, and says whether the bound is kept."""

from __future__ import annotations

import pytest

from benchmarks.store.measuring import Measured, Measurement
from benchmarks.store.table import comparison, table

_PLAN = "->  Index Scan using orders_pkey on orders o\n->  Seq Scan on sales s\n"


def _measured(suite: float) -> list[Measured]:
    return [Measured(name=name, suite=suite, psql=1.0, plan=_PLAN) for name in ("a", "b")]


def test_a_statement_is_a_row_with_what_it_reads() -> None:
    """A row has seconds, ratio, indexes and scans; the last row has the sums."""
    lines = list(table(_measured(1.1)))
    assert lines[2] == "| a | 1.100 | 1.000 | 1.10 | orders_pkey | sales |"
    assert lines[4] == "| all 2 | 2.200 | 2.000 | 1.10 | | |"


@pytest.mark.parametrize(("suite", "words"), [(1.22, "is kept"), (1.2201, "is NOT kept")])
def test_the_bound_is_a_fifth_more_than_psql_and_twenty_milliseconds(
    suite: float, words: str
) -> None:
    """The sum is bounded: two statements that take psql 2 s may take 1.2 × 2 s + 2 × 20 ms."""
    assert words in list(table(_measured(suite)))[-1]


def test_earlier_statements_are_compared_by_their_sum() -> None:
    """There may be more or fewer of them; without any there is no line."""
    before = {"a": 3.0, "b": 2.0, "c": 1.0}
    found = Measurement(statements={}, measured=tuple(_measured(1.0)), before=before)
    assert list(comparison(found)) == [
        (
            "The 3 earlier statements took 6.000 s in the same rounds; "
            "these took 2.000 s, 0.33 of that."
        )
    ]
    assert not list(comparison(Measurement(statements={}, measured=(), before={})))
