"""Tracing one order through the whole cycle: a single id for every step, each with its evidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pytest_prodstatus import Money, blocked
from tests.acceptance.support.access import Access
from tests.acceptance.support.aliexpress.orders import Supplier, order_verdict
from tests.acceptance.support.clock import misdated, read_instant
from tests.acceptance.support.credentials import StoredCredential
from tests.acceptance.support.probes.cycle import STEPS, Candidate, Cycle
from tests.acceptance.support.probes.facts import require_data
from tests.acceptance.support.probes.payouts import Payout
from tests.acceptance.support.probes.settlement import PayoutProvider, settle
from tests.acceptance.support.settings import Settings

Candidates = Sequence[tuple[Candidate, tuple[Payout, ...]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TracedOrders:
    """What the database knows of the cycle.

    Attributes:
        cycle: how far every order came, and those that came furthest.
        payouts: of the latter's sales.
        tokens: the rows of the sellers' credentials at the supplier.
        applications: the rows of their PayPal applications.
    """

    cycle: Cycle
    payouts: tuple[Payout, ...] = field(repr=False)
    tokens: Mapping[int, StoredCredential] = field(repr=False)
    applications: Mapping[int, StoredCredential] = field(repr=False)

    def require_candidates(self) -> Candidates:
        """Return the newest orders that took every step in the database, with their payouts.

        Raises:
            Blocked: nothing was purchased, or what may have taken a step is dated ahead.
            AssertionError: the cycle breaks at a step.
        """
        require_data(self.cycle.any_purchased, "PURCHASED orders")
        broken = self.cycle.breaks_at()
        if broken is not None:
            _, words = broken
            orders = self.cycle.orders
            self._require_dated(words)
            msg = f"the cycle breaks at a step that none of {orders} orders took: {words}"
            raise AssertionError(msg)
        return [
            (candidate, tuple(p for p in self.payouts if p.sale_id == candidate.sale_id))
            for candidate in self.cycle.candidates
            if candidate.steps == len(STEPS)
        ]

    def require_step(self, step: str) -> Candidate:
        """Return the order that came furthest, if it took a step.

        Raises:
            Blocked: nothing was purchased, it did not come as far as the step before, or what may
                have taken this one is dated ahead.
            AssertionError: the cycle breaks at this step.
        """
        require_data(self.cycle.any_purchased, "PURCHASED orders")
        order = self.cycle.candidates[0]
        names = [name for name, _ in STEPS]
        if not order.took(step):
            words = STEPS[order.steps][1]
            if order.steps < names.index(step):
                blocked(
                    f"order {order.order_id}, which came furthest, did not come here: it lacks "
                    f"{words!r}",
                    kind="no-data",
                )
            self._require_dated(words)
            msg = f"order {order.order_id}, which came furthest, lacks {words!r}"
            raise AssertionError(msg)
        return order

    def _require_dated(self, words: str) -> None:
        """End as BLOCKED if an order that was left out for its date may have taken a step."""
        ahead = self.cycle.dated_ahead
        if ahead:
            blocked(
                f"{ahead} orders or their sales are dated ahead of the clock, and no other order "
                f"took this step: {words}",
                kind="inconclusive",
                remedy="compare the clocks of the store and its database",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The providers' view of an order that took every step in the database.

    Attributes:
        candidate: the order.
        supplier_status: its status at the supplier, `UNKNOWN` if it isn't known there.
        bought_at: when the supplier's order was made.
        paid_at: when its newest payout was processed.
        fault: what proves that it did not go all the way; empty if nothing does.
        open_end: what isn't settled yet, or is misdated; empty if nothing is.
        misdated: whether a provider dates a step too early or too late for the store's.
    """

    candidate: Candidate
    supplier_status: str
    bought_at: datetime | None
    paid_at: datetime | None
    fault: str
    open_end: str
    misdated: bool = False

    @property
    def order_id(self) -> str:
        """The store's id of the order."""
        return self.candidate.order_id

    @property
    def net_profit(self) -> Money:
        """What its sale earned."""
        assert self.candidate.net  # it took every step
        assert self.candidate.currency
        return Money(self.candidate.net, self.candidate.currency)

    def timeline(self) -> dict[str, Any]:
        """Return what is known of the order, and when it took each step, as evidence."""
        traced = self.candidate
        steps = {
            "trend": traced.found_at,
            "product": traced.created_at,
            "publish": traced.published_at,
            "checkout": traced.ordered_at,
            "purchase": self.bought_at,
            "sale": traced.sold_at,
            "payout": self.paid_at,
        }
        return {
            "order_id": traced.order_id,
            "supplier_order_id": traced.supplier_id,
            "supplier_status": self.supplier_status,
            "sale_id": traced.sale_id,
            "net_profit": self.net_profit,
            "timeline": {name: at for name, at in steps.items() if at is not None},
        }

    def require_settled(self) -> None:
        """End as BLOCKED if a provider has not settled a step, or misdates it."""
        if self.open_end:
            blocked(
                f"order {self.order_id} has not certainly gone all the way: {self.open_end}",
                kind="inconclusive" if self.misdated else "pending",
                remedy="compare these ids with what the provider shows"
                if self.misdated
                else "run again when it has settled",
            )


def trace(
    candidates: Candidates,
    *,
    suppliers: Access[Supplier],
    paypals: Access[PayoutProvider],
    settings: Settings,
) -> Trace:
    """Return the first order that the providers confirm, else the one that came nearest.

    Args:
        candidates: at least one.
        suppliers: look orders up.
        paypals: look payouts up.
        settings: former receivers, and whether Payoneer is accepted.
    """
    traces: list[Trace] = []
    for candidate, made in candidates:
        found = _trace(candidate, made, suppliers, paypals, settings)
        if not found.fault and not found.open_end:
            return found
        traces.append(found)
    return next((found for found in traces if not found.fault), traces[0])


def _trace(
    candidate: Candidate,
    made: tuple[Payout, ...],
    suppliers: Access[Supplier],
    paypals: Access[PayoutProvider],
    settings: Settings,
) -> Trace:
    order, unusable = suppliers.find(
        candidate.user_id, lambda client: client.order(str(candidate.supplier_id))
    )
    status = "UNKNOWN" if order is None else order.words
    verdict = "FAILED" if order is None else order_verdict(order)
    if order is None and unusable:
        verdict, status = (
            "BLOCKED",
            f"not to be looked up as its seller ({unusable}), nor otherwise",
        )
    paid = settle(paypals, made, former_receivers=settings.former_receivers)
    if not paid.wrong:
        paid.require_all()
    faults, waits, wrong_dates = list(paid.wrong), list(paid.pending), list(paid.early)
    if order is not None and verdict == "CONFIRMED":
        bought_at = read_instant(order.gmt_create)
        words = misdated(bought_at, candidate.ordered_at, candidate.bought_by)
        wrong_dates += [f"{candidate.supplier_id} at the supplier: {words}"] * bool(words)
    if verdict != "CONFIRMED":
        (faults if verdict == "FAILED" else waits).append(
            f"{candidate.supplier_id} is {status} at the supplier"
        )
    # The net profit is paid to the user, and the commission, if there is one, to the platform.
    if "user" not in {payout.role for payout in made}:
        faults.append("a payout is missing")
    if paid.by_payoneer and not settings.accept_payoneer:
        waits.append("its user payout was made through Payoneer, which can't be looked up")
    return Trace(
        candidate=candidate,
        supplier_status=status,
        bought_at=None if order is None else order.created_at,
        paid_at=paid.completed_at,
        fault="; ".join(faults),
        open_end="; ".join(wrong_dates + waits),
        misdated=bool(wrong_dates),
    )
