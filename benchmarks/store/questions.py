"""Every question that the criteria put to the store's database, each of them one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes import cycle, oauth, orders, payouts, profit, sales
from tests.acceptance.support.settings import Settings

Question = Callable[[Ask, Settings], object]


def _plain(probe: Callable[[Ask], object]) -> Question:
    return lambda ask, _: probe(ask)


QUESTIONS: Mapping[str, Question] = {
    "oauth.stored_credentials": lambda ask, settings: oauth.stored_credentials(
        ask, user_id=settings.user_id
    ),
    "orders.fulfilment": _plain(orders.fulfilment),
    "orders.supplier_ids": _plain(orders.supplier_ids),
    "orders.stuck_in_purchasing": _plain(orders.stuck_in_purchasing),
    "orders.shared_supplier_ids": _plain(orders.shared_supplier_ids),
    "orders.newest_purchases": lambda ask, settings: orders.newest_purchases(
        ask, sample=settings.supplier_sample
    ),
    "sales.sales_of_orders": _plain(sales.sales_of_orders),
    "sales.links": _plain(sales.links),
    "sales.environments": _plain(sales.environments),
    "payouts.setup": _plain(payouts.setup),
    "payouts.stored": _plain(payouts.stored),
    "payouts.failed": _plain(payouts.failed),
    "payouts.shared_ids": _plain(payouts.shared_ids),
    "payouts.newest": lambda ask, settings: payouts.newest(ask, sample=settings.payout_sample),
    # Whichever sales are asked for, they are looked for among the window's.
    "payouts.of_sales": lambda ask, settings: payouts.of_sales(
        ask, list(range(1, settings.cycle_sample + 1))
    ),
    "profit.net_profit": _plain(profit.net_profit),
    "profit.arithmetic": _plain(profit.arithmetic),
    "cycle.cycle": lambda ask, settings: cycle.cycle(ask, sample=settings.cycle_sample),
    "cycle.autopilot": _plain(cycle.autopilot),
}
"""The probes that take an `Ask`, by module and function, as the criteria call them."""
