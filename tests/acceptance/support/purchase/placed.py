"""The order that was placed: waited for while another process places it, and read back.

The processes of one run share a folder. A note in it shows that the criterion that places the order
is over.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.journal import Action, Journal, JournalError, Limit
from tests.acceptance.support.aliexpress.orders import (
    Supplier,
    SupplierOrder,
    has_lapsed,
    order_verdict,
)
from tests.acceptance.support.clock import Waiting
from tests.acceptance.support.errors import Verdict


class Placing:
    """A note in a folder that all processes of a run share.

    Args:
        folder: theirs.
        run_id: names the run, since the folder may serve another one later.
    """

    def __init__(self, folder: Path, run_id: str) -> None:
        self._note = folder / f"placed-{re.sub(r'[^A-Za-z0-9.-]', '_', run_id)}"

    @property
    def over(self) -> bool:
        """Whether the criterion is over, so that no order will follow."""
        return self._note.exists()

    def end(self) -> None:
        """Write the note, for every way that the criterion can end."""
        self._note.touch()


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadBack:
    """A placed order as the supplier reports it.

    Attributes:
        order_ids: the supplier's ids.
        statuses: its status of each, `UNKNOWN` for one that it doesn't know.
        verdict: the worst of the verdicts that they prove.
        lapsed: whether all of them have ended without effect.
        amount: what the supplier took for all; None if that can't be read for each.
        created_at: when the first was made, if the supplier reports it.
        request_ids: the provider's ids of the look-ups.
    """

    order_ids: tuple[str, ...]
    statuses: tuple[str, ...]
    verdict: Verdict
    lapsed: bool
    amount: Money | None
    created_at: datetime | None
    request_ids: tuple[str, ...]

    @property
    def words(self) -> str:
        """The order and its status, for a sentence."""
        return f"order {', '.join(self.order_ids)} is {', '.join(self.statuses)} at the supplier"

    def overcharge(self, price: Limit) -> str:
        """Return what was taken and what it should have been, if it is more; else "".

        Args:
            price: what was quoted, and the cap, which the quote was within.
        """
        taken = self.amount
        if taken is None or taken.currency != price.unit or taken.amount <= price.amount:
            return ""
        return (
            f"the supplier took {taken} for order {', '.join(self.order_ids)}, "
            f"quoted at {price.amount:f} {price.unit} and capped at {price.maximum:f} {price.unit}"
        )

    def require_amount(self, price: Limit) -> None:
        """End as BLOCKED if what was taken can't be compared with what was quoted."""
        if self.amount is None or self.amount.currency != price.unit:
            found = f"in {self.amount.currency}" if self.amount else "that can be read"
            blocked(
                f"the supplier reports {'an' if self.amount else 'no'} amount {found} for order "
                f"{', '.join(self.order_ids)}, quoted at {price.amount:f} {price.unit}",
                kind="inconclusive",
                remedy="compare the amount in the supplier's account with the quote",
            )

    def require_settled(self) -> None:
        """End as BLOCKED if the order isn't known or paid for yet, or its end is unclear.

        A token of another account at the supplier doesn't know the order either, and the store
        can't tell the accounts of one application apart. So it isn't lost, and stays bought.
        """
        if "UNKNOWN" in self.statuses:
            blocked(
                f"{self.words}, asked with the present token: another account of the application "
                "may have placed it",
                kind="inconclusive",
                remedy="look at it on the supplier's site, with each account of the application; "
                "nothing will be bought again",
            )
        if self.verdict == "BLOCKED":
            blocked(
                self.words,
                kind="pending",
                remedy="look at it on the supplier's site, and run again when it is settled there; "
                "nothing will be bought again",
            )


def acts(item: pytest.Item) -> bool:
    """Return whether a criterion acts on the world."""
    mark = item.get_closest_marker("stage")
    return mark is not None and mark.kwargs.get("side_effects") is True


def awaited_order(
    find: Callable[[], Action | None], placing: Placing, wait: Waiting
) -> Action | None:
    """Return the order that another process is placing, None if none came of it.

    Args:
        find: looks for it in the journal.
        placing: ends the wait if nothing will come.
        wait: bounds it.
    """

    def look() -> tuple[Action | None, bool]:
        over = placing.over  # before the journal, so that an order is never missed
        return find(), over

    found, _ = wait(look, any, "another process has placed the order, or given it up")
    return found


def read_back(supplier: Supplier, action: Action, *, now: datetime, wait: Waiting) -> ReadBack:
    """Look a placed order up, waiting while it is new: it is found only after some seconds.

    Args:
        supplier: looks the order up.
        action: the order, with its supplier ids.
        now: an order older than an hour isn't waited for.
        wait: how long to wait.
    """
    fresh = now - action.claimed_at < timedelta(hours=1)

    def look() -> ReadBack:
        orders = [(order_id, supplier.order(order_id)) for order_id in action.receipts]
        return _read(orders)

    if not fresh:
        return look()
    what = f"the supplier knows order {', '.join(action.receipts)}"
    return wait(look, lambda seen: seen.verdict != "BLOCKED", what)


def settle(journal: Journal, action: Action, found: ReadBack) -> str:
    """Record an order that lapsed as LAPSED; return the sentence about an order that failed.

    The supplier may be cancelling an order, and it arrives all the same: recorded as lapsed it
    would be bought again. So a person looks at the supplier's site.
    """
    if not found.lapsed:
        resolve = f"prodstatus journal resolve {action.id} --lapsed"
        return (
            f"{found.words}: look at it on the supplier's site; only if it was cancelled there and "
            f"the money came back, record that with `{resolve}`, after which another may be bought"
        )
    try:
        journal.lapsed(action, found.words)
    except JournalError as error:  # another process may have recorded it
        return f"{found.words}: it lapsed ({error})"
    return f"{found.words}: it lapsed, the journal has it as LAPSED, and another may be placed"


def _read(orders: list[tuple[str, SupplierOrder | None]]) -> ReadBack:
    known = [order for _, order in orders if order is not None]
    verdicts: list[Verdict] = [
        "BLOCKED" if order is None else order_verdict(order) for _, order in orders
    ]
    worst: Verdict = "CONFIRMED"
    if "FAILED" in verdicts:
        worst = "FAILED"
    elif "BLOCKED" in verdicts or not verdicts:
        worst = "BLOCKED"
    return ReadBack(
        order_ids=tuple(order_id for order_id, _ in orders),
        statuses=tuple("UNKNOWN" if order is None else order.words for _, order in orders),
        verdict=worst,
        lapsed=bool(orders) and all(order is not None and has_lapsed(order) for _, order in orders),
        amount=_total([order.amount if order else None for _, order in orders]),
        created_at=known[0].created_at if known else None,
        request_ids=tuple(order.request_id for order in known if order.request_id),
    )


def _total(amounts: list[Money | None]) -> Money | None:
    """Return the sum; None if an amount is missing, or if there are several currencies."""
    known = [amount for amount in amounts if amount is not None]
    currencies = {amount.currency for amount in known}
    if len(known) < len(amounts) or len(currencies) != 1:
        return None
    return Money(sum(amount.amount for amount in known), currencies.pop())
