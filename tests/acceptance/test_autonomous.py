"""Autonomy: one order went through the whole cycle, and no one touched it."""

from __future__ import annotations

from datetime import datetime

import pytest

from pytest_prodstatus import Evidence, Money, blocked
from tests.acceptance.support.access import OpenPayPals, OpenSuppliers
from tests.acceptance.support.catalogue import stricter
from tests.acceptance.support.errors import access_assumed
from tests.acceptance.support.probes.cycle import Autopilot
from tests.acceptance.support.probes.facts import facts, listed, require_data
from tests.acceptance.support.probes.tracing import TracedOrders, trace
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("autonomous")


def test_one_order_through_the_whole_cycle(
    traced_orders: TracedOrders,
    suppliers: OpenSuppliers,
    paypals: OpenPayPals,
    settings: Settings,
    evidence: Evidence,
) -> None:
    """One order went from the trend search to its payouts without a manual step."""
    evidence(orders=traced_orders.cycle.orders, steps=traced_orders.cycle.funnel())
    candidates = traced_orders.require_candidates()
    with access_assumed():
        traced = trace(
            candidates,
            suppliers=suppliers(traced_orders.tokens),
            paypals=paypals(traced_orders.applications),
            settings=settings,
        )
    evidence(**traced.timeline())
    evidence.say(f"order {traced.order_id} earned {traced.net_profit}")
    assert not traced.fault, f"order {traced.order_id} did not go all the way: {traced.fault}"
    traced.require_settled()


def test_step_trend(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """The trend search found the product of the order that came furthest."""
    order = traced_orders.require_step("found")
    evidence.say("its product was found")
    evidence(order_id=order.order_id, timeline={"trend": order.found_at})
    assert order.found_at


def test_step_product(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """That order's product was made, before the order."""
    order = traced_orders.require_step("made")
    evidence(order_id=order.order_id, product_id=order.product_id)
    evidence.say(f"product {order.product_id}")
    evidence(timeline={"product": order.created_at})
    assert order.created_at
    assert order.ordered_at
    assert order.created_at < order.ordered_at


def test_step_publish(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """The product was published before the order."""
    order = traced_orders.require_step("published")
    evidence.say("its product was published")
    evidence(order_id=order.order_id, timeline={"publish": order.published_at})
    assert order.published_at
    assert order.ordered_at
    assert order.published_at < order.ordered_at


def test_step_checkout(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """The order's payment was captured."""
    order = traced_orders.require_step("captured")
    evidence(order_id=order.order_id, paid_by=order.trade)
    evidence.say(f"trade {order.trade}")
    evidence(timeline={"checkout": order.ordered_at})
    assert order.trade


def test_step_purchase(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """The order was bought at the supplier, and no one touched it."""
    order = traced_orders.require_step("untouched")
    evidence(order_id=order.order_id, supplier_order_id=order.supplier_id)
    evidence.say(f"AliExpress order {order.supplier_id}")
    evidence(timeline=_dated("purchase", order.attempted_at))
    assert order.supplier_id


def test_step_sale(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """The order became a sale."""
    order = traced_orders.require_step("sold")
    evidence(order_id=order.order_id, sale_id=order.sale_id, timeline={"sale": order.sold_at})
    evidence.say(f"sale {order.sale_id}")
    assert order.sale_id is not None


def test_step_profit(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """The order's sale earned a net profit."""
    order = traced_orders.require_step("earned")
    assert order.net
    assert order.currency
    evidence(order_id=order.order_id, net_profit=Money(order.net, order.currency))
    evidence.say(f"{order.net} {order.currency} net")
    assert float(order.net) > 0


def test_step_payout(traced_orders: TracedOrders, evidence: Evidence) -> None:
    """Every payout that the order's sale owes has an id."""
    order = traced_orders.require_step("paid_out")
    made = [payout for payout in traced_orders.payouts if payout.sale_id == order.sale_id]
    evidence(order_id=order.order_id, payouts=[payout.batch_id for payout in made])
    evidence.say(f"{len(made)} payouts")
    assert "user" in {payout.role for payout in made}


@stricter
def test_autopilot_cycle_succeeded(
    autopilot: Autopilot, settings: Settings, now: datetime, evidence: Evidence
) -> None:
    """The autopilot's newest full cycle did not fail, for any user."""
    evidence(
        succeeded_at=autopilot.succeeded_at,
        stalled=[failure.words for failure in autopilot.stalled[:5]],
        **facts(autopilot),
    )
    assert not autopilot.broken, (
        f"the autopilot failed for {len(autopilot.broken)} users and has not succeeded since "
        f"(newest: {listed(failure.words for failure in autopilot.broken[:5])})"
    )
    if autopilot.unclear:
        since = (
            "autopilot_stats in system_configs can't be read"
            if autopilot.unreadable
            else "the run that ended since may be that one, or another user's"
        )
        blocked(
            f"the autopilot failed for {len(autopilot.unclear)} users "
            f"({listed(failure.words for failure in autopilot.unclear[:5])}), and {since}",
            kind="inconclusive",
            remedy="look at these users' cycles in the store",
        )
    succeeded = autopilot.succeeded_at
    recent = succeeded is not None and succeeded >= now - settings.window
    require_data(recent, "full cycles of the autopilot", remedy="start the autopilot")


def _dated(step: str, at: datetime | None) -> dict[str, datetime]:
    return {} if at is None else {step: at}
