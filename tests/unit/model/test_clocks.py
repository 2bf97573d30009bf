"""Clocks of other machines: only what is certain is put right, and reported."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.clocks import DRIFT, Offset, dated, skew_reason
from tests.unit.given import HOUR, NOW

NONE = timedelta()


def test_nothing_is_known_before_the_first_message() -> None:
    """Then no date is changed."""
    assert Offset().certain == NONE


@given(
    st.floats(-900, 900),
    st.floats(0, 600),
    st.lists(st.tuples(st.floats(0, 3_600), st.floats(0, 120)), min_size=1),
)
def test_what_is_certain_is_never_too_much(
    behind: float, startup: float, messages: list[tuple[float, float]]
) -> None:
    """Slow networks and busy processes hide a skew, and never make one up.

    And no date is later than its receipt, except for the drift that is let pass.
    """
    offset = Offset()
    for at, delay in messages:
        offset.note(at - behind, at + delay, behind - startup)
    found = offset.certain.total_seconds()
    assert abs(found) <= abs(behind) + 1e-6
    assert found * behind >= 0
    for at, delay in messages:
        assert at - behind + found <= at + delay + DRIFT.total_seconds() + 1e-6
    quick = min(startup if behind > 0 else delay for _, delay in messages)
    if abs(behind) > quick + 1.1:
        assert abs(found) >= abs(behind) - quick - 1e-6


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (30, None),
        (-30, None),
        (31, "it is 31 s behind ours"),
        (-300.4, "it is 5 min ahead of ours"),
        (3_661, "it is 1 h 1 min 1 s behind ours"),
    ],
)
def test_the_size_of_a_skew(seconds: float, words: str | None) -> None:
    """Beyond 30 s a skew is an incident, with its size and direction."""
    reason = skew_reason("it", timedelta(seconds=seconds), "ours")
    assert (reason.text if reason else None) == words


@given(st.floats(-900, 900), st.floats(-900, 900))
def test_a_date_is_of_its_run(at: float, behind: float) -> None:
    """A date is never before the start of the run and never after its end."""
    found = dated(NOW + timedelta(seconds=at), timedelta(seconds=behind), NOW - HOUR, NOW)
    assert NOW - HOUR <= found <= NOW
