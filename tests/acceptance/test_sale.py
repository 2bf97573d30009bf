"""Sales: one follows each purchase, and each links to its order."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.catalogue import stricter
from tests.acceptance.support.probes import sales
from tests.acceptance.support.probes.facts import block_dated_ahead, facts, listed, require_data
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("sale")


def test_sale_for_every_purchased_order(
    sales_of_orders: sales.SalesOfOrders, settings: Settings, evidence: Evidence
) -> None:
    """Every PURCHASED order became a sale."""
    found = sales_of_orders
    evidence.say(f"{found.purchased} bought at all suppliers in {settings.window.days} days")
    evidence.say(
        f"{found.other_suppliers} of them at other suppliers than AliExpress; "
        f"left out: {found.stand_ins} stand-ins"
    )
    evidence.say(f"{found.with_sale} of them have a sale")
    evidence(**facts(sales_of_orders))
    require_data(
        sales_of_orders.purchased - sales_of_orders.in_flight,
        "PURCHASED orders that are due a sale",
    )
    assert not sales_of_orders.without_sale, (
        f"{sales_of_orders.without_sale} of {sales_of_orders.purchased} PURCHASED orders have "
        f"no sale (newest: {listed(sales_of_orders.newest_without_sale)})"
    )
    if sales_of_orders.unclear:
        blocked(
            f"{sales_of_orders.unclear} PURCHASED orders without a sale "
            f"({listed(sales_of_orders.unclear_orders)}) were tried long ago and changed just now, "
            "or are dated ahead of the clock: when they were bought is not known",
            kind="pending",
            remedy=f"run again in {settings.sale_grace}",
        )
    if found.dated_ahead:
        block_dated_ahead(found.dated_ahead, found.newest_dated_ahead)


def test_sales_link_to_orders(sale_links: sales.SaleLinks, evidence: Evidence) -> None:
    """Every sale links to an order, or carries a marketplace's own order number."""
    evidence(**facts(sale_links))
    require_data(sale_links.sales, "real sales")
    assert not sale_links.dangling, (
        f"{sale_links.dangling} of {sale_links.sales} sales link to no order "
        f"(newest sales: {listed(sale_links.newest_dangling)})"
    )
    if sale_links.unlike:
        blocked(
            f"{sale_links.unlike} of {sale_links.sales} sales are of another user or product than "
            f"their order (newest sales: {listed(sale_links.newest_unlike)})",
            kind="inconclusive",
            remedy="correct their orderId, userId or productId in the store",
        )
    if sale_links.unpaid:
        blocked(
            f"{sale_links.unpaid} of {sale_links.sales} sales are of an order that isn't paid for "
            f"yet, by its status (newest sales: {listed(sale_links.newest_unpaid)})",
            kind="inconclusive",
            remedy="correct the status of their orders in the store",
        )
    if sale_links.too_early:
        blocked(
            f"{sale_links.too_early} of {sale_links.sales} sales are dated before their order "
            f"(newest sales: {listed(sale_links.newest_too_early)}): they may be others' sales",
            kind="inconclusive",
            remedy="correct their orderId in the store, or compare its clocks",
        )
    if sale_links.dated_ahead:
        block_dated_ahead(sale_links.dated_ahead, sale_links.newest_dated_ahead)


@stricter
def test_one_sale_for_one_trade(sale_links: sales.SaleLinks, evidence: Evidence) -> None:
    """No trade became two sales, by its order, the marketplace's number or the supplier's."""
    evidence(**facts(sale_links))
    require_data(sale_links.sales, "real sales")
    assert not sale_links.sold_twice, (
        f"{sale_links.sold_twice} sales are of a trade that another sale has too "
        f"(newest sales: {listed(sale_links.sales_of_one_trade)})"
    )


@stricter
def test_sales_belong_to_target_environment(
    sale_environments: sales.SaleEnvironments, settings: Settings, evidence: Evidence
) -> None:
    """Real orders have their sales in the target's environment."""
    evidence(environment=settings.environment, **facts(sale_environments))
    assert not sale_environments.misplaced, (
        f"{sale_environments.misplaced} sales of purchased orders are not in the "
        f"{settings.environment} environment "
        f"(newest sales: {listed(sale_environments.newest_misplaced)})"
    )
    require_data(
        sale_environments.in_environment, f"sales of the {settings.environment} environment"
    )
