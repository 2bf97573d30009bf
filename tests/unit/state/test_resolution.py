"""How an open end is settled by a person or by the supplier."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_prodstatus.store.action import State
from pytest_prodstatus.store.errors import IllegalTransition, InvalidRecord
from pytest_prodstatus.store.journal import resolution_event
from tests.unit.state.plans import NOON, entry

GIVEN: dict[str, Any] = {
    "state": "CONFIRMED",
    "order_ids": ["8198"],
    "who": " Ana\tRuiz ",
    "how": "found it in the list",
    "now": NOON,
}


def test_it_is_signed_and_marked_as_a_resolution() -> None:
    """Who, how, when and the ids are kept."""
    event = resolution_event(entry(State.SENT, State.UNKNOWN), **GIVEN)
    assert (event.state, event.who, event.detail) == (
        State.CONFIRMED,
        "Ana Ruiz",
        "found it in the list",
    )
    assert (event.at, event.order_ids, event.resolution) == (NOON, ("8198",), True)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "UNKNOWN"},
        {"state": "SENT"},
        {"state": "confirmed"},
        {"who": ""},
        {"who": " \n"},
        {"how": ""},
        {"order_ids": ()},
        {"order_ids": [""]},
        {"state": "REJECTED"},
    ],
)
def test_it_needs_a_name_grounds_and_fitting_ids(change: dict[str, Any]) -> None:
    """CONFIRMED needs an id, REJECTED must have none, and nobody resolves namelessly."""
    with pytest.raises(InvalidRecord):
        resolution_event(entry(State.SENT), **(GIVEN | change))


def test_what_is_settled_stays() -> None:
    """A confirmed purchase can't be argued away."""
    with pytest.raises(IllegalTransition):
        resolution_event(
            entry(State.SENT, State.CONFIRMED), **(GIVEN | {"state": "REJECTED", "order_ids": ()})
        )
