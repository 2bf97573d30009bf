"""What one real purchase is meant to be, before it is claimed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Literal

from pytest_prodstatus.state.errors import InvalidRecord

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
