"""Evidence: what a criterion observed, as typed, dated, bounded values that cross processes.

Allowed are text, int, bool, `Money`, an aware `datetime` (kept in UTC), lists of these and flat
mappings from text to these. Everything else is refused where it is given, because a value that
can't be written exactly is no evidence. A float is refused since money and counts are never floats.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Any, TypeAlias

from pytest_prodstatus.model.text import one_line

NAME_LIMIT = 100
"""Characters kept of the name of a value."""
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
_DIGITS = 40
"""Digits that a number may have before the point, and as many after it."""


class EvidenceError(TypeError):
    """A value that can't be evidence; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency.

    Args:
        amount: a finite Decimal, or text or int that is converted exactly; never a float.
        currency: an ISO 4217 code, as in "USD".

    Raises:
        EvidenceError: the amount isn't a finite decimal of sane length, or the currency isn't three
            capitals.
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
            msg = f"Money takes a finite decimal amount, not {_described(amount)}"
            raise EvidenceError(msg)
        exponent = exact.as_tuple().exponent
        if exact.adjusted() >= _DIGITS or not isinstance(exponent, int) or exponent < -_DIGITS:
            msg = f"Money takes at most {_DIGITS} digits before the point and as many after it"
            raise EvidenceError(msg)
        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
            told = _described(currency)
            msg = f"Money takes a currency of three capital letters such as 'USD', not {told}"
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

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", one_line(self.name, limit=NAME_LIMIT))

    def __str__(self) -> str:
        return f"{self.name} {shown(self.value)}"


def encode(name: str, value: object, clean: Callable[[str], str] = str) -> JsonValue:
    """Return `value` in its typed JSON form, cut where it is too long.

    Args:
        name: of the value, for messages.
        value: what was observed.
        clean: has every text before it is cut; an int that it would change becomes text.

    Raises:
        EvidenceError: `value`, or an item of it, is of a type that isn't allowed.
    """
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                msg = f"evidence {name!r}: a mapping's keys must be text, not {_described(key)}"
                raise EvidenceError(msg)
        kept = _named(name, islice(value.items(), ITEMS_LIMIT), clean)
        return _with_cut({"type": "map", "value": kept}, len(value))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        kept_items = [_scalar(name, item, clean) for item in islice(value, ITEMS_LIMIT)]
        return _with_cut({"type": "list", "value": kept_items}, len(value))
    return _scalar(name, value, clean)


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


def is_value(value: object) -> bool:
    """Return whether a JSON value is one that `encode` may have made."""
    match value:
        case {"type": "list", "value": list(items), **more}:
            return all(map(_is_scalar, items)) and _is_cut(more)
        case {"type": "map", "value": dict(named), **more}:
            return all(map(_is_scalar, named.values())) and _is_cut(more)
        case _:
            return _is_scalar(value)


def _is_scalar(value: object) -> bool:
    match value:
        case {"type": "bool", "value": bool(), **more}:
            return not more
        case {"type": "int", "value": int(number), **more}:
            return not isinstance(number, bool) and not more
        case {"type": "text" | "time", "value": str(), **more}:
            return not more
        case {"type": "money", "value": str(), "currency": str(), **more}:
            return not more
        case _:
            return False


def _is_cut(more: Mapping[object, object]) -> bool:
    return not more or (set(more) == {"cut_from"} and type(more["cut_from"]) is int)


def _named(
    name: str, pairs: Iterable[tuple[str, object]], clean: Callable[[str], str]
) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {}
    for key, item in pairs:
        # Two keys may look the same once they are on one line; neither may hide the other.
        told = free = one_line(clean(str.__str__(key)), limit=NAME_LIMIT)
        while free in kept:
            free = f"{told} ({len(kept)})"
        kept[free] = _scalar(name, item, clean)
    return kept


def _with_cut(encoded: JsonValue, length: int) -> JsonValue:
    return {**encoded, "cut_from": length} if length > ITEMS_LIMIT else encoded


def _scalar(name: str, value: object, clean: Callable[[str], str]) -> JsonValue:
    match value:
        case bool():
            return {"type": "bool", "value": value}
        case int():
            if abs(value) >= 10**_DIGITS:
                msg = f"evidence {name!r}: an int has at most {_DIGITS} digits; give it as text"
                raise EvidenceError(msg)
            told = clean(str(int(value)))
            if told != str(int(value)):
                return {"type": "text", "value": told}
            return {"type": "int", "value": int(value)}
        case str():
            return {"type": "text", "value": one_line(clean(str.__str__(value)), limit=TEXT_LIMIT)}
        case Money():
            return {"type": "money", "value": f"{value.amount:f}", "currency": value.currency}
        case datetime():
            if value.utcoffset() is None:
                msg = f"evidence {name!r}: {value!r} has no time zone; give an aware datetime"
                raise EvidenceError(msg)
            try:
                return {"type": "time", "value": to_text(value)}
            except OverflowError:
                msg = f"evidence {name!r}: {value!r} is no instant of the years 1 to 9999 in UTC"
                raise EvidenceError(msg) from None
        case Decimal():
            msg = f"evidence {name!r}: a Decimal needs its currency; use Money({value}, 'USD')"
            raise EvidenceError(msg)
        case _:
            msg = f"evidence {name!r} can't be {_described(value)}; allowed are {_ALLOWED}"
            raise EvidenceError(msg)


def entry_to_json(entry: Entry) -> dict[str, Any]:
    """Return one evidence entry: its name, its instant and its typed value, flat."""
    return {"name": entry.name, "at": to_text(entry.at), **entry.value}


def to_text(instant: datetime) -> str:
    """Return an aware instant as ISO 8601 in UTC, to the millisecond, ending in `Z`."""
    moment = instant if instant.tzinfo is timezone.utc else instant.astimezone(timezone.utc)
    # By halves, since to write out a time zone takes longer than all the rest.
    return f"{moment.date().isoformat()}T{moment.time().isoformat('milliseconds')}Z"


_SHORT = reprlib.Repr()  # bounded, and safe where a value's own repr fails
_SHORT.maxother = _SHORT.maxstring = 80


def _described(value: object) -> str:
    long = isinstance(value, int) and abs(value) >= 10**_DIGITS  # Python refuses to print some
    return f"{'a long number' if long else _SHORT.repr(value)} ({type(value).__name__})"
