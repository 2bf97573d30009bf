"""SIGKILL at every instant of an action: the journal explains itself and blocks the next run.

Every day at one instant in three, all of them with PRODSTATUS_SWEEP=1.
"""

from __future__ import annotations

import random
import sqlite3
from collections import Counter
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from pytest_prodstatus.store import Unresolved
from pytest_prodstatus.store.action import Action, State
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.conftest import Act
from tests.integration.store.plans import EVERY, NOON, TARGET, SetClock, plan_at

TOMORROW = NOON + timedelta(days=1)
TEN = 10
KNOWN = (State.CONFIRMED, State.REJECTED)
AFTER = {
    "started": set[State](),
    "open": set[State](),
    "intend": {State.INTENT},
    "sent": {State.SENT},
    "confirmed": {State.CONFIRMED},
    "rejected": {State.REJECTED},
    "unknown": {State.UNKNOWN},
}


def _follows(steps_done: list[str], action: Action | None, steps: list[str]) -> None:
    """Assert that the journal is at the last step that was reported, or exactly one further."""
    done = [word for word in steps_done if word in steps]
    states = [next(iter(AFTER[step])) for step in steps]
    here = None if action is None else action.state
    allowed: list[State | None] = [states[len(done) - 1] if done else None]
    if len(done) < len(steps):
        allowed.append(states[len(done)])
    assert here in allowed, f"said {steps_done}, journal stands at {here}"


def _next_run(journal: Journal, criterion: str) -> tuple[Action | None, bool]:
    """Return what the next day's run finds: the action that was left, and whether it may act."""
    left = [action for action in journal.actions(target=TARGET) if action.criterion == criterion]
    try:
        journal.intend(plan_at(TOMORROW, criterion=criterion))
    except Unresolved as violation:
        named, sentence = violation.action, str(violation)
    else:
        return (left[0] if left else None), True
    assert [named] == left
    assert f"action {named.id} " in sentence
    return named, False


ENDS = ("confirmed", "rejected", "unknown")


@pytest.mark.parametrize("end", ENDS)
def test_killed_at_every_instant(url: str, act: Act, end: str) -> None:
    """If the process dies at any instant, the next run acts only if the result is known.

    Ten run at once, each for a criterion of its own, so that one dies while others wait for it. The
    three ends begin with the same steps, and so cover all instants of these between them.
    """
    steps = ["intend", "sent", end]
    kills = 0
    survived = False
    Journal.open(url).close()
    for batch in range(1 + ENDS.index(end) % EVERY, 500, TEN * EVERY):
        instants = range(batch, batch + TEN * EVERY, EVERY)
        results = act(
            *[
                {"url": url, "criterion": f"killed-at-{at}", "steps": steps, "kill_at": at}
                for at in instants
            ]
        )
        with Journal.open(url, clock=SetClock(TOMORROW)) as journal:
            for at, result in zip(instants, results, strict=True):
                steps_done = [word for word, _ in result["steps_done"]]
                action, acted = _next_run(journal, f"killed-at-{at}")
                _follows(steps_done, action, steps)
                assert acted is (action is None or action.state in KNOWN)
                assert result["killed"] or steps_done[-1] == end
        kills += sum(result["killed"] for result in results)
        survived = not results[-1]["killed"]
        if survived:
            break
    assert survived, "the instants have no end"
    assert kills >= 25 // EVERY


def test_killed_while_it_creates_the_schema(url: str, act: Act) -> None:
    """A journal whose first process died at any instant of creating it is made by the next one."""
    for instant in range(1, 500, EVERY):
        (result,) = act({"url": url, "steps": [], "kill_at": instant})
        if not result["killed"]:
            break
        with Journal.open(url, clock=SetClock(TOMORROW)) as journal:
            assert journal.actions() == ()
        _remove(url)
    assert result["steps_done"][-1][0] == "open"
    assert instant > 10


def _remove(url: str) -> None:
    """Remove the schema, so that the next process has to create it."""
    if url.startswith("sqlite"):
        Path(url.removeprefix("sqlite:///")).unlink()
        return
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "DROP TABLE prodstatus_version, prodstatus_action_event, prodstatus_action, "
            "prodstatus_run_criterion, prodstatus_run, prodstatus_flip, prodstatus_override"
        )


def test_killed_at_random_instants(url: str, act: Act) -> None:
    """Every step that was acknowledged before a kill is in the journal, in full, after it."""
    chance = random.Random(20260310)
    killed = 15
    jobs = [
        {
            "url": url,
            "criterion": f"killed-{number}",
            "steps": ["intend", "sent", "confirmed"],
            "days": 1000,
            "kill_after": chance.uniform(0, 0.04),
        }
        for number in range(killed)
    ]
    # One after the other: SQLite's waiting isn't fair, and writers without a pause starve others.
    results = [result for job in jobs for result in act(job)]
    with Journal.open(url) as journal:
        actions = journal.actions(limit=1_000_000)
    found = {action.id: action for action in actions}
    acknowledged = [
        (step, number) for result in results for step, number in result["steps_done"] if number
    ]

    assert all(result["killed"] for result in results)
    assert len(acknowledged) >= 4 * killed
    for step, number in acknowledged:
        assert AFTER[step] <= {event.state for event in found[number].events}
    unsettled = Counter(action.criterion for action in actions if action.state not in KNOWN)
    assert set(unsettled.values()) <= {1}
    if url.startswith("sqlite"):
        with sqlite3.connect(url.removeprefix("sqlite:///")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
