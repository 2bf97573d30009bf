"""Clients and simulators for tests: planted secrets, a standing clock, a sleep that only notes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Any

from tests.acceptance.demo.aliexpress import AliExpressSimulator
from tests.acceptance.demo.aliexpress_state import SupplierState
from tests.acceptance.demo.paypal import PayoutState, PayPalSimulator
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.aliexpress.orders import Address, OrderRequest
from tests.acceptance.support.paypal.client import PayPalClient
from tests.acceptance.support.secrets import Secret

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
SELLER_TOKEN = "50000-planted-access-token"
APP_SECRET = "planted/app+secret"
CLIENT_ID = "planted-client-id"
CLIENT_SECRET = "planted-client-secret"
PLANTED = (SELLER_TOKEN, APP_SECRET, CLIENT_ID, CLIENT_SECRET)


class Sleeps(list[float]):
    """A `sleep` that returns at once and notes the seconds."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


class Clock:
    """A clock that stands still until a test moves it."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


def aliexpress_client(base_url: str = "https://supplier.test", **changes: Any) -> AliExpressClient:
    """Return a client that never sleeps, with planted secrets."""
    arguments: dict[str, Any] = {
        "app_key": "12345678",
        "app_secret": Secret(APP_SECRET),
        "access_token": Secret(SELLER_TOKEN),
        "clock": lambda: NOW,
        "sleep": Sleeps(),
        "timeout": (2.0, 2.0),
    }
    return AliExpressClient(base_url=base_url, **(arguments | changes))


def paypal_client(base_url: str = "https://paypal.test", **changes: Any) -> PayPalClient:
    """Return a client that never sleeps, with planted secrets."""
    arguments: dict[str, Any] = {
        "client_id": Secret(CLIENT_ID),
        "client_secret": Secret(CLIENT_SECRET),
        "clock": lambda: NOW,
        "sleep": Sleeps(),
        "timeout": (2.0, 2.0),
    }
    return PayPalClient(base_url=base_url, **(arguments | changes))


def order_request(**changes: Any) -> OrderRequest:
    """Return an order for one piece of product 1005001 (see `supplier`)."""
    arguments: dict[str, Any] = {
        "out_order_id": "ps-1",
        "product_id": "1005001",
        "quantity": 1,
        "sku_attr": "14:29",
        "logistics_service": "CAINIAO_STANDARD",
        "address": Address(
            contact_person="Planted Person",
            address="1 Planted Street",
            city="Planted City",
            province="Planted Province",
            country="US",
            zip="90210-planted",
            mobile_no="5550100-planted",
            phone_country="1",
        ),
        "currency": "USD",
        "pay": True,
    }
    return OrderRequest(**(arguments | changes))


@contextmanager
def supplier() -> Iterator[tuple[SupplierState, str, Clock]]:
    """Serve a supplier that knows the planted credential and one product."""
    clock = Clock()
    state = SupplierState(
        app_key="12345678",
        app_secret=APP_SECRET,
        access_token=SELLER_TOKEN,
        refresh_token="planted-refresh-token",
        clock=clock,
    )
    state.add_product("1005001", "A lamp", price="12.50")
    simulator = AliExpressSimulator(state)
    try:
        yield state, simulator.start(), clock
    finally:
        simulator.stop()


@contextmanager
def paypal() -> Iterator[tuple[PayoutState, str, Clock]]:
    """Serve a PayPal that knows the planted credential and no batch."""
    clock = Clock()
    state = PayoutState(client_id=CLIENT_ID, client_secret=CLIENT_SECRET, clock=clock)
    simulator = PayPalSimulator(state)
    try:
        yield state, simulator.start(), clock
    finally:
        simulator.stop()


class Shop:
    """A simulator with a client of it."""

    def __init__(self, state: SupplierState, url: str, clock: Clock) -> None:
        self.state = state
        self.url = url
        self.clock = clock
        self.client = self.another()

    def another(self, **changes: Any) -> AliExpressClient:
        """Return one more client."""
        return aliexpress_client(self.url, **({"clock": self.clock} | changes))
