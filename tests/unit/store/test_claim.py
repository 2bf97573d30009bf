"""Whether a plan may be claimed, from what the journal holds."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

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


def test_the_attempts_of_a_key_have_an_end() -> None:
    """Whatever they came to; the next day begins anew."""
    history = [action(*REJECTED), action(*CONFIRMED, State.LAPSED, attempt=2)]
    with pytest.raises(Claimed, match=r"has had all the attempts that it may have.*attempt 2"):
        next_attempt(history, plan(), TODAY, 2)
    assert next_attempt(history, plan(), TODAY, 3) == 3
    tomorrow = plan(key=day_key(TODAY + DAY))
    assert next_attempt(history, tomorrow, TODAY + DAY, 2) == 1


SUBJECT = "product 17 for account 4"


@pytest.mark.parametrize(
    ("changes", "follows"),
    [
        ({"subject": SUBJECT}, True),
        ({"subject": SUBJECT, "target": "staging"}, True),
        ({"subject": SUBJECT, "project": "other"}, False),
        ({"subject": "product 18 for account 4"}, False),
        ({"subject": SUBJECT, "criterion": "mail.arrives"}, False),
        ({}, True),
        ({"target": "staging"}, True),
        ({"project": ""}, True),
        ({"project": "other"}, False),
    ],
)
def test_a_subject_is_the_claim_s_whatever_the_target(
    changes: dict[str, Any], follows: bool
) -> None:
    """By criterion, project and subject; an action without a subject may have done the same."""
    earlier = replace(action(*CONFIRMED), **changes)
    assert plan(subject=SUBJECT).follows(earlier) == follows


def test_without_a_subject_the_target_is_the_claim_s() -> None:
    """As ever, and for every project."""
    assert plan().follows(replace(action(), project="other"))
    assert not plan().follows(replace(action(), target="staging"))
    assert not plan().follows(replace(action(), subject=SUBJECT))


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
