"""Payouts at PayPal: a batch, its items, and what an item's status proves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pytest_prodstatus import Money
from tests.acceptance.support import fields
from tests.acceptance.support.errors import Verdict

BATCH = "payouts"
"""The look-up of a batch, as its errors name it."""
_LOST = frozenset({"FAILED", "BLOCKED", "RETURNED", "REFUNDED", "REVERSED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutItem:
    """One payment of a batch; what may be anyone's words isn't in the repr.

    Attributes:
        item_id: PayPal's id of the item.
        transaction_id: the id of the payment, if there is one.
        status: its `transaction_status`, upper case.
        amount: the amount sent.
        receiver: the receiver's address; a person's data, so not in the repr.
        sender_item_id: our id of the item, if one was given.
        errors: the names of what went wrong.
    """

    item_id: str
    transaction_id: str | None = field(repr=False)
    status: str
    amount: Money
    receiver: str = field(repr=False)
    sender_item_id: str | None = field(repr=False)
    errors: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutBatch:
    """A batch with all its items, from all pages.

    Attributes:
        batch_id: PayPal's id of the batch.
        status: its `batch_status`; SUCCESS means only that it was processed: judge each item.
        items: all of them.
        total: the batch's amount as PayPal adds it up.
        created_at: when it was made.
        completed_at: when it was processed, None before that.
        debug_id: PayPal's id of the (last) look-up.
    """

    batch_id: str
    status: str
    items: tuple[PayoutItem, ...]
    total: Money | None
    created_at: datetime | None
    completed_at: datetime | None
    debug_id: str | None


def item_verdict(status: str) -> Verdict:
    """Return what an item's status proves: paid, lost, or not settled (or not known)."""
    if status == "SUCCESS":
        return "CONFIRMED"
    return "FAILED" if status in _LOST else "BLOCKED"


def read_item(row: object) -> PayoutItem | None:
    """Read one item; None if its id, status, amount or receiver can't be read."""
    item = fields.mapping(row)
    order = fields.mapping(item.get("payout_item"))
    amount = fields.mapping(order.get("amount"))
    item_id = fields.text(item.get("payout_item_id"))
    status = fields.text(item.get("transaction_status"))
    sent = fields.money(amount.get("value"), amount.get("currency"))
    receiver = fields.text(order.get("receiver"))
    if item_id is None or status is None or sent is None or receiver is None:
        return None
    return PayoutItem(
        item_id=item_id,
        transaction_id=fields.text(item.get("transaction_id")),
        status=status.upper(),
        amount=sent,
        receiver=receiver,
        sender_item_id=fields.text(order.get("sender_item_id")),
        errors=_names(item.get("errors")),
    )


def read_batch(
    header: Mapping[str, Any], items: tuple[PayoutItem, ...], debug_id: str | None
) -> PayoutBatch | None:
    """Read a batch's header; None if its id or status can't be read."""
    batch_id = fields.text(header.get("payout_batch_id"))
    status = fields.text(header.get("batch_status"))
    if batch_id is None or status is None:
        return None
    amount = fields.mapping(header.get("amount"))
    return PayoutBatch(
        batch_id=batch_id,
        status=status.upper(),
        items=items,
        total=fields.money(amount.get("value"), amount.get("currency")),
        created_at=fields.instant(header.get("time_created")),
        completed_at=fields.instant(header.get("time_completed")),
        debug_id=debug_id,
    )


def _names(errors: object) -> tuple[str, ...]:
    """Return the names of an item's errors, which PayPal gives as one object or as a list."""
    rows = [fields.mapping(row) for row in (errors if isinstance(errors, list) else [errors])]
    names = (fields.text(row.get("name")) for row in rows)
    return tuple(name for name in names if name is not None)
