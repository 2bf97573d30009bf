"""Clocks that jump can't make a second action out of one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone

import pytest

from pytest_prodstatus.store import Claimed, ClockBehind, Expired, InvalidRecord, Unresolved
from pytest_prodstatus.store.action import State
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import CRITERION, NOON, TARGET, SetClock, plan_at


@pytest.fixture
def journal(url: str, clock: SetClock) -> Iterator[Journal]:
    """A new journal whose clock the test sets."""
    with Journal.open(url, clock=clock) as opened:
        yield opened


def _buy(journal: Journal, clock: SetClock) -> None:
    journal.confirmed(journal.sent(journal.intend(plan_at(clock.now))), ["1"], "ok")


@pytest.mark.parametrize("back", [timedelta(days=1), timedelta(days=400), timedelta(hours=13)])
def test_a_clock_that_jumps_back_a_day_buys_nothing(
    journal: Journal, clock: SetClock, back: timedelta
) -> None:
    """If an action is dated after today, the clock is wrong and no claim is made."""
    _buy(journal, clock)
    clock.now -= back

    with pytest.raises(ClockBehind, match=r"set the clock right"):
        journal.intend(plan_at(clock.now))
    assert len(journal.actions()) == 1


def test_a_clock_that_jumps_back_during_an_action_does_nothing_more(
    journal: Journal, clock: SetClock
) -> None:
    """If an action is confirmed before its own claim, no day is free until that of the claim."""
    action = journal.sent(journal.intend(plan_at(clock.now)))
    clock.advance(days=-7)
    action = journal.confirmed(action, ["1"], "ok")
    clock.advance(days=1)
    with pytest.raises(ClockBehind):
        journal.intend(plan_at(clock.now))

    journal.resolve(action.id, state="CONFIRMED", who="Ana", how="the clock was ahead")
    clock.advance(days=1)
    assert journal.intend(plan_at(clock.now)).state is State.INTENT


def test_a_clock_that_jumps_back_within_the_day_finds_it_taken(
    journal: Journal, clock: SetClock
) -> None:
    """If the clock jumps back within the day, the day's claim is still taken."""
    _buy(journal, clock)
    clock.advance(hours=-6)

    with pytest.raises(Claimed):
        journal.intend(plan_at(clock.now))


def test_an_open_end_of_a_later_day_blocks_as_well(journal: Journal, clock: SetClock) -> None:
    """What isn't settled blocks, in whichever direction the clock jumped."""
    journal.intend(plan_at(clock.now))
    clock.advance(days=-3)

    with pytest.raises(Unresolved):
        journal.intend(plan_at(clock.now))


def test_an_action_dated_in_the_far_future_can_be_redated(
    journal: Journal, clock: SetClock
) -> None:
    """A future action proves nothing and blocks until a person confirms it under the right date."""
    right = clock.now
    clock.advance(days=20_000)
    _buy(journal, clock)
    clock.now = right
    assert journal.latest_confirmed(CRITERION, TARGET, project="shop", since=right) is None
    (action,) = journal.actions()
    with pytest.raises(ClockBehind):
        journal.intend(plan_at(right))

    redated = journal.resolve(action.id, state="CONFIRMED", who="Ana", how="the clock was ahead")

    assert redated.receipts == ("1",)
    assert journal.intend(plan_at(right)).state is State.INTENT


def test_events_keep_their_order_whatever_their_dates(journal: Journal, clock: SetClock) -> None:
    """Events keep their order, also if the clock was set back between two steps."""
    action = journal.intend(plan_at(clock.now))
    clock.advance(minutes=-30)
    action = journal.confirmed(journal.sent(action), ["1"], "ok")

    assert [event.state for event in journal.action(action.id).events] == [
        State.INTENT,
        State.SENT,
        State.CONFIRMED,
    ]
    assert action.events[1].at < action.events[0].at


def test_an_action_leaves_only_before_its_expiry(journal: Journal, clock: SetClock) -> None:
    """A process that was stopped for an hour may not send; it may record that nothing was sent."""
    action = journal.intend(plan_at(clock.now))
    clock.now = action.expires_at
    with pytest.raises(Expired, match="nothing was sent"):
        journal.sent(action)

    assert journal.rejected(action, "expired before it was sent").state is State.REJECTED


def test_an_action_leaves_only_on_its_own_day(journal: Journal, clock: SetClock) -> None:
    """An action isn't sent after midnight, since it didn't claim the new day."""
    clock.now = datetime(2026, 3, 10, 23, 59, 59, tzinfo=timezone.utc)
    action = journal.intend(plan_at(clock.now))
    clock.advance(seconds=2)

    with pytest.raises(Expired):
        journal.sent(action)


def test_a_plan_is_of_today(journal: Journal, clock: SetClock) -> None:
    """A stale plan, one of before midnight, or one by local time is not a plan for today."""
    for plan in (
        plan_at(clock.now - timedelta(days=1)),
        plan_at(clock.now + timedelta(days=1)),
        plan_at(clock.now - timedelta(hours=1)),
    ):
        with pytest.raises(InvalidRecord, match="plan again"):
            journal.intend(plan)
    assert journal.actions() == ()


def test_a_clock_in_another_zone_is_read_in_utc(journal: Journal, clock: SetClock) -> None:
    """A journal counts days in UTC: late evening in Honolulu is the next day."""
    clock.now = datetime(2026, 3, 9, 22, 30, tzinfo=timezone(timedelta(hours=-10)))
    action = journal.intend(plan_at(clock.now))

    assert str(action.key) == "day 2026-03-10"
    assert action.claimed_at.utcoffset() == timedelta(0)
    assert journal.action(action.id).claimed_at == clock.now


def test_a_clock_without_a_zone_is_refused(url: str) -> None:
    """A naive time can't be compared with anything, so nothing is written by it."""
    naive = datetime(2026, 3, 10, 12, 0)  # noqa: DTZ001 - the mistake under test
    with Journal.open(url, clock=lambda: naive) as journal:
        with pytest.raises(InvalidRecord, match="time zone"):
            journal.intend(plan_at(NOON))
        assert journal.actions() == ()
