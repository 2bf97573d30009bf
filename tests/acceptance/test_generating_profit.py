"""Real profit: beside the stages it rests on, purchases are made through the supplier's API."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.access import OpenSuppliers
from tests.acceptance.support.errors import access_assumed
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.probes.orders import Purchases
from tests.acceptance.support.probes.supplier import look_up

pytestmark = pytest.mark.stage("generating-profit")


def test_purchases_use_the_dropshipping_api(
    newest_purchases: Purchases, suppliers: OpenSuppliers, evidence: Evidence
) -> None:
    """The Dropshipping API, which knows only orders made through it, finds the newest purchases."""
    through_api = [purchase for purchase in newest_purchases.sample if not purchase.by_hand]
    evidence.say(
        f"{newest_purchases.purchased} bought at AliExpress, "
        f"{newest_purchases.bought_by_hand} by hand"
    )
    evidence(purchased=newest_purchases.purchased, bought_by_hand=newest_purchases.bought_by_hand)
    require_data(len(newest_purchases.sample), "PURCHASED orders with an AliExpress order id")
    assert through_api, f"all {newest_purchases.bought_by_hand} purchases were made by hand"
    with access_assumed():
        found = look_up(suppliers(newest_purchases.tokens), through_api)
    evidence(**facts(found))
    assert not found.lost, f"the Dropshipping API does not have {listed(found.lost)}"
    found.require_settled()
