"""A valid plan and actions in any state, for the rules that need no database."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

from pytest_prodstatus.store.action import Action, Event, Key, Limit, Plan, State

NOON = datetime(2026, 3, 10, 12, 0, tzinfo=timezone.utc)
TODAY = NOON.date()


def day_key(day: date) -> Key:
    """Return the key of a day."""
    return Key(period="day", name=day.isoformat())


def limit(**changes: Any) -> Limit:
    """Return a valid limit, some of its fields changed."""
    valid: dict[str, Any] = {
        "name": "price",
        "amount": Decimal("17.90"),
        "maximum": Decimal("25.00"),
        "unit": "USD",
    }
    return Limit(**(valid | changes))


def fields(**changes: Any) -> dict[str, Any]:
    """Return the fields of a valid plan, some of them changed."""
    return {
        "criterion": "payment.payment-arrives",
        "project": "shop",
        "target": "production",
        "key": day_key(TODAY),
        "payload_digest": "sha256:0f1e",
        "limits": (limit(),),
        "armed_by": "release job 7",
        "expires_at": NOON + timedelta(hours=1),
        "details": {"mode": "instant"},
    } | changes


def plan(**changes: Any) -> Plan:
    """Return a plan."""
    return Plan(**fields(**changes))


def action(
    *states: State,
    day: date = TODAY,
    key: Key | None = None,
    attempt: int = 1,
    resolution: bool = False,
    at: datetime | None = None,
) -> Action:
    """Return an action that went through INTENT at noon of its day and then `states`, at `at`."""
    path = (State.INTENT, *states)
    claimed = NOON + (day - TODAY)
    events = tuple(
        Event(
            at=claimed if number == 1 else at or claimed,
            state=state,
            note="",
            who="release job 7",
            resolution=resolution and number == len(path),
        )
        for number, state in enumerate(path, start=1)
    )
    values = fields(key=key or day_key(day))
    return Action(**values, id=1, attempt=attempt, state=path[-1], events=events)
