"""The demo store before it is booted: its rows, what its providers know, and its settings.

A scenario changes this, and only then is it written into a database and served.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from tests.acceptance.demo.aliexpress_state import SupplierState
from tests.acceptance.demo.paypal import PayoutState

Row: TypeAlias = dict[str, Any]

TABLES = (
    "users",
    "platform_config",
    "api_credentials",
    "products",
    "marketplace_listings",
    "opportunities",
    "orders",
    "sales",
    "commissions",
    "purchase_logs",
    "purchase_attempt_logs",
    "autopilot_cycle_logs",
    "system_configs",
)
"""The store's tables, in an order in which they can be filled."""


@dataclass(slots=True, kw_only=True)
class World:
    """A whole store in memory.

    Attributes:
        now: the one instant that every time in it is relative to (aware, UTC).
        rng: the source of all random values.
        tables: the rows of each table; a row may leave out columns that have a default.
        supplier: AliExpress.
        paypal: PayPal.
        environment: the settings; addresses are added when the store is booted.
        statements: SQL to run once the rows are there.
        served: False leaves the database out of reach.
    """

    now: datetime
    rng: random.Random = field(compare=False)
    supplier: SupplierState
    paypal: PayoutState
    environment: dict[str, str] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=lambda: {name: [] for name in TABLES})
    statements: list[str] = field(default_factory=list)
    served: bool = True

    def add(self, table: str, **columns: Any) -> Row:
        """Add a row; if it has no id it gets the next number."""
        rows = self.tables[table]
        row = {"id": len(rows) + 1, **columns}
        rows.append(row)
        return row

    def ago(self, **span: float) -> datetime:
        """Return an instant before now, as a column holds it: UTC without a zone."""
        return (self.now - timedelta(**span)).replace(tzinfo=None)

    def where(self, table: str, keep: Callable[[Row], bool]) -> list[Row]:
        """Return the rows of a table that a condition keeps."""
        return [row for row in self.tables[table] if keep(row)]

    def order_of(self, sale: Row) -> Row:
        """Return the order that a sale belongs to."""
        return next(row for row in self.tables["orders"] if row["id"] == sale["orderId"])

    def token(self, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
        """Return text that looks random and is the same each time."""
        return "".join(self.rng.choices(alphabet, k=length))

    def cuid(self) -> str:
        """Return an order id of the store's own form."""
        return "c" + self.token(24, string.ascii_lowercase + string.digits)

    def payout_id(self) -> str:
        """Return an id of PayPal's form for a payout batch."""
        return self.token(13, "ABCDEFGHJKLMNPQRSTUVWXYZ23456789")

    def supplier_id(self) -> str:
        """Return an id of AliExpress's form for an order."""
        return "81" + self.token(14, string.digits)
