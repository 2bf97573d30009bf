"""What the journal holds decides whether a plan may be claimed."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus import Blocked, journal
from pytest_prodstatus.store import Claimed, ClockBehind, InvalidRecord, Unresolved
from pytest_prodstatus.store.action import State, once, once_a_day, once_a_release
from pytest_prodstatus.store.journal import next_attempt, require_current
from tests.unit.store.plans import NOON, TODAY, action, day_key, plan

DAY = timedelta(days=1)
REJECTED = (State.REJECTED,)
CONFIRMED = (State.SENT, State.CONFIRMED)
OPEN = [(), (State.SENT,), (State.SENT, State.UNKNOWN)]


def test_a_new_day_is_the_first_attempt() -> None:
    """If there is no action, or only settled ones of former days, the attempt is the first."""
    former = [action(*CONFIRMED, day=TODAY - DAY), action(*REJECTED, day=TODAY - DAY)]
    assert next_attempt([], plan(), TODAY) == 1
    assert next_attempt(former, plan(), TODAY) == 1


def test_each_rejected_attempt_makes_the_next_claimable() -> None:
    """After two REJECTED attempts of a day, the third may be claimed."""
    assert next_attempt([action(*REJECTED), action(*REJECTED, attempt=2)], plan(), TODAY) == 3


def test_the_attempts_of_a_key_have_an_end() -> None:
    """A key has a limited number of attempts; the next day has new ones."""
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
    """Any claim that isn't REJECTED takes the day, before or after a REJECTED attempt."""
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
    """An open action of an earlier or later day blocks, even if the day itself is claimed."""
    left = action(*states, day=TODAY + days * DAY)
    for history in ([left], [left, action(*REJECTED)], [left, action(*CONFIRMED)]):
        with pytest.raises(Unresolved) as violation:
            next_attempt(history, plan(), TODAY)
        assert violation.value.action is left


def test_a_confirmation_dated_after_today_blocks() -> None:
    """A CONFIRMED action dated after today shows a wrong clock; a REJECTED one doesn't matter."""
    tomorrow = TODAY + DAY
    for ahead in (action(*CONFIRMED, day=tomorrow), action(*CONFIRMED, at=NOON + DAY)):
        with pytest.raises(ClockBehind):
            next_attempt([ahead], plan(key=once("another")), TODAY)
    assert next_attempt([action(*REJECTED, day=tomorrow)], plan(), TODAY) == 1


def test_a_key_that_is_no_day_is_taken_for_good() -> None:
    """Such a key stays taken whenever it was claimed; another key or another period is free."""
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
