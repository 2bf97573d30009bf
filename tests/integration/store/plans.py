"""Plans to claim in the tests, and a clock that they can set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal

from pytest_prodstatus.store.action import Detail, Key, Limit, Plan, once_a_day

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc)
CRITERION = "payment.payment-arrives"
TARGET = "production"
EVERY = 1 if os.environ.get("PRODSTATUS_SWEEP") == "1" else 3
"""A process is killed at one instant in so many: every day in three, and at each in the sweep."""


class SetClock:
    """A clock that always shows the instant that it was set to."""

    def __init__(self, now: datetime = NOON) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Move the clock, backwards too."""
        self.now += timedelta(**by)


def plan_at(
    now: datetime,
    *,
    criterion: str = CRITERION,
    target: str = TARGET,
    key: Key | None = None,
    amount: str = "17.90",
    armed_by: str = "release job 7",
    details: Mapping[str, Detail] | None = None,
) -> Plan:
    """Return a plan for the UTC day of `now`, or another key, that may be sent for an hour."""
    return Plan(
        criterion=criterion,
        project="shop",
        target=target,
        key=key or once_a_day(now),
        payload_digest="sha256:0f1e",
        limits=(Limit(name="price", amount=Decimal(amount), maximum=Decimal("25.00"), unit="USD"),),
        armed_by=armed_by,
        expires_at=now + timedelta(hours=1),
        details={"mode": "instant"} if details is None else details,
    )
