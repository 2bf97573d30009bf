"""Orders: what buyers paid for is bought at the supplier, and the supplier knows it."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.aliexpress import AliExpressClient
from tests.acceptance.support.answering import answers
from tests.acceptance.support.database import Ask
from tests.acceptance.support.probes import orders
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.probes.supplier import look_up
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("order")


@pytest.fixture
def fulfilment(ask: Ask) -> orders.Fulfilment:
    """How far the window's paid orders came; BLOCKED where none was paid or none attempted."""
    found = orders.fulfilment(ask)
    require_data(found.paid, "paid orders")
    if not found.attempted:
        blocked(
            f"none of {found.paid} paid orders was attempted: fulfilment has not run",
            kind="no-data",
            remedy="start the store's fulfilment",
        )
    return found


def test_purchased_order_exists(
    ask: Ask, fulfilment: orders.Fulfilment, evidence: Evidence
) -> None:
    """At least one order is PURCHASED with its AliExpress order id."""
    found = orders.supplier_ids(ask)
    evidence(**facts(found))
    if fulfilment.paid == fulfilment.in_flight:
        blocked(f"all {fulfilment.paid} paid orders are in flight", kind="pending")
    assert found.with_supplier_id, (
        f"none of {found.paid} paid orders is PURCHASED with a real AliExpress order id"
    )


def test_purchased_orders_have_supplier_ids(ask: Ask, evidence: Evidence) -> None:
    """Every PURCHASED order has a real AliExpress order id, no stand-in."""
    found = orders.supplier_ids(ask)
    evidence(**facts(found))
    require_data(found.purchased, "PURCHASED orders")
    assert not found.without, (
        f"{found.without} of {found.purchased} PURCHASED orders have no real AliExpress order id "
        f"(newest: {listed(found.newest_without)})"
    )


def test_supplier_ids_are_unique(ask: Ask, evidence: Evidence) -> None:
    """No AliExpress order id stands at two orders."""
    found = orders.shared_supplier_ids(ask)
    evidence(**facts(found))
    require_data(found.with_supplier_id, "orders with an AliExpress order id")
    assert not found.shared, (
        f"{found.shared} AliExpress order ids stand at more than one order "
        f"({listed(found.newest_shared)})"
    )


def test_no_order_stuck_in_purchasing(ask: Ask, settings: Settings, evidence: Evidence) -> None:
    """No order has been PURCHASING for longer than the grace (30 minutes)."""
    found = orders.stuck_in_purchasing(ask)
    evidence(**facts(found))
    require_data(found.paid, "paid orders")
    assert not found.stuck, (
        f"{found.stuck} orders have been PURCHASING for longer than {settings.purchase_grace} "
        f"(newest: {listed(found.newest_stuck)})"
    )


def test_paid_orders_reach_purchased(
    fulfilment: orders.Fulfilment, settings: Settings, evidence: Evidence
) -> None:
    """Paid orders reach PURCHASED: none failed, waits for a person, or is overdue."""
    evidence(tolerated=settings.max_unpurchased, **facts(fulfilment))
    require_data(fulfilment.paid - fulfilment.in_flight, "paid orders that are due")
    assert fulfilment.unpurchased <= settings.max_unpurchased, (
        f"{fulfilment.unpurchased} of {fulfilment.paid} paid orders were not purchased "
        f"({listed(fulfilment.unpurchased_by_status)}; "
        f"newest: {listed(fulfilment.newest_unpurchased)})"
    )


def test_recent_orders_known_to_supplier(
    ask: Ask, supplier: AliExpressClient, settings: Settings, evidence: Evidence
) -> None:
    """The supplier knows the newest purchases, and none of them was cancelled."""
    purchases = orders.newest_purchases(ask, sample=settings.supplier_sample)
    require_data(len(purchases.sample), "PURCHASED orders with an AliExpress order id")
    with answers():
        found = look_up(supplier, purchases.sample)
    evidence(**facts(found))
    assert not found.lost, f"the supplier does not have {listed(found.lost)}"
    found.require_settled()
