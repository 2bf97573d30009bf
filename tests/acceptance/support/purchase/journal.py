"""The journal of real orders: whether it can guard one, and which were placed before.

A question that it can't answer ends as BLOCKED, and nothing is ordered.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime, timedelta
from typing import NoReturn

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.journal import (
    Action,
    Claimed,
    ClockBehind,
    Journal,
    JournalError,
    JournalUnavailable,
    Unresolved,
    is_local_file,
)
from tests.acceptance.support.secrets import Secret

CRITERION = "placeorder.real-order-placed"
VALID_FOR = timedelta(days=30)
"""How long a paid order proves the purchase: the stage's `valid_for`."""
PRICE = "price"
"""The limit of an order's action: what was quoted, and PRODSTATUS_SPEND_LIMIT."""
_DIGITS = 12


def open_journal(url: Secret) -> Journal:
    """Return the journal of real orders, or end as BLOCKED if it can't be used.

    Args:
        url: the journal's URL; it may hold a password.
    """
    opened, why = None, ""
    try:
        opened = Journal.open(url.reveal())
    except JournalError as error:
        why = str(error)
    if opened is None:  # outside the `except`, so that no traceback holds the address
        blocked(why, kind="missing-config", remedy="set PRODSTATUS_STATE_URL")
    return opened


def journal_conditions(url: Secret, *, target: str, in_ci: bool) -> tuple[str, ...]:
    """Return why the journal can't guard a real order; empty if it can.

    Args:
        url: the journal's URL.
        target: the demo's orders aren't real, so its journal may be anywhere.
        in_ci: whether the disk goes away with this machine.
    """
    if in_ci and target != "demo" and is_local_file(url.reveal()):
        return ("PRODSTATUS_STATE_URL is a file of this CI machine, which goes away",)
    return ()


def refuse_unresolved(journal: Journal, target: str) -> None:
    """End as BLOCKED, unresolved-intent, if it isn't known what an earlier order did."""
    open_actions = journal.unsettled(criterion=CRITERION, target=target)
    if open_actions:
        block_on_unresolved(str(Unresolved(open_actions[0])))


def latest_order(journal: Journal, project: str, target: str, now: datetime) -> Action | None:
    """Return the project's newest paid order that still proves the purchase."""
    return journal.latest_confirmed(
        CRITERION,
        target,
        project=project,
        since=now - VALID_FOR,
        details={"mode": "paid"},
    )


def order_value(action: Action) -> Money:
    """Return what an order was quoted at."""
    price = next(limit for limit in action.limits if limit.name == PRICE)
    return Money(price.amount, price.unit)


def out_order_id(action: Action) -> str:
    """Return the supplier's idempotency key of an order, the same in every process.

    At most 32 characters for the first 9999 attempts of a day: letters, digits and hyphens. The
    supplier honours a key for 24 hours and can't look an order up by it (its documentation of
    `out_order_id`), which is why the journal and not the key is what prevents a second order.
    """
    day, attempt = action.key.name, action.attempt
    named = json.dumps([action.criterion, action.target, day, attempt])
    digest = hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]
    return f"ps-{day.replace('-', '')}-{attempt}-{digest}"


def block_on_journal(error: JournalError) -> NoReturn:
    """End as BLOCKED with the kind that an error of the journal calls for."""
    if isinstance(error, (Unresolved, ClockBehind)):
        block_on_unresolved(str(error))
    if isinstance(error, Claimed):
        blocked(str(error), kind="not-armed", remedy="run again tomorrow (UTC)")
    kind = "missing-config" if isinstance(error, JournalUnavailable) else "inconclusive"
    blocked(str(error), kind=kind, remedy="see PRODSTATUS_STATE_URL; nothing was ordered")


def block_on_unresolved(reason: str) -> NoReturn:
    """End as BLOCKED, unresolved-intent: a person has to find out what became of the order."""
    blocked(
        reason,
        kind="unresolved-intent",
        remedy="find out from the supplier what became of it and record that with "
        "`prodstatus journal resolve`",
    )
