"""All questions of the criteria to the store's database, and the bounds that they share.

The questions stand in one list, by the name of the fixture that each becomes, so that those of the
selected criteria can be read together, at one instant, before the first of them is judged. A
question reads all that its criteria need: if one statement's answer decides the next, it runs both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from tests.acceptance.support.clock import to_column
from tests.acceptance.support.credentials import API_NAME
from tests.acceptance.support.database.transaction import Ask, Reading
from tests.acceptance.support.probes import cycle, orders, payouts, profit, sales
from tests.acceptance.support.probes.oauth import of_users, stored_credentials
from tests.acceptance.support.probes.rules import RULES
from tests.acceptance.support.probes.tracing import TracedOrders
from tests.acceptance.support.settings import Settings

_PAYPAL = "paypal"
_QUESTIONS: Mapping[str, Callable[[Settings], Reading]] = {
    "stored": lambda given: partial(stored_credentials, user_id=given.user_id),
    "fulfilment": lambda _: orders.fulfilment,
    "supplier_ids": lambda _: orders.supplier_ids,
    "shared_supplier_ids": lambda _: orders.shared_supplier_ids,
    "stuck_orders": lambda _: orders.stuck_in_purchasing,
    "repeated": lambda _: orders.repeated,
    "newest_purchases": lambda given: partial(_newest_purchases, sample=given.supplier_sample),
    "sales_of_orders": lambda _: sales.sales_of_orders,
    "sale_links": lambda _: sales.links,
    "sale_environments": lambda _: sales.environments,
    "payout_setup": lambda _: payouts.setup,
    "stored_payouts": lambda _: payouts.stored,
    "failed_payouts": lambda _: payouts.failed,
    "shared_payouts": lambda _: payouts.shared_ids,
    "newest_payouts": lambda given: partial(_newest_payouts, sample=given.payout_sample),
    "net_profit": lambda _: profit.net_profit,
    "arithmetic": lambda _: profit.arithmetic,
    "traced_orders": lambda given: partial(_traced_orders, sample=given.cycle_sample),
    "autopilot": lambda _: cycle.autopilot,
}

NAMES = tuple(_QUESTIONS)
"""The questions' names, in the order in which they are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The bounds that every database criterion shares, fixed once a process.

    Attributes:
        now: the instant of judging (UTC).
        settings: the window, the graces and the environment.
    """

    now: datetime
    settings: Settings

    @property
    def since(self) -> datetime:
        """The start of the window judged."""
        return self.now - self.settings.window

    def parameters(self) -> dict[str, object]:
        """Return the bound parameters of the bounds, with the rules of what is real.

        Times are naive and in UTC, as the store's columns are.
        """
        settings = self.settings
        return {
            **RULES,
            "environment": settings.environment,
            "since": to_column(self.since),
            "purchase_due": to_column(self.now - settings.purchase_grace),
            "sale_due": to_column(self.now - settings.sale_grace),
            "payout_due": to_column(self.now - settings.payout_grace),
        }


def questions(wanted: Iterable[str], settings: Settings) -> dict[str, Reading]:
    """Return what reads each answer that is wanted.

    Args:
        wanted: names of fixtures; those that aren't questions are left out.
        settings: whose credential is judged, and how many rows are looked up.
    """
    names = set(wanted)
    return {name: make(settings) for name, make in _QUESTIONS.items() if name in names}


def _newest_purchases(ask: Ask, *, sample: int) -> orders.Purchases:
    """Return the newest purchases, with the rows of their sellers' credentials."""
    found = orders.newest_purchases(ask, sample=sample)
    sellers = [purchase.user_id for purchase in found.sample]
    return replace(found, tokens=of_users(ask, sellers, api_name=API_NAME))


def _newest_payouts(ask: Ask, *, sample: int) -> payouts.PayoutSample:
    """Return the payouts of the newest sales, with the rows of their sellers' applications."""
    found = payouts.newest(ask, sample=sample)
    sellers = [payout.user_id for payout in found.payouts]
    return replace(found, applications=of_users(ask, sellers, api_name=_PAYPAL))


def _traced_orders(ask: Ask, *, sample: int) -> TracedOrders:
    """Return how far the window's orders came, and the payouts of those that came furthest."""
    found = cycle.cycle(ask, sample=sample)
    made = payouts.of_sales(ask, [order.sale_id for order in found.candidates if order.sale_id])
    sellers = [order.user_id for order in found.candidates]
    return TracedOrders(
        cycle=found,
        payouts=made.payouts,
        tokens=of_users(ask, sellers, api_name=API_NAME),
        applications=of_users(ask, sellers, api_name=_PAYPAL),
    )
