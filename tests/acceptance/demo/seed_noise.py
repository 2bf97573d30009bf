"""What a real store's tables also hold, and what must not move a verdict.

Stand-ins and excluded orders, other suppliers, trade in flight, purchases by hand and outside of
the store, a cart, abandoned and long-past orders, and notes that are not JSON.
"""

from __future__ import annotations

import json
from datetime import timedelta
from decimal import Decimal

from tests.acceptance.demo.seed_trade import pay_out, purchased, sold
from tests.acceptance.demo.world import Row, World

ODD_NOTES = (
    "called the buyer: will be late",
    "{not json, and truthFlags is only mentioned}",
    '{"truthFlags": {"excludedFromCommercialProof": true}',
    '{"truthFlags": "excludedFromCommercialProof"}',
    '{"truthFlags": {"excludedFromCommercialProof": "true"}}',
    '{"note": "\\u0000", "size": 1e999999999, "truthFlags": {"commercialProofEligible": true}}',
    '{"note": "\\ud800", "truthFlags": {"excludedFromCommercialProof": false}}',
    '[{"truthFlags": {"excludedFromCommercialProof": true}}]',
    '{"truthFlags": [true, {"excludedFromCommercialProof": true}]}',
    '{"nested": {"truthFlags": {"excludedFromCommercialProof": true}}}',
    '{"a": "' + "\\\\" * 20 + '", "truthFlags": null}',
    "{" * 500 + '"truthFlags"' + "}" * 500,
    "",
)
"""Notes that flag nothing."""

EXCLUDING_NOTES = (
    json.dumps({"truthFlags": {"excludedFromCommercialProof": True}}),
    json.dumps({"truthFlags": {"manuallyCancelledMarketplaceSide": True}, "by": "ops"}, indent=2),
    json.dumps({"log": [1.5, "}{", None], "truthFlags": {"commercialProofEligible": False}}),
    '{"note": "\\u0000\\\\", "n": 1e999999, "truthFlags": {"excludedFromCommercialProof": true}}',
)
"""Notes that exclude an order from commercial proof."""


def add_noise(world: World) -> None:
    """Add all of it."""
    product = next(row for row in world.tables["products"] if row["isPublished"])
    _add_stand_ins(world, product)
    _add_excluded(world, product)
    _add_other_suppliers(world, product)
    _add_by_hand(world, product)
    _add_unpaid_and_past(world, product)
    _add_in_flight(world, product)
    newest = sorted(
        (row for row in world.tables["orders"] if row["status"] == "PURCHASED"),
        key=lambda row: row["createdAt"],
    )
    for order, notes in zip(newest[-120::7], ODD_NOTES, strict=False):
        order.setdefault("fulfillmentNotes", notes)


def _add_stand_ins(world: World, product: Row) -> None:
    ids = ("SIMULATED_ORDER_ID", "TEST_SIMULATED", "FINAL_PAYOUT_TEST", "simulated-7")
    markers = ("TEST_", "mock-", "DEMO", "SIM_", "ord-test-", "REAL_TEST_", "test-full-cycle:")
    for number in range(28):
        order = purchased(
            world,
            product,
            world.ago(days=number + 0.2),
            paypalOrderId=f"{markers[number % 7]}{world.token(12)}",
        )
        del world.supplier.orders[order["aliexpressOrderId"]]
        order["aliexpressOrderId"] = ids[number % 4]
        if number % 2:
            sale = sold(world, order, product, status="COMPLETED", netProfit=Decimal("-1.00"))
            sale["environment"] = "production" if number % 4 == 1 else "sandbox"
    for number in range(10):
        when = world.ago(days=number * 2 + 0.3)
        sold(
            world, world.cuid(), product, createdAt=when, environment="sandbox", status="COMPLETED"
        )
    purchased(world, product, world.ago(days=4), status="SIMULATED", aliexpressOrderId="SIMULATED")


def _add_excluded(world: World, product: Row) -> None:
    changes = [{"failureReason": "MANUALLY_CANCELLED_MARKETPLACE_SIDE"}]
    changes += [{"fulfillmentNotes": notes} for notes in EXCLUDING_NOTES]
    for number, change in enumerate(changes):
        when = world.ago(days=number + 1.4)
        failed = purchased(world, product, when, status="FAILED", **change)
        failed["aliexpressOrderId"] = None
        simulated = purchased(world, product, when + timedelta(minutes=9), **change)
        simulated["aliexpressOrderId"] = "TEST_SIMULATED"
        sold(world, simulated, product, status="DELIVERED", netProfit=Decimal(0))


def _add_other_suppliers(world: World, product: Row) -> None:
    for number in range(12):
        order = purchased(world, product, world.ago(days=number * 2 + 0.6), supplier="cj")
        del world.supplier.orders[order["aliexpressOrderId"]]
        order.update(aliexpressOrderId=None, supplierOrderId=f"CJ{number:010}")
        pay_out(world, sold(world, order, product))
    purchased(
        world, product, world.ago(days=3), supplier="cj", status="FAILED", aliexpressOrderId="0"
    )


def _add_by_hand(world: World, product: Row) -> None:
    for number in range(6):
        when = world.ago(days=number * 4 + 0.1)
        hand = {"manualPurchaseDate": when} if number % 2 else {"manualFulfillmentRequired": True}
        order = purchased(world, product, when, **hand)
        # The supplier's API knows only what was bought through it.
        del world.supplier.orders[order["aliexpressOrderId"]]
        pay_out(world, sold(world, order, product))
    for number, word in enumerate(("manual", "ebay-fulfilled")):
        order = purchased(world, product, world.ago(days=number * 5 + 3.4))
        del world.supplier.orders[order["aliexpressOrderId"]]
        order["aliexpressOrderId"] = word
        pay_out(world, sold(world, order, product))
    for number in range(8):
        when = world.ago(days=number * 3 + 0.7)
        marketplace_number = f"{12 + number}-{world.rng.randint(10_000, 99_999)}-{89_012 + number}"
        pay_out(world, sold(world, marketplace_number, product, createdAt=when))


def _add_unpaid_and_past(world: World, product: Row) -> None:
    # A cart: one checkout, and two products.
    other = [row for row in world.tables["products"] if row["isPublished"]][1]
    for row in (product, other):
        order = purchased(world, row, world.ago(days=6.3), paypalOrderId="8BA12345CD678901E")
        pay_out(world, sold(world, order, row))
    for number in range(30):
        when = world.ago(days=number + 0.5)
        row = purchased(
            world, product, when, status="CREATED", paypalOrderId=None, lastAttemptAt=None
        )
        row["aliexpressOrderId"] = None
    statuses = ("FAILED", "MANUAL_ACTION_REQUIRED", "FULFILLMENT_BLOCKED", "PURCHASING", "PAID")
    for number, status in enumerate(statuses):
        row = purchased(world, product, world.ago(days=41 + number), status=status)
        row.update(aliexpressOrderId=None, errorMessage="out of stock")


def _add_in_flight(world: World, product: Row) -> None:
    fresh = {"aliexpressOrderId": None, "lastAttemptAt": None}
    for status, minutes in (("PAID", 6), ("PURCHASING", 12)):
        when = world.ago(minutes=minutes)
        row = purchased(world, product, when)
        del world.supplier.orders[row["aliexpressOrderId"]]
        row.update(fresh, status=status, updatedAt=when)
    unsold = purchased(world, product, world.ago(minutes=8))
    unsold.update(updatedAt=world.ago(minutes=2), lastAttemptAt=world.ago(minutes=2))
    sold(world, purchased(world, product, world.ago(minutes=31)), product, status="PROCESSING")
