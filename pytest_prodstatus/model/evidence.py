"""Evidence: what a criterion observed, as typed, dated, bounded values that cross processes.

Allowed are text, int, bool, `Money`, an aware `datetime` (kept in UTC), lists of these and flat
mappings from text to these. Any other value is refused when it is recorded, because a value that
can't be written exactly is not evidence. Floats are refused because money and counts are never
floats.
"""

from __future__ import annotations

import re
import reprlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Annotated, Any, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import asdict, force_setattr

from pytest_prodstatus.model.text import (
    IDENTITY,
    NAME_LIMIT,
    Instant,
    instant,
    one_line,
    utc_isoformat,
)

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
_MAX_INT = 10**_DIGITS - 1
_REPR = reprlib.Repr()  # bounded, and safe if a value's own repr fails
_REPR.maxother = _REPR.maxstring = 80


class EvidenceError(TypeError):
    """A value that can't be evidence; the message says what is allowed."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in one currency.

    Args:
        amount: a finite Decimal, or text or int that is converted exactly; never a float.
        currency: an ISO 4217 code, as in "USD".

    Raises:
        EvidenceError: the amount isn't a finite decimal, has more than forty digits on either side
            of the point, or the currency isn't three capital letters.
    """

    amount: Decimal
    currency: str

    def __init__(self, amount: Decimal | str | int, currency: str) -> None:
        if isinstance(amount, bool) or not isinstance(amount, (Decimal, str, int)):
            msg = f"Money takes a Decimal, text or int as its amount, not {_describe(amount)}"
            raise EvidenceError(msg)
        try:
            exact = Decimal(amount)
        except InvalidOperation:
            exact = Decimal("NaN")  # so that the next check refuses it with the same sentence
        if not exact.is_finite():
            msg = f"Money takes a finite decimal amount, not {_describe(amount)}"
            raise EvidenceError(msg)
        exponent = exact.as_tuple().exponent
        if exact.adjusted() >= _DIGITS or not isinstance(exponent, int) or exponent < -_DIGITS:
            msg = f"Money takes at most {_DIGITS} digits before the point and as many after it"
            raise EvidenceError(msg)
        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
            msg = (
                "Money takes a currency of three capital letters such as 'USD', "
                f"not {_describe(currency)}"
            )
            raise EvidenceError(msg)
        object.__setattr__(self, "amount", exact)
        object.__setattr__(self, "currency", str(currency))

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


Text: TypeAlias = Annotated[str, Meta(description="On one line, cut if it was long.")]
Whole: TypeAlias = Annotated[int, Meta(description="Of at most forty digits.")]
YesNo: TypeAlias = Annotated[bool, Meta(description="Which of them.")]
Amount: TypeAlias = Annotated[
    str,
    Meta(
        pattern=r"^-?[0-9]{1,40}(\.[0-9]{1,40})?$",
        description="The amount as text, so that no reader makes a float of it.",
        extra=IDENTITY,
    ),
]
Currency: TypeAlias = Annotated[
    str, Meta(pattern=r"^[A-Z]{3}$", description="An ISO 4217 code.", extra=IDENTITY)
]
Moment: TypeAlias = Annotated[Instant, Meta(description="In UTC.")]
CutFrom: TypeAlias = Annotated[
    Annotated[int, Meta(ge=0, le=2**53)] | None,
    Meta(description="How many there were, if there were more."),
]


class _Value(
    Struct, frozen=True, kw_only=True, tag_field="type", forbid_unknown_fields=True, gc=False
):
    """A typed value; it is normalized whenever it is created or read."""

    def __post_init__(self) -> None:
        value = self.value  # type: ignore[attr-defined]  # each class below has one
        if isinstance(value, str):
            kept = one_line(value, limit=TEXT_LIMIT)
            if kept is not value:
                force_setattr(self, "value", kept)
        elif isinstance(value, int):
            if not -_MAX_INT <= value <= _MAX_INT:
                msg = f"a whole number in evidence has at most {_DIGITS} digits"
                raise ValueError(msg)
        elif isinstance(value, datetime):
            force_setattr(self, "value", instant(value))


class _Entry(_Value, frozen=True, kw_only=True):
    """One named value and the UTC instant at which it was recorded.

    Attributes:
        name: its name, on one line.
        at: when it was recorded, in UTC.
    """

    name: str
    at: Instant

    def __post_init__(self) -> None:
        _Value.__post_init__(self)
        name, at = self.name, self.at
        if not name.isidentifier() or len(name) > NAME_LIMIT:  # an identifier is safe as it is
            force_setattr(self, "name", one_line(name, limit=NAME_LIMIT))
        if at.tzinfo is not timezone.utc or at.microsecond % 1000:
            force_setattr(self, "at", instant(at))

    def __str__(self) -> str:
        return f"{self.name} {shown(self)}"  # type: ignore[arg-type]  # the classes below


class TextItem(_Value, frozen=True, tag="text"):
    """A text."""

    value: Text


class TextEntry(_Entry, frozen=True, tag="text"):
    """A text."""

    value: Text


class IntItem(_Value, frozen=True, tag="int"):
    """A whole number."""

    value: Whole


class IntEntry(_Entry, frozen=True, tag="int"):
    """A whole number."""

    value: Whole


class BoolItem(_Value, frozen=True, tag="bool"):
    """Yes or no."""

    value: YesNo


class BoolEntry(_Entry, frozen=True, tag="bool"):
    """Yes or no."""

    value: YesNo


class MoneyItem(_Value, frozen=True, tag="money"):
    """An exact amount in one currency."""

    value: Amount
    currency: Currency


class MoneyEntry(_Entry, frozen=True, tag="money"):
    """An exact amount in one currency."""

    value: Amount
    currency: Currency


class TimeItem(_Value, frozen=True, tag="time"):
    """An instant."""

    value: Moment


class TimeEntry(_Entry, frozen=True, tag="time"):
    """An instant."""

    value: Moment


Item: TypeAlias = TextItem | IntItem | BoolItem | MoneyItem | TimeItem
"""One value in a list or mapping."""


class ListEntry(_Entry, frozen=True, tag="list", omit_defaults=True):
    """A list of values.

    Attributes:
        value: the values that were kept, at most fifty.
    """

    value: tuple[Item, ...]
    cut_from: CutFrom = None


class MapEntry(_Entry, frozen=True, tag="map", omit_defaults=True):
    """Named values.

    Attributes:
        value: the values that were kept, at most fifty, by name.
    """

    value: dict[str, Item]
    cut_from: CutFrom = None


Entry: TypeAlias = TextEntry | IntEntry | BoolEntry | MoneyEntry | TimeEntry | ListEntry | MapEntry
"""One entry of evidence: a named, dated, typed value."""

_ENTRY_OF: Mapping[type[Item], Callable[..., Entry]] = {
    TextItem: TextEntry,
    IntItem: IntEntry,
    BoolItem: BoolEntry,
    MoneyItem: MoneyEntry,
    TimeItem: TimeEntry,
}


def entry_of(
    name: str, at: datetime, value: object, clean: Callable[[str], str] = str, label: str = ""
) -> Entry:
    """Build an entry of evidence from an observed value, and cut it if it is too long.

    Args:
        name: the value's name, for messages.
        at: when it was recorded; aware.
        value: the observed value.
        clean: is applied to every text before it is cut; an int that it would change becomes text.
        label: the name to store; "" for `name`.

    Raises:
        EvidenceError: `value`, or an item of it, is of a type that isn't allowed.
    """
    dated: dict[str, Any] = {"name": label or name, "at": at}
    if isinstance(value, Mapping):
        for key in value:
            if not isinstance(key, str):
                msg = f"evidence {name!r}: a mapping's keys must be text, not {_describe(key)}"
                raise EvidenceError(msg)
        named = _items_by_name(name, islice(value.items(), ITEMS_LIMIT), clean)
        return MapEntry(**dated, value=named, cut_from=_cut_from(len(value)))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray, memoryview)):
        items = tuple(_item_of(name, item, clean) for item in islice(value, ITEMS_LIMIT))
        return ListEntry(**dated, value=items, cut_from=_cut_from(len(value)))
    item = _item_of(name, value, clean)
    return _ENTRY_OF[type(item)](**dated, **asdict(item))


def shown(value: Entry | Item) -> str:
    """Format a value of evidence for people, on one line."""
    match value:
        case MoneyEntry() | MoneyItem():
            return f"{value.value} {value.currency}"
        case TimeEntry() | TimeItem():
            return utc_isoformat(value.value)
        case BoolEntry() | BoolItem():
            return "yes" if value.value else "no"
        case ListEntry():
            text = ", ".join(map(shown, value.value))
        case MapEntry():
            text = ", ".join(f"{key}={shown(item)}" for key, item in value.value.items())
        case _:
            return str(value.value)
    return text if value.cut_from is None else f"{text}, … ({value.cut_from} in all)"


def _items_by_name(
    name: str, items: Iterable[tuple[str, object]], clean: Callable[[str], str]
) -> dict[str, Item]:
    kept: dict[str, Item] = {}
    for key, item in items:
        # Two keys may become equal when they are put on one line; both are kept.
        line = unique = one_line(clean(str.__str__(key)), limit=NAME_LIMIT)
        while unique in kept:
            unique = f"{line} ({len(kept)})"
        kept[unique] = _item_of(name, item, clean)
    return kept


def _cut_from(length: int) -> int | None:
    return length if length > ITEMS_LIMIT else None


def _item_of(name: str, value: object, clean: Callable[[str], str]) -> Item:
    match value:
        case bool():
            return BoolItem(value=value)
        case int():
            if abs(value) > _MAX_INT:
                msg = f"evidence {name!r}: an int has at most {_DIGITS} digits; give it as text"
                raise EvidenceError(msg)
            digits = str(int(value))
            text = clean(digits)
            return IntItem(value=int(value)) if text == digits else TextItem(value=text)
        case str():
            return TextItem(value=clean(str.__str__(value)))
        case Money():
            return MoneyItem(value=f"{value.amount:f}", currency=value.currency)
        case datetime():
            if value.utcoffset() is None:
                msg = f"evidence {name!r}: {value!r} has no time zone; give an aware datetime"
                raise EvidenceError(msg)
            try:
                return TimeItem(value=value)
            except ValueError:
                msg = f"evidence {name!r}: {value!r} is not within the years 1 to 9999 in UTC"
                raise EvidenceError(msg) from None
        case Decimal():
            msg = f"evidence {name!r}: a Decimal needs its currency; use Money({value}, 'USD')"
            raise EvidenceError(msg)
        case _:
            msg = f"evidence {name!r} can't be {_describe(value)}; allowed are {_ALLOWED}"
            raise EvidenceError(msg)


def _describe(value: object) -> str:
    long = isinstance(value, int) and abs(value) > _MAX_INT  # str() of a huge int raises
    return f"{'a long number' if long else _REPR.repr(value)} ({type(value).__name__})"
