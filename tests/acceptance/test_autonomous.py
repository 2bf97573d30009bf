"""Autonomy: one order went through the whole cycle, and no one touched it."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.errors import access_assumed
from tests.acceptance.support.paypal.client import PayPalClient
from tests.acceptance.support.probes.cycle import Autopilot
from tests.acceptance.support.probes.facts import facts, require_data
from tests.acceptance.support.probes.tracing import TracedOrders, trace
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("autonomous")


def test_one_order_through_the_whole_cycle(
    traced_orders: TracedOrders,
    supplier: AliExpressClient,
    paypal: PayPalClient,
    settings: Settings,
    evidence: Evidence,
) -> None:
    """One order went from the trend search to both payouts without a manual step."""
    evidence(orders=traced_orders.cycle.orders, steps=traced_orders.cycle.funnel())
    candidates = traced_orders.require_candidates()
    with access_assumed():
        traced = trace(candidates, supplier=supplier, paypal=paypal, settings=settings)
    evidence(**traced.timeline())
    assert not traced.fault, f"order {traced.order_id} did not go all the way: {traced.fault}"
    traced.require_settled()


def test_autopilot_cycle_succeeded(autopilot: Autopilot, evidence: Evidence) -> None:
    """The autopilot's newest full cycle succeeded."""
    evidence(**facts(autopilot))
    require_data(autopilot.cycles, "full cycles of the autopilot", remedy="start the autopilot")
    assert autopilot.newest_succeeded, (
        f"the autopilot's newest full cycle {autopilot.newest_cycle} of "
        f"{autopilot.newest_at:%Y-%m-%d %H:%M} UTC failed"
    )
