"""Looking up at AliExpress the orders that the store bought there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from pytest_prodstatus import blocked
from tests.acceptance.support.access import Access, require_all
from tests.acceptance.support.aliexpress.orders import Supplier, SupplierOrder, order_verdict
from tests.acceptance.support.clock import misdated, read_instant
from tests.acceptance.support.errors import OutOfTime
from tests.acceptance.support.probes.orders import Purchase


@dataclass(frozen=True, slots=True, kw_only=True)
class LookUps:
    """The orders that were looked up, each as "order supplier-id STATUS".

    Attributes:
        confirmed: bought, and not cancelled.
        lost: cancelled, or not known although they were bought through the API.
        pending: known, and their status proves nothing yet; or not known, and the seller's own
            token can't be used.
        misdated: bought, but long before the store's order was made, or long after the store had
            bought it: perhaps for another one.
        costly: bought for as much as the sale brought in, or more, though a profit is noted.
        outside: not known, and bought by hand: the API knows only what was bought through it.
        unseen: how many weren't looked up, since there was no time left.
        request_ids: the provider's ids of the look-ups.
    """

    confirmed: tuple[str, ...]
    lost: tuple[str, ...]
    pending: tuple[str, ...]
    misdated: tuple[str, ...]
    costly: tuple[str, ...]
    outside: tuple[str, ...]
    unseen: int
    request_ids: tuple[str, ...]

    def require_settled(self) -> None:
        """End as BLOCKED if an order is pending or misdated, none is known, or time was up."""
        found = (self.confirmed, self.lost, self.pending, self.misdated, self.costly, self.outside)
        seen = sum(map(len, found))
        require_all("purchases", looked_up=seen, unseen=self.unseen)
        if self.pending:
            blocked(
                f"the supplier has not settled {', '.join(self.pending)}",
                kind="pending",
                remedy="run again when the supplier has, or look on its site at what ended for "
                "a reason that isn't known",
            )
        if self.misdated:
            blocked(
                "the supplier's orders may be others' than the store's: "
                f"{', '.join(self.misdated)}",
                kind="inconclusive",
                remedy="compare these supplier ids with what the supplier shows of its orders",
            )
        if self.costly:
            blocked(
                "the supplier took as much as the sale brought in, or more, though the store notes "
                f"a profit: {', '.join(self.costly)}",
                kind="inconclusive",
                remedy="compare what these sales cost by the store with what the supplier took",
            )
        if not self.confirmed:
            blocked("no purchase could be looked up: all were made by hand", kind="inconclusive")


def _order(order_id: str, supplier: Supplier) -> SupplierOrder | None:
    return supplier.order(order_id)


def _is_costly(order: SupplierOrder, purchase: Purchase) -> bool:
    """Return whether the supplier took what leaves no profit, in the sale's own currency."""
    took, proceeds = order.amount, purchase.proceeds
    if took is None or proceeds is None or took.currency != proceeds.currency:
        return False
    return took.amount >= proceeds.amount


def look_up(suppliers: Access[Supplier], purchases: Sequence[Purchase]) -> LookUps:
    """Look orders up at the supplier, each as its seller.

    Raises:
        ApiError: the supplier could not answer; none of the look-ups counts then.
    """
    found: dict[str, list[str]] = {
        name: [] for name in ("confirmed", "lost", "pending", "misdated", "costly", "outside")
    }
    requests = []
    for purchase in purchases:
        try:
            order, unusable = suppliers.find(
                purchase.user_id, partial(_order, purchase.supplier_id)
            )
        except OutOfTime:
            break
        if order is None and unusable and not purchase.by_hand:
            status, where = f"can't be looked up as its seller: {unusable}", "pending"
        elif order is None:
            status, where = "UNKNOWN", "outside" if purchase.by_hand else "lost"
        else:
            status = order.words
            verdict = order_verdict(order)
            where = {"CONFIRMED": "confirmed", "FAILED": "lost"}.get(verdict, "pending")
            made = read_instant(order.gmt_create)
            words = misdated(made, purchase.ordered_at, purchase.bought_by)
            if words and where == "confirmed":
                status, where = f"{status} {words}", "misdated"
            elif where == "confirmed" and _is_costly(order, purchase):
                status, where = f"{status}: {order.amount} of {purchase.proceeds}", "costly"
            requests.append(order.request_id)
        found[where].append(f"{purchase.order_id} {purchase.supplier_id} {status}")
    seen = sum(map(len, found.values()))
    return LookUps(
        **{name: tuple(texts) for name, texts in found.items()},
        unseen=len(purchases) - seen,
        request_ids=tuple(request for request in requests if request),
    )
