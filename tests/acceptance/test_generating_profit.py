"""Real profit: beside the stages it rests on, purchases are made through the supplier's API."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.aliexpress import AliExpressClient
from tests.acceptance.support.answering import answers
from tests.acceptance.support.database import Ask
from tests.acceptance.support.probes import orders
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.probes.supplier import look_up
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("generating-profit")


def test_purchases_use_the_dropshipping_api(
    ask: Ask, supplier: AliExpressClient, settings: Settings, evidence: Evidence
) -> None:
    """The Dropshipping API, which knows only orders made through it, finds the newest purchases."""
    purchases = orders.newest_purchases(ask, sample=settings.supplier_sample)
    through_api = [purchase for purchase in purchases.sample if not purchase.by_hand]
    evidence(purchased=purchases.purchased, bought_by_hand=purchases.bought_by_hand)
    require_data(len(purchases.sample), "PURCHASED orders with an AliExpress order id")
    assert through_api, f"all {purchases.bought_by_hand} purchases were made by hand"
    with answers():
        found = look_up(supplier, through_api)
    evidence(**facts(found))
    assert not found.lost, f"the Dropshipping API does not have {listed(found.lost)}"
    found.require_settled()
