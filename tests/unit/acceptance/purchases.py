"""A supplier, a journal and what a purchase is made with, for the tests of the one real order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import Action, Journal
from tests.acceptance.demo.aliexpress_state import SupplierState
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.credentials import Account
from tests.acceptance.support.purchase.arming import product_of
from tests.acceptance.support.purchase.journal import OrderKey
from tests.acceptance.support.purchase.order import Purchase
from tests.acceptance.support.purchase.routes import choose_route
from tests.acceptance.support.settings import Settings
from tests.unit.acceptance.providers import Clock, aliexpress_client

ARMED = {
    "REAL_PLACEORDER": "1",
    "PRODSTATUS_SPEND_LIMIT": "25.00 USD",
    "TEST_PRODUCT_URL": "https://www.aliexpress.com/item/1005001234567890.html?x=1",
    "TEST_FULL_NAME": "A. Person",
    "TEST_ADDRESS": "1 Street",
    "TEST_CITY": "Town",
    "TEST_STATE": "State",
    "TEST_ZIP": "12345",
    "TEST_COUNTRY": "us",
    "TEST_PHONE": "+1 555-010-0000",
    "PRODSTATUS_STATE_URL": "sqlite:////var/lib/prodstatus/state.sqlite3",
}
"""Everything that a purchase needs."""

MINE = Account(application="12345678", owner="user 1")


@dataclass(kw_only=True)
class Bench:
    """A supplier, a journal and what a purchase is made with."""

    state: SupplierState
    url: str
    clock: Clock
    journal_url: str
    variables: dict[str, str]
    conditions: Callable[[], tuple[str, ...]]
    seen: dict[str, Any] = field(default_factory=dict)
    project: str = "shop"
    target: str = "demo"
    account: Account = MINE
    valid_for: timedelta = timedelta(days=30)

    def purchase(self, journal: Journal, client: AliExpressClient | None = None) -> Purchase:
        """Return a purchase of the bench's variables, through a client of its own or the given."""
        settings = Settings.from_environment(self.variables, target="demo", dotenv={})
        private = settings.purchase.private
        client = client or aliexpress_client(self.url, clock=self.clock, private=private)
        return Purchase(
            client=client,
            route=choose_route(settings.purchase, client),
            journal=journal,
            settings=settings.purchase,
            order_key=self.order_key,
            operator="a person",
            clock=self.clock,
            valid_for=self.valid_for,
            conditions=self.conditions,
            observe=self.seen.update,
        )

    @property
    def order_key(self) -> OrderKey:
        """The key of its orders."""
        return OrderKey(
            project=self.project,
            target=self.target,
            product_id=product_of(self.variables.get("TEST_PRODUCT_URL", "")) or "",
            account=self.account,
        )

    def journal(self) -> Journal:
        """Open the journal."""
        return Journal.open(self.journal_url, clock=self.clock)

    def place(self) -> Action:
        """Place an order as a process of its own would."""
        with self.journal() as journal:
            return self.purchase(journal).place()

    def blocked(self) -> tuple[str, str]:
        """Place an order that has to end as BLOCKED; return the reason's kind and text."""
        with pytest.raises(Blocked) as caught:
            self.place()
        return caught.value.reason.kind.value, caught.value.reason.text

    @property
    def ordered(self) -> int:
        """How many orders the supplier has made."""
        return sum(self.state.created.values())
