"""Orders at AliExpress: what one looks like, what places one, and what its status proves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pytest_prodstatus import Money
from tests.acceptance.support import fields
from tests.acceptance.support.aliexpress.gateway import Envelope
from tests.acceptance.support.errors import Verdict
from tests.acceptance.support.http import Form

_BOUGHT = frozenset(
    {"WAIT_SELLER_SEND_GOODS", "SELLER_PART_SEND_GOODS", "WAIT_BUYER_ACCEPT_GOODS", "FINISH"}
)
# The supplier's own JSON has numbers, which can't begin with a zero.
_ORDER_ID = re.compile(r"[1-9][0-9]{0,31}")
# The reasons of an end, as seen in public order data; the supplier documents none. The lists are
# closed: a word such as "cancel" may be about a dispute, and any other may be about the money.
_ACCEPTED = frozenset(
    {
        "buyer_accept_goods",
        "buyer_accept_goods_timeout",
        "buyer_confirm_goods",
        "buyer_confirm_goods_timeout",
    }
)
# Each frees the order's key: another may be bought.
_LAPSED = frozenset(
    {
        "buyer_cancel_notpay_order",
        "buyer_cancel_order_in_risk",
        "buyer_pay_timeout",
        "cancel_order_close_trade",
        "risk_reject_closed",
        "seller_send_goods_timeout",
    }
)
# Whether the money came back, a person has to look up.
_CANCELLED = _LAPSED | {"buyer_cancel_order", "pay_timeout", "send_goods_timeout"}


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierOrder:
    """An order as the supplier reports it.

    Attributes:
        order_id: the supplier's id.
        status: its `order_status`, upper case.
        end_reason: why it ended, if it has.
        amount: its price, None if that can't be read: there are several, or it isn't above zero.
        created_at: when it was made; None if the supplier's time has no zone.
        gmt_create: that time as the supplier wrote it.
        request_id: the provider's id of the look-up.
    """

    order_id: str
    status: str
    end_reason: str | None = None
    amount: Money | None = None
    created_at: datetime | None = None
    gmt_create: str | None = field(default=None, repr=False)
    request_id: str = ""

    @property
    def words(self) -> str:
        """Its status, and why it ended."""
        reason = self.end_reason
        if reason is None or is_end_reason(reason):
            return f"{self.status} {reason or ''}".strip()
        return f"{self.status} {reason} (a reason that isn't known)"


class Supplier(Protocol):
    """What looks an order up."""

    def order(self, order_id: str) -> SupplierOrder | None:
        """Return the order, None for one that the supplier doesn't know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of an order; a person's data, so its repr shows only the country."""

    contact_person: str = field(repr=False)
    address: str = field(repr=False)
    city: str = field(repr=False)
    province: str = field(repr=False)
    country: str
    zip: str = field(repr=False)
    mobile_no: str = field(repr=False)
    phone_country: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """One product to buy.

    Attributes:
        out_order_id: our own id; it makes a repeat harmless for 24 hours, no longer.
        product_id: the supplier's product.
        quantity: how many, at least one.
        sku_attr: which variant.
        logistics_service: the delivery option's code.
        address: the recipient's address.
        currency: the currency of the payment.
        pay: True to pay at once; an order that isn't paid lapses by itself.
        memo: a line for the seller.
    """

    out_order_id: str
    product_id: str
    quantity: int
    sku_attr: str
    logistics_service: str
    address: Address
    currency: str
    pay: bool
    memo: str = ""

    def to_params(self) -> Form:
        """Return the business parameters of `aliexpress.ds.order.create`."""
        to = self.address
        order = {
            "out_order_id": self.out_order_id,
            "logistics_address": {
                "address": to.address,
                "city": to.city,
                "province": to.province,
                "country": to.country,
                "contact_person": to.contact_person,
                "full_name": to.contact_person,
                "mobile_no": to.mobile_no,
                "phone_country": to.phone_country,
                "zip": to.zip,
            },
            "product_items": [
                {
                    "product_id": self.product_id,
                    "product_count": self.quantity,
                    "sku_attr": self.sku_attr,
                    "logistics_service_name": self.logistics_service,
                    "order_memo": self.memo,
                }
            ],
        }
        payment = {"payment": {"pay_currency": self.currency, "try_to_pay": self.pay}}
        return Form(
            param_place_order_request4_open_api_d_t_o=json.dumps(order),
            ds_extend_request=json.dumps(payment),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """What placing an order made: at least one supplier order id."""

    order_ids: tuple[str, ...]
    request_id: str


def order_verdict(order: SupplierOrder) -> Verdict:
    """Return what an order's status proves about the purchase.

    CONFIRMED: it is paid for, or finished without a reason or because the buyer has the goods.
    FAILED: cancelled, or being so. BLOCKED: unpaid, being looked at, an end for a reason that isn't
    known, the reason of a cancellation without its end, or a status that isn't known.
    """
    if order.status == "IN_CANCEL":
        return "FAILED"
    if order.status not in _BOUGHT:
        return "BLOCKED"
    reason = _reason(order.end_reason)
    if not reason or reason in _ACCEPTED:
        return "CONFIRMED"
    return "FAILED" if order.status == "FINISH" and reason in _CANCELLED else "BLOCKED"


def has_lapsed(order: SupplierOrder) -> bool:
    """Return whether an order has certainly ended without effect: cancelled, or never paid for.

    Only by a reason of the closed list; after any other a person has to look.
    """
    return order.status == "FINISH" and _reason(order.end_reason) in _LAPSED


def is_end_reason(text: str) -> bool:
    """Return whether a text is a reason of an order's end that is known: nobody's data."""
    return _reason(text) in _ACCEPTED | _CANCELLED


def _reason(end_reason: str | None) -> str:
    return (end_reason or "").strip().lower()


def read_order(order_id: str, envelope: Envelope) -> SupplierOrder | None:
    """Read the answer to an order look-up; None for an order the supplier doesn't know."""
    result = envelope.known
    if result is None:
        return None
    status = fields.text(result.get("order_status"))
    if status is None:
        raise envelope.unreadable("the order has no order_status")
    amount = result.get("order_amount")
    paid = fields.mapping(amount[0] if isinstance(amount, list) and len(amount) == 1 else amount)
    price = fields.money(paid.get("amount"), paid.get("currency_code"))
    created = fields.text(result.get("gmt_create"))
    return SupplierOrder(
        order_id=order_id,
        status=status.upper(),
        end_reason=fields.text(result.get("end_reason")),
        amount=price if price is not None and price.amount > 0 else None,
        created_at=fields.instant(created),
        gmt_create=created,
        request_id=envelope.request_id,
    )


def is_order_id(text: str) -> bool:
    """Return whether a text can be the supplier's id of an order."""
    return _ORDER_ID.fullmatch(text) is not None


def read_placed(envelope: Envelope) -> tuple[str, ...]:
    """Return the order ids of an order-creation answer: none means that nothing is certain.

    A number with zeros before it is no id: it may be another order's.
    """
    numbers = fields.sequence(envelope.result.get("order_list"), inside="number")
    ids = [fields.text(number) for number in numbers]
    # Each once: an order that is named twice was taken for once.
    return tuple(dict.fromkeys(text for text in ids if text and is_order_id(text)))
