"""Whether a plan may be claimed, from what the journal holds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from pytest_prodstatus import Blocked, journal
from pytest_prodstatus.store.action import State, once, once_a_day, once_a_release
from pytest_prodstatus.store.errors import Claimed, ClockBehind, InvalidRecord, Unresolved
from pytest_prodstatus.store.journal import next_attempt, require_current
from tests.unit.store.plans import NOON, TODAY, action, day_key, plan

DAY = timedelta(days=1)
REJECTED = (State.REJECTED,)
CONFIRMED = (State.SENT, State.CONFIRMED)
OPEN = [(), (State.SENT,), (State.SENT, State.UNKNOWN)]


def test_a_new_day_is_the_first_attempt() -> None:
    """No action yet, or only settled ones of former days."""
    former = [action(*CONFIRMED, day=TODAY - DAY), action(*REJECTED, day=TODAY - DAY)]
    assert next_attempt([], plan(), TODAY) == 1
    assert next_attempt(former, plan(), TODAY) == 1


def test_each_rejected_attempt_makes_the_next_claimable() -> None:
    """Two rejected ones today, so the third is free."""
    assert next_attempt([action(*REJECTED), action(*REJECTED, attempt=2)], plan(), TODAY) == 3


@pytest.mark.parametrize("states", [*OPEN, CONFIRMED])
def test_a_day_is_taken_by_anything_but_rejected(states: tuple[State, ...]) -> None:
    """The claim may be of a living or dead process, before or after a rejected attempt."""
    open_action = action(*states)
    for history in (
        [open_action],
        [action(*REJECTED), open_action],
        [open_action, action(*REJECTED, attempt=2)],
    ):
        with pytest.raises(Claimed) as violation:
            next_attempt(history, plan(), TODAY)
        assert violation.value.action is open_action


@pytest.mark.parametrize("states", OPEN)
@pytest.mark.parametrize("days", [-400, -1, 1, 400])
def test_an_open_end_of_any_other_day_blocks(states: tuple[State, ...], days: int) -> None:
    """Earlier or, by a clock that jumped, later; before the day's own claim is looked at."""
    left = action(*states, day=TODAY + days * DAY)
    for history in ([left], [left, action(*REJECTED)], [left, action(*CONFIRMED)]):
        with pytest.raises(Unresolved) as violation:
            next_attempt(history, plan(), TODAY)
        assert violation.value.action is left


def test_a_confirmation_dated_after_today_blocks() -> None:
    """The clock is behind the journal; a rejected one did nothing and doesn't matter."""
    tomorrow = TODAY + DAY
    for ahead in (action(*CONFIRMED, day=tomorrow), action(*CONFIRMED, at=NOON + DAY)):
        with pytest.raises(ClockBehind):
            next_attempt([ahead], plan(key=once("another")), TODAY)
    assert next_attempt([action(*REJECTED, day=tomorrow)], plan(), TODAY) == 1


def test_a_key_that_is_no_day_is_taken_for_good() -> None:
    """Whenever it was claimed; another key is free, and a name alone is no key."""
    done = action(*CONFIRMED, key=once_a_release("v41"), day=TODAY - 400 * DAY)
    with pytest.raises(Claimed, match="next release"):
        next_attempt([done], plan(key=once_a_release("v41")), TODAY)
    assert next_attempt([done], plan(key=once_a_release("v42")), TODAY) == 1
    assert next_attempt([done], plan(key=once("v41")), TODAY) == 1


def test_a_plan_is_of_its_day_and_not_expired() -> None:
    """The last microsecond before the expiry is early enough; a release has no day."""
    require_current(plan(), plan().expires_at - timedelta(microseconds=1))
    for now in (plan().expires_at, NOON - DAY, NOON + DAY):
        with pytest.raises(InvalidRecord, match="plan again"):
            require_current(plan(), now)
    require_current(plan(key=once_a_release("v41")), NOON - DAY)


def test_a_days_key_is_of_the_day_in_utc() -> None:
    """Late evening in Honolulu is the next day, and a naive instant is of no day."""
    honolulu = timezone(timedelta(hours=-10))
    assert once_a_day(datetime(2026, 3, 9, 22, 30, tzinfo=honolulu)) == day_key(TODAY)
    with pytest.raises(InvalidRecord, match="time zone"):
        once_a_day(datetime(2026, 3, 9, 22, 30))  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize("release", [None, ""])
def test_without_a_release_nothing_is_done_once_a_release(release: str | None) -> None:
    """A run that names none ends the test as BLOCKED, before anything is planned."""
    with pytest.raises(Blocked, match="no release was named") as caught:
        journal.once_a_release(release)
    assert caught.value.reason.kind.value == "missing-config"
    assert journal.once_a_release("v41") == once_a_release("v41")
