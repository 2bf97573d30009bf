"""Profit: completed sales earn money, and the arithmetic of every sale holds."""

from __future__ import annotations

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.catalogue import stricter
from tests.acceptance.support.probes import profit
from tests.acceptance.support.probes.facts import block_dated_ahead, facts, listed, require_data

pytestmark = pytest.mark.stage("profit")


def test_completed_sales_have_positive_net_profit(
    net_profit: profit.NetProfit, evidence: Evidence
) -> None:
    """Every delivered or completed sale has a net profit above zero."""
    evidence.say(f"net profit: {listed(net_profit.net_profit) or 'none'}")
    evidence.say(f"{net_profit.completed} completed sales, {net_profit.waiting} not yet delivered")
    evidence(**facts(net_profit))
    assert not net_profit.without_profit, (
        f"{net_profit.without_profit} of {net_profit.completed} completed sales have no net profit "
        f"(newest sales: {listed(net_profit.newest_without_profit)})"
    )
    if net_profit.unbought:
        blocked(
            f"{net_profit.unbought} completed sales are of orders that were never bought, or not "
            f"paid for (newest sales: {listed(net_profit.newest_unbought)}): what they cost is not "
            "known",
            kind="inconclusive",
            remedy="buy them, or correct the ids or the status of their orders",
        )
    if net_profit.dated_ahead:
        block_dated_ahead(net_profit.dated_ahead, net_profit.newest_dated_ahead)
    if net_profit.unknown:
        blocked(
            f"{net_profit.unknown} sales have a status that the suite doesn't know "
            f"({listed(net_profit.unknown_by_status)}): if they are completed is not known",
            kind="inconclusive",
            remedy="correct their status in the store, or update the suite",
        )
    require_data(
        net_profit.completed,
        f"completed sales ({net_profit.waiting} wait to be marked as delivered)",
        remedy="mark what was delivered as DELIVERED or COMPLETED in the store's admin pages",
    )


@stricter
def test_profit_adds_up(arithmetic: profit.Arithmetic, evidence: Evidence) -> None:
    """Commission and net profit follow from the gross profit, in the currency's minor unit."""
    evidence(**facts(arithmetic))
    require_data(arithmetic.sales, "sales")
    assert not arithmetic.wrong, (
        f"{arithmetic.wrong} of {arithmetic.sales} sales do not add up with a commission of "
        f"{arithmetic.commission_percent} percent (gross {arithmetic.wrong_gross}, commission "
        f"{arithmetic.wrong_commission}, net {arithmetic.wrong_net}; "
        f"newest sales: {listed(arithmetic.newest_wrong)})"
    )
    if arithmetic.cost_unclear:
        blocked(
            f"{arithmetic.cost_unclear} of {arithmetic.sales} sales have a cost in a currency that "
            f"is not known (newest sales: {listed(arithmetic.newest_cost_unclear)})",
            kind="inconclusive",
            remedy="set the currency of their products in the store",
        )
    if arithmetic.gross_unclear:
        blocked(
            f"{arithmetic.gross_unclear} of {arithmetic.sales} sales have a gross profit from "
            "which it is not known what had to be subtracted (newest sales: "
            f"{listed(arithmetic.newest_gross_unclear)}): their product lacks a shipping cost or "
            "import tax, or was changed since",
            kind="inconclusive",
            remedy="compare them with the shipping and import tax of their time",
        )
    if arithmetic.rate_unclear:
        blocked(
            f"{arithmetic.rate_unclear} of {arithmetic.sales} sales have another commission rate "
            f"than those after them (newest sales: {listed(arithmetic.newest_rate_unclear)}), and "
            "no sale of the window is before them",
            kind="inconclusive",
            remedy="compare them with the sales before, or raise PRODSTATUS_WINDOW to include some",
        )


@stricter
def test_sales_are_possible(arithmetic: profit.Arithmetic, evidence: Evidence) -> None:
    """No sale has a negative fee or cost, or another price or currency than its order."""
    evidence(**facts(arithmetic))
    require_data(arithmetic.sales, "sales")
    assert not arithmetic.impossible, (
        f"{arithmetic.negative} sales have a negative fee or cost, and "
        f"{arithmetic.unlike_their_orders} another price or currency than their order "
        f"(newest sales: {listed(arithmetic.impossible)})"
    )
