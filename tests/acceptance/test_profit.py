"""Profit: completed sales earn money, and the arithmetic of every sale holds."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.database import Ask
from tests.acceptance.support.probes import profit
from tests.acceptance.support.probes.facts import facts, listed, require_data

pytestmark = pytest.mark.stage("profit")


def test_completed_sales_have_positive_net_profit(ask: Ask, evidence: Evidence) -> None:
    """Every delivered or completed sale has a net profit above zero."""
    found = profit.net_profit(ask)
    evidence(**facts(found))
    require_data(found.completed, "completed sales")
    assert not found.without_profit, (
        f"{found.without_profit} of {found.completed} completed sales have no net profit "
        f"(newest sales: {listed(found.newest_without_profit)})"
    )


def test_profit_adds_up(ask: Ask, evidence: Evidence) -> None:
    """Commission and net profit follow from the gross profit, in the currency's minor unit."""
    found = profit.arithmetic(ask)
    evidence(**facts(found))
    require_data(found.completed, "completed sales")
    assert not found.wrong, (
        f"{found.wrong} of {found.sales} sales do not add up with a commission of "
        f"{found.commission_percent} % (gross {found.wrong_gross}, commission "
        f"{found.wrong_commission}, net {found.wrong_net}; "
        f"newest sales: {listed(found.newest_wrong)})"
    )
