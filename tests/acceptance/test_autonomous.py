"""Autonomy: one order went through the whole cycle, and nobody touched it."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.aliexpress import AliExpressClient
from tests.acceptance.support.answering import answers
from tests.acceptance.support.database import Ask
from tests.acceptance.support.paypal import PayPalClient
from tests.acceptance.support.probes import cycle
from tests.acceptance.support.probes.facts import facts, require_data
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.tracing import find_candidates, trace

pytestmark = pytest.mark.stage("autonomous")


def test_one_order_through_the_whole_cycle(
    ask: Ask,
    supplier: AliExpressClient,
    paypal: PayPalClient,
    settings: Settings,
    evidence: Evidence,
) -> None:
    """One order went from the trend search to both payouts without a manual step."""
    candidates = find_candidates(ask, sample=settings.cycle_sample, evidence=evidence)
    with answers():
        traced = trace(candidates, supplier=supplier, paypal=paypal, settings=settings)
    evidence(**traced.timeline())
    assert not traced.fault, f"order {traced.order_id} did not go all the way: {traced.fault}"
    traced.require_settled()


def test_autopilot_cycle_succeeded(ask: Ask, evidence: Evidence) -> None:
    """The autopilot's newest full cycle succeeded."""
    found = cycle.autopilot(ask)
    evidence(**facts(found))
    require_data(found.cycles, "full cycles of the autopilot", remedy="start the autopilot")
    assert found.newest_succeeded, (
        f"the autopilot's newest full cycle {found.newest_cycle} of "
        f"{found.newest_at:%Y-%m-%d %H:%M} UTC failed"
    )
