"""Whether a plan may be claimed, decided from the whole history of its criterion and target.

How a claim of a living process is told from one that a dead process left: it isn't. Process
numbers are reused, hosts differ and heartbeats stop in a pause, so an INTENT or SENT of another
day blocks until it is settled, whoever wrote it, and one of the same day holds the day.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from pytest_prodstatus.state.entry import Entry, Event
from pytest_prodstatus.state.errors import Claimed, ClockBehind, InvalidRecord, Unresolved
from pytest_prodstatus.state.plan import Plan
from pytest_prodstatus.state.state import State


def next_attempt(history: Sequence[Entry], plan: Plan) -> int:
    """Return the number of the attempt that `plan` may claim, 1 on a new day.

    Args:
        history: every entry of the plan's criterion and target.
        plan: what is to be bought; its day is today.

    Raises:
        Unresolved: an entry of another day is not settled; later days count too, since a clock
            may have jumped back.
        ClockBehind: a purchase was claimed or confirmed on a later day than the plan's.
        Claimed: an entry of the plan's day is anything but REJECTED.
    """
    for entry in history:
        if entry.day != plan.day and not entry.settled:
            raise Unresolved(entry)
    for entry in history:
        if entry.state is State.CONFIRMED and entry.last_day > plan.day:
            raise ClockBehind(entry, plan.day)
    today = [entry for entry in history if entry.day == plan.day]
    for entry in reversed(today):
        if entry.state is not State.REJECTED:
            raise Claimed(entry)
    return len(today) + 1


def require_current(plan: Plan, now: datetime) -> None:
    """Raise InvalidRecord unless `plan` is of the UTC day of `now` and has not expired."""
    if plan.day != now.date():
        msg = (
            f"The plan is of {plan.day.isoformat()} and today is {now.date().isoformat()} (UTC): "
            "plan again."
        )
        raise InvalidRecord(msg)
    if now >= plan.expires_at:
        msg = f"The plan expired at {plan.expires_at.isoformat()}: plan again."
        raise InvalidRecord(msg)


def first_events(plan: Plan, now: datetime) -> tuple[Event, Event]:
    """Return PLANNED and INTENT, which are written together with the claim."""
    planned = (
        f"{plan.mode} order by the {plan.route} route for {plan.amount} {plan.currency}, "
        f"cap {plan.cap} {plan.currency}, until {plan.expires_at.isoformat()}"
    )
    return (
        Event(at=now, state=State.PLANNED, detail=planned, who=plan.who),
        Event(at=now, state=State.INTENT, detail="claimed; nothing has left", who=plan.who),
    )
