"""Orders: what buyers paid for is bought at the supplier, and the supplier knows it."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.access import OpenSuppliers
from tests.acceptance.support.catalogue import stricter
from tests.acceptance.support.errors import access_assumed
from tests.acceptance.support.probes import orders
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.probes.supplier import look_up
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("order")


@pytest.fixture
def attempted(fulfilment: orders.Fulfilment) -> orders.Fulfilment:
    """How far the window's paid orders came; BLOCKED if none was paid or none attempted."""
    require_data(fulfilment.paid, "paid orders")
    if not fulfilment.attempted:
        blocked(
            f"none of {fulfilment.paid} paid orders was attempted: fulfilment has not run",
            kind="no-data",
            remedy="start the store's fulfilment",
        )
    return fulfilment


def test_purchased_order_exists(
    supplier_ids: orders.SupplierIds,
    attempted: orders.Fulfilment,
    settings: Settings,
    evidence: Evidence,
) -> None:
    """At least one order is PURCHASED with its AliExpress order id."""
    evidence.say(f"{supplier_ids.purchased} bought at AliExpress in {settings.window.days} days")
    evidence.say(
        f"left out: {supplier_ids.other_suppliers} paid orders of other suppliers, "
        f"{supplier_ids.stand_ins} stand-ins"
    )
    evidence(**facts(supplier_ids))
    if attempted.paid == attempted.in_flight + attempted.unclear:
        blocked(
            f"all {attempted.paid} paid orders are in flight, or dated ahead of the clock",
            kind="pending",
        )
    if supplier_ids.bought_outside and not supplier_ids.with_supplier_id + supplier_ids.without:
        blocked(
            f"all {supplier_ids.purchased} purchases were made outside of the store, so none has "
            "an AliExpress order id",
            kind="inconclusive",
        )
    assert supplier_ids.with_supplier_id, (
        f"none of {supplier_ids.paid} paid orders is PURCHASED with a real AliExpress order id"
    )


@stricter
def test_purchased_orders_have_supplier_ids(
    supplier_ids: orders.SupplierIds, evidence: Evidence
) -> None:
    """Every PURCHASED order has a real AliExpress order id, unless it was bought outside."""
    evidence(**facts(supplier_ids))
    require_data(supplier_ids.purchased, "PURCHASED orders")
    assert not supplier_ids.without, (
        f"{supplier_ids.without} of {supplier_ids.purchased} PURCHASED orders have no real "
        f"AliExpress order id (newest: {listed(supplier_ids.newest_without)})"
    )


@stricter
def test_supplier_ids_are_unique(shared_supplier_ids: orders.SharedIds, evidence: Evidence) -> None:
    """No AliExpress order id belongs to two orders."""
    evidence(**facts(shared_supplier_ids))
    require_data(shared_supplier_ids.with_supplier_id, "orders with an AliExpress order id")
    assert not shared_supplier_ids.shared, (
        f"{shared_supplier_ids.shared} AliExpress order ids belong to more than one order "
        f"({listed(shared_supplier_ids.newest_shared)})"
    )


@stricter
def test_orders_are_bought_once(repeated: orders.Repeated, evidence: Evidence) -> None:
    """No order has two purchase attempts that succeeded."""
    evidence(**facts(repeated))
    assert not repeated.bought_twice, (
        f"{repeated.bought_twice} orders were bought more than once "
        f"(newest: {listed(repeated.newest_orders)})"
    )
    if repeated.gone_twice:
        blocked(
            f"{repeated.gone_twice} orders that the store no longer has were bought more than once "
            f"({listed(repeated.orders_gone)}): if they were real is not known",
            kind="inconclusive",
            remedy="look for their purchases at the supplier",
        )
    require_data(repeated.compared, "purchased orders")


@stricter
def test_marketplace_orders_are_bought_once(repeated: orders.Repeated, evidence: Evidence) -> None:
    """No product of one marketplace order was bought by two orders."""
    evidence(**facts(repeated))
    require_data(repeated.compared, "purchased orders")
    assert not repeated.trades_bought_twice, (
        f"{repeated.trades_bought_twice} orders bought what another order had bought for the same "
        f"marketplace order ({listed(repeated.newest_trades)})"
    )
    if repeated.trades_unclear:
        blocked(
            f"{repeated.trades_unclear} orders were bought for a marketplace order that another "
            f"order was bought for as well ({listed(repeated.unclear_trades)}), and of one of the "
            "two the product is not known",
            kind="inconclusive",
            remedy="set the productId of these orders, if it is a cart",
        )


@stricter
def test_no_order_stuck_in_purchasing(
    stuck_orders: orders.Stuck, settings: Settings, evidence: Evidence
) -> None:
    """No order has been PURCHASING for longer than the grace (30 minutes)."""
    evidence(**facts(stuck_orders))
    require_data(stuck_orders.paid, "paid orders")
    assert not stuck_orders.stuck, (
        f"{stuck_orders.stuck} orders have been PURCHASING for longer than "
        f"{settings.purchase_grace} (newest: {listed(stuck_orders.newest_stuck)})"
    )


@stricter
def test_paid_orders_reach_purchased(
    attempted: orders.Fulfilment, settings: Settings, evidence: Evidence
) -> None:
    """Paid orders reach PURCHASED: none failed, waits for a person, or is overdue."""
    evidence(tolerated=settings.max_unpurchased, **facts(attempted))
    require_data(attempted.paid - attempted.in_flight, "paid orders that are due")
    assert attempted.unpurchased <= settings.max_unpurchased, (
        f"{attempted.unpurchased} of {attempted.paid} paid orders were not purchased "
        f"({listed(attempted.unpurchased_by_status)}; "
        f"newest: {listed(attempted.newest_unpurchased)})"
    )
    if attempted.unclear:
        blocked(
            f"{attempted.unclear} orders ({listed(attempted.unclear_orders)}) were made long ago "
            "and changed just now, or are dated ahead of the clock: when they were paid is not "
            "known",
            kind="pending",
            remedy=f"run again in {settings.purchase_grace}",
        )
    if attempted.bought_unpaid:
        blocked(
            f"{attempted.bought_unpaid} orders have a supplier's id and are not paid for yet, by "
            f"their status (newest: {listed(attempted.newest_bought_unpaid)})",
            kind="inconclusive",
            remedy="correct their status in the store",
        )
    if attempted.unknown:
        blocked(
            f"{attempted.unknown} orders have a status that the suite doesn't know "
            f"({listed(attempted.unknown_by_status)}): if they were paid for and bought is not "
            "known",
            kind="inconclusive",
            remedy="correct their status in the store, or update the suite",
        )


@stricter
def test_recent_orders_known_to_supplier(
    newest_purchases: orders.Purchases, suppliers: OpenSuppliers, evidence: Evidence
) -> None:
    """The supplier knows the newest purchases, and none of them was cancelled."""
    require_data(len(newest_purchases.sample), "PURCHASED orders with an AliExpress order id")
    with access_assumed():
        found = look_up(suppliers(newest_purchases.tokens), newest_purchases.sample)
    evidence(**facts(found))
    assert not found.lost, f"the supplier does not have {listed(found.lost)}"
    found.require_settled()
