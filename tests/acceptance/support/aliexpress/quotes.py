"""AliExpress's prices for a product and its delivery, read so that none is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from pytest_prodstatus import Money
from tests.acceptance.support import fields
from tests.acceptance.support.aliexpress.gateway import Envelope

_AMOUNT = re.compile(r"\d[\d.,]*")
_SIGNS = {"USD": ("US$", "$"), "EUR": ("€",), "GBP": ("£",)}
"""How a fee in one of these currencies is shown; another sign beside it is another currency's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sku:
    """One variant of a product: its price each, and how many there are."""

    sku_id: str
    sku_attr: str
    price: Money
    stock: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """A product's variants.

    Attributes:
        product_id: the number by which the supplier knows it; None if the answer has none.
        skus: those whose price can be read.
        attributes: the attributes of all, by which an order names its variant.
        request_id: the provider's id of the look-up.
    """

    product_id: str | None
    skus: tuple[Sku, ...]
    attributes: tuple[str, ...]
    request_id: str

    def identifies(self, sku: Sku) -> bool:
        """Return whether an order can name this variant, so that it is the one that is bought."""
        return len(self.attributes) == 1 or (
            sku.sku_attr != "" and self.attributes.count(sku.sku_attr) == 1
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOption:
    """One way to have it delivered; `fee` is None if the answer doesn't settle it."""

    code: str
    fee: Money | None
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The price of an order.

    Attributes:
        sku: the variant.
        delivery: how it would come.
        price: the goods: the unit price times the quantity.
        freight: the delivery.
        total: both.
        request_ids: the provider's ids of the calls that returned it.
    """

    sku: Sku
    delivery: DeliveryOption
    price: Money
    freight: Money
    total: Money
    request_ids: tuple[str, ...]


def read_product(envelope: Envelope) -> Product:
    """Read the answer to `aliexpress.ds.product.get`."""
    base = fields.mapping(envelope.result.get("ae_item_base_info_dto"))
    rows = fields.sequence(
        envelope.result.get("ae_item_sku_info_dtos"), inside="ae_item_sku_info_d_t_o"
    )
    skus = (_sku(fields.mapping(row), base.get("currency_code")) for row in rows)
    return Product(
        product_id=fields.text(base.get("product_id")),
        skus=tuple(sku for sku in skus if sku is not None),
        attributes=tuple(fields.text(fields.mapping(row).get("sku_attr")) or "" for row in rows),
        request_id=envelope.request_id,
    )


def read_delivery(envelope: Envelope, *, requested: str) -> tuple[DeliveryOption, ...]:
    """Read the answer to `aliexpress.ds.freight.query`, with fees requested in a currency."""
    rows = fields.sequence(envelope.result.get("delivery_options"), inside="delivery_option_d_t_o")
    options = []
    for row in rows:
        option = fields.mapping(row)
        code = fields.text(option.get("code"))
        if code is not None:
            options.append(
                DeliveryOption(
                    code=code,
                    fee=read_fee(option, requested=requested),
                    request_id=envelope.request_id,
                )
            )
    return tuple(options)


def read_fee(option: Mapping[str, Any], *, requested: str) -> Money | None:
    """Return an option's freight, None if it isn't settled.

    `shipping_fee_cent` may be in cents, as its name suggests, or in whole units, as in the
    vendor's sample ("172.71" beside "US $172.71"). Only `shipping_fee_format` decides: the fee is
    the reading that it shows. Without it, or if it shows neither, there is no fee to rely on; nor
    if delivery is free and has a fee.
    """
    currency = fields.currency(option.get("shipping_fee_currency"))
    if fields.boolean(option.get("free_shipping")) is True:
        named = f"{option.get('shipping_fee_cent')} {option.get('shipping_fee_format')}"
        return None if re.search("[1-9]", named) else Money(0, currency or requested)
    if currency is None:
        return None
    raw = fields.number(option.get("shipping_fee_cent"))
    shown = fields.text(option.get("shipping_fee_format"))
    if raw is None or raw < 0 or shown is None or not _agrees(shown, currency):
        return None
    # The two readings of the number: whole units, or cents.
    settled = _shown_amounts(shown) & {raw, raw / 100}
    return Money(settled.pop(), currency) if len(settled) == 1 else None


def _sku(row: Mapping[str, Any], base_currency: object) -> Sku | None:
    sku_id = fields.text(row.get("sku_id"))
    raw = row.get("offer_sale_price")
    price = fields.money(
        raw if fields.number(raw) is not None else row.get("sku_price"),
        row.get("currency_code") or base_currency,
    )
    if sku_id is None or price is None or price.amount <= 0:
        return None
    return Sku(
        sku_id=sku_id,
        sku_attr=fields.text(row.get("sku_attr")) or "",
        price=price,
        stock=max(fields.integer(row.get("sku_available_stock")) or 0, 0),
    )


def _agrees(shown: str, currency: str) -> bool:
    """Return whether the currency that the shown fee names, if any, is the stated one."""
    named = re.search(r"\b[A-Z]{3}\b", shown)
    if named:
        return named.group() == currency
    sign = re.sub(r"[\s\d.,]", "", shown)
    if sign in ("", currency):
        return True
    if currency in _SIGNS:
        return sign in _SIGNS[currency]
    # Many currencies are dollars.
    return sign == "$" or not any(sign in signs for signs in _SIGNS.values())


def _shown_amounts(shown: str) -> set[Decimal]:
    """Return what "1,234.56" can mean: the last mark is a decimal one, or groups thousands."""
    found = _AMOUNT.findall(shown)
    if len(found) != 1:
        return set()
    digits = found[0].rstrip(".,")
    readings = set()
    if re.fullmatch(r"\d{1,3}([.,])\d{3}(\1\d{3})*|\d+", digits):
        readings.add(Decimal(re.sub(r"[.,]", "", digits)))
    decimal = re.fullmatch(r"(\d+|\d{1,3}([.,])\d{3}(?:\2\d{3})*)([.,])(\d+)", digits)
    if decimal and decimal.group(2) != decimal.group(3):
        units = re.sub(r"[.,]", "", decimal.group(1))
        readings.add(Decimal(f"{units}.{decimal.group(4)}"))
    return readings
