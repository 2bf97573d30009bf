"""The state store's exceptions are one tree, have one sentence each, and can be pickled."""

from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from pytest_prodstatus import store
from pytest_prodstatus.store import (
    Claimed,
    ClockBehind,
    Expired,
    IllegalTransition,
    InvalidOverride,
    InvalidRecord,
    JournalError,
    JournalUnavailable,
    StateError,
    StateUnavailable,
    UnknownAction,
    Unresolved,
)
from pytest_prodstatus.store.action import State, once, once_a_release
from tests.unit.store.plans import NOON, TODAY, action

LEFT = action(State.SENT)
EACH = [
    StateUnavailable("The history is away: try again."),
    InvalidOverride("The override ends before it begins: say for how long it holds."),
    JournalUnavailable("The journal is away: try again."),
    InvalidRecord("The action's target is ''; it must be one printable line."),
    UnknownAction(7),
    Claimed(LEFT),
    Claimed(action(State.SENT, State.CONFIRMED)),
    Claimed(action(State.SENT, State.CONFIRMED, key=once("invoice-7"))),
    Unresolved(LEFT),
    ClockBehind(LEFT, TODAY - timedelta(days=1)),
    IllegalTransition(LEFT, State.SENT),
    Expired(LEFT, State.SENT, NOON),
    Expired(action(key=once_a_release("v41")), State.SENT, NOON),
]


@pytest.mark.parametrize("error", EACH, ids=lambda error: type(error).__name__)
def test_each_is_one_sentence_that_survives_a_process(error: StateError) -> None:
    """Each message is one sentence with a remedy, and is the same after pickling."""
    sentence = str(error)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert str(pickle.loads(pickle.dumps(error))) == sentence


def test_the_documentation_names_them_all() -> None:
    """Every class is in the module's tree, and all are StateErrors."""
    classes = {
        name: value
        for name, value in vars(store).items()
        if isinstance(value, type) and issubclass(value, Exception) and not name.startswith("_")
    }
    assert {type(error) for error in EACH} == set(classes.values()) - {StateError, JournalError}
    assert all(issubclass(value, StateError) for value in classes.values())
    assert all(f" {name} " in f" {store.__doc__} ".replace("\n", " ") for name in classes)
