"""Nobody waits for an order that won't come."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from pytest_prodstatus.store.action import Entry, State
from tests.acceptance.support.placing import Placing, awaited_order
from tests.unit.store.plans import entry

T = TypeVar("T")
_ORDER = entry(State.SENT, State.CONFIRMED)


def _patient(look: Callable[[], T], done: Callable[[T], bool]) -> T:
    """Look up to ten times."""
    seen = look()
    for _ in range(9):
        if done(seen):
            break
        seen = look()
    return seen


@pytest.mark.parametrize(
    ("order_at", "over_at", "found", "looks"),
    [
        (1, None, True, 1),
        (4, None, True, 4),
        (None, 3, False, 3),
        (3, 3, True, 3),
        (None, None, False, 10),
    ],
)
def test_the_wait_ends_with_the_order_or_with_its_criterion(
    tmp_path: Path, order_at: int | None, over_at: int | None, found: bool, looks: int
) -> None:
    """Whichever comes first; an order that is there when it is over is seen."""
    placing = Placing(tmp_path, "run/1")
    seen = 0

    def find() -> Entry | None:
        nonlocal seen
        seen += 1
        if over_at is not None and seen >= over_at - 1:
            placing.end()  # after this look, for the next one
        return _ORDER if order_at is not None and seen >= order_at else None

    assert (awaited_order(find, placing, _patient) is _ORDER) == found
    assert seen == looks


def test_the_note_is_of_one_run(tmp_path: Path) -> None:
    """A folder that another run used before says nothing about this one."""
    Placing(tmp_path, "run 1").end()
    assert Placing(tmp_path, "run 1").over
    assert not Placing(tmp_path, "run 2").over
