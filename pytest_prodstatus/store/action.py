"""What one real purchase is meant to be, and its entry in the journal with every event since."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Literal

from pytest_prodstatus.store.errors import InvalidRecord


class State(str, Enum):
    """One step in the life of a purchase, stored as its own name.

    PLANNED and INTENT are written together before anything is asked of the supplier; SENT is
    written before the order leaves; the last three are what came of it.
    """

    PLANNED = "PLANNED"
    INTENT = "INTENT"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"

    def __str__(self) -> str:
        return self.value

    @property
    def settled(self) -> bool:
        """Whether it is known what happened: an order exists, or it is proved that none does."""
        return self in (State.CONFIRMED, State.REJECTED)


Route = Literal["direct", "store"]
Mode = Literal["unpaid", "paid"]

_CURRENCY = re.compile(r"[A-Z]{3}")
_TEXT_LIMIT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One purchase, planned.

    Attributes:
        criterion: the id of the criterion that buys, as in `placeorder.real-order-placed`.
        target: the system the purchase is made for.
        day: the UTC day it belongs to; one claim a day.
        payload_hash: a digest of what will be sent, so that a person can compare.
        amount: the quoted total, exact, in `currency`; never above `cap`.
        currency: three upper-case letters.
        cap: the spending limit in `currency`.
        who: the person or job that armed the run.
        route: "direct" (our client) or "store" (the store's own purchase command).
        mode: "unpaid" (the order lapses) or "paid".
        expires_at: aware; the order may not be sent at or after this instant.

    Raises:
        InvalidRecord: a field is of the wrong kind or breaks its rule.
    """

    criterion: str
    target: str
    day: date
    payload_hash: str
    amount: Decimal
    currency: str
    cap: Decimal
    who: str
    route: Route
    mode: Mode
    expires_at: datetime

    def __post_init__(self) -> None:
        for name in ("criterion", "target", "payload_hash", "who"):
            _require_line(name, getattr(self, name))
        # A datetime is a date to isinstance, and two times of one day would be two claims.
        if type(self.day) is not date:
            msg = f"The plan's day is {self.day!r}; it must be a date without a time (UTC)."
            raise InvalidRecord(msg)
        for name in ("amount", "cap"):
            _require_amount(name, getattr(self, name))
        if self.amount > self.cap:
            msg = (
                f"The plan's amount {self.amount} {self.currency} is above its cap {self.cap}: "
                "raise the spending limit or choose a cheaper product."
            )
            raise InvalidRecord(msg)
        if not isinstance(self.currency, str) or not _CURRENCY.fullmatch(self.currency):
            msg = f"The plan's currency is {self.currency!r}; it must be three upper-case letters."
            raise InvalidRecord(msg)
        _require_one_of("route", self.route, ("direct", "store"))
        _require_one_of("mode", self.mode, ("unpaid", "paid"))
        require_aware("The plan's expires_at", self.expires_at)


def require_aware(what: str, value: object) -> None:
    """Raise InvalidRecord unless `value` is a datetime that knows its offset."""
    if not isinstance(value, datetime) or value.utcoffset() is None:
        msg = f"{what} is {value!r}; it must be a datetime with a time zone."
        raise InvalidRecord(msg)


def _require_line(name: str, value: object) -> None:
    if (
        not isinstance(value, str)
        or not value.strip()
        or not value.isprintable()
        or len(value) > _TEXT_LIMIT
    ):
        msg = (
            f"The plan's {name} is {value!r}; it must be one printable line of "
            f"1 to {_TEXT_LIMIT} characters."
        )
        raise InvalidRecord(msg)


def _require_amount(name: str, value: object) -> None:
    if not isinstance(value, Decimal) or not value.is_finite() or value < 0:
        msg = f"The plan's {name} is {value!r}; it must be a finite Decimal, zero or more."
        raise InvalidRecord(msg)


def _require_one_of(name: str, value: object, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        msg = f"The plan's {name} is {value!r}; it must be one of {', '.join(allowed)}."
        raise InvalidRecord(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the journal, never changed once written.

    Attributes:
        at: the UTC instant by the clock of the process that wrote it; events are ordered by
            their place in the journal, since a clock may jump.
        state: the state the purchase entered.
        detail: what was seen, in words.
        who: who wrote it: the plan's own `who`, or the one who resolved it.
        order_ids: the supplier's ids, on CONFIRMED only.
        resolution: whether it was written by `resolve` and not by the process that ordered.
    """

    at: datetime
    state: State
    detail: str
    who: str
    order_ids: tuple[str, ...] = ()
    resolution: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Plan):
    """A plan that was claimed, with what came of it.

    Attributes:
        id: the number it is resolved by.
        attempt: 1 for the day's first claim; each REJECTED one makes the next claimable.
        out_order_id: the key sent to the supplier, derived from criterion, target, day, attempt.
        events: all of them, in the order they were written; never empty.
    """

    id: int
    attempt: int
    out_order_id: str
    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        """Accept what was stored: an old line stays readable when the rules for plans change."""

    @property
    def state(self) -> State:
        """The state of the newest event."""
        return self.events[-1].state

    @property
    def settled(self) -> bool:
        """Whether it is known what happened (CONFIRMED or REJECTED)."""
        return self.state.settled

    @property
    def order_ids(self) -> tuple[str, ...]:
        """The supplier's ids by the newest event that carries any, or none."""
        return next((event.order_ids for event in reversed(self.events) if event.order_ids), ())

    @property
    def claimed_at(self) -> datetime:
        """The UTC instant of the claim, by the clock of the process that made it."""
        return self.events[0].at

    @property
    def last_day(self) -> date:
        """The latest UTC day that it is known by: what a person said last, else claim and end.

        They differ where the clock was set back in between; which was right nobody can tell.
        """
        newest = self.events[-1]
        return newest.at.date() if newest.resolution else max(self.day, newest.at.date())

    def describe(self) -> str:
        """Return the words that name this entry in a sentence."""
        return (
            f"entry {self.id} ({self.criterion} on {self.target}, {self.day.isoformat()}, "
            f"attempt {self.attempt}, key {self.out_order_id})"
        )


_DIGITS = 12


def out_order_id(*, criterion: str, target: str, day: date, attempt: int) -> str:
    """Return the supplier's idempotency key of one attempt, the same wherever it is computed.

    At most 32 characters for the first 9999 attempts of a day, letters, digits and hyphens only.
    The supplier honours a key for 24 hours and can't look an order up by it (its documentation
    of `out_order_id`), which is why the journal and not the key is what prevents a second order.
    """
    named = json.dumps([criterion, target, day.isoformat(), attempt])
    digest = hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]
    return f"ps-{day:%Y%m%d}-{attempt}-{digest}"
