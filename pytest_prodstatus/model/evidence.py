"""Evidence: what a criterion observed, as typed, dated, bounded values that cross processes.

Allowed are text, int, bool, `Money`, an aware `datetime` (kept in UTC), lists of these and flat
mappings from text to these. Everything else is refused where it is given, because a value that
can't be written exactly is no evidence. A float is refused since money and counts are never floats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

from pytest_prodstatus.model.text import one_line

TEXT_LIMIT = 2_000
"""Characters kept of one text value."""
ITEMS_LIMIT = 50
"""Items kept of one list or mapping."""
ENTRIES_LIMIT = 200
"""Entries kept for one criterion."""

_ALLOWED = (
    "text, int, bool, Money(amount, currency), a datetime with a time zone, "
    "or a list or flat mapping of these"
)
_CURRENCY = re.compile(r"[A-Z]{3}")
_INT_BOUND = 10**40


class EvidenceError(TypeError):
    """A value that can't be evidence; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency.

    Args:
        amount: a finite Decimal, or text or int that is converted exactly; never a float.
        currency: an ISO 4217 code, as in "USD".

    Raises:
        EvidenceError: the amount isn't a finite decimal, or the currency isn't three capitals.
    """

    amount: Decimal
    currency: str

    def __init__(self, amount: Decimal | str | int, currency: str) -> None:
        if isinstance(amount, bool) or not isinstance(amount, (Decimal, str, int)):
            msg = f"Money takes a Decimal, text or int as its amount, not {_described(amount)}"
            raise EvidenceError(msg)
        try:
            exact = Decimal(amount)
        except InvalidOperation:
            exact = Decimal("NaN")
        if not exact.is_finite():
            msg = f"Money takes a finite decimal amount, not {amount!r}"
            raise EvidenceError(msg)
        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
            msg = f"Money takes a currency of three capital letters such as 'USD', not {currency!r}"
            raise EvidenceError(msg)
        object.__setattr__(self, "amount", exact)
        object.__setattr__(self, "currency", str(currency))

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


JsonValue: TypeAlias = dict[str, Any]
"""One typed value as JSON: `{"type": "text"|"int"|"bool"|"money"|"time"|"list"|"map", …}`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One named value and the UTC instant at which it was recorded."""

    name: str
    at: datetime
    value: JsonValue

    def __str__(self) -> str:
        return f"{self.name} {shown(self.value)}"


def encode(name: str, value: object) -> JsonValue:
    """Return `value` in its typed JSON form, cut where it is too long.

    Raises:
        EvidenceError: `value`, or an item of it, is of a type that isn't allowed.
    """
    if isinstance(value, Mapping):
        pairs = list(value.items())
        for key, _ in pairs:
            if not isinstance(key, str):
                msg = f"evidence {name!r}: a mapping's keys must be text, not {_described(key)}"
                raise EvidenceError(msg)
        kept = {one_line(key, limit=100): _scalar(name, item) for key, item in pairs[:ITEMS_LIMIT]}
        return _with_cut({"type": "map", "value": kept}, len(pairs))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        kept_items = [_scalar(name, item) for item in value[:ITEMS_LIMIT]]
        return _with_cut({"type": "list", "value": kept_items}, len(value))
    return _scalar(name, value)


def shown(value: JsonValue) -> str:
    """Return a typed JSON value as a person reads it, on one line."""
    content = value["value"]
    match value["type"]:
        case "list":
            text = ", ".join(shown(item) for item in content)
        case "map":
            text = ", ".join(f"{key}={shown(item)}" for key, item in content.items())
        case "bool":
            text = "yes" if content else "no"
        case "money":
            text = f"{content} {value['currency']}"
        case _:
            text = str(content)
    return f"{text}, … ({value['cut_from']} in all)" if "cut_from" in value else text


def _with_cut(encoded: JsonValue, length: int) -> JsonValue:
    return {**encoded, "cut_from": length} if length > ITEMS_LIMIT else encoded


def _scalar(name: str, value: object) -> JsonValue:
    match value:
        case bool():
            return {"type": "bool", "value": value}
        case int():
            if abs(value) >= _INT_BOUND:
                msg = f"evidence {name!r}: an int must have at most 40 digits; give it as text"
                raise EvidenceError(msg)
            return {"type": "int", "value": int(value)}
        case str():
            return {"type": "text", "value": one_line(str.__str__(value), limit=TEXT_LIMIT)}
        case Money():
            return {"type": "money", "value": f"{value.amount:f}", "currency": value.currency}
        case datetime():
            if value.tzinfo is None:
                msg = f"evidence {name!r}: {value!r} has no time zone; give an aware datetime"
                raise EvidenceError(msg)
            return {"type": "time", "value": to_text(value)}
        case Decimal():
            msg = f"evidence {name!r}: a Decimal needs its currency; use Money({value}, 'USD')"
            raise EvidenceError(msg)
        case _:
            msg = f"evidence {name!r} can't be {_described(value)}; allowed are {_ALLOWED}"
            raise EvidenceError(msg)


def to_text(instant: datetime) -> str:
    """Return an aware instant as ISO 8601 in UTC, to the millisecond, ending in `Z`."""
    moment = instant.astimezone(timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _described(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:80] + '…'} ({type(value).__name__})"
