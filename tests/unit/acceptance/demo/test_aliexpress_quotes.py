"""Quotes: the AliExpress simulator's catalogue and freight, asked by the real client."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from pytest_prodstatus import Money
from tests.acceptance.demo.aliexpress_state import SimDelivery, SimSku
from tests.acceptance.support.errors import NotFound, QuoteUnreadable
from tests.unit.acceptance.providers import Shop, supplier


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Serve the supplier for one test."""
    with supplier() as (state, url, clock):
        shop = Shop(state, url, clock)
        yield shop
        shop.client.close()


def test_a_quote_takes_the_cheapest_variant_in_stock(shop: Shop) -> None:
    """Price, freight and total are exact; the calls that told them are named."""
    shop.state.add_product(
        "1005002",
        "A chair",
        skus=[
            SimSku(sku_id="1", sku_attr="a", price=Decimal("5.00"), stock=1),
            SimSku(sku_id="2", sku_attr="b", price=Decimal("8.10")),
            SimSku(sku_id="3", sku_attr="c", price=Decimal("7.05")),
        ],
        deliveries=[
            SimDelivery(code="FAST", fee=Decimal("1172.71"), wording="units"),
            SimDelivery(code="SLOW", fee=Decimal("3.40"), wording="cents"),
            SimDelivery(code="ODD", fee=Decimal("0.01"), wording="ambiguous"),
        ],
    )
    quote = shop.client.quote("1005002", sku_id=None, quantity=2, ship_to="US", currency="USD")
    assert (quote.sku.sku_id, quote.delivery.code) == ("3", "SLOW")
    assert (quote.price, quote.freight) == (Money("14.10", "USD"), Money("3.40", "USD"))
    assert quote.total == Money("17.50", "USD")
    assert len(set(quote.request_ids)) == 2
    for name in ("2", "b"):
        named = shop.client.quote("1005002", sku_id=name, quantity=1, ship_to="US", currency="USD")
        assert named.sku.sku_id == "2"
    options = shop.client.freight("1005002", "3", 1, ship_to="US", currency="USD")
    fees = {each.code: each.fee for each in options}
    assert fees == {"FAST": Money("1172.71", "USD"), "SLOW": Money("3.40", "USD"), "ODD": None}


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"quantity": 1}, "none of 1 delivery options has a settled fee in USD"),
        ({"quantity": 3}, "no variant has 3 in stock"),
        ({"sku_id": "other"}, "no variant 'other'"),
        ({"currency": "EUR"}, "priced in EUR"),
    ],
)
def test_a_quote_that_is_not_settled_is_none(shop: Shop, asked: dict[str, Any], why: str) -> None:
    """The ambiguous "172.71", too little stock, another variant or currency: no price at all."""
    shop.state.add_product(
        "1005003",
        "A table",
        skus=[SimSku(sku_id="1", sku_attr="a", price=Decimal(5), stock=2)],
        deliveries=[SimDelivery(fee=Decimal("172.71"), wording="ambiguous")],
    )
    arguments: dict[str, Any] = {"sku_id": None, "quantity": 1, "currency": "USD"} | asked
    with pytest.raises(QuoteUnreadable, match=why):
        shop.client.quote("1005003", ship_to="US", **arguments)


def test_free_shipping_is_free_and_an_unknown_product_is_not_found(shop: Shop) -> None:
    """free_shipping comes as text; a product that isn't there has no quote."""
    free = [SimDelivery(wording="free")]
    shop.state.add_product("1005004", "A cup", price="2", deliveries=free)
    quote = shop.client.quote("1005004", sku_id=None, quantity=1, ship_to="US", currency="USD")
    assert quote.total == Money(2, "USD")
    with pytest.raises(NotFound, match="1005999"):
        shop.client.product("1005999", ship_to="US", currency="USD")
    with pytest.raises(ValueError, match="at least 1"):
        shop.client.quote("1005004", sku_id=None, quantity=0, ship_to="US", currency="USD")
