"""Everything that the criteria ask of the store's database, by the name of the fixture it becomes.

They stand in one list so that those of the selected criteria can be read together, at one instant,
before the first of them is judged. A question reads all that its criteria need: where one
statement's answer decides the next, both are in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TypeAlias

from tests.acceptance.support.probes import cycle, orders, payouts, profit, sales
from tests.acceptance.support.probes.oauth import stored_credentials
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.tracing import traced_orders
from tests.acceptance.support.transaction import Ask

Reading: TypeAlias = Callable[[Ask], object]

_QUESTIONS: Mapping[str, Callable[[Settings], Reading]] = {
    "stored": lambda told: partial(stored_credentials, user_id=told.user_id),
    "fulfilment": lambda _: orders.fulfilment,
    "supplier_ids": lambda _: orders.supplier_ids,
    "shared_supplier_ids": lambda _: orders.shared_supplier_ids,
    "stuck_orders": lambda _: orders.stuck_in_purchasing,
    "newest_purchases": lambda told: partial(orders.newest_purchases, sample=told.supplier_sample),
    "sales_of_orders": lambda _: sales.sales_of_orders,
    "sale_links": lambda _: sales.links,
    "sale_environments": lambda _: sales.environments,
    "payout_setup": lambda _: payouts.setup,
    "stored_payouts": lambda _: payouts.stored,
    "failed_payouts": lambda _: payouts.failed,
    "shared_payouts": lambda _: payouts.shared_ids,
    "newest_payouts": lambda told: partial(payouts.newest, sample=told.payout_sample),
    "net_profit": lambda _: profit.net_profit,
    "arithmetic": lambda _: profit.arithmetic,
    "traced_orders": lambda told: partial(traced_orders, sample=told.cycle_sample),
    "autopilot": lambda _: cycle.autopilot,
}

NAMES = tuple(_QUESTIONS)
"""The questions' names, in the order in which they are read."""


def questions(wanted: Iterable[str], settings: Settings) -> dict[str, Reading]:
    """Return what reads each answer that is wanted.

    Args:
        wanted: names of fixtures; those that are no questions are left out.
        settings: whose credential is judged, and how many rows are looked up.
    """
    names = set(wanted)
    return {name: make(settings) for name, make in _QUESTIONS.items() if name in names}
