"""What an order's status proves, and how an order is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_prodstatus import Money
from tests.acceptance.support.aliexpress.gateway import Envelope
from tests.acceptance.support.aliexpress.orders import (
    SupplierOrder,
    has_lapsed,
    order_verdict,
    read_order,
)
from tests.acceptance.support.errors import Unavailable
from tests.unit.acceptance.providers import order_request


def read(body: dict[str, Any]) -> SupplierOrder | None:
    """Read an order look-up's response body."""
    return read_order("10000001", Envelope(body=body, request_id="r1", operation="get"))


@pytest.mark.parametrize(
    ("status", "end_reason", "verdict"),
    [
        ("WAIT_SELLER_SEND_GOODS", None, "CONFIRMED"),
        ("SELLER_PART_SEND_GOODS", None, "CONFIRMED"),
        ("WAIT_BUYER_ACCEPT_GOODS", None, "CONFIRMED"),
        ("FINISH", None, "CONFIRMED"),
        ("FINISH", "buyer_accept_goods", "CONFIRMED"),
        ("FINISH", "buyer_accept_goods_timeout", "CONFIRMED"),
        ("FINISH", "cancel_order_close_trade", "FAILED"),
        ("FINISH", "buyer_confirm_goods", "CONFIRMED"),
        ("FINISH", "buyer_cancel_order", "FAILED"),
        ("FINISH", "Order cancelled by buyer", "BLOCKED"),
        ("FINISH", "buyer_cancel_dispute", "BLOCKED"),
        ("FINISH", "not_paid", "BLOCKED"),
        ("FINISH", "pay_failed", "BLOCKED"),
        ("WAIT_SELLER_SEND_GOODS", "buyer_cancel_order", "BLOCKED"),
        ("WAIT_SELLER_SEND_GOODS", "anything", "BLOCKED"),
        ("WAIT_BUYER_ACCEPT_GOODS", "buyer_accept_goods", "CONFIRMED"),
        ("FINISH", "buyer_cancel_notpay_order", "FAILED"),
        ("FINISH", "buyer_pay_timeout", "FAILED"),
        ("FINISH", "risk_reject_closed", "FAILED"),
        ("FINISH", "seller_send_goods_timeout", "FAILED"),
        ("FINISH", " BUYER_PAY_TIMEOUT", "FAILED"),
        ("FINISH", "SELLER_CANCEL_ORDER", "BLOCKED"),
        ("FINISH", "buyer_accept_goods_dispute_closed", "BLOCKED"),
        ("FINISH", "trade_closed", "BLOCKED"),
        ("FINISH", "another_timeout", "BLOCKED"),
        ("FINISH", "dispute_refund", "BLOCKED"),
        ("IN_CANCEL", None, "FAILED"),
        ("PLACE_ORDER_SUCCESS", None, "BLOCKED"),
        ("PAYMENT_PROCESSING", None, "BLOCKED"),
        ("WAIT_SELLER_EXAMINE_MONEY", None, "BLOCKED"),
        ("RISK_CONTROL", None, "BLOCKED"),
        ("RISK_CONTROL_HOLD", None, "BLOCKED"),
        ("WAIT_GROUP", None, "BLOCKED"),
        ("WAIT_COMPLETE_ADDRESS", None, "BLOCKED"),
        ("FUND_PROCESSING", None, "BLOCKED"),
        ("SOMETHING_NEW", None, "BLOCKED"),
    ],
)
def test_a_status_proves_its_verdict_in_the_table(
    status: str, end_reason: str | None, verdict: str
) -> None:
    """Only a paid order that wasn't cancelled is CONFIRMED; what isn't known is BLOCKED.

    So is a reason in none of the two lists of ends: no part of a word decides.
    """
    order = SupplierOrder(order_id="1", status=status, end_reason=end_reason)
    assert order_verdict(order) == verdict
    if verdict == "BLOCKED" and end_reason not in (None, "buyer_cancel_order"):
        assert order.words == f"{status} {end_reason} (a reason that isn't known)"


@pytest.mark.parametrize(
    ("reason", "lapsed"),
    [
        ("cancel_order_close_trade", True),
        ("BUYER_PAY_TIMEOUT ", True),
        ("buyer_accept_goods_dispute_closed", False),
        ("buyer_cancel_order", False),
        ("dispute_cancelled", False),
        ("trade_closed", False),
        ("Order cancelled by buyer", False),
        ("", False),
    ],
)
def test_only_a_reason_of_the_closed_list_frees_the_key(reason: str, lapsed: bool) -> None:
    """By any other, or with another status, the order may have been delivered, and stays bought."""
    order = SupplierOrder(order_id="1", status="FINISH", end_reason=reason)
    assert has_lapsed(order) is lapsed
    assert not has_lapsed(replace(order, status="WAIT_BUYER_ACCEPT_GOODS"))


def test_an_order_is_read_with_its_amount_exact() -> None:
    """The amount may be text; a time without a zone stays the supplier's words."""
    order = read(
        {
            "result": {
                "order_status": "finish",
                "order_amount": {"amount": "12.30", "currency_code": "USD"},
                "gmt_create": "2026-11-22 02:00:00",
                "end_reason": "buyer_accept_goods",
            },
            "rsp_code": "200",
        }
    )
    assert order == SupplierOrder(
        order_id="10000001",
        status="FINISH",
        end_reason="buyer_accept_goods",
        amount=Money("12.30", "USD"),
        gmt_create="2026-11-22 02:00:00",
        request_id="r1",
    )


@pytest.mark.parametrize("result", [{}, None, [], ""])
def test_an_empty_result_is_an_order_the_supplier_does_not_know(result: object) -> None:
    """The provider has no "not found" of its own."""
    assert read({"result": result, "rsp_code": "200"}) is None
    assert read({"rsp_code": "200"}) is None


@pytest.mark.parametrize("body", [{}, {"result": {"logistics_status": "X"}}])
def test_an_answer_without_the_facts_is_unreadable(body: dict[str, Any]) -> None:
    """An empty envelope, or an order without a status, proves nothing about the order."""
    with pytest.raises(Unavailable):
        read(body)


def test_an_amount_that_cannot_be_read_is_none() -> None:
    """An odd amount doesn't hide the status."""
    order = read({"result": {"order_status": "FINISH", "order_amount": "12.30"}})
    assert order is not None
    assert order.amount is None


@pytest.mark.parametrize(
    "amounts",
    [
        [{"amount": "6.09", "currency_code": "USD"}, {"amount": "240.00", "currency_code": "USD"}],
        {"amount": "-6.09", "currency_code": "USD"},
        {"amount": "0.00", "currency_code": "USD"},
        [],
    ],
)
def test_of_amounts_that_cannot_be_what_was_taken_none_is_read(amounts: object) -> None:
    """The first of several would hide a dearer one, and nothing, or less than that, is no price."""
    order = read({"result": {"order_status": "FINISH", "order_amount": amounts}})
    assert order is not None
    assert order.amount is None


def test_an_amount_alone_in_a_list_is_read() -> None:
    """Some answers wrap it."""
    amounts = [{"amount": "6.09", "currency_code": "USD"}]
    order = read({"result": {"order_status": "FINISH", "order_amount": amounts}})
    assert order is not None
    assert order.amount == Money("6.09", "USD")


def test_a_request_shows_no_person() -> None:
    """Name, street, city, postcode and telephone are left out of its repr."""
    assert "lanted" not in repr(order_request())
    assert "country='US'" in repr(order_request())
