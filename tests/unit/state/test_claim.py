"""Whether a plan may be claimed, from what the journal holds."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_prodstatus.store.action import State
from pytest_prodstatus.store.errors import Claimed, ClockBehind, InvalidRecord, Unresolved
from pytest_prodstatus.store.journal import first_events, next_attempt, require_current
from tests.unit.state.plans import NOON, TODAY, entry, plan

DAY = timedelta(days=1)
REJECTED = (State.REJECTED,)
CONFIRMED = (State.SENT, State.CONFIRMED)
OPEN = [(), (State.SENT,), (State.SENT, State.UNKNOWN)]


def test_a_new_day_is_the_first_attempt() -> None:
    """Nothing held, or only settled former days."""
    former = [entry(*CONFIRMED, day=TODAY - DAY, at=NOON - DAY), entry(*REJECTED, day=TODAY - DAY)]
    assert next_attempt([], plan()) == 1
    assert next_attempt(former, plan()) == 1


def test_each_rejected_attempt_makes_the_next_claimable() -> None:
    """Two rejected ones today, so the third is free."""
    assert next_attempt([entry(*REJECTED), entry(*REJECTED, attempt=2)], plan()) == 3


@pytest.mark.parametrize("states", [*OPEN, CONFIRMED])
def test_a_day_is_taken_by_anything_but_rejected(states: tuple[State, ...]) -> None:
    """Whoever holds it, alive or dead, and before or after a rejected attempt."""
    held = entry(*states)
    for history in ([held], [entry(*REJECTED), held], [held, entry(*REJECTED, attempt=2)]):
        with pytest.raises(Claimed) as refusal:
            next_attempt(history, plan())
        assert refusal.value.entry is held


@pytest.mark.parametrize("states", OPEN)
@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_an_open_end_of_any_other_day_blocks(states: tuple[State, ...], days: int) -> None:
    """Earlier or, by a clock that jumped, later; before the day's own claim is looked at."""
    left = entry(*states, day=TODAY + days * DAY)
    for history in ([left], [left, entry(*REJECTED)], [left, entry(*CONFIRMED)]):
        with pytest.raises(Unresolved) as refusal:
            next_attempt(history, plan())
        assert refusal.value.entry is left


def test_a_confirmation_dated_after_today_blocks() -> None:
    """The clock is behind the journal; a rejected one moved no money and doesn't matter."""
    tomorrow, then = TODAY + DAY, NOON + DAY
    with pytest.raises(ClockBehind):
        next_attempt([entry(*CONFIRMED, day=tomorrow, at=then)], plan())
    assert next_attempt([entry(*REJECTED, day=tomorrow, at=then)], plan()) == 1


def test_a_plan_is_of_its_day_and_not_expired() -> None:
    """The last microsecond before the expiry is early enough."""
    require_current(plan(), plan().expires_at - timedelta(microseconds=1))
    for now in (plan().expires_at, NOON - DAY, NOON + DAY):
        with pytest.raises(InvalidRecord, match="plan again"):
            require_current(plan(), now)


def test_a_claim_begins_with_planned_and_intent() -> None:
    """Both at the same instant, signed, with the money in words."""
    planned, intent = first_events(plan(), NOON)
    assert (planned.state, intent.state) == (State.PLANNED, State.INTENT)
    assert planned.at == intent.at == NOON
    assert "paid order by the direct route for 17.90 USD" in planned.detail
