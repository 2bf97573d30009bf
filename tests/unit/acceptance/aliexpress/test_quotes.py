"""A price is taken only if the answer settles it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from pytest_prodstatus import Money
from tests.acceptance.support.aliexpress.gateway import Envelope
from tests.acceptance.support.aliexpress.quotes import read_delivery, read_fee, read_product


def fee(cent: object, shown: object, **more: Any) -> Money | None:
    """Read the fee of an option in USD."""
    option = {
        "shipping_fee_cent": cent,
        "shipping_fee_format": shown,
        "shipping_fee_currency": "USD",
    }
    return read_fee(option | more, requested="USD")


@pytest.mark.parametrize(
    ("cent", "shown", "amount"),
    [
        ("172.71", "US $172.71", "172.71"),
        ("17271", "US $172.71", "172.71"),
        (17271, "$172.71", "172.71"),
        ("123456", "US $1,234.56", "1234.56"),
        ("1234.56", "1.234,56", "1234.56"),
        ("1234", "12,34 USD", "12.34"),
        ("1234", "1,234", "1234"),
        ("199", "USD 1.99", "1.99"),
        ("0", "US $0.00", "0"),
        ("5", "US $5", "5"),
        ("500", "5.00USD", "5"),
        ("500", "5.00", "5"),
    ],
)
def test_the_shown_fee_settles_which_reading_holds(cent: object, shown: str, amount: str) -> None:
    """shipping_fee_format decides between cents and whole units."""
    assert fee(cent, shown) == Money(amount, "USD")


@pytest.mark.parametrize(
    ("cent", "shown"),
    [
        ("172.71", None),
        ("17271", None),
        ("172.71", ""),
        ("172.71", "free?"),
        ("172.71", "US $99.00"),
        ("17271", "US $1.7271 to 2.00"),
        ("172.71", "€172.71"),
        ("172.71", "EUR 172.71"),
        ("500", "CA $5.00"),
        ("500", "C$5.00"),
        ("500", "5.00 zł"),
        ("500", "R$ 5,00"),
        (None, "US $172.71"),
        ("-5", "US $5"),
        ("abc", "US $5"),
    ],
)
def test_a_fee_that_is_not_settled_is_none(cent: object, shown: object) -> None:
    """The ambiguous "172.71" without a format, another amount, another currency, or none at all."""
    assert fee(cent, shown) is None


@pytest.mark.parametrize("free", [True, "true"])
def test_free_shipping_costs_nothing(free: object) -> None:
    """The boolean may be text, and a fee of nothing may stand beside it."""
    assert fee(None, None, free_shipping=free, shipping_fee_currency=None) == Money(0, "USD")
    for cent, shown in ((None, "Free Shipping"), (0, ""), ("0.00", "US $0.00"), (None, None)):
        assert fee(cent, shown, free_shipping=free) == Money(0, "USD")
    assert fee("172.71", None, free_shipping="false") is None


@pytest.mark.parametrize("free", [True, "true"])
@pytest.mark.parametrize(
    ("cent", "shown"),
    [
        ("1200", "US $12.00"),
        ("12.00", None),
        (Decimal("0.5"), None),
        (None, "US $12.00"),
        (0, "€1"),
    ],
)
def test_free_shipping_with_a_fee_is_not_settled(free: object, cent: object, shown: object) -> None:
    """One of the two is wrong, and the fee may be what is taken."""
    assert fee(cent, shown, free_shipping=free) is None


@pytest.mark.parametrize(
    ("currency", "shown", "read"),
    [
        ("EUR", "€5.00", True),
        ("EUR", "5,00 €", True),
        ("EUR", "$5.00", False),
        ("GBP", "£5.00", True),
        ("CAD", "CA $5.00", True),
        ("CAD", "$5.00", True),
        ("CAD", "US $5.00", False),
        ("PLN", "5.00 zł", True),
        ("PLN", "€5.00", False),
    ],
)
def test_a_fee_is_shown_in_the_stated_currency(currency: str, shown: str, read: bool) -> None:
    """By its code, or by a sign that is its own and not another currency's."""
    found = fee("500", shown, shipping_fee_currency=currency)
    assert found == (Money(5, currency) if read else None)


@pytest.mark.parametrize("wrapped", [False, True])
def test_delivery_options_may_be_wrapped(wrapped: bool) -> None:
    """The list stands bare or under delivery_option_d_t_o; one without a code can't be chosen."""
    rows = [{"code": "A", "free_shipping": "true"}, {"company": "nameless"}]
    listed: object = {"delivery_option_d_t_o": rows} if wrapped else rows
    body = {"result": {"delivery_options": listed}}
    options = read_delivery(Envelope(body=body, request_id="r", operation="q"), requested="USD")
    assert [(option.code, option.fee) for option in options] == [("A", Money(0, "USD"))]


@pytest.mark.parametrize("wrapped", [False, True])
def test_variants_are_read_with_exact_prices(wrapped: bool) -> None:
    """Prices are text; the sale price wins; one that can't be read is left out."""
    rows = [
        {"sku_id": 11, "sku_attr": "14:1", "offer_sale_price": "9.90", "sku_available_stock": "3"},
        {"sku_id": "12", "sku_price": 8, "currency_code": "EUR", "sku_available_stock": 0},
        {"sku_id": "13", "offer_sale_price": "call us", "sku_available_stock": 5},
        {"sku_id": "14", "offer_sale_price": "0"},
    ]
    listed: object = {"ae_item_sku_info_d_t_o": rows} if wrapped else rows
    base = {"currency_code": "USD"}
    body = {"result": {"ae_item_base_info_dto": base, "ae_item_sku_info_dtos": listed}}
    product = read_product(Envelope(body=body, request_id="r", operation="p"))
    assert [(sku.sku_id, sku.price, sku.stock) for sku in product.skus] == [
        ("11", Money("9.90", "USD"), 3),
        ("12", Money(8, "EUR"), 0),
    ]
