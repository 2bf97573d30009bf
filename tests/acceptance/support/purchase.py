"""The one real order: placed at most once a day, within a cap, under a journal that outlives it.

The order of things is the promise: every condition is met → the supplier's own quote is within
the cap → the conditions are looked at again → the journal has the intent on disk → it has SENT on
disk → one POST → what came of it. Whatever ends this process in between, the journal says how far
it came, and anything but a known end blocks the next order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from typing import NoReturn, ParamSpec

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.state.entry import Entry
from pytest_prodstatus.state.errors import (
    Claimed,
    ClockBehind,
    JournalError,
    JournalUnavailable,
    Unresolved,
)
from pytest_prodstatus.state.journal import Journal
from pytest_prodstatus.state.plan import Plan
from tests.acceptance.support.aliexpress import AliExpressClient
from tests.acceptance.support.aliexpress_orders import Address, OrderRequest
from tests.acceptance.support.aliexpress_quotes import Quote
from tests.acceptance.support.answering import answers, judged_answers
from tests.acceptance.support.arming import PurchaseSettings, Recipient
from tests.acceptance.support.errors import ApiError, OutcomeUnknown, RepeatedOrder

CRITERION = "placeorder.real-order-placed"
VALID_FOR = timedelta(days=30)
"""How long a paid order proves the purchase: the stage's `valid_for`."""

P = ParamSpec("P")
_EXPIRES = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """What a real order is made with.

    Attributes:
        client: the supplier.
        journal: where it is written down.
        settings: product, address, cap and mode.
        target: the system it is made for.
        who: who runs this.
        clock: tells the time in UTC.
        conditions: looks at the credential again; returns what is missing, in words.
        observe: is told each fact as it becomes known, as evidence.
    """

    client: AliExpressClient
    journal: Journal
    settings: PurchaseSettings
    target: str
    who: str
    clock: Callable[[], datetime]
    conditions: Callable[[], tuple[str, ...]]
    observe: Callable[..., None]

    def place(self) -> Entry:
        """Place the order and return its journal entry, CONFIRMED and paid.

        Raises:
            Blocked: not-armed, naming all that is missing; unresolved-intent, where nobody knows
                what an order did; or the supplier could not be asked.
            AssertionError: the supplier refused the order.
        """
        refuse_unresolved(self.journal, self.target)
        require_armed((*self.settings.missing, *self.conditions()))
        quote = self._quote()
        if self.settings.mode == "quote":
            _only_paid("quote", "only the price was asked")
        request = self._request(quote)
        # Once more, in the same process: what was read a while ago is no permission.
        require_armed(self.conditions())
        with answers():
            self.client.member_benefit()
        entry = self._send(request, self._plan(request, quote))
        if entry.mode != "paid":
            _only_paid("unpaid", f"the unpaid order {', '.join(entry.order_ids)} was placed")
        return entry

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
        self.observe(quote=quote.total, cap=limit, mode=settings.mode, route="direct")
        if quote.total.currency != limit.currency or quote.total.amount > limit.amount:
            require_armed((f"the quote {quote.total} is above PRODSTATUS_SPEND_LIMIT {limit}",))
        return quote

    def _request(self, quote: Quote) -> OrderRequest:
        _, recipient, product_id = _given(self.settings)
        return OrderRequest(
            out_order_id="",
            product_id=product_id,
            quantity=1,
            sku_attr=quote.sku.sku_attr,
            logistics_service=quote.delivery.code,
            address=_address(recipient),
            currency=quote.total.currency,
            pay=self.settings.mode == "paid",
        )

    def _plan(self, request: OrderRequest, quote: Quote) -> Plan:
        limit, _, _ = _given(self.settings)
        now = self.clock()
        payload = json.dumps(request.to_params(), sort_keys=True)
        return Plan(
            criterion=CRITERION,
            target=self.target,
            day=now.astimezone(timezone.utc).date(),
            payload_hash=hashlib.sha256(payload.encode()).hexdigest(),
            amount=quote.total.amount,
            currency=quote.total.currency,
            cap=limit.amount,
            who=self.who,
            route="direct",
            mode="paid" if request.pay else "unpaid",
            expires_at=now + _EXPIRES,
        )

    def _send(self, request: OrderRequest, plan: Plan) -> Entry:
        journal = self.journal
        try:
            entry = journal.intend(plan)
            self.observe(intent=entry.id, out_order_id=entry.out_order_id)
            entry = journal.sent(entry)
        except JournalError as error:
            _block_on_journal(error)
        try:
            placed = self.client.place_order(_with_key(request, entry.out_order_id))
        except (OutcomeUnknown, RepeatedOrder) as error:
            _write(journal.unknown, entry, str(error))
            _unresolved(f"nobody knows whether order {entry.out_order_id} was placed: {error}")
        except ApiError as error:
            # The client's word for it: any other error proves that nothing was ordered.
            _write(journal.rejected, entry, str(error))
            with judged_answers():
                raise
        detail = f"request {placed.request_id}"
        self.observe(order_ids=list(placed.order_ids), request_id=placed.request_id)
        return _write(journal.confirmed, entry, placed.order_ids, detail)


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


def refuse_unresolved(journal: Journal, target: str) -> None:
    """End as BLOCKED, unresolved-intent, where it isn't known what an earlier order did."""
    open_entries = journal.unresolved(CRITERION, target)
    if open_entries:
        _unresolved(str(Unresolved(open_entries[0])))


def latest_order(journal: Journal, target: str, now: datetime) -> Entry | None:
    """Return the newest paid order that still proves the purchase."""
    return journal.latest_confirmed(CRITERION, target, since=now - VALID_FOR)


def order_value(entry: Entry) -> Money:
    """Return what an order was quoted at."""
    return Money(entry.amount, entry.currency)


def _with_key(request: OrderRequest, out_order_id: str) -> OrderRequest:
    return replace(request, out_order_id=out_order_id)


def _given(settings: PurchaseSettings) -> tuple[Money, Recipient, str]:
    """Return what an armed purchase has: without it, it would not be armed."""
    assert settings.limit
    assert settings.recipient
    assert settings.product_id
    return settings.limit, settings.recipient, settings.product_id


def _write(step: Callable[P, Entry], *args: P.args, **kwargs: P.kwargs) -> Entry:
    try:
        return step(*args, **kwargs)
    except JournalError as error:
        _unresolved(f"an order was sent and its end could not be written down: {error}")


def _block_on_journal(error: JournalError) -> NoReturn:
    if isinstance(error, (Unresolved, ClockBehind)):
        _unresolved(str(error))
    if isinstance(error, Claimed):
        blocked(str(error), kind="not-armed", remedy="run again tomorrow (UTC)")
    kind = "missing-config" if isinstance(error, JournalUnavailable) else "inconclusive"
    blocked(str(error), kind=kind, remedy="see PRODSTATUS_STATE_URL; nothing was ordered")


def _unresolved(reason: str) -> NoReturn:
    blocked(
        reason,
        kind="unresolved-intent",
        remedy="ask the supplier what became of it and record the answer with Journal.resolve "
        "(pytest_prodstatus.state.journal)",
    )


def _only_paid(mode: str, what: str) -> NoReturn:
    blocked(
        f"PRODSTATUS_PLACEORDER_MODE is {mode!r}: {what}, and only a paid order confirms",
        kind="not-armed",
        remedy="set PRODSTATUS_PLACEORDER_MODE=paid to buy",
    )


def _address(recipient: Recipient) -> Address:
    return Address(
        contact_person=recipient.full_name,
        address=recipient.address,
        city=recipient.city,
        province=recipient.state,
        country=recipient.country,
        zip=recipient.zip,
        mobile_no=recipient.phone,
        phone_country=recipient.phone_country,
    )
