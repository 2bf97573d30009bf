"""Placing an order: one real order was placed with the store's credential, and the supplier has it.

It costs money, so it is armed by hand; an order that was placed before is read back instead.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from pytest_prodstatus import Dates, Evidence, Money
from pytest_prodstatus.journal import Action, Journal
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.clock import Waiting, utc_now
from tests.acceptance.support.errors import access_assumed
from tests.acceptance.support.probes.facts import facts
from tests.acceptance.support.purchase.journal import order_price, order_value, out_order_id
from tests.acceptance.support.purchase.order import Purchase
from tests.acceptance.support.purchase.placed import read_back, settle

pytestmark = pytest.mark.stage("placeorder")


@pytest.mark.stage("placeorder", side_effects=True)
@pytest.mark.usefixtures("ends_placing")
def test_real_order_placed(
    placed_before: Action | None,
    request: pytest.FixtureRequest,
    evidence: Evidence,
    prodstatus_seen_at: Dates,
) -> None:
    """A real order, to be paid at once, was placed within the cap and got an order id."""
    if placed_before is None:
        purchase: Purchase = request.getfixturevalue("purchase")
        order = purchase.place()
    else:
        order = placed_before
        evidence(bought_now=False)
    evidence(
        order_ids=list(order.receipts),
        placed_at=order.claimed_at,
        quoted=order_value(order),
        mode=order.details["mode"],
        route=order.details["route"],
    )
    evidence.say(f"one order, quoted at {order_value(order)}")
    prodstatus_seen_at(min(order.claimed_at, utc_now()))
    assert order.receipts, f"the supplier gave no order id for {out_order_id(order)}"


def test_order_known_to_supplier(
    order_placed: Action,
    journal: Journal,
    supplier: AliExpressClient,
    now: datetime,
    wait: Waiting,
    evidence: Evidence,
    prodstatus_seen_at: Dates,
) -> None:
    """The supplier knows the order, paid and not cancelled, and took no more than it had quoted."""
    with access_assumed():
        found = read_back(supplier, order_placed, now=now, wait=wait)
    price = order_price(order_placed)
    evidence(quoted=order_value(order_placed), cap=Money(price.maximum, price.unit), **facts(found))
    prodstatus_seen_at(min(order_placed.claimed_at, utc_now()))
    assert found.verdict != "FAILED", settle(journal, order_placed, found)
    overcharge = found.overcharge(price)
    assert not overcharge, overcharge
    found.require_settled()
    found.require_amount(price)
