"""All questions of the criteria to the store's database, and the bounds that they share.

The questions stand in one list, by the name of the fixture that each becomes, so that those of the
selected criteria can be read together, at one instant, before the first of them is judged. A
question reads all that its criteria need: if one statement's answer decides the next, it runs both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from pytest_prodstatus import Blocked
from tests.acceptance.support.clock import CLOCKS_DIFFER, to_column
from tests.acceptance.support.credentials import API_NAME
from tests.acceptance.support.database.transaction import Ask, Reading, Row
from tests.acceptance.support.probes import cycle, orders, payouts, profit, sales
from tests.acceptance.support.probes.oauth import of_users, stored_credentials
from tests.acceptance.support.probes.rules import RULES
from tests.acceptance.support.probes.tracing import TracedOrders
from tests.acceptance.support.probes.window import Question, apart, in_one_statement
from tests.acceptance.support.settings import Settings

_PAYPAL = "paypal"
_QUESTIONS: Mapping[str, Callable[[Settings], Reading]] = {
    "stored": lambda given: partial(stored_credentials, user_id=given.user_id),
    "fulfilment": lambda _: orders.fulfilment,
    "supplier_ids": lambda _: orders.supplier_ids,
    "shared_supplier_ids": lambda _: orders.shared_supplier_ids,
    "stuck_orders": lambda _: orders.stuck_in_purchasing,
    "repeated": lambda _: orders.repeated,
    "newest_purchases": lambda _: _newest_purchases,
    "sales_of_orders": lambda _: sales.sales_of_orders,
    "sale_links": lambda _: sales.links,
    "sale_environments": lambda _: sales.environments,
    "payout_setup": lambda _: payouts.setup,
    "stored_payouts": lambda _: payouts.stored,
    "failed_payouts": lambda _: payouts.failed,
    "shared_payouts": lambda _: payouts.shared_ids,
    "newest_payouts": lambda _: _newest_payouts,
    "net_profit": lambda _: profit.net_profit,
    "arithmetic": lambda _: profit.arithmetic,
    "traced_orders": lambda _: _traced_orders,
    "autopilot": lambda _: cycle.autopilot,
}

OF_THE_WINDOW: Mapping[str, Question] = {
    "fulfilment": orders.FULFILMENT,
    "supplier_ids": orders.SUPPLIER_IDS,
    "stuck_orders": orders.STUCK,
    "newest_purchases": orders.PURCHASES,
    "shared_supplier_ids": orders.SHARED,
    "repeated": orders.REPEATED,
    "sales_of_orders": sales.MISSING,
    "sale_links": sales.LINKS,
    "sale_environments": sales.MISPLACED,
    "stored_payouts": payouts.STORED,
    "failed_payouts": payouts.FAILED,
    "shared_payouts": payouts.SHARED,
    "net_profit": profit.NET,
    "payout_setup": payouts.CONFIGURED,
    "newest_payouts": payouts.NEWEST,
    "arithmetic": profit.ARITHMETIC,
    "traced_orders": cycle.CYCLE,
}
"""What the questions read of the window: first of orders, then of sales, then of more tables."""

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
            "supplier_sample": settings.supplier_sample,
            "payout_sample": settings.payout_sample,
            "cycle_sample": settings.cycle_sample,
            "environment": settings.environment,
            "since": to_column(self.since),
            "soon": to_column(self.now + CLOCKS_DIFFER),
            "purchase_due": to_column(self.now - settings.purchase_grace),
            "sale_due": to_column(self.now - settings.sale_grace),
            "attempt_sale_due": to_column(self.now - settings.purchase_grace - settings.sale_grace),
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


def ahead(ask: Ask, names: Iterable[str], /) -> dict[str, Row]:
    """Ask what some questions read of the window in as few statements as can be answered.

    The window is read once for all of them. If a statement of several questions can't be answered,
    each half of them is one, so that what blocks one question, such as the lock of a table, blocks
    no other that doesn't need it.

    Args:
        ask: runs each statement; one that ends as BLOCKED must not end the next.
        names: of the questions; those that read nothing of the window are left out.

    Returns:
        The rows by each question's own statement. One that is missing is still to be asked.
    """
    of_window = set(names)
    return _halved(ask, [q for name, q in OF_THE_WINDOW.items() if name in of_window])


def _halved(ask: Ask, together: Sequence[Question]) -> dict[str, Row]:
    if len(together) < 2:
        return {}  # it is asked when it is read, and then says why it can't be answered
    try:
        return apart(ask(in_one_statement(*together)), together)
    except Blocked:
        middle = len(together) // 2
        return _halved(ask, together[:middle]) | _halved(ask, together[middle:])


def _newest_purchases(ask: Ask) -> orders.Purchases:
    """Return the newest purchases, with the rows of their sellers' credentials."""
    found = orders.newest_purchases(ask)
    sellers = [purchase.user_id for purchase in found.sample]
    return replace(found, tokens=of_users(ask, sellers, api_name=API_NAME))


def _newest_payouts(ask: Ask) -> payouts.PayoutSample:
    """Return the payouts of the newest sales, with the rows of their sellers' applications."""
    found = payouts.newest(ask)
    sellers = [payout.user_id for payout in found.payouts]
    return replace(found, applications=of_users(ask, sellers, api_name=_PAYPAL))


def _traced_orders(ask: Ask) -> TracedOrders:
    """Return how far the window's orders came, and the payouts of those that came furthest."""
    found = cycle.cycle(ask)
    made = payouts.of_sales(ask, [order.sale_id for order in found.candidates if order.sale_id])
    sellers = [order.user_id for order in found.candidates]
    return TracedOrders(
        cycle=found,
        payouts=made,
        tokens=of_users(ask, sellers, api_name=API_NAME),
        applications=of_users(ask, sellers, api_name=_PAYPAL),
    )
