"""Placing an order: one real order was bought with the store's credential, and the supplier has it.

It costs money, so it is armed by hand; an order that was placed before is read back instead.
"""

from __future__ import annotations

from datetime import datetime

import pytest

from pytest_prodstatus import Evidence, Waits
from pytest_prodstatus.journal import Action
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.clock import Waiting
from tests.acceptance.support.errors import access_assumed
from tests.acceptance.support.probes.facts import facts
from tests.acceptance.support.purchase.journal import order_value, out_order_id
from tests.acceptance.support.purchase.order import Purchase
from tests.acceptance.support.purchase.placed import read_back
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("placeorder")


@pytest.mark.stage("placeorder", side_effects=True)
@pytest.mark.usefixtures("ends_placing")
def test_real_order_placed(
    placed_before: Action | None, request: pytest.FixtureRequest, evidence: Evidence
) -> None:
    """A real order, paid for, was placed within the cap and got an order id."""
    if placed_before is None:
        purchase: Purchase = request.getfixturevalue("purchase")
        order, bought_now = purchase.place(), True
    else:
        order, bought_now = placed_before, False
    evidence(
        order_ids=list(order.receipts),
        placed_at=order.claimed_at,
        paid=order_value(order),
        mode=order.details["mode"],
        route=order.details["route"],
        bought_now=bought_now,
    )
    assert order.receipts, f"the supplier gave no order id for {out_order_id(order)}"


def test_order_known_to_supplier(
    order_placed: Action,
    supplier: AliExpressClient,
    now: datetime,
    wait: Waiting,
    settings: Settings,
    evidence: Evidence,
    prodstatus_waiting: Waits,
) -> None:
    """The supplier knows the order that was placed, paid and not cancelled."""
    awaited = f"the supplier to know order {out_order_id(order_placed)}"
    prodstatus_waiting(awaited, budget=settings.wait.total_seconds())
    with access_assumed():
        found = read_back(supplier, order_placed, now=now, wait=wait)
    evidence(**facts(found))
    assert found.verdict != "FAILED", (
        f"order {', '.join(found.order_ids)} is {', '.join(found.statuses)} at the supplier"
    )
    found.require_settled()
