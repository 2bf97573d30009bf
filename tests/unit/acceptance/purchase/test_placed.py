"""A placed order is waited for and read back, and not waited for if it won't come."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import Action, State
from tests.acceptance.support.purchase.placed import Placing, ReadBack, awaited_order, read_back
from tests.unit.acceptance.providers import aliexpress_client
from tests.unit.acceptance.purchases import Bench
from tests.unit.acceptance.waits import Looks
from tests.unit.store.plans import action

_ORDER = action(State.SENT, State.CONFIRMED)


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

    def find() -> Action | None:
        nonlocal seen
        seen += 1
        if over_at is not None and seen >= over_at - 1:
            placing.end()  # after this look, for the next one
        return _ORDER if order_at is not None and seen >= order_at else None

    assert (awaited_order(find, placing, Looks()) is _ORDER) == found
    assert seen == looks


def test_the_note_is_of_one_run(tmp_path: Path) -> None:
    """A folder that another run used before proves nothing about this one."""
    Placing(tmp_path, "run 1").end()
    assert Placing(tmp_path, "run 1").over
    assert not Placing(tmp_path, "run 2").over


def _read(bench: Bench, action: Action, wait: Looks) -> ReadBack:
    client = aliexpress_client(bench.url, clock=bench.clock)
    return read_back(client, action, now=bench.clock(), wait=wait)


def test_a_new_order_is_waited_for(bench: Bench) -> None:
    """It is found only after some seconds; unknown until the end is pending, not lost."""
    action = bench.place()
    order = bench.state.orders[action.receipts[0]]
    order.visible_from = bench.clock() + timedelta(seconds=10)
    looks = Looks(3)
    found = _read(bench, action, looks)
    assert (found.verdict, found.statuses) == ("BLOCKED", ("UNKNOWN",))
    assert looks.taken == 3
    with pytest.raises(Blocked, match="UNKNOWN at the supplier"):
        found.require_settled()
    order.visible_from = bench.clock()
    assert _read(bench, action, Looks()).verdict == "CONFIRMED"


def test_an_old_order_is_not_waited_for(bench: Bench) -> None:
    """A cancelled one fails; one that the token doesn't know may be of another account."""
    action = bench.place()
    bench.state.orders[action.receipts[0]].status = "IN_CANCEL"
    assert _read(bench, action, Looks()).verdict == "FAILED"
    bench.state.orders.clear()
    bench.clock.now += timedelta(hours=2)
    looks = Looks(3)
    assert (_read(bench, action, looks).verdict, looks.taken) == ("BLOCKED", 0)
