"""Durations as people write them, and ages as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.text import age, parse_duration, text_of
from tests.unit import properties  # noqa: F401  the profile


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("24h", 86_400), ("30d", 2_592_000), (" 1h ", 3_600)],
)
def test_a_duration_is_a_whole_number_and_a_unit(text: str, seconds: int) -> None:
    """`90s`, `15m`, `24h` and `30d` are durations."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "24", "h", "0h", "-1h", "1.5h", "1 h", "1w", "24H", "1h30m", "9999999d", "२h"]
)
def test_anything_else_is_refused_with_what_would_do(text: str) -> None:
    """The message names the value and the form."""
    with pytest.raises(ValueError, match="is not a duration: write a whole number") as caught:
        parse_duration(text)
    assert repr(text) in str(caught.value)
    assert "'24h'" in str(caught.value)


def test_a_duration_is_text() -> None:
    """A bare number has no unit, so it is refused like any other bad value."""
    with pytest.raises(ValueError, match="24 is not a duration"):
        parse_duration(24)  # type: ignore[arg-type]


@given(st.integers(1, 999_999), st.sampled_from("smhd"))
def test_the_shortest_form_means_the_same(number: int, unit: str) -> None:
    """`text_of` is the inverse of `parse_duration`."""
    span = parse_duration(f"{number}{unit}")
    assert parse_duration(text_of(span)) == span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-5, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_600, "60 min"), (7_199, "119 min"),
     (7_200, "2 h"), (86_400, "24 h"), (172_799, "47 h"), (172_800, "2 d"), (10**7, "115 d")],
)  # fmt: skip
def test_an_age_is_rounded_down(seconds: float, text: str) -> None:
    """An age never says more than has passed."""
    assert age(timedelta(seconds=seconds)) == text
