"""What the AliExpress simulator knows: one application, its tokens, a catalogue and the orders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from tests.acceptance.demo.simulator import SimulatorState

FeeWording = Literal["units", "cents", "ambiguous", "free"]
"""The form of a delivery fee: `shipping_fee_cent` in whole units (as the vendor's sample has it) or
in cents, each with a format that settles which; in units without a format; or as free shipping."""

_FIRST_ORDER = 8_198_352_049_851_315


@dataclass(slots=True, kw_only=True)
class SimSku:
    """One variant of a product."""

    sku_id: str
    sku_attr: str
    price: Decimal
    stock: int = 100


@dataclass(slots=True, kw_only=True)
class SimDelivery:
    """One way to have a product delivered."""

    code: str = "CAINIAO_STANDARD"
    company: str = "AliExpress Standard Shipping"
    fee: Decimal = Decimal("1.99")
    wording: FeeWording = "units"


@dataclass(slots=True, kw_only=True)
class SimProduct:
    """A product with its variants and deliveries."""

    product_id: str
    title: str
    skus: list[SimSku]
    deliveries: list[SimDelivery]
    currency: str = "USD"


@dataclass(slots=True, kw_only=True)
class SimOrder:
    """An order that the supplier knows.

    Attributes:
        order_id: its id, digits.
        amount: its price.
        currency: the price's currency.
        status: its `order_status`.
        created_at: when it was made, aware.
        end_reason: why it ended, if it has.
        logistics_status: the state of the delivery.
        out_order_id: the buyer's own id, None for one made without.
        seller: whose token made it, as in `SupplierState.sellers`; "" for the first one's.
        visible_from: from when on a look-up finds it.
    """

    order_id: str
    amount: Decimal
    currency: str
    status: str
    created_at: datetime
    end_reason: str | None = None
    logistics_status: str = "WAIT_SELLER_SEND_GOODS"
    out_order_id: str | None = None
    seller: str = ""
    visible_from: datetime


@dataclass(slots=True, kw_only=True)
class SupplierState(SimulatorState):
    """The supplier's side; fill it with `add_order` and `add_product`.

    Attributes:
        app_key: the one application.
        app_secret: signs its calls.
        access_token: the first seller's token.
        sellers: the names of the other sellers by their tokens; each finds only its own orders.
        refresh_token: what `/auth/token/refresh` takes.
        token_lifetime: how long a refreshed token is good for.
        permissions: the methods that the application may call; None for all.
        lookup_delay: how long a new order can't be found yet.
        orders: by order id.
        products: by product id.
        created: how many orders were created for each out_order_id.
    """

    app_key: str
    app_secret: str = field(repr=False)
    access_token: str = field(repr=False)
    refresh_token: str = field(default="", repr=False)
    sellers: dict[str, str] = field(default_factory=dict, repr=False)
    token_lifetime: timedelta = timedelta(days=30)
    permissions: frozenset[str] | None = None
    lookup_delay: timedelta = timedelta(0)
    orders: dict[str, SimOrder] = field(default_factory=dict)
    products: dict[str, SimProduct] = field(default_factory=dict)
    created: Counter[str] = field(default_factory=Counter)

    def add_order(
        self,
        order_id: str,
        amount: Decimal | str,
        status: str,
        created_at: datetime,
        *,
        currency: str = "USD",
        end_reason: str | None = None,
        out_order_id: str | None = None,
        seller: str = "",
    ) -> SimOrder:
        """Make an order known, findable at once."""
        order = SimOrder(
            order_id=order_id,
            amount=Decimal(amount),
            currency=currency,
            status=status,
            created_at=created_at,
            end_reason=end_reason,
            out_order_id=out_order_id,
            seller=seller,
            visible_from=created_at,
        )
        self.orders[order_id] = order
        return order

    def add_product(
        self,
        product_id: str,
        title: str,
        *,
        price: Decimal | str = "0",
        skus: Iterable[SimSku] = (),
        deliveries: Iterable[SimDelivery] = (),
        currency: str = "USD",
    ) -> SimProduct:
        """Make a product known: with the variants given, or one at the price given."""
        product = SimProduct(
            product_id=product_id,
            title=title,
            skus=list(skus)
            or [SimSku(sku_id=f"{product_id}01", sku_attr="14:29", price=Decimal(price))],
            deliveries=list(deliveries) or [SimDelivery()],
            currency=currency,
        )
        self.products[product_id] = product
        return product

    def repeated(self, out_order_id: str) -> bool:
        """Return whether an order with this id was made within the provider's 24 hours."""
        horizon = self.clock() - timedelta(hours=24)
        return any(
            order.out_order_id == out_order_id and order.created_at > horizon
            for order in self.orders.values()
        )

    def create_order(
        self, out_order_id: str, amount: Decimal, currency: str, *, paid: bool
    ) -> SimOrder:
        """Make a new order under the next free id, and count it."""
        number = _FIRST_ORDER
        while str(number) in self.orders:
            number += 10_007
        now = self.clock()
        order = self.add_order(
            str(number),
            amount,
            "WAIT_SELLER_SEND_GOODS" if paid else "PLACE_ORDER_SUCCESS",
            now,
            currency=currency,
            out_order_id=out_order_id,
        )
        order.visible_from = now + self.lookup_delay
        self.created[out_order_id] += 1
        return order
