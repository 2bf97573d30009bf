"""Every query of the criteria to the store's database; each is one statement.

`QUESTIONS` has each by itself, as a run asks it that needs no other of the window. A whole run asks
those together; its statements are in `RUN`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.acceptance.support.credentials import API_NAME
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes import cycle, oauth, orders, payouts, profit, sales
from tests.acceptance.support.probes.questions import NAMES, ahead
from tests.acceptance.support.settings import Settings

Question = Callable[[Ask, Settings], object]


def _without_settings(probe: Callable[[Ask], object]) -> Question:
    return lambda ask, _: probe(ask)


QUESTIONS: Mapping[str, Question] = {
    "oauth.stored_credentials": lambda ask, settings: oauth.stored_credentials(
        ask, user_id=settings.user_id
    ),
    "oauth.of_users": lambda ask, _: oauth.of_users(ask, range(1, 6), api_name=API_NAME),
    "orders.fulfilment": _without_settings(orders.fulfilment),
    "orders.supplier_ids": _without_settings(orders.supplier_ids),
    "orders.stuck_in_purchasing": _without_settings(orders.stuck_in_purchasing),
    "orders.shared_supplier_ids": _without_settings(orders.shared_supplier_ids),
    "orders.repeated": _without_settings(orders.repeated),
    "orders.newest_purchases": _without_settings(orders.newest_purchases),
    "sales.sales_of_orders": _without_settings(sales.sales_of_orders),
    "sales.links": _without_settings(sales.links),
    "sales.environments": _without_settings(sales.environments),
    "payouts.setup": _without_settings(payouts.setup),
    "payouts.stored": _without_settings(payouts.stored),
    "payouts.failed": _without_settings(payouts.failed),
    "payouts.shared_ids": _without_settings(payouts.shared_ids),
    "payouts.newest": _without_settings(payouts.newest),
    # Any ids will do: the statement looks for them among the sales of the window.
    "payouts.of_sales": lambda ask, settings: payouts.of_sales(
        ask, list(range(1, settings.cycle_sample + 1))
    ),
    "profit.net_profit": _without_settings(profit.net_profit),
    "profit.arithmetic": _without_settings(profit.arithmetic),
    "cycle.cycle": _without_settings(cycle.cycle),
    "cycle.autopilot": _without_settings(cycle.autopilot),
    "questions.ahead": lambda ask, _: ahead(ask, NAMES),
}
"""The probes that take an `Ask`, by module and function, as the criteria call them."""

RUN: Mapping[str, Question] = {
    name: QUESTIONS[name]
    for name in (
        *("questions.ahead", "oauth.stored_credentials", "oauth.of_users"),
        *("payouts.of_sales", "cycle.autopilot"),
    )
}
"""The statements of a whole run, each once; it asks for credentials of users up to four times."""
