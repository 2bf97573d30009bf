"""What can be wrong with a store: each changes a healthy one, and nothing else in it."""
# ruff: noqa: D103 - each is described by its row in scenarios.py

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from tests.acceptance.demo.encryption import encrypted
from tests.acceptance.demo.paypal import SimPayout
from tests.acceptance.demo.world import Row, World


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


def no_paid_orders(world: World) -> None:
    for order in world.tables["orders"]:
        order.update(status="CREATED", paypalOrderId=None, aliexpressOrderId=None)
    _forget_sales(world)


def fulfilment_not_run(world: World) -> None:
    for order in world.tables["orders"]:
        order.update(status="PAID", aliexpressOrderId=None, lastAttemptAt=None)
    _forget_sales(world)


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


def sandbox_only(world: World) -> None:
    for sale in world.tables["sales"]:
        sale["environment"] = "sandbox"


def missing_sale(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    world.tables["sales"].remove(sale)
    commissions = world.tables["commissions"]
    commissions[:] = [row for row in commissions if row["saleId"] != sale["id"]]


def dangling_sale(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "SHIPPED")
    # A sale more, so that its order isn't left without one.
    world.tables["orders"].remove(world.order_of(sale))


def excluded_from_proof(world: World) -> None:
    notes = json.dumps({"truthFlags": {"excludedFromCommercialProof": True}})
    for order in world.tables["orders"]:
        order["fulfillmentNotes"] = notes
    for sale in world.where("sales", lambda sale: "-" in sale["orderId"]):
        sale["environment"] = "sandbox"


def negative_profit(world: World) -> None:
    sale = _newest(world, _completed)
    sale.update(
        grossProfit=Decimal("-3.33"), commissionAmount=Decimal("-0.33"), netProfit=Decimal("-3.00")
    )
    _payout_item(world, sale["adminPayoutId"]).amount = sale["commissionAmount"]
    _payout_item(world, sale["userPayoutId"]).amount = sale["netProfit"]


def profit_does_not_add_up(world: World) -> None:
    sale = _newest(world, _completed)
    sale["netProfit"] += Decimal("1.00")
    _payout_item(world, sale["userPayoutId"]).amount = sale["netProfit"]


def no_completed_sale(world: World) -> None:
    for sale in world.where("sales", _completed):
        sale.update(status="SHIPPED", completedAt=None)


def payout_failed(world: World) -> None:
    sale = _newest(world, lambda sale: sale["status"] == "PROCESSING")
    sale.update(status="PAYOUT_FAILED", adminPayoutId=None, userPayoutId=None, payoutExecuted=False)


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


def paypal_down(world: World) -> None:
    world.paypal.faults.down = True


def manual_purchase(world: World) -> None:
    for order in world.where("orders", lambda row: row["status"] == "PURCHASED"):
        order["manualPurchaseDate"] = order["updatedAt"]


def broken_cycle(world: World) -> None:
    newest = max(
        world.where("autopilot_cycle_logs", lambda row: row["stage"] == "full_cycle"),
        key=lambda row: (row["createdAt"], row["id"]),
    )
    newest.update(success=False, message="no capital left")


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


def _rewrite(world: World, change: Callable[[dict[str, object]], object]) -> None:
    """Encrypt the user's credential anew, with a change."""
    supplier = world.supplier
    credential: dict[str, object] = {
        "appKey": supplier.app_key,
        "appSecret": supplier.app_secret,
        "accessToken": supplier.access_token,
        "refreshToken": supplier.refresh_token,
        "accessTokenExpiresAt": f"{(world.now + timedelta(days=21)).isoformat()}",
        "sandbox": False,
    }
    change(credential)
    key = world.environment["ENCRYPTION_KEY"]
    row = _own_credential(world)
    row["credentials"] = encrypted(credential, key=key, iv=world.rng.randbytes(16))


def _real(world: World, sale: Row) -> bool:
    """Return whether a sale is an ordinary one: paid out, and of an order at the supplier."""
    if sale["environment"] != "production" or not sale.get("payoutExecuted"):
        return False
    orders = world.where("orders", lambda row: row["id"] == sale["orderId"])
    return bool(orders) and orders[0]["aliexpressOrderId"] in world.supplier.orders


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
