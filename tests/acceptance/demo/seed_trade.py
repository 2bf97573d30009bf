"""The healthy store's trade: orders bought at the supplier, sold with a profit and paid out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from tests.acceptance.demo.paypal import SimPayout
from tests.acceptance.demo.world import Row, World

ORDERS = 460
_DAYS = 45
_RATES = {"USD": Decimal(1), "EUR": Decimal("0.91"), "JPY": Decimal("151.3")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """What one sale comes to, in its currency."""

    price: Decimal
    fee: Decimal
    gross: Decimal
    commission: Decimal
    net: Decimal


def add_trade(world: World) -> None:
    """Add the orders that went all the way, with their sales and payouts."""
    products = [
        (product["createdAt"] + timedelta(days=1), product)
        for product in world.tables["products"]
        if product["isPublished"]
    ]
    for number in range(ORDERS):
        ordered = world.now - timedelta(days=_DAYS) * (ORDERS - number) / ORDERS
        ordered += timedelta(seconds=world.rng.randint(0, 3_000)) - timedelta(hours=2)
        instant = ordered.replace(microsecond=0, tzinfo=None)
        known = [product for since, product in products if since < instant]
        product = world.rng.choice(known)
        currency = _currency(number)
        order = purchased(world, product, instant, currency=currency)
        sale = sold(world, order, product, currency=currency)
        if number % 23 == 7:
            # It fell through: nothing is earned and nothing is paid out.
            ended = ("CANCELLED", "RETURNED", "REFUNDED")[number % 3]
            sale.update(status=ended, netProfit=Decimal("-4.20"))
        else:
            pay_out(world, sale)


def purchased(
    world: World, product: Row, ordered: datetime, *, currency: str = "USD", **changes: Any
) -> Row:
    """Add an order that was paid, bought at the supplier and is known there."""
    paid_by = _paid_by(world)
    # A Mercado Libre order has the supplier's cost where others have the price.
    of_cost = paid_by.startswith("mercadolibre:")
    price = product["aliexpressPrice"] if of_cost else amounts_of(product, currency).price
    bought = ordered + timedelta(seconds=world.rng.randint(60, 400))
    order = world.add(
        "orders",
        **{
            "id": world.cuid(),
            "userId": product["userId"],
            "productId": product["id"],
            "title": product["title"],
            "price": price,
            "currency": "USD" if of_cost else currency,
            "customerName": "A. Buyer",
            "customerEmail": "buyer@mail.example",
            "shippingAddress": '{"street": "12 Buyer Lane", "city": "Salem", "country": "US"}',
            "status": "PURCHASED",
            "paypalOrderId": paid_by,
            "aliexpressOrderId": world.supplier_id(),
            "productUrl": product["aliexpressUrl"],
            "lastAttemptAt": bought,
            "supplier": world.rng.choice([None, "aliexpress"]),
            "createdAt": ordered,
            "updatedAt": bought,
        }
        | changes,
    )
    if order["status"] == "PURCHASED":
        _buy(world, order, product)
    return order


def _buy(world: World, order: Row, product: Row) -> None:
    """Make the supplier know an order, and log the purchase."""
    bought = order["updatedAt"]
    age = world.now.replace(tzinfo=None) - bought
    status = "FINISH" if age > timedelta(days=25) else "WAIT_BUYER_ACCEPT_GOODS"
    if age < timedelta(days=3):
        status = "WAIT_SELLER_SEND_GOODS"
    world.supplier.add_order(
        order["aliexpressOrderId"],
        product["aliexpressPrice"],
        status,
        bought.replace(tzinfo=timezone.utc),
        end_reason="buyer_accept_goods" if status == "FINISH" else None,
        seller="seller" if product["userId"] == 2 else "",
    )
    if world.rng.random() < 0.05:  # a failed attempt before the one that worked
        log_attempt(world, order, bought - timedelta(seconds=40), error="out of stock")
    log_attempt(world, order, bought)
    world.add(
        "purchase_logs",
        userId=product["userId"],
        orderId=order["id"],
        productId=product["id"],
        supplierUrl=product["aliexpressUrl"],
        purchaseAmount=product["aliexpressPrice"],
        status="SUCCESS",
        success=True,
        supplierOrderId=order["aliexpressOrderId"],
        createdAt=bought,
        updatedAt=bought,
        completedAt=bought,
    )


def log_attempt(world: World, order: Row, at: datetime, error: str | None = None) -> None:
    """Log an attempt to buy an order; one without an error succeeded."""
    world.add(
        "purchase_attempt_logs",
        orderId=order["id"],
        provider="aliexpress",
        success=error is None,
        error=error,
        createdAt=at,
    )


def sold(
    world: World, order: Row | str, product: Row, *, currency: str = "USD", **changes: Any
) -> Row:
    """Add the sale of an order (or of a marketplace's order number), not paid out yet."""
    if isinstance(order, str):
        order_id, made = order, changes.pop("createdAt")
    else:
        order_id, made = order["id"], order["updatedAt"] + timedelta(seconds=90)
    age = world.now.replace(tzinfo=None) - made
    status = "COMPLETED" if age > timedelta(days=9) else "SHIPPED"
    if age < timedelta(days=5):
        status = "DELIVERED" if world.rng.random() < 0.3 else "PROCESSING"
    done = status in ("COMPLETED", "DELIVERED")
    amounts = amounts_of(product, currency)
    return world.add(
        "sales",
        **{
            "userId": product["userId"],
            "productId": product["id"],
            "orderId": order_id,
            "marketplace": _marketplace(world, order),
            "salePrice": amounts.price,
            "aliexpressCost": product["aliexpressPrice"],
            "marketplaceFee": amounts.fee,
            "grossProfit": amounts.gross,
            "commissionAmount": amounts.commission,
            "netProfit": amounts.net,
            "currency": currency,
            "status": status,
            "isCompleteCycle": done,
            "completedAt": min(made + timedelta(days=4), world.ago(minutes=5)) if done else None,
            "buyerEmail": "buyer@mail.example",
            "environment": "production",
            "createdAt": made,
            "updatedAt": made + timedelta(minutes=5),
        }
        | changes,
    )


def amounts_of(product: Row, currency: str) -> Amounts:
    """Return what selling a product in a currency comes to: one third over three times its cost."""
    rate = _RATES[currency]
    cost = product["aliexpressPrice"] + (product["shippingCost"] or 0) + (product["importTax"] or 0)
    price = _rounded(product["finalPrice"] * rate + 8 * rate, currency)
    fee = _rounded(price * Decimal("0.12"), currency)
    gross = _rounded(price - cost * rate - fee, currency)
    commission = _rounded(gross * Decimal("0.10"), currency)
    return Amounts(price=price, fee=fee, gross=gross, commission=commission, net=gross - commission)


def pay_out(world: World, sale: Row) -> None:
    """Pay a sale out: both batches at PayPal and their ids at the sale."""
    user = world.tables["users"][sale["userId"] - 1]
    admin = world.tables["platform_config"][0]["adminPaypalEmail"]
    made = sale["createdAt"] + timedelta(minutes=6)
    payments = (
        ("adminPayoutId", sale["commissionAmount"], admin),
        ("userPayoutId", sale["netProfit"], user["paypalPayoutEmail"]),
    )
    for column, amount, receiver in payments:
        batch = sale[column] = world.payout_id()
        item = SimPayout(
            item_id=world.payout_id(),
            amount=amount,
            receiver=receiver,
            currency=sale["currency"],
            transaction_id=world.token(17, "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"),
            sender_item_id=f"{sale['orderId']}-{column}",
        )
        world.paypal.add_batch(batch, [item], created_at=made.replace(tzinfo=timezone.utc))
    sale["payoutExecuted"] = True
    world.add(
        "commissions",
        userId=sale["userId"],
        saleId=sale["id"],
        amount=sale["commissionAmount"],
        currency=sale["currency"],
        status="PAID",
        environment=sale["environment"],
        paidAt=made,
        createdAt=sale["createdAt"],
        updatedAt=made,
    )


def _paid_by(world: World) -> str:
    """Return what paid for an order: a checkout at PayPal, or a marketplace's order."""
    digits = world.token(15, "123456789")
    numbers = {
        "ebay": f"ebay:{digits[:2]}-{digits[2:7]}-{digits[7:12]}",
        "mercadolibre": f"mercadolibre:2000{digits[:12]}",
        "amazon": f"amazon:{digits[:3]}-{digits[3:10]}-{digits[8:]}",
    }
    checkout = world.token(17, "ABCDFGHJKLNPQRUVWXYZ0123456789")
    return world.rng.choice([checkout, checkout, *numbers.values()])


def _marketplace(world: World, order: Row | str) -> str:
    name = "" if isinstance(order, str) else str(order["paypalOrderId"]).partition(":")[0]
    names = ["ebay", "mercadolibre", "amazon"]
    return name if name in names else world.rng.choice(names)


def _currency(number: int) -> str:
    if number % 17 == 3:
        return "JPY"
    return "EUR" if number % 9 == 4 else "USD"


def _rounded(amount: Decimal, currency: str) -> Decimal:
    unit = Decimal(1) if currency == "JPY" else Decimal("0.01")
    return amount.quantize(unit, rounding=ROUND_HALF_UP)
