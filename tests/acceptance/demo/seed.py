"""The healthy store: users, credentials, products and the autopilot's days.

Everything is drawn from one fixed seed and one instant, so two stores of one instant are the same.
"""

from __future__ import annotations

import json
import random
from datetime import datetime, timedelta
from decimal import Decimal

from tests.acceptance.demo.aliexpress_state import SimDelivery, SimSku, SupplierState
from tests.acceptance.demo.encryption import SALT, encrypted
from tests.acceptance.demo.paypal import PayoutState
from tests.acceptance.demo.seed_noise import add_noise
from tests.acceptance.demo.seed_trade import add_trade
from tests.acceptance.demo.world import World

SEED = 20_260_101
PRODUCTS = 240
_DAYS = 60
_TEST_PRODUCT = "1005006123456789"
_WORDS = (
    (
        "Wireless",
        "Silicone",
        "Portable",
        "Foldable",
        "Magnetic",
        "Ceramic",
        "Bamboo",
        "Cotton",
        "Compact",
        "Solar",
    ),
    (
        "Lamp",
        "Charger",
        "Organizer",
        "Backpack",
        "Bottle",
        "Keyboard",
        "Tripod",
        "Blanket",
        "Speaker",
        "Planter",
    ),
)


def healthy(now: datetime) -> World:
    """Return a store in which every criterion holds at `now` (aware, UTC)."""
    rng = random.Random(SEED)
    world = World(
        now=now.replace(microsecond=0),
        rng=rng,
        supplier=SupplierState(app_key="", app_secret="", access_token=""),
        paypal=PayoutState(client_id="", client_secret=""),
    )
    _add_users(world)
    _add_access(world)
    _add_autopilot(world)
    _add_products(world)
    add_trade(world)
    add_noise(world)
    return world


def empty(now: datetime) -> World:
    """Return a store that was set up and has never traded."""
    world = healthy(now)
    trade = ("orders", "sales", "commissions", "purchase_logs", "purchase_attempt_logs")
    for table in (*trade, "autopilot_cycle_logs", "system_configs"):
        world.tables[table].clear()
    return world


def _add_users(world: World) -> None:
    for number, (name, role) in enumerate((("owner", "ADMIN"), ("seller", "USER")), start=1):
        world.add(
            "users",
            username=name,
            email=f"{name}@store.example",
            role=role,
            createdBy=None if number == 1 else 1,
            paypalPayoutEmail=f"payout.{name}@store.example",
            createdAt=world.ago(days=400 - number),
            updatedAt=world.ago(days=90),
        )
    world.add(
        "platform_config",
        platformCommissionPct=Decimal("10.00"),
        adminPaypalEmail="platform@store.example",
        updatedAt=world.ago(days=200),
    )


def _add_access(world: World) -> None:
    key, token = world.token(40), "5000" + world.token(60)
    app_key, app_secret = "512345", world.token(32)
    world.supplier.app_key, world.supplier.app_secret = app_key, app_secret
    world.supplier.access_token, world.supplier.refresh_token = token, "5001" + world.token(60)
    credential: dict[str, object] = {
        "appKey": app_key,
        "appSecret": app_secret,
        "accessToken": token,
        "refreshToken": world.supplier.refresh_token,
        "accessTokenExpiresAt": f"{world.ago(days=-21).isoformat(timespec='milliseconds')}Z",
        "sandbox": False,
    }
    common = {"apiName": "aliexpress-dropshipping", "updatedAt": world.ago(days=9)}
    sealed = encrypted(credential, key=key, iv=world.rng.randbytes(16))
    world.add("api_credentials", userId=1, credentials=sealed, **common)
    # Another seller's, who has an own token; a sandbox one that an old version left in plain JSON;
    # and another provider's.
    other = {**credential, "accessToken": "5000" + world.token(60)}
    world.supplier.sellers[str(other["accessToken"])] = "seller"
    sealed = encrypted(other, key=key, iv=world.rng.randbytes(16))
    world.add("api_credentials", userId=2, credentials=sealed, **common)
    plain = '{"appKey": "1", "appSecret": "x", "accessToken": "old", "sandbox": true}'
    world.add("api_credentials", userId=1, environment="sandbox", credentials=plain, **common)
    world.add(
        "api_credentials",
        userId=1,
        apiName="ebay",
        credentials=encrypted({"token": "x"}, key=key, iv=world.rng.randbytes(16)),
        scope="global",
        updatedAt=world.ago(days=30),
    )
    world.paypal.client_id, world.paypal.client_secret = world.token(80), world.token(80)
    world.supplier.add_product(
        _TEST_PRODUCT,
        "USB-C cable, 1 m",
        skus=[
            SimSku(sku_id=f"{_TEST_PRODUCT}1", sku_attr="14:193", price=Decimal("3.49"), stock=0),
            SimSku(sku_id=f"{_TEST_PRODUCT}2", sku_attr="14:29", price=Decimal("4.10"), stock=41),
            SimSku(sku_id=f"{_TEST_PRODUCT}3", sku_attr="14:175", price=Decimal("5.90"), stock=7),
        ],
        deliveries=[SimDelivery(fee=Decimal("1.99"), wording="cents")],
    )
    world.environment |= {
        "ENCRYPTION_KEY": key,
        "ENCRYPTION_SALT": SALT,
        "PAYPAL_ENVIRONMENT": "production",
        "PAYPAL_CLIENT_ID": world.token(80),  # the sandbox application: the next two win
        "PAYPAL_CLIENT_SECRET": world.token(80),
        "PAYPAL_PRODUCTION_CLIENT_ID": world.paypal.client_id,
        "PAYPAL_PRODUCTION_CLIENT_SECRET": world.paypal.client_secret,
        "TEST_USER_ID": "1",
        "TEST_PRODUCT_URL": f"https://www.aliexpress.com/item/{_TEST_PRODUCT}.html",
        "TEST_FULL_NAME": "Demo Recipient",
        "TEST_ADDRESS": "1 Example Street",
        "TEST_CITY": "Springfield",
        "TEST_STATE": "Oregon",
        "TEST_ZIP": "97477",
        "TEST_COUNTRY": "US",
        "TEST_PHONE": "+1 5415550100",
        "PRODSTATUS_SPEND_LIMIT": "10.00 USD",
        "PRODSTATUS_RETRY_BUDGET": "1s",
    }


def _add_autopilot(world: World) -> None:
    """Add what cycles leave behind: a log of failures alone, statistics, and opportunities."""
    for user, days in ((2, 11), (1, 33), (2, 52)):
        world.add(
            "autopilot_cycle_logs",
            userId=user,
            cycleId=world.token(12),
            stage="full_cycle",
            success=False,
            message="marketplace answered 503",
            errors='["publish: 503"]',
            durationMs=world.rng.randint(500, 90_000),
            createdAt=world.ago(days=days, hours=2),
        )
    stats = {
        "totalRuns": 2 * _DAYS,
        "totalProductsPublished": PRODUCTS,
        "successRate": 97.5,
        "lastRunTimestamp": f"{world.ago(hours=2).isoformat(timespec='milliseconds')}Z",
    }
    world.add(
        "system_configs",
        key="autopilot_stats",
        value=json.dumps(stats),
        updatedAt=world.ago(hours=2),
    )
    for day in range(_DAYS, -1, -1):
        for user in (1, 2):  # what was found and not made into a product
            world.add(
                "opportunities",
                userId=user,
                title=f"{_title(world)}, not chosen",
                createdAt=world.ago(days=day, hours=3),
            )


def _add_products(world: World) -> None:
    for number in range(PRODUCTS):
        age = timedelta(days=2 + (_DAYS - 4) * (PRODUCTS - number) / PRODUCTS).total_seconds()
        created = world.ago(seconds=age)
        live = number % 12 != 5
        price = Decimal(world.rng.randint(250, 4_500)) / 100
        extra = Decimal(world.rng.randint(0, 300)) / 100
        tax = (price * Decimal("0.05")).quantize(Decimal("0.01"))
        product = world.add(
            "products",
            userId=1 + number % 2,
            aliexpressUrl=f"https://www.aliexpress.com/item/{1005005000000000 + number}.html",
            title=f"{_title(world)}, model {number + 1}",
            aliexpressPrice=price,
            suggestedPrice=price * 3,
            finalPrice=price * 3,
            currency="USD",
            shippingCost=extra if number % 7 else None,
            importTax=tax if number % 5 else None,
            totalCost=price + extra + tax,
            status="PUBLISHED" if live else world.rng.choice(["PENDING", "REJECTED", "APPROVED"]),
            isPublished=live,
            publishedAt=created + timedelta(hours=5) if live and number % 3 else None,
            createdAt=created,
            updatedAt=created + timedelta(hours=6),
        )
        world.add(
            "opportunities",
            userId=product["userId"],
            title=product["title"],
            createdAt=created - timedelta(minutes=4),
        )
        if live:
            world.add(
                "marketplace_listings",
                userId=product["userId"],
                productId=product["id"],
                marketplace=world.rng.choice(["ebay", "mercadolibre", "amazon"]),
                listingId=str(world.rng.randint(10**11, 10**12 - 1)),
                status="active",
                publishedAt=created + timedelta(hours=5),
            )


def _title(world: World) -> str:
    return " ".join(world.rng.choice(words) for words in _WORDS)
