"""A valid plan and entries in any state, for the rules that need no database."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from pytest_prodstatus.store.action import Entry, Event, Plan, State

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc)
TODAY = NOON.date()


def fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of a valid plan, some of them changed."""
    return {
        "criterion": "placeorder.real-order-placed",
        "target": "production",
        "day": TODAY,
        "payload_hash": "sha256:0f1e",
        "amount": Decimal("17.90"),
        "currency": "USD",
        "cap": Decimal("25.00"),
        "who": "release job 7",
        "route": "direct",
        "mode": "paid",
        "expires_at": NOON + timedelta(hours=1),
    } | changes


def plan(**changes: Any) -> Plan:
    """Return a plan."""
    return Plan(**fields(**changes))


def entry(
    *states: State,
    day: date = TODAY,
    attempt: int = 1,
    resolution: bool = False,
    at: datetime = NOON,
) -> Entry:
    """Return an entry that went through PLANNED, INTENT and then `states`."""
    path = (State.PLANNED, State.INTENT, *states)
    events = tuple(
        Event(
            at=at,
            state=state,
            detail="",
            who="release job 7",
            resolution=resolution and number == len(path),
        )
        for number, state in enumerate(path, start=1)
    )
    return Entry(**fields(day=day), id=1, attempt=attempt, out_order_id="ps-1", events=events)
