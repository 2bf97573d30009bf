"""The journal of real orders: whether it can guard one, and which were placed before.

A question that it can't answer ends as BLOCKED, and nothing is ordered.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
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
    Limit,
    Plan,
    Unresolved,
    is_local_file,
)
from tests.acceptance.support.credentials import Account
from tests.acceptance.support.secrets import Secret

CRITERION = "placeorder.real-order-placed"
ATTEMPTS = 2
"""Orders of one key and day at most, with those that the supplier refused."""
PRICE = "price"
"""The limit of an order's action: what was quoted, and PRODSTATUS_SPEND_LIMIT."""
PAID = {"mode": "paid"}
"""The details of an order that proves the purchase: one that was to be paid at once."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderKey:
    """What is bought, from whom, with which application and for which project: an order's key.

    The target's name is no part of it: three names of one store would buy three times. Neither is
    who connected the account: it can be the same one, and would be charged again.

    Attributes:
        project: the project.
        target: the target's name, by which orders of older releases are found.
        product_id: the supplier's product.
        account: the account at the supplier; of it, the key has only the application.
    """

    project: str
    target: str
    product_id: str
    account: Account

    @property
    def subject(self) -> str:
        """The subject of the order's action in the journal."""
        application = self.account.application
        return f"product {self.product_id} from AliExpress for application {application}"

    def concerns(self, action: Action) -> bool:
        """Return whether an action is an order of this key, or of an older release and may be."""
        return action.is_of(self.project) and (
            not action.subject or _is_same(action.subject, self.subject)
        )


class OrderPlan(Plan, frozen=True, kw_only=True):
    """The plan of an order, whose claim follows the orders under its key of older releases too."""

    def follows(self, action: Action) -> bool:
        """Return whether an action counts for the claim of this plan."""
        same = action.criterion == self.criterion and action.is_of(self.project)
        return super().follows(action) or (same and _is_same(action.subject, self.subject))


def _is_same(former: str, subject: str) -> bool:
    """Return whether a subject is the key's; older releases named who connected the account too."""
    return former == subject or former.startswith(f"{subject} of ")


def refuse_unresolved(journal: Journal, key: OrderKey) -> None:
    """End as BLOCKED, unresolved-intent, if it isn't known what an earlier order did."""
    for action in journal.unsettled(criterion=CRITERION):
        if key.concerns(action):
            block_on_unresolved(str(Unresolved(action)))


def all_orders(journal: Journal) -> tuple[Action, ...]:
    """Return the orders of every key, the newest first."""
    return journal.actions(criterion=CRITERION, limit=10_000)


def latest_order(
    journal: Journal, key: OrderKey, *, now: datetime, valid_for: timedelta
) -> Action | None:
    """Return the newest paid order that still proves the purchase, under any of its keys."""
    former = {
        order.subject for order in all_orders(journal) if order.subject and key.concerns(order)
    }
    found = [
        journal.latest_confirmed(
            CRITERION,
            key.target,
            project=key.project,
            subject=subject,
            since=now - valid_for,
            details=PAID,
        )
        for subject in (key.subject, *former)
    ]
    return max(filter(None, found), key=lambda order: order.id, default=None)


def order_price(action: Action) -> Limit:
    """Return what an order was quoted at, and the cap."""
    return next(limit for limit in action.limits if limit.name == PRICE)


def order_value(action: Action) -> Money:
    """Return what an order was quoted at."""
    price = order_price(action)
    return Money(price.amount, price.unit)


def out_order_id(action: Action) -> str:
    """Return the supplier's idempotency key of an order, the same in every process.

    At most 32 characters for the first 9999 attempts of a day: letters, digits and hyphens. The
    supplier honours a key for 24 hours and can't look an order up by it (its documentation of
    `out_order_id`), which is why the journal and not the key is what prevents a second order.
    """
    day, attempt = action.key.name, action.attempt
    named = json.dumps([*json.loads(action.chain), day, attempt])
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
