"""A real action goes from its claim to its end, the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Literal

import pytest

from pytest_prodstatus.store import (
    Claimed,
    IllegalTransition,
    InvalidRecord,
    UnknownAction,
    Unresolved,
)
from pytest_prodstatus.store.action import Key, State, once, once_a_release
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import CRITERION, NOON, TARGET, SetClock, plan_at

LONG_AGO = NOON - timedelta(days=30)


@pytest.fixture
def journal(url: str, clock: SetClock) -> Iterator[Journal]:
    """A new journal whose clock the test sets."""
    with Journal.open(url, clock=clock) as opened:
        yield opened


def test_every_step_is_kept_with_who_and_when(journal: Journal, clock: SetClock) -> None:
    """A confirmed action has the steps INTENT, SENT and CONFIRMED, each dated and signed."""
    plan = plan_at(NOON)
    action = journal.intend(plan)
    clock.advance(seconds=1)
    action = journal.sent(action)
    clock.advance(seconds=2)
    action = journal.confirmed(action, ["8198352049851315"], "request 2101f05f")

    assert journal.action(action.id) == action
    assert [(event.state, event.at - NOON, event.who) for event in action.events] == [
        (State.INTENT, timedelta(0), plan.armed_by),
        (State.SENT, timedelta(seconds=1), plan.armed_by),
        (State.CONFIRMED, timedelta(seconds=3), plan.armed_by),
    ]
    assert action.events[-1].note == "request 2101f05f"
    assert action.receipts == ("8198352049851315",)
    assert all(getattr(action, name) == getattr(plan, name) for name in plan.__struct_fields__)


def test_a_confirmed_day_is_taken_and_the_next_is_free(journal: Journal, clock: SetClock) -> None:
    """A day has one action: a second one is Claimed, and the next day is free."""
    action = journal.confirmed(journal.sent(journal.intend(plan_at(NOON))), ["1"], "ok")

    with pytest.raises(Claimed, match="tomorrow") as violation:
        journal.intend(plan_at(NOON))
    assert violation.value.action == action

    clock.advance(days=1)
    assert journal.intend(plan_at(clock.now)).attempt == 1


def test_rejected_frees_the_day(journal: Journal) -> None:
    """The next attempt has its own number; the rejected one stays readable."""
    first = journal.rejected(journal.sent(journal.intend(plan_at(NOON))), "isv.no-stock")
    second = journal.rejected(journal.intend(plan_at(NOON)), "quote above the cap")
    third = journal.intend(plan_at(NOON))

    assert [action.attempt for action in (first, second, third)] == [1, 2, 3]
    assert journal.actions() == (third, second, first)


@pytest.mark.parametrize("left", [State.INTENT, State.SENT, State.UNKNOWN])
@pytest.mark.parametrize("outcome", ["CONFIRMED", "REJECTED"])
def test_an_open_end_blocks_until_resolved(
    journal: Journal, clock: SetClock, left: State, outcome: Literal["CONFIRMED", "REJECTED"]
) -> None:
    """INTENT, SENT and UNKNOWN block each later day until a person or the other side settles it."""
    action = journal.intend(plan_at(NOON))
    if left is not State.INTENT:
        action = journal.sent(action)
    if left is State.UNKNOWN:
        action = journal.unknown(action, "read timed out after 20 s")

    with pytest.raises(Claimed, match="`prodstatus journal resolve 1`"):
        journal.intend(plan_at(NOON))
    for _ in range(3):
        clock.advance(days=20)
        with pytest.raises(Unresolved, match=f"action {action.id} .* {left} "):
            journal.intend(plan_at(clock.now))
    assert journal.unsettled(criterion=CRITERION, target=TARGET) == (action,)

    settled = journal.resolve(
        action.id,
        state=outcome,
        receipts=["77"] if outcome == "CONFIRMED" else (),
        who="Ana Ruiz",
        how="looked at the bank's statement",
    )
    assert (settled.state, settled.events[-1].who) == (State(outcome), "Ana Ruiz")
    assert settled.events[:-1] == action.events
    assert journal.unsettled(criterion=CRITERION, target=TARGET) == ()
    assert journal.intend(plan_at(clock.now)).state is State.INTENT


def test_the_other_sides_answer_resolves_too(journal: Journal) -> None:
    """An UNKNOWN that the other side denies on the same day frees that day."""
    action = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut after sending")
    journal.resolve(action.id, state="REJECTED", who="AliExpress", how="same key: not repeated")

    assert journal.intend(plan_at(NOON)).attempt == 2


def test_the_acting_process_cant_settle_its_own_unknown(journal: Journal) -> None:
    """An UNKNOWN is settled by `resolve` alone, which requires a name and the grounds."""
    action = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut")

    with pytest.raises(IllegalTransition):
        journal.confirmed(action, ["1"], "it came after all")
    with pytest.raises(IllegalTransition):
        journal.rejected(action, "surely not")


def test_a_success_is_written_even_after_a_resolution(journal: Journal, clock: SetClock) -> None:
    """If a person recorded REJECTED while an action was under way, its late success isn't lost."""
    action = journal.sent(journal.intend(plan_at(NOON)))
    journal.resolve(action.id, state="REJECTED", who="Ana", how="nothing on the statement")

    late = journal.confirmed(action, ["8198"], "answered after 300 s")

    assert late.state is State.CONFIRMED
    assert journal.latest_confirmed(CRITERION, TARGET, project="shop", since=LONG_AGO) == late
    with pytest.raises(Claimed):
        journal.intend(plan_at(NOON))
    with pytest.raises(IllegalTransition):
        journal.confirmed(action, ["8198"], "twice")


def test_an_intent_that_was_resolved_cant_be_sent(journal: Journal) -> None:
    """A person who settles an INTENT stops the process that still holds it."""
    action = journal.intend(plan_at(NOON))
    journal.resolve(action.id, state="REJECTED", who="Ana", how="the job was cancelled")

    with pytest.raises(IllegalTransition):
        journal.sent(action)


def test_a_stale_action_is_judged_by_the_journal(journal: Journal) -> None:
    """A caller's value may be old; the state in the database counts."""
    action = journal.intend(plan_at(NOON))
    journal.sent(action)

    with pytest.raises(IllegalTransition, match="stands at SENT"):
        journal.sent(action)


def test_settled_actions_cant_be_resolved_again(journal: Journal) -> None:
    """A resolution settles only what is open, and needs an action."""
    action = journal.rejected(journal.intend(plan_at(NOON)), "no stock")

    with pytest.raises(IllegalTransition):
        journal.resolve(action.id, state="CONFIRMED", receipts=["1"], who="Ana", how="found it")
    with pytest.raises(UnknownAction):
        journal.resolve(action.id + 1, state="REJECTED", who="Ana", how="none")
    with pytest.raises(UnknownAction):
        journal.action(action.id + 1)


def test_a_success_without_an_id_is_not_confirmed(journal: Journal) -> None:
    """An action that no one can name proves nothing; the refusal leaves the action as it was."""
    action = journal.sent(journal.intend(plan_at(NOON)))

    with pytest.raises(InvalidRecord, match="UNKNOWN"):
        journal.confirmed(action, [], "is_success: true")
    with pytest.raises(InvalidRecord):
        journal.resolve(action.id, state="CONFIRMED", who="Ana", how="the card was charged")
    assert journal.action(action.id) == action


def test_latest_confirmed_counts_the_age_from_the_claim(journal: Journal, clock: SetClock) -> None:
    """An action that a person confirmed weeks later isn't younger for that."""
    action = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut")
    clock.advance(days=20)
    journal.resolve(action.id, state="CONFIRMED", receipts=["5"], who="Ana", how="found")

    found = journal.latest_confirmed(CRITERION, TARGET, project="shop", since=NOON)
    assert found is not None
    assert found.receipts == ("5",)
    later = NOON + timedelta(microseconds=1)
    assert journal.latest_confirmed(CRITERION, TARGET, project="shop", since=later) is None


def test_latest_confirmed_is_of_its_project_key_and_target(
    journal: Journal, clock: SetClock
) -> None:
    """An action with other details, of another project or target, or an open one doesn't count."""
    instant = {"mode": "instant"}
    slow = plan_at(NOON, details={"mode": "slow", "account": "7"})
    journal.confirmed(journal.sent(journal.intend(slow)), ["1"], "ok")
    staging = plan_at(NOON, target="staging")
    journal.confirmed(journal.sent(journal.intend(staging)), ["2"], "ok")
    found = partial(journal.latest_confirmed, CRITERION, TARGET, project="shop", since=LONG_AGO)
    assert found(details=instant) is None

    kept = found(details={"mode": "slow"})
    assert kept is not None
    assert kept.receipts == ("1",)
    assert found() == kept
    assert found(key=kept.key) == kept
    assert found(key=once("another")) is None
    assert journal.latest_confirmed(CRITERION, TARGET, project="b", since=LONG_AGO) is None

    clock.advance(days=1)
    action = journal.sent(journal.intend(plan_at(clock.now)))
    assert found(details=instant) is None
    action = journal.confirmed(action, ["3"], "ok")
    assert found(details=instant) == found() == action
    with pytest.raises(InvalidRecord):
        journal.latest_confirmed(
            CRITERION, TARGET, project="shop", since=LONG_AGO.replace(tzinfo=None)
        )


def test_a_claim_may_ask_that_nothing_was_confirmed_meanwhile(
    journal: Journal, clock: SetClock
) -> None:
    """What `latest_confirmed` would find takes the place of the plan's, with any key.

    Another process may have done it between the look and the claim, on the day before.
    """
    done = journal.confirmed(journal.sent(journal.intend(plan_at(NOON))), ["1"], "ok")
    clock.advance(days=1)
    for since, details in (
        (NOON + timedelta(microseconds=1), None),
        (NOON, {"mode": "slow"}),
        (None, None),
    ):
        other = journal.intend(plan_at(clock.now), since=since, details=details)
        journal.rejected(other, "not needed")
    for details in (None, {"mode": "instant"}):
        with pytest.raises(Claimed, match="already claimed") as caught:
            journal.intend(plan_at(clock.now), since=NOON, details=details)
        assert caught.value.action == done
    journal.intend(plan_at(clock.now, target="staging"), since=NOON)
    with pytest.raises(InvalidRecord):
        journal.intend(plan_at(clock.now), since=NOON.replace(tzinfo=None))
    journal.lapsed(done, "it has ended")
    assert journal.intend(plan_at(clock.now), since=NOON).attempt == 4


@pytest.mark.parametrize("key", [once_a_release("v41"), once("invoice-7")], ids=str)
def test_a_key_that_is_no_day_is_claimed_once_ever(
    journal: Journal, clock: SetClock, key: Key
) -> None:
    """Such a key isn't freed by time and may be sent past midnight; the next key is free."""
    clock.now = NOON.replace(hour=23, minute=59)
    action = journal.intend(plan_at(clock.now, key=key))
    clock.advance(minutes=2)
    action = journal.confirmed(journal.sent(action), ["1"], "ok")

    for days in (0, 1, 400):
        clock.advance(days=days)
        with pytest.raises(Claimed, match=f"The {key} is already claimed"):
            journal.intend(plan_at(clock.now, key=key))
    with pytest.raises(Claimed):
        journal.intend(plan_at(clock.now, key=key))
    assert journal.intend(plan_at(clock.now, key=once(key.name + "b"))).attempt == 1


def test_keys_of_one_name_and_another_period_are_two(journal: Journal, clock: SetClock) -> None:
    """A release that is named like a day is another key; an open action of either blocks both."""
    release = once_a_release("2026-03-10")
    left = journal.intend(plan_at(NOON, key=release))
    with pytest.raises(Unresolved):
        journal.intend(plan_at(NOON))
    journal.confirmed(journal.sent(left), ["1"], "ok")
    assert journal.intend(plan_at(NOON)).attempt == 1


def test_actions_are_the_newest_first(journal: Journal) -> None:
    """Actions are listed with the newest first, up to a limit, for one target if it is given."""
    actions = [journal.intend(plan_at(NOON, criterion=f"payment.c{n}")) for n in range(4)]
    other = journal.intend(plan_at(NOON, target="staging"))

    assert journal.actions(limit=2) == (other, actions[3])
    assert journal.actions(target=TARGET) == tuple(reversed(actions))
    assert journal.actions(target="demo") == ()


def test_garbage_from_the_other_side_is_written_down(journal: Journal) -> None:
    """NUL, lone surrogates and megabytes can't be the reason that an end isn't recorded."""
    action = journal.sent(journal.intend(plan_at(NOON)))

    action = journal.confirmed(
        action, ["81\x0098", "7\udc00"], "\x00\udfff<b>\r\n" + "x" * 1_000_000
    )

    assert journal.action(action.id) == action
    assert len(action.receipts) == 2
    assert len(action.events[-1].note) <= 2000
