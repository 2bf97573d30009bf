"""The one real order: placed at most once a day, within a cap, under a journal that outlives it.

The order of things is the promise: every condition is met → the supplier's own quote is within
the cap → the conditions are looked at again → the journal has the intent on disk → it has SENT on
disk → one POST, or one run of the operators' command → what came of it. Whatever ends this process
in between, the journal says how far it came, and anything but a known end blocks the next order.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn, ParamSpec

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.journal import Action, Journal, JournalError, Limit, Plan, once_a_day
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.aliexpress.quotes import Quote
from tests.acceptance.support.errors import (
    ApiError,
    OutcomeUnknown,
    RepeatedOrder,
    Skipped,
    answers,
    judged_answers,
)
from tests.acceptance.support.purchase.arming import PurchaseSettings, Recipient
from tests.acceptance.support.purchase.journal import (
    CRITERION,
    PRICE,
    block_on_journal,
    block_on_unresolved,
    out_order_id,
    refuse_unresolved,
)
from tests.acceptance.support.purchase.routes import Route

P = ParamSpec("P")
_EXPIRES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a real order is made with.

    Attributes:
        client: the supplier, asked for its quote.
        route: how the order is placed.
        journal: where it is written down.
        settings: product, address, cap and mode.
        project: whose order it is.
        target: the system it is made for.
        who: who runs this.
        clock: tells the time in UTC.
        conditions: looks at the credential again; returns what is missing, in words.
        observe: is told each fact as it becomes known, as evidence.
    """

    client: AliExpressClient
    route: Route
    journal: Journal
    settings: PurchaseSettings
    project: str
    target: str
    who: str
    clock: Callable[[], datetime]
    conditions: Callable[[], tuple[str, ...]]
    observe: Callable[..., None]

    def place(self) -> Action:
        """Place the order and return its action in the journal, CONFIRMED and paid.

        Raises:
            Blocked: not-armed, naming all that is missing; unresolved-intent, if nobody knows
                what an order did; or the supplier could not be asked.
            AssertionError: the supplier refused the order.
        """
        refuse_unresolved(self.journal, self.target)
        require_armed((*self.settings.missing, *self.conditions()))
        quote = self._quote()
        if self.settings.mode == "quote":
            _only_paid("quote", "only the price was asked")
        # Once more, in the same process: what was read a while ago is no permission.
        require_armed(self.conditions())
        with answers():
            self.client.member_benefit()
        action = self._send(quote)
        if action.details["mode"] != "paid":
            _only_paid("unpaid", f"the unpaid order {', '.join(action.receipts)} was placed")
        return action

    def _quote(self) -> Quote:
        settings = self.settings
        limit, recipient, product_id = _given(settings)
        with answers():
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

    def _plan(self, quote: Quote) -> Plan:
        limit, _, _ = _given(self.settings)
        now = self.clock()
        return Plan(
            criterion=CRITERION,
            project=self.project,
            target=self.target,
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
            armed_by=self.who,
            expires_at=now + _EXPIRES,
            details={
                "route": self.route.name,
                "mode": "paid" if self.settings.mode == "paid" else "unpaid",
            },
        )

    def _send(self, quote: Quote) -> Action:
        known = self._known_ids()
        action = self._sent(self._plan(quote))
        try:
            bought = self.route.send(quote, out_order_id(action))
            require_new(bought.order_ids, known)
        except (OutcomeUnknown, RepeatedOrder) as error:
            self._write(self.journal.unknown, action, str(error))
            block_on_unresolved(
                f"nobody knows whether order {out_order_id(action)} was placed: {error}"
            )
        except Skipped as error:
            self._write(self.journal.rejected, action, str(error))
            blocked(str(error), kind="not-armed", remedy="mend what it names, and run again")
        except ApiError as error:
            # The route's word for it: any other error proves that nothing was ordered.
            self._write(self.journal.rejected, action, str(error))
            with judged_answers():
                raise
        self.observe(order_ids=list(bought.order_ids), **bought.seen)
        note = ", ".join(f"{name} {value}" for name, value in bought.seen.items())
        return self._write(self.journal.confirmed, action, bought.order_ids, note)

    def _sent(self, plan: Plan) -> Action:
        """Claim the day and write SENT; an order may leave only once this has returned."""
        try:
            action = self.journal.intend(plan)
        except JournalError as error:
            block_on_journal(error)
        key = out_order_id(action)
        self.observe(intent=action.id, out_order_id=key)
        try:
            return self.journal.sent(action, f"out_order_id {key}")
        except JournalError as error:
            # Nothing left, whatever the journal holds: said if it can be, else it blocks.
            with contextlib.suppress(JournalError):
                self.journal.rejected(action, f"nothing was sent: {error}")
            block_on_journal(error)

    def _known_ids(self) -> set[str]:
        """Return the supplier's ids of all orders of this target that were placed before."""
        try:
            actions = self.journal.actions(target=self.target, limit=10_000)
        except JournalError as error:
            block_on_journal(error)
        return {each for action in actions for each in action.receipts}

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
        mend = f"mend the {'other ' if unarmed else ''}{others} that the reason names"
        remedy = " and ".join(filter(None, (arm, mend if others else "")))
        blocked(
            f"not armed: {'; '.join(named)}",
            kind="not-armed",
            remedy=f"{remedy}, to place one real order",
        )


def require_new(order_ids: Collection[str], known: Collection[str]) -> None:
    """Raise OutcomeUnknown for an id that an earlier order has: an old answer proves no new one."""
    if old := [each for each in order_ids if each in known]:
        raise OutcomeUnknown(
            provider="the supplier's",
            operation="answer",
            message=f"it names an order that was placed before ({', '.join(old)})",
        )


def _given(settings: PurchaseSettings) -> tuple[Money, Recipient, str]:
    """Return what an armed purchase has: without it, it would not be armed."""
    assert settings.limit
    assert settings.recipient
    assert settings.product_id
    return settings.limit, settings.recipient, settings.product_id


def _only_paid(mode: str, what: str) -> NoReturn:
    blocked(
        f"PRODSTATUS_PLACEORDER_MODE is {mode!r}: {what}, and only a paid order confirms",
        kind="not-armed",
        remedy="set PRODSTATUS_PLACEORDER_MODE=paid to buy",
    )
