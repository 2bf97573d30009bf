"""Reading a placed order back at the supplier, and waiting for one that another process places."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.state.entry import Entry
from tests.acceptance.support.aliexpress.orders import Supplier, SupplierOrder, order_verdict
from tests.acceptance.support.clock import Waiting
from tests.acceptance.support.errors import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """A placed order as the supplier tells it.

    Attributes:
        order_ids: the supplier's ids.
        statuses: its status of each, `UNKNOWN` for one that it doesn't know.
        verdict: what they prove together: the worst.
        amount: what the first costs, where the supplier says so.
        created_at: when the first was made, where the supplier says so.
        request_ids: the provider's ids of the look-ups.
    """

    order_ids: tuple[str, ...]
    statuses: tuple[str, ...]
    verdict: Verdict
    amount: Money | None
    created_at: datetime | None
    request_ids: tuple[str, ...]

    def require_settled(self) -> None:
        """End as BLOCKED where the order isn't paid for yet, or not found yet."""
        if self.verdict == "BLOCKED":
            blocked(
                f"order {', '.join(self.order_ids)} is {', '.join(self.statuses)} at the supplier",
                kind="pending",
                remedy="run again when the supplier has settled it; nothing will be bought again",
            )


def read_back(supplier: Supplier, entry: Entry, *, now: datetime, wait: Waiting) -> ReadBack:
    """Look a placed order up, waiting while it is new: it is found only after some seconds.

    Args:
        supplier: who is asked.
        entry: the order, with its supplier ids.
        now: an order older than an hour isn't waited for, and must be known.
        wait: how long to wait.
    """
    fresh = now - entry.claimed_at < timedelta(hours=1)

    def look() -> ReadBack:
        return _read([(each, supplier.order(each)) for each in entry.order_ids], fresh=fresh)

    return wait(look, lambda seen: not fresh or seen.verdict != "BLOCKED")


def _read(orders: list[tuple[str, SupplierOrder | None]], *, fresh: bool) -> ReadBack:
    known = [order for _, order in orders if order is not None]
    verdicts: list[Verdict] = [
        order_verdict(order) if order is not None else ("BLOCKED" if fresh else "FAILED")
        for _, order in orders
    ]
    worst: Verdict = "CONFIRMED"
    if "FAILED" in verdicts:
        worst = "FAILED"
    elif "BLOCKED" in verdicts or not verdicts:
        worst = "BLOCKED"
    return ReadBack(
        order_ids=tuple(each for each, _ in orders),
        statuses=tuple(order.status if order else "UNKNOWN" for _, order in orders),
        verdict=worst,
        amount=known[0].amount if known else None,
        created_at=known[0].created_at if known else None,
        request_ids=tuple(order.request_id for order in known if order.request_id),
    )
