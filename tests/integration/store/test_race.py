"""Many processes use one journal at one instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from pytest_prodstatus.store.action import Action, State
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.conftest import Act
from tests.integration.store.plans import CRITERION, NOON, TARGET, SetClock, plan_at

TEN = 10
ROUNDS = 2


def _last_words(results: Sequence[dict[str, Any]]) -> Counter[str]:
    return Counter(result["steps_done"][-1][0] for result in results)


def _thinking(url: str) -> dict[str, float]:
    """Return seconds that are enough for all to read before one writes; SQLite takes turns."""
    return {"linger": 0.01 if url.startswith("sqlite") else 0.25}


def _actions(url: str) -> tuple[Action, ...]:
    with Journal.open(url) as journal:
        return journal.actions()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_ten_processes_race_for_one_claim(url: str, act: Act, round_: int) -> None:
    """Of ten processes that open a new journal and claim one day at one instant, one wins."""
    results = act(*[{"url": url, "steps": ["intend"], **_thinking(url)}] * TEN)

    assert _last_words(results) == {"intend": 1, "Claimed": TEN - 1}
    assert [action.state for action in _actions(url)] == [State.INTENT]


def test_ten_processes_create_one_schema(url: str, act: Act) -> None:
    """Ten processes that open a journal which doesn't exist yet all find it whole."""
    results = act(*[{"url": url, "steps": []}] * TEN)

    assert _last_words(results) == {"open": TEN}
    assert _actions(url) == ()


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_racers_on_different_days_cant_both_pass(url: str, act: Act, round_: int) -> None:
    """Around midnight, or with clocks that differ, one wins and the others find it unresolved."""
    tomorrow = (NOON + timedelta(days=1)).isoformat()
    results = act(
        *[{"url": url, "steps": ["intend"], **_thinking(url)}] * 5,
        *[{"url": url, "steps": ["intend"], "now": tomorrow, **_thinking(url)}] * 5,
    )

    assert _last_words(results) == {"intend": 1, "Claimed": 4, "Unresolved": 5}
    assert len(_actions(url)) == 1


def test_a_freed_day_is_claimed_by_one(url: str, act: Act, clock: SetClock) -> None:
    """If ten processes race for a day that REJECTED freed, one wins the second attempt."""
    with Journal.open(url, clock=clock) as journal:
        first = journal.rejected(journal.intend(plan_at(NOON)), "above the cap")

    results = act(*[{"url": url, "steps": ["intend"], **_thinking(url)}] * TEN)

    assert _last_words(results) == {"intend": 1, "Claimed": TEN - 1}
    second, kept = _actions(url)
    assert kept == first
    assert (second.attempt, second.state) == (2, State.INTENT)


def test_one_of_ten_sends(url: str, act: Act, clock: SetClock) -> None:
    """Of ten processes that hold the same action, one may send it."""
    with Journal.open(url, clock=clock) as journal:
        action = journal.intend(plan_at(NOON))

    results = act(*[{"url": url, "action": action.id, "steps": ["sent"], **_thinking(url)}] * TEN)

    assert _last_words(results) == {"sent": 1, "IllegalTransition": TEN - 1}


def test_ends_are_written_once(url: str, act: Act, clock: SetClock) -> None:
    """Of ten processes that record how one action ended, the first is kept and nothing is mixed."""
    with Journal.open(url, clock=clock) as journal:
        action = journal.sent(journal.intend(plan_at(NOON)))

    steps = ["confirmed", "rejected", "unknown"] * 3
    results = act(
        *[{"url": url, "action": action.id, "steps": [step], **_thinking(url)} for step in steps]
    )

    (kept,) = _actions(url)
    assert _last_words(results) == {
        kept.state.value.lower(): 1,
        "IllegalTransition": len(steps) - 1,
    }
    assert len(kept.events) == len(action.events) + 1


def test_different_targets_dont_wait_for_each_other(url: str, clock: SetClock) -> None:
    """A claim locks its own criterion and target, and no other."""
    with Journal.open(url, clock=clock) as journal:
        journal.intend(plan_at(NOON))
        journal.intend(plan_at(NOON, target="staging"))
        journal.intend(plan_at(NOON, criterion="payment.second"))

        assert len(journal.unsettled(criterion=CRITERION, target=TARGET)) == 1
        assert len(journal.actions()) == 3
