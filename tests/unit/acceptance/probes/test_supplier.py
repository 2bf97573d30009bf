"""Look-ups at the supplier: bought, lost, pending, or outside what its API knows."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from pytest_prodstatus import Blocked, Money
from tests.acceptance.support.access import Access, Budget
from tests.acceptance.support.aliexpress.orders import SupplierOrder
from tests.acceptance.support.probes.orders import Purchase
from tests.acceptance.support.probes.supplier import LookUps, look_up


class Supplier(dict[str, str]):
    """A supplier that knows the statuses it is given."""

    def order(self, order_id: str) -> SupplierOrder | None:
        status = self.get(order_id)
        if status is None:
            return None
        return SupplierOrder(order_id=order_id, status=status, request_id=f"r{order_id}")


def _look_up(status: str | None, *, by_hand: bool = False) -> LookUps:
    supplier = Supplier({"1": "FINISH"} | ({"2": status} if status else {}))
    return look_up(
        Access(common=supplier),
        [
            Purchase(order_id="a", supplier_id="1", by_hand=False),
            Purchase(order_id="b", supplier_id="2", by_hand=by_hand),
        ],
    )


def test_a_purchase_that_the_supplier_has_is_confirmed() -> None:
    """With the provider's id of each look-up."""
    found = _look_up("WAIT_BUYER_ACCEPT_GOODS")
    assert found.confirmed == ("a 1 FINISH", "b 2 WAIT_BUYER_ACCEPT_GOODS")
    assert found.request_ids == ("r1", "r2")
    found.require_settled()


@pytest.mark.parametrize("status", [None, "IN_CANCEL"])
def test_a_purchase_that_is_cancelled_or_unknown_is_lost(status: str | None) -> None:
    """The API knows every order that was made through it."""
    assert _look_up(status).lost == (f"b 2 {status or 'UNKNOWN'}",)


def test_an_unpaid_purchase_is_pending() -> None:
    """It may still be paid, or lapse."""
    with pytest.raises(Blocked, match="b 2 PLACE_ORDER_SUCCESS"):
        _look_up("PLACE_ORDER_SUCCESS").require_settled()


@pytest.mark.parametrize(
    ("made", "why"),
    [
        ("2026-11-20 12:00:00", ""),
        ("2026-11-18 12:00:01", ""),  # its time has no zone, and clocks may be wrong
        ("2026-11-18 11:59:59", "long before the store's own row of 2026-11-20 12:00 UTC"),
        ("2025-11-20 12:00:00", "long before"),
        ("2026-11-22 13:00:00", ""),
        ("2026-11-22 13:00:01", "long after the store had bought it by 2026-11-20 13:00 UTC"),
        ("2027-11-20 12:00:00", "long after"),
        (None, ""),
        ("yesterday", ""),
    ],
)
def test_a_purchase_long_before_or_after_its_order_may_be_another_ones(
    made: str | None, why: str
) -> None:
    """The id is known to the supplier, and says nothing of this order."""

    class Dated(Supplier):
        def order(self, order_id: str) -> SupplierOrder | None:
            return SupplierOrder(order_id=order_id, status="FINISH", gmt_create=made)

    at = datetime(2026, 11, 20, 12, tzinfo=timezone.utc)
    noted = at + timedelta(hours=1)
    bought = Purchase(order_id="a", supplier_id="1", by_hand=False, ordered_at=at, bought_by=noted)
    found = look_up(Access(common=Dated()), [bought])
    assert (len(found.confirmed), len(found.misdated)) == ((0, 1) if why else (1, 0))
    if not why:
        found.require_settled()
        return
    with pytest.raises(Blocked, match=rf"a 1 FINISH made at .*, {why}") as caught:
        found.require_settled()
    assert caught.value.reason.kind.value == "inconclusive"


@pytest.mark.parametrize(
    ("took", "costly"),
    [
        (Money("19.99", "USD"), False),
        (Money("20.00", "USD"), True),
        (Money("900", "USD"), True),
        (Money("900", "CNY"), False),
        (None, False),
    ],
)
def test_a_purchase_leaves_the_profit_that_is_noted(took: Money | None, costly: bool) -> None:
    """In one currency; which of the two is wrong isn't known. A loss that is noted is one."""

    class Priced(Supplier):
        def order(self, order_id: str) -> SupplierOrder | None:
            return SupplierOrder(order_id=order_id, status="FINISH", amount=took)

    bought = Purchase(order_id="a", supplier_id="1", by_hand=False, proceeds=Money("20", "USD"))
    found = look_up(Access(common=Priced()), [bought])
    assert (len(found.costly), len(found.confirmed)) == ((1, 0) if costly else (0, 1))
    look_up(Access(common=Priced()), [replace(bought, proceeds=None)]).require_settled()
    if not costly:
        found.require_settled()
        return
    with pytest.raises(Blocked, match=r"notes a profit: a 1 FINISH: .* USD of 20 USD") as caught:
        found.require_settled()
    assert caught.value.reason.kind.value == "inconclusive"


def test_a_purchase_by_hand_may_be_outside_the_api() -> None:
    """That proves nothing, unless it is all there is."""
    found = _look_up(None, by_hand=True)
    assert (found.lost, found.outside) == ((), ("b 2 UNKNOWN",))
    found.require_settled()
    by_hand = Purchase(order_id="a", supplier_id="1", by_hand=True)
    with pytest.raises(Blocked, match="all were made by hand"):
        look_up(Access(common=Supplier()), [by_hand]).require_settled()


def test_a_purchase_is_looked_up_as_its_seller() -> None:
    """What an unusable token may have bought isn't known to be lost."""
    bought = [Purchase(order_id="b", supplier_id="2", by_hand=False, user_id=2)]
    knows, other = Supplier({"2": "FINISH"}), Supplier()
    assert look_up(Access(common=other, own={2: knows}), bought).confirmed == ("b 2 FINISH",)
    assert look_up(Access(common=other, own={2: other}), bought).lost == ("b 2 UNKNOWN",)
    unread = look_up(Access(common=other, own={2: "credential 9 can't be read"}), bought)
    assert unread.lost == ()
    with pytest.raises(Blocked, match="credential 9 can't be read"):
        unread.require_settled()


def test_a_purchase_that_isnt_looked_up_in_time_is_not_confirmed() -> None:
    """It is BLOCKED, timeout, with how many."""
    budget = Budget(timedelta(seconds=1), clock=map(float, range(9)).__next__)
    bought = [
        Purchase(order_id=name, supplier_id=number, by_hand=False)
        for name, number in (("a", "1"), ("b", "2"), ("c", "3"))
    ]
    supplier = Supplier({"1": "FINISH", "2": "FINISH", "3": "FINISH"})
    found = look_up(Access(common=supplier, budget=budget), bought)
    assert (found.confirmed, found.lost, found.unseen) == (("a 1 FINISH",), (), 2)
    with pytest.raises(Blocked, match=r"^2 of 3 purchases were not looked up in time") as caught:
        found.require_settled()
    assert caught.value.reason.kind.value == "timeout"
