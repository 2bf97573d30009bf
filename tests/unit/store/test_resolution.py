"""A person or the supplier settles an open action."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_prodstatus.store import IllegalTransition, InvalidRecord
from pytest_prodstatus.store.action import State
from pytest_prodstatus.store.journal import resolution_event
from tests.unit.store.plans import NOON, action

GIVEN: dict[str, Any] = {
    "state": "CONFIRMED",
    "receipts": ["8198"],
    "who": " Ana\tRuiz ",
    "how": "found it in the list",
    "now": NOON,
}


def test_it_is_signed_and_marked_as_a_resolution() -> None:
    """A resolution keeps who settled it, how, when, and the ids."""
    event = resolution_event(action(State.SENT, State.UNKNOWN), **GIVEN)
    assert (event.state, event.who, event.note) == (
        State.CONFIRMED,
        "Ana Ruiz",
        "found it in the list",
    )
    assert (event.at, event.receipts, event.resolution) == (NOON, ("8198",), True)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "UNKNOWN"},
        {"state": "SENT"},
        {"state": "confirmed"},
        {"who": ""},
        {"who": " \n"},
        {"how": ""},
        {"receipts": ()},
        {"receipts": [""]},
        {"state": "REJECTED"},
    ],
)
def test_it_needs_a_name_grounds_and_fitting_ids(change: dict[str, Any]) -> None:
    """CONFIRMED needs an id, REJECTED must have none, and a resolution needs a name."""
    with pytest.raises(InvalidRecord):
        resolution_event(action(State.SENT), **(GIVEN | change))


def test_what_is_settled_stays() -> None:
    """A confirmed purchase can't be resolved as anything else."""
    with pytest.raises(IllegalTransition):
        resolution_event(
            action(State.SENT, State.CONFIRMED), **(GIVEN | {"state": "REJECTED", "receipts": ()})
        )
