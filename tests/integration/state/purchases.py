"""Plans to claim in the tests, and a clock that they can set."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from pytest_prodstatus.store.action import Mode, Plan

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc)
CRITERION = "placeorder.real-order-placed"
TARGET = "production"


class SetClock:
    """A clock that stands where it is put."""

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
    amount: str = "17.90",
    mode: Mode = "paid",
    who: str = "release job 7",
) -> Plan:
    """Return a plan for the UTC day of `now` that may be sent for an hour."""
    return Plan(
        criterion=criterion,
        target=target,
        day=now.astimezone(timezone.utc).date(),
        payload_hash="sha256:0f1e",
        amount=Decimal(amount),
        currency="USD",
        cap=Decimal("25.00"),
        who=who,
        route="direct",
        mode=mode,
        expires_at=now + timedelta(hours=1),
    )
