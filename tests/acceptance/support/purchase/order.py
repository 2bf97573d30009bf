"""The one real order: placed at most once while it is valid, within a cap, under a journal.

The sequence is the guarantee: every condition is met → the supplier's own quote is within
the cap → the conditions are looked at again → the journal has the intent on disk → it has SENT on
disk → one POST, or one run of the operators' command → the outcome. If this process
ends in between, the journal shows how far it came, and an outcome that isn't known blocks the next
order.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn, ParamSpec

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.journal import (
    Action,
    Claimed,
    Journal,
    JournalError,
    Limit,
    once_a_day,
)
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.aliexpress.quotes import Quote
from tests.acceptance.support.errors import (
    ApiError,
    OutcomeUnknown,
    RepeatedOrder,
    Skipped,
    access_assumed,
    access_judged,
)
from tests.acceptance.support.purchase.arming import PurchaseSettings, Recipient
from tests.acceptance.support.purchase.journal import (
    ATTEMPTS,
    CRITERION,
    PAID,
    PRICE,
    OrderKey,
    OrderPlan,
    all_orders,
    block_on_journal,
    block_on_unresolved,
    latest_order,
    out_order_id,
    refuse_unresolved,
)
from tests.acceptance.support.purchase.routes import Route
from tests.acceptance.support.secrets import Private

P = ParamSpec("P")
_EXPIRES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """One real order, and everything it needs.

    Attributes:
        client: the supplier's client, which gets the quote.
        route: how the order is placed.
        journal: the journal of the order.
        settings: product, address, cap and mode.
        order_key: what is bought, from whom and with which application.
        operator: the person or job that runs this, for the journal.
        clock: returns the time, aware and in UTC.
        valid_for: how long an order proves the purchase, so that none is placed meanwhile.
        conditions: checks the credential again; returns the conditions that aren't met.
        observe: records a fact as evidence, as soon as it is known.
    """

    client: AliExpressClient
    route: Route
    journal: Journal
    settings: PurchaseSettings
    order_key: OrderKey
    operator: str
    clock: Callable[[], datetime]
    valid_for: timedelta
    conditions: Callable[[], tuple[str, ...]]
    observe: Callable[..., None]

    def place(self) -> Action:
        """Place the order and return its action in the journal, CONFIRMED and paid.

        If another process has placed one since this one looked, that one is returned instead. The
        evidence `bought_now` says which it is.

        Raises:
            Blocked: not-armed, naming all that is missing; unresolved-intent, if it is not known
                what an order did; or the supplier could not be reached.
            AssertionError: the supplier refused the order.
        """
        refuse_unresolved(self.journal, self.order_key)
        require_armed((*self.settings.missing, *self.conditions()))
        quote = self._quote()
        if self.settings.mode == "quote":
            _block_unless_paid("quote", "only the price was requested")
        # Again, right before the order: the quote took time, and the credential may have changed.
        require_armed(self.conditions())
        with access_assumed():
            self.client.proof_of_token()
        action, bought_now = self._bought_or_found(quote)
        self.observe(bought_now=bought_now)
        if action.details["mode"] != "paid":
            _block_unless_paid(
                "unpaid", f"the unpaid order {', '.join(action.receipts)} was placed"
            )
        return action

    def _quote(self) -> Quote:
        settings = self.settings
        limit, recipient, product_id = _armed_values(settings)
        with access_assumed():
            quote = self.client.quote(
                product_id,
                sku_id=settings.sku,
                quantity=1,
                ship_to=recipient.country,
                currency=limit.currency,
            )
        self.observe(quote=quote.total, cap=limit, mode=settings.mode, route=self.route.name)
        if quote.total.currency != limit.currency or quote.total.amount > limit.amount:
            require_armed((f"the quote {quote.total} is above PRODSTATUS_SPEND_LIMIT {limit}",))
        return quote

    def _plan(self, quote: Quote) -> OrderPlan:
        limit, _, _ = _armed_values(self.settings)
        now = self.clock()
        return OrderPlan(
            criterion=CRITERION,
            project=self.order_key.project,
            target=self.order_key.target,
            subject=self.order_key.subject,
            key=once_a_day(now),
            payload_digest=hashlib.sha256(self.route.payload(quote).encode()).hexdigest(),
            limits=(
                Limit(
                    name=PRICE,
                    amount=quote.total.amount,
                    maximum=limit.amount,
                    unit=limit.currency,
                ),
            ),
            armed_by=self.operator,
            expires_at=now + _EXPIRES,
            details={
                "route": self.route.name,
                "mode": "paid" if self.settings.mode == "paid" else "unpaid",
                "account": str(self.order_key.account),
            },
        )

    def _bought_or_found(self, quote: Quote) -> tuple[Action, bool]:
        """Return the order that was placed now, or one of another process; and which it is."""
        known = self._known_ids()
        # First, since the claim compares an order under a key of older releases by its day alone.
        found = self._latest()
        if found is not None:
            return found, False
        try:
            claimed = self._claim(quote)
        except Claimed as error:
            found = self._latest()
            if found is None:
                block_on_journal(error)
            return found, False
        except JournalError as error:
            block_on_journal(error)
        return self._send(claimed, quote, known), True

    def _latest(self) -> Action | None:
        try:
            return latest_order(
                self.journal, self.order_key, now=self.clock(), valid_for=self.valid_for
            )
        except JournalError as error:
            block_on_journal(error)

    def _send(self, claimed: Action, quote: Quote, known: Collection[str]) -> Action:
        action = self._mark_sent(claimed)
        try:
            bought = self.route.send(quote, out_order_id(action))
            require_new(bought.order_ids, known, self.settings.private)
        except (OutcomeUnknown, RepeatedOrder) as error:
            self._write(self.journal.unknown, action, str(error))
            block_on_unresolved(
                f"it is not known whether order {out_order_id(action)} was placed: {error}"
            )
        except Skipped as error:
            self._write(self.journal.rejected, action, str(error))
            blocked(str(error), kind="not-armed", remedy="fix what it names, and run again")
        except ApiError as error:
            # By the contract of Route.send, any other error proves that nothing was ordered.
            self._write(self.journal.rejected, action, str(error))
            with access_judged():
                raise
        self.observe(order_ids=list(bought.order_ids), **bought.details)
        note = ", ".join(f"{name} {value}" for name, value in bought.details.items())
        return self._write(self.journal.confirmed, action, bought.order_ids, note)

    def _claim(self, quote: Quote) -> Action:
        """Claim the day, unless an order proves the purchase; a plan that breaks a rule raises."""
        plan = self._plan(quote)
        return self.journal.intend(
            plan, attempts=ATTEMPTS, since=self.clock() - self.valid_for, details=PAID
        )

    def _mark_sent(self, action: Action) -> Action:
        """Write SENT; an order may leave only once this has returned."""
        key = out_order_id(action)
        self.observe(intent=action.id, out_order_id=key)
        try:
            return self.journal.sent(action, f"out_order_id {key}")
        except JournalError as error:
            # Nothing was sent. Write that if the journal takes it; if not, the open intent blocks.
            with contextlib.suppress(JournalError):
                self.journal.rejected(action, f"nothing was sent: {error}")
            block_on_journal(error)

    def _known_ids(self) -> set[str]:
        """Return the supplier's ids of all orders that were placed before, for any key."""
        try:
            actions = all_orders(self.journal)
        except JournalError as error:
            block_on_journal(error)
        return {order_id for action in actions for order_id in action.receipts}

    def _write(self, step: Callable[P, Action], *args: P.args, **kwargs: P.kwargs) -> Action:
        try:
            return step(*args, **kwargs)
        except JournalError as error:
            block_on_unresolved(f"an order was sent and its end could not be written down: {error}")


def require_armed(missing: tuple[str, ...]) -> None:
    """End as BLOCKED, not-armed, naming every condition that isn't met."""
    named = tuple(dict.fromkeys(missing))
    if named:
        unarmed = any("REAL_PLACEORDER" in condition for condition in named)
        arm = "set REAL_PLACEORDER=1 in the process environment" if unarmed else ""
        others = len(named) - unarmed
        fix = f"fix the {'other ' if unarmed else ''}{others} that the reason names"
        remedy = " and ".join(filter(None, (arm, fix if others else "")))
        blocked(
            f"not armed: {'; '.join(named)}",
            kind="not-armed",
            remedy=f"{remedy}, to place one real order",
        )


def require_new(order_ids: Collection[str], known: Collection[str], private: Private) -> None:
    """Raise OutcomeUnknown if an id proves no new order.

    Args:
        order_ids: the ids of the answer.
        known: the ids of earlier orders.
        private: the recipient's data; a telephone number that comes back is no order's id.
    """
    why = ""
    if old := [order_id for order_id in order_ids if order_id in known]:
        why = f"it names an order that was placed before ({', '.join(old)})"
    elif any(private.mask(order_id) != order_id for order_id in order_ids):
        why = "it repeats a number of the recipient as the id of the order"
    if why:
        raise OutcomeUnknown(provider="the supplier's", operation="answer", message=why)


def _armed_values(settings: PurchaseSettings) -> tuple[Money, Recipient, str]:
    """Return the limit, recipient and product; an armed purchase has all three."""
    assert settings.limit
    assert settings.recipient
    assert settings.product_id
    return settings.limit, settings.recipient, settings.product_id


def _block_unless_paid(mode: str, outcome: str) -> NoReturn:
    blocked(
        f"PRODSTATUS_PLACEORDER_MODE is {mode!r}: {outcome}, and only a paid order confirms",
        kind="not-armed",
        remedy="set PRODSTATUS_PLACEORDER_MODE=paid to buy",
    )
