"""Instants, durations and numbers have one form in all outputs."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_prodstatus.writers.words import counted, instant, minute, span
from tests.unit.given import NOW


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (0.4, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3_725, "1 h 2 min"),
        (3_605, "1 h"),
        (86_400 * 9 + 3_600 * 3 + 59, "9 d 3 h"),
    ],
)
def test_a_span_in_its_largest_unit_and_the_next(seconds: float, expected: str) -> None:
    """A span is rounded down; its second unit is left out if it is 0."""
    assert span(timedelta(seconds=seconds)) == expected


def test_instants_and_numbers() -> None:
    """An instant is in UTC, to the second or the minute; a number has its noun."""
    assert instant(NOW) == "2026-11-22 12:00:00 UTC"
    assert minute(NOW) == "2026-11-22 12:00 UTC"
    assert instant(None) == minute(None) == "unknown"
    assert [counted(n, "run", "runs") for n in (0, 1, 1200)] == ["0 runs", "1 run", "1,200 runs"]
