"""The journal of real orders: whether it can guard one, and what it says of earlier ones.

Whatever it can't answer ends as BLOCKED, and nothing is ordered.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NoReturn

from pytest_prodstatus import Money, blocked
from pytest_prodstatus.store.action import Entry
from pytest_prodstatus.store.address import is_local_file
from pytest_prodstatus.store.errors import (
    Claimed,
    ClockBehind,
    JournalError,
    JournalUnavailable,
    Unresolved,
)
from pytest_prodstatus.store.journal import Journal
from tests.acceptance.support.secrets import Secret

CRITERION = "placeorder.real-order-placed"
VALID_FOR = timedelta(days=30)
"""How long a paid order proves the purchase: the stage's `valid_for`."""


def open_journal(url: Secret) -> Journal:
    """Return the journal of real orders, or end as BLOCKED if it can't be used.

    Args:
        url: where it is.
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
        url: where the journal is.
        target: the demo's orders aren't real, so its journal may be anywhere.
        in_ci: whether the disk goes away with this machine.
    """
    if in_ci and target != "demo" and is_local_file(url.reveal()):
        return ("PRODSTATUS_STATE_URL is a file of this CI machine, which goes away",)
    return ()


def refuse_unresolved(journal: Journal, target: str) -> None:
    """End as BLOCKED, unresolved-intent, if it isn't known what an earlier order did."""
    open_entries = journal.unresolved(CRITERION, target)
    if open_entries:
        block_on_unresolved(str(Unresolved(open_entries[0])))


def latest_order(journal: Journal, target: str, now: datetime) -> Entry | None:
    """Return the newest paid order that still proves the purchase."""
    return journal.latest_confirmed(CRITERION, target, since=now - VALID_FOR)


def order_value(entry: Entry) -> Money:
    """Return what an order was quoted at."""
    return Money(entry.amount, entry.currency)


def block_on_journal(error: JournalError) -> NoReturn:
    """End as BLOCKED with the kind that an error of the journal calls for."""
    if isinstance(error, (Unresolved, ClockBehind)):
        block_on_unresolved(str(error))
    if isinstance(error, Claimed):
        blocked(str(error), kind="not-armed", remedy="run again tomorrow (UTC)")
    kind = "missing-config" if isinstance(error, JournalUnavailable) else "inconclusive"
    blocked(str(error), kind=kind, remedy="see PRODSTATUS_STATE_URL; nothing was ordered")


def block_on_unresolved(reason: str) -> NoReturn:
    """End as BLOCKED, unresolved-intent: a person has to ask the supplier."""
    blocked(
        reason,
        kind="unresolved-intent",
        remedy="ask the supplier what became of it and record the answer with "
        "`prodstatus journal resolve`",
    )
