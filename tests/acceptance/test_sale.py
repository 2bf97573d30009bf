"""Sales: one follows each purchase, and each links to its order."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.database import Ask
from tests.acceptance.support.probes import sales
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("sale")


def test_sale_for_every_purchased_order(ask: Ask, evidence: Evidence) -> None:
    """Every PURCHASED order became a sale."""
    found = sales.sales_of_orders(ask)
    evidence(**facts(found))
    require_data(found.purchased - found.in_flight, "PURCHASED orders that are due a sale")
    assert not found.without_sale, (
        f"{found.without_sale} of {found.purchased} PURCHASED orders have no sale "
        f"(newest: {listed(found.newest_without_sale)})"
    )


def test_sales_link_to_orders(ask: Ask, evidence: Evidence) -> None:
    """Every sale links to an order, or carries a marketplace's own order number."""
    found = sales.links(ask)
    evidence(**facts(found))
    require_data(found.sales, "real sales")
    assert not found.dangling, (
        f"{found.dangling} of {found.sales} sales link to no order "
        f"(newest sales: {listed(found.newest_dangling)})"
    )


def test_sales_belong_to_target_environment(
    ask: Ask, settings: Settings, evidence: Evidence
) -> None:
    """Real orders have their sales in the target's environment."""
    found = sales.environments(ask)
    evidence(environment=settings.environment, **facts(found))
    assert not found.misplaced, (
        f"{found.misplaced} sales of purchased orders are not in the {settings.environment} "
        f"environment (newest sales: {listed(found.newest_misplaced)})"
    )
    require_data(found.in_environment, f"sales of the {settings.environment} environment")
