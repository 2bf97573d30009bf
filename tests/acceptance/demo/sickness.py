"""What can be wrong with a store: each changes a healthy one, and nothing else in it."""
# ruff: noqa: D103 - each is described by its row in scenarios.py

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.acceptance.demo.encryption import encrypted
from tests.acceptance.demo.paypal import SimPayout
from tests.acceptance.demo.seed_trade import log_attempt, pay_out, purchased, sold
from tests.acceptance.demo.world import Row, World

_FALLEN = ("CANCELLED", "RETURNED", "REFUNDED")


def no_credentials(world: World) -> None:
    rows = world.tables["api_credentials"]
    rows[:] = [row for row in rows if row is not _own_credential(world)]


def oauth_not_completed(world: World) -> None:
    _rewrite(world, lambda found: found.update(accessToken="", refreshToken=""))


def wrong_key(world: World) -> None:
    world.environment["ENCRYPTION_KEY"] = world.token(40)


def expired_token(world: World) -> None:
    ended = f"{world.ago(hours=1).isoformat(timespec='milliseconds')}Z"
    _rewrite(world, lambda found: found.update(accessTokenExpiresAt=ended))
    world.supplier.faults.reject_token = True


def unknown_expiry(world: World) -> None:
    _rewrite(world, lambda found: found.pop("accessTokenExpiresAt"))


def token_rejected(world: World) -> None:
    world.supplier.faults.reject_token = True


def supplier_down(world: World) -> None:
    world.supplier.faults.down = True


def plain_credential(world: World) -> None:
    _own_credential(world)["credentials"] = json.dumps(_credential(world))


def own_credential_first(world: World) -> None:
    good = _credential(world)
    expired_token(world)
    world.supplier.faults.reject_token = False
    # Newer, and good; the store uses the user's own row all the same.
    world.add(
        "api_credentials",
        userId=1,
        apiName="aliexpress-dropshipping",
        credentials=_sealed(world, good),
        scope="global",
        updatedAt=world.ago(hours=1),
    )


def global_credential(world: World) -> None:
    _own_credential(world)["scope"] = "global"


def credential_of_environment(world: World) -> None:
    no_credentials(world)
    world.environment |= {
        "ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN": world.supplier.access_token,
        "ALIEXPRESS_DROPSHIPPING_REFRESH_TOKEN": world.supplier.refresh_token,
        "ALIEXPRESS_DROPSHIPPING_APP_KEY": world.supplier.app_key,
        "ALIEXPRESS_DROPSHIPPING_APP_SECRET": world.supplier.app_secret,
    }


def salt_with_spaces(world: World) -> None:
    world.environment["ENCRYPTION_SALT"] = " pepper and salt "
    tokens = [world.supplier.access_token, *world.supplier.sellers]
    rows = world.where("api_credentials", lambda row: row.get("environment") != "sandbox")
    for row, token in zip(rows, tokens, strict=False):
        row["credentials"] = _sealed(world, {**_credential(world), "accessToken": token})


def few_permissions(world: World) -> None:
    world.supplier.permissions = frozenset(
        {"aliexpress.trade.ds.order.get", "aliexpress.ds.order.create"}
    )


def seller_token_rejected(world: World) -> None:
    world.supplier.sellers.clear()


def only_test_orders(world: World) -> None:
    for number, order in enumerate(world.tables["orders"]):
        order["paypalOrderId"] = f"{('TEST', 'ORD-TEST', 'SIM_')[number % 3]}-{number}"
    _to_sandbox(world, lambda sale: "-" in sale["orderId"])


def no_paid_orders(world: World) -> None:
    for order in world.tables["orders"]:
        order.update(status="CREATED", paypalOrderId=None, aliexpressOrderId=None)
    _forget_sales(world)


def fulfilment_not_run(world: World) -> None:
    for order in world.tables["orders"]:
        order.update(status="PAID", aliexpressOrderId=None, lastAttemptAt=None)
    world.tables["purchase_attempt_logs"].clear()
    _forget_sales(world)


def paid_order_touched(world: World) -> None:
    _unbought(world, lastAttemptAt=None, updatedAt=world.ago(minutes=5))


def paid_order_forgotten(world: World) -> None:
    _unbought(world, lastAttemptAt=None, updatedAt=world.ago(hours=30))


def paid_order_failing(world: World) -> None:
    # It has failed before, so it was paid long ago, however young its last update is.
    _unbought(world, lastAttemptAt=world.ago(minutes=5), fulfillRetryCount=2)


def manual_queue(world: World) -> None:
    _unbought(
        world,
        status="PURCHASING",
        fulfillRetryCount=3,
        manualFulfillmentRequired=True,
        lastAttemptAt=world.ago(hours=20),
        updatedAt=world.ago(minutes=5),
    )


def bought_outside(world: World) -> None:
    for number in range(2):
        sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
        world.order_of(sale)["aliexpressOrderId"] = ("manual", "ebay-fulfilled")[number]


def one_simulated_id(world: World) -> None:
    world.order_of(_newest(world, _completed))["aliexpressOrderId"] = "TEST_SIMULATED"


def bought_twice(world: World) -> None:
    order = world.order_of(_newest(world, _completed))
    log_attempt(world, order, order["updatedAt"] + timedelta(minutes=6))


def marketplace_order_bought_twice(world: World) -> None:
    first = world.order_of(_newest(world, _completed))
    products = world.where("products", lambda row: row["id"] == first["productId"])
    later = world.now.replace(tzinfo=None) - timedelta(days=1)
    again = purchased(world, products[0], later, paypalOrderId=first["paypalOrderId"])
    again.update(price=first["price"], currency=first["currency"])
    pay_out(world, sold(world, again, products[0], currency=first["currency"]))


def stuck_purchasing(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "PROCESSING")
    began = world.ago(hours=3)
    world.order_of(sale).update(
        status="PURCHASING", createdAt=began, updatedAt=began, lastAttemptAt=began
    )


def simulated_order_ids(world: World) -> None:
    for order in world.where("orders", lambda row: row["status"] == "PURCHASED"):
        order["aliexpressOrderId"] = "SIMULATED_ORDER_ID"


def duplicate_supplier_id(world: World) -> None:
    sales = world.where("sales", lambda sale: _real(world, sale))
    # One within the window, the other long before it.
    world.order_of(sales[-1])["aliexpressOrderId"] = world.order_of(sales[0])["aliexpressOrderId"]


def unknown_to_supplier(world: World) -> None:
    order = world.order_of(_newest(world, lambda sale: sale["status"] == "PROCESSING"))
    del world.supplier.orders[order["aliexpressOrderId"]]


def sandbox_only(world: World) -> None:
    for sale in world.tables["sales"]:
        sale["environment"] = "sandbox"


def missing_sale(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    _remove_sale(world, sale)


def missing_sale_touched(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    _remove_sale(world, sale)
    world.order_of(sale)["updatedAt"] = world.ago(minutes=3)


def cart(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    world.order_of(sale)["paypalOrderId"] = "ebay:31-41592-65358"
    (product, *_) = world.where("products", lambda row: row["id"] != sale["productId"])
    when = sale["createdAt"] + timedelta(minutes=1)
    pay_out(world, sold(world, "31-41592-65358", product, createdAt=when))


def dangling_sale(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    # A sale more, so that its order isn't left without one.
    world.tables["orders"].remove(world.order_of(sale))


def trade_sold_twice(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    world.order_of(sale)["paypalOrderId"] = "ebay:31-41592-65358"
    products = world.where("products", lambda row: row["id"] == sale["productId"])
    when = sale["createdAt"] + timedelta(minutes=1)
    pay_out(world, sold(world, "31-41592-65358", products[0], createdAt=when))


def excluded_from_proof(world: World) -> None:
    notes = json.dumps({"truthFlags": {"excludedFromCommercialProof": True}})
    for order in world.tables["orders"]:
        order["fulfillmentNotes"] = notes
    _to_sandbox(world, lambda sale: "-" in sale["orderId"])


def negative_profit(world: World) -> None:
    # Nothing is owed of a loss, so nothing is paid out.
    _newest(world, _completed).update(
        grossProfit=Decimal("-3.33"),
        commissionAmount=Decimal(0),
        netProfit=Decimal("-3.33"),
        adminPayoutId=None,
        userPayoutId=None,
        payoutExecuted=False,
    )


def no_profit_at_all(world: World) -> None:
    for sale in world.tables["sales"]:
        sale["netProfit"] = Decimal("-3.33")


def profit_does_not_add_up(world: World) -> None:
    sale = _newest(world, _completed)
    sale["netProfit"] += Decimal("1.00")
    _payout_item(world, sale["userPayoutId"]).amount = sale["netProfit"]


def negative_fee(world: World) -> None:
    _newest(world, _completed)["marketplaceFee"] = Decimal("-2.00")


def price_of_another_order(world: World) -> None:
    sale = _newest(world, _in_dollars)
    world.order_of(sale).update(paypalOrderId="8BA12345CD678901F", price=sale["salePrice"] - 9)


def currency_of_another_order(world: World) -> None:
    sale = _newest(world, _in_dollars)
    world.order_of(sale).update(paypalOrderId="8BA12345CD678901F", currency="EUR")


def shipping_left_out(world: World) -> None:
    sale = _newest(world, _in_dollars)
    (product,) = world.where("products", lambda row: row["id"] == sale["productId"])
    product.update(shippingCost=Decimal("2.50"), importTax=Decimal("0.75"))
    gross = sale["salePrice"] - sale["aliexpressCost"] - sale["marketplaceFee"]
    _earn(world, sale, gross, Decimal("0.10"))
    for other in world.where("sales", lambda row: row["productId"] == product["id"]):
        if other is not sale:  # its own sums follow from the costs of its time
            other["createdAt"] = min(other["createdAt"], world.ago(days=50))


def no_commission(world: World) -> None:
    world.tables["platform_config"][0]["platformCommissionPct"] = Decimal(0)
    for sale in world.where("sales", lambda sale: sale["status"] not in _FALLEN):
        _earn(world, sale, sale["grossProfit"], Decimal(0))


def commission_changed(world: World) -> None:
    config = world.tables["platform_config"][0]
    config.update(platformCommissionPct=Decimal("12.50"), updatedAt=world.ago(days=8))
    for sale in world.where("sales", lambda sale: sale["status"] not in _FALLEN):
        if sale["createdAt"] >= config["updatedAt"]:
            _earn(world, sale, sale["grossProfit"], Decimal("0.125"))


def commission_of_no_time(world: World) -> None:
    commission_changed(world)
    old = world.ago(days=9)
    sale = _newest(world, lambda sale: _in_dollars(sale) and sale["createdAt"] < old)
    _earn(world, sale, sale["grossProfit"], Decimal("0.30"))


def currencies_without_cents(world: World) -> None:
    rates = {"VND": 25_000, "IDR": 16_000, "CLP": 950, "KRW": 1_400}
    dollars = [sale for sale in world.where("sales", _in_dollars) if _real(world, sale)]
    for sale, (currency, rate) in zip(reversed(dollars), rates.items(), strict=False):
        order = world.order_of(sale)
        for column in ("salePrice", "marketplaceFee"):
            sale[column] = (sale[column] * rate).quantize(Decimal(1))
        sale["currency"] = currency
        order.update(price=sale["salePrice"], currency=currency)
        # The store rounds to two digits before it rounds to none.
        gross = (sale["grossProfit"] * rate).quantize(Decimal("0.01")) - Decimal("0.51")
        _earn(world, sale, gross, Decimal("0.10"), digits=0)


def refunded(world: World) -> None:
    for status in ("REFUNDED", "RETURNED"):
        _newest(world, lambda sale: sale["status"] == "PROCESSING").update(
            status=status, netProfit=Decimal("-7.00"), adminPayoutId=None, payoutExecuted=False
        )


def no_completed_sale(world: World) -> None:
    for sale in world.where("sales", _completed):
        sale.update(status="SHIPPED", completedAt=None)


def payout_failed(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "PROCESSING")
    sale.update(status="PAYOUT_FAILED", adminPayoutId=None, userPayoutId=None, payoutExecuted=False)


def payout_retried(world: World) -> None:
    _newest(world, lambda sale: sale["status"] == "PROCESSING")["status"] = "PAYOUT_FAILED"


def own_paypal(world: World) -> None:
    _own_application(world, {"clientId": "seller-app", "clientSecret": "seller-app-secret"})


def own_paypal_unusable(world: World) -> None:
    _own_application(world, {"clientId": "seller-app", "clientSecret": "of-long-ago"})


def nothing_paid_out(world: World) -> None:
    for sale in world.tables["sales"]:
        sale.update(adminPayoutId=None, userPayoutId=None, payoutExecuted=False)


def payout_half(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    sale.update(userPayoutId=None, payoutExecuted=False)


def payout_twice(world: World) -> None:
    shipped = [sale for sale in world.where("sales", _completed) if _real(world, sale)]
    shipped[-1]["userPayoutId"] = shipped[-2]["userPayoutId"]


def payout_unclaimed(world: World) -> None:
    _payout_item(world, _newest(world, _completed)["userPayoutId"]).status = "UNCLAIMED"


def payout_wrong_amount(world: World) -> None:
    _payout_item(world, _newest(world, _completed)["adminPayoutId"]).amount += Decimal("0.01")


def payout_wrong_receiver(world: World) -> None:
    item = _payout_item(world, _newest(world, _completed)["userPayoutId"])
    item.receiver = "someone.else@mail.example"


def paypal_not_configured(world: World) -> None:
    for name in [name for name in world.environment if name.startswith("PAYPAL_")]:
        del world.environment[name]


def paypal_without_payouts(world: World) -> None:
    world.paypal.scopes = ("openid",)


def paypal_down(world: World) -> None:
    world.paypal.faults.down = True


def manual_purchase(world: World) -> None:
    for order in world.where("orders", lambda row: row["status"] == "PURCHASED"):
        order["manualPurchaseDate"] = order["updatedAt"]


def broken_cycle(world: World) -> None:
    world.add(
        "autopilot_cycle_logs",
        userId=1,
        cycleId=world.token(12),
        stage="full_cycle",
        success=False,
        message="no capital left",
        createdAt=world.ago(minutes=9),
    )


def trend_of_another_product(world: World) -> None:
    for found in world.tables["opportunities"]:
        found["title"] = f"{found['title']}, red"


def product_after_order(world: World) -> None:
    for row in world.tables["products"] + world.tables["opportunities"]:
        row["createdAt"] = world.ago(minutes=1)


def never_published(world: World) -> None:
    world.tables["marketplace_listings"].clear()
    for product in world.tables["products"]:
        product["publishedAt"] = None


def payments_not_captured(world: World) -> None:
    for order in world.tables["orders"]:
        order["paypalOrderId"] = None


def first_product(world: World) -> None:
    # Product and opportunity are written in one cycle, in any order, and nothing was before them.
    world.tables["opportunities"].clear()
    order = world.order_of(_newest(world, _completed))
    (product,) = world.where("products", lambda row: row["id"] == order["productId"])
    world.add(
        "opportunities",
        userId=product["userId"],
        title=product["title"],
        createdAt=product["createdAt"] + timedelta(seconds=8),
    )


def unusual(world: World) -> None:
    for change in (salt_with_spaces, few_permissions, manual_queue, bought_outside, refunded):
        change(world)
    for change in (payout_retried, own_paypal, first_product, currencies_without_cents):
        change(world)


def schema_drift(world: World) -> None:
    world.statements.append('ALTER TABLE sales RENAME COLUMN "netProfit" TO "profitNet"')


def database_down(world: World) -> None:
    world.served = False


def slow_database(world: World) -> None:
    world.environment["PRODSTATUS_STATEMENT_TIMEOUT"] = "100ms"
    for table in ("api_credentials", "orders", "sales", "autopilot_cycle_logs"):
        world.statements += [
            f"ALTER TABLE {table} RENAME TO {table}_real",
            f"CREATE VIEW {table} AS SELECT x.* FROM {table}_real x, pg_sleep(20)",
            f"GRANT SELECT ON {table} TO prodstatus_reader",
        ]


def _own_credential(world: World) -> Row:
    return world.tables["api_credentials"][0]


def _credential(world: World) -> dict[str, object]:
    supplier = world.supplier
    return {
        "appKey": supplier.app_key,
        "appSecret": supplier.app_secret,
        "accessToken": supplier.access_token,
        "refreshToken": supplier.refresh_token,
        "accessTokenExpiresAt": f"{(world.now + timedelta(days=21)).isoformat()}",
        "sandbox": False,
    }


def _rewrite(world: World, change: Callable[[dict[str, object]], object]) -> None:
    """Encrypt the user's credential anew, with a change."""
    credential = _credential(world)
    change(credential)
    _own_credential(world)["credentials"] = _sealed(world, credential)


def _sealed(world: World, credential: dict[str, object]) -> str:
    """Return a credential encrypted as the store would, with its key and salt."""
    key, iv = world.environment["ENCRYPTION_KEY"], world.rng.randbytes(16)
    return encrypted(credential, key=key, iv=iv, salt=world.environment["ENCRYPTION_SALT"])


def _real(world: World, sale: Row) -> bool:
    """Return whether a sale is an ordinary one: paid out, and of an order at the supplier."""
    if sale["environment"] != "production" or not sale.get("payoutExecuted"):
        return False
    orders = world.where("orders", lambda row: row["id"] == sale["orderId"])
    return bool(orders) and orders[0]["aliexpressOrderId"] in world.supplier.orders


def _to_sandbox(world: World, keep: Callable[[Row], bool]) -> None:
    for sale in world.where("sales", keep):
        sale["environment"] = "sandbox"


def _unbought(world: World, **changes: object) -> None:
    """Take the newest sale away, and leave its order PAID, a day old."""
    sale = _newest(world, lambda sale: sale["status"] == "PROCESSING")
    order = world.order_of(sale)
    _remove_sale(world, sale)
    logs = world.tables["purchase_attempt_logs"]
    logs[:] = [row for row in logs if row["orderId"] != order["id"]]
    order.update(
        {"status": "PAID", "aliexpressOrderId": None, "createdAt": world.ago(hours=30)} | changes
    )


def _remove_sale(world: World, sale: Row) -> None:
    world.tables["sales"].remove(sale)
    commissions = world.tables["commissions"]
    commissions[:] = [row for row in commissions if row["saleId"] != sale["id"]]


def _earn(world: World, sale: Row, gross: Decimal, rate: Decimal, *, digits: int = 2) -> None:
    """Give a sale a gross profit, what follows from it, and the payouts of that."""
    unit = Decimal(1).scaleb(-(0 if sale["currency"] == "JPY" else digits))
    commission = (gross * rate).quantize(unit, rounding=ROUND_HALF_UP)
    net = (gross - commission).quantize(unit, rounding=ROUND_HALF_UP)
    sale.update(grossProfit=gross, commissionAmount=commission, netProfit=net)
    for column, amount in (("adminPayoutId", commission), ("userPayoutId", net)):
        if sale.get(column) and not amount:
            sale[column] = None
        if sale.get(column):
            item = _payout_item(world, sale[column])
            item.amount, item.currency = amount, sale["currency"]


def _own_application(world: World, credential: dict[str, object]) -> None:
    """Give the second user an own PayPal application, which made that user's payouts."""
    world.paypal.applications["seller-app"] = "seller-app-secret"
    for sale in world.where("sales", lambda sale: sale["userId"] == 2):
        for column in ("adminPayoutId", "userPayoutId"):
            if sale.get(column):
                world.paypal.batches[sale[column]].application = "seller-app"
    world.add(
        "api_credentials",
        userId=2,
        apiName="paypal",
        credentials=_sealed(world, credential),
        updatedAt=world.ago(days=9),
    )


def _in_dollars(sale: Row) -> bool:
    return _completed(sale) and sale["currency"] == "USD"


def _completed(sale: Row) -> bool:
    return sale["status"] in ("DELIVERED", "COMPLETED")


def _newest(world: World, keep: Callable[[Row], bool]) -> Row:
    """Return the newest ordinary sale that a condition keeps."""
    kept = [sale for sale in world.where("sales", keep) if _real(world, sale)]
    return max(kept, key=lambda sale: sale["createdAt"])


def _payout_item(world: World, batch_id: str) -> SimPayout:
    return world.paypal.batches[batch_id].items[0]


def _forget_sales(world: World) -> None:
    world.tables["sales"].clear()
    world.tables["commissions"].clear()
