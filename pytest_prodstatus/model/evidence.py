"""Evidence: what a criterion observed, as typed, dated, bounded values that cross processes.

Allowed are text, int, finite float, bool, None, `Money`, an aware `datetime` (kept in UTC),
`timedelta`, and lists and mappings of these, a few levels deep. Any other value is refused when it
is recorded, because a value that can't be written exactly is not evidence. An amount of money is
never a float: `Money` refuses one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation
from itertools import islice
from typing import Annotated, Any, NoReturn, TypeAlias

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from pytest_prodstatus.model.text import (
    IDENTITY,
    NAME_LIMIT,
    Instant,
    described,
    format_span,
    instant,
    one_line,
    utc_isoformat,
)

TEXT_LIMIT = 2_000
"""Characters kept of one text value."""
ITEMS_LIMIT = 50
"""Items kept of one list or mapping."""
VALUES_LIMIT = 200
"""Values kept of one entry, in all of its lists and mappings together."""
DEPTH_LIMIT = 4
"""Levels of lists and mappings in one entry."""
ENTRIES_LIMIT = 200
"""Entries kept for one criterion."""

_ALLOWED = (
    "text, int, float, bool, None, Money(amount, currency), a datetime with a time zone, "
    "a timedelta, and lists and mappings of these"
)
_CURRENCY = re.compile(r"[A-Z]{3}")
_DIGITS = 40
"""Digits that a number may have before the point, and as many after it."""
# Far below 4,300 digits, beyond which Python refuses to print an int.
_MAX_INT = 10**_DIGITS - 1
_MOST_ITEMS = 10_000_000
"""Of a list or mapping, of which only the first are kept; more is no length of a real one."""


class EvidenceError(TypeError):
    """A value that can't be evidence; the message says what is allowed.

    Attributes:
        remedy: what to do about it.
    """

    remedy = "record a value that is allowed"


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
        # A float would bring its binary fraction along: Decimal(0.1) isn't 0.1. And a bool is an
        # int for isinstance.
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
        # Digits, because a short text such as "1e999999" would print a million of them.
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
        # The way to set a field of a frozen dataclass.
        object.__setattr__(self, "amount", exact)
        object.__setattr__(self, "currency", str(currency))

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"


Text: TypeAlias = Annotated[str, Meta(description="On one line, cut if it was long.")]
Whole: TypeAlias = Annotated[int, Meta(description="Of at most forty digits.")]
Number: TypeAlias = Annotated[float, Meta(description="Never an amount of money.")]
Nothing: TypeAlias = Annotated[None, Meta(description="Always null.")]
Length: TypeAlias = Annotated[timedelta, Meta(description="As an ISO 8601 duration.")]
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


# Each type of value is a Struct with a tag, because msgspec 0.22 has no untagged unions of types
# that JSON writes alike: a text, an amount, an instant and a span are all strings.
# Each stands twice, by itself and with name and instant: a Struct can't have two bases with fields.
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
        elif isinstance(value, float):
            # JSON has no NaN: msgspec would write it as null.
            if not math.isfinite(value):
                msg = "a number in evidence is finite"
                raise ValueError(msg)
        elif isinstance(value, datetime):
            force_setattr(self, "value", instant(value))
        elif isinstance(value, (tuple, dict)) and _depth(value) > DEPTH_LIMIT:
            msg = f"evidence has at most {DEPTH_LIMIT} levels of lists and mappings"
            raise ValueError(msg)


def _depth(value: object) -> int:
    """Return how many levels of lists and mappings a value has.

    It doesn't recurse without end: each item below was checked when it was made.
    """
    items = value.values() if isinstance(value, dict) else value
    if not isinstance(items, Iterable) or isinstance(items, str):
        return 0
    return 1 + max((_depth(item.value) for item in items), default=0)


class _Entry(_Value, frozen=True, kw_only=True):
    """One named value and the UTC instant at which it was recorded.

    Attributes:
        name: its name, on one line; "" for a sentence, which needs none.
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
        value = shown(self)  # type: ignore[arg-type]  # the classes below
        return f"{self.name} {value}" if self.name else value


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


class FloatItem(_Value, frozen=True, tag="float"):
    """A finite number that isn't whole, or wasn't counted."""

    value: Number


class FloatEntry(_Entry, frozen=True, tag="float"):
    """A finite number that isn't whole, or wasn't counted."""

    value: Number


class NoneItem(_Value, frozen=True, tag="none"):
    """No value: it was looked for, and there is none."""

    value: Nothing = None


class NoneEntry(_Entry, frozen=True, tag="none"):
    """No value: it was looked for, and there is none."""

    value: Nothing = None


class SpanItem(_Value, frozen=True, tag="duration"):
    """A span of time."""

    value: Length


class SpanEntry(_Entry, frozen=True, tag="duration"):
    """A span of time."""

    value: Length


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


class ListItem(_Value, frozen=True, tag="list", omit_defaults=True):
    """A list of values.

    Attributes:
        value: the values that were kept, at most fifty.
    """

    value: tuple[Item, ...]
    cut_from: CutFrom = None


class MapItem(_Value, frozen=True, tag="map", omit_defaults=True):
    """Named values.

    Attributes:
        value: the values that were kept, at most fifty, by name.
    """

    value: dict[str, Item]
    cut_from: CutFrom = None


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


Item: TypeAlias = (
    TextItem
    | IntItem
    | FloatItem
    | BoolItem
    | NoneItem
    | MoneyItem
    | TimeItem
    | SpanItem
    | ListItem
    | MapItem
)
"""One value in a list or mapping."""

Entry: TypeAlias = (
    TextEntry
    | IntEntry
    | FloatEntry
    | BoolEntry
    | NoneEntry
    | MoneyEntry
    | TimeEntry
    | SpanEntry
    | ListEntry
    | MapEntry
)
"""One entry of evidence: a named, dated, typed value."""

_ENTRY_OF: Mapping[type[Item], Callable[..., Entry]] = {
    TextItem: TextEntry,
    IntItem: IntEntry,
    FloatItem: FloatEntry,
    BoolItem: BoolEntry,
    NoneItem: NoneEntry,
    MoneyItem: MoneyEntry,
    TimeItem: TimeEntry,
    SpanItem: SpanEntry,
    ListItem: ListEntry,
    MapItem: MapEntry,
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
    try:
        item = _Converter(name, clean).item_of(value)
    except EvidenceError:
        raise
    except (Exception, SystemExit) as error:  # from the value's own code; Ctrl-C is never that
        msg = f"evidence {name!r} can't be read: the value raised {type(error).__name__}"
        raise EvidenceError(msg) from error
    # Not `asdict`, which would convert the items of a list as well.
    values = {field: getattr(item, field) for field in item.__struct_fields__}
    return _ENTRY_OF[type(item)](name=label or name, at=at, **values)


def shown(value: Entry | Item) -> str:
    """Format a value of evidence for people, on one line."""
    match value:
        case MoneyEntry() | MoneyItem():
            return f"{value.value} {value.currency}"
        case TimeEntry() | TimeItem():
            return utc_isoformat(value.value)
        case SpanEntry() | SpanItem():
            return format_span(value.value)
        case BoolEntry() | BoolItem():
            return "yes" if value.value else "no"
        case NoneEntry() | NoneItem():
            return "none"
        case ListEntry() | ListItem():
            text = ", ".join(map(_inner, value.value))
        case MapEntry() | MapItem():
            text = ", ".join(f"{key}={_inner(item)}" for key, item in value.value.items())
        case _:
            return str(value.value)
    if value.cut_from is None:
        return text
    return f"{text}{', ' if text else ''}… ({value.cut_from} in all)"


def _inner(value: Item) -> str:
    """Format a value in a list or mapping; one that is a list or mapping too is in brackets."""
    match value:
        case ListItem():
            return f"[{shown(value)}]"
        case MapItem():
            return f"{{{shown(value)}}}"
        case _:
            return shown(value)


class Attachment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A file that a criterion attached; it lies beside the record, and may be gone.

    Attributes:
        name: its name for the reader, unique among those of its criterion; safe as a file's.
        media_type: what its content was found to be.
        size: its bytes.
        sha256: the digest of its content.
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,119}$", extra=IDENTITY)]
    media_type: Annotated[str, Meta(pattern=r"^[a-z]+/[a-z0-9][a-z0-9.+-]{0,79}$", extra=IDENTITY)]
    size: Annotated[int, Meta(ge=0, le=2**53)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$", extra=IDENTITY)]

    @property
    def file(self) -> str:
        """The name of its file, which begins with a digest, so that no other content has it."""
        return f"{self.sha256[:16]}-{self.name}"


class _Converter:
    """Converts one observed value, and counts what it has kept of it.

    Args:
        name: the entry's name, for messages.
        clean: is applied to every text before it is cut.
    """

    def __init__(self, name: str, clean: Callable[[str], str]) -> None:
        self._name = name
        self._clean = clean
        self._left = VALUES_LIMIT

    def item_of(self, value: object, level: int = 0) -> Item:
        """Convert a value that lies within so many lists and mappings.

        Raises:
            EvidenceError: it isn't allowed.
        """
        if isinstance(value, Mapping):
            self._check_level(level)
            length = self._length(value)
            named = self._items_by_name(value, level, length)
            return MapItem(value=named, cut_from=_cut_from(length, len(named)))
        # Neither a generator nor a set is a Sequence: `_plain` refuses both.
        if isinstance(value, Sequence) and not isinstance(
            value, (str, bytes, bytearray, memoryview)
        ):
            self._check_level(level)
            length = self._length(value)
            items = tuple(self.item_of(item, level + 1) for item in self._kept(value, length))
            return ListItem(value=items, cut_from=_cut_from(length, len(items)))
        return self._plain(value)

    def _check_level(self, level: int) -> None:
        if level >= DEPTH_LIMIT:
            msg = (
                f"evidence {self._name!r}: it has more than {DEPTH_LIMIT} levels of lists and "
                "mappings; record the part that matters"
            )
            raise EvidenceError(msg)

    def _length(self, values: Sized) -> int:
        length = len(values)
        if length > _MOST_ITEMS:
            self._refuse(f": it can't have {length} items")
        return length

    def _kept(self, values: Iterable[Any], length: int) -> Iterator[Any]:
        """Yield the first values, as long as the entry has room for more."""
        for number, value in enumerate(islice(values, ITEMS_LIMIT)):
            if number >= length:
                self._refuse(f": it has more items than its length says, {length}")
            if not self._left:
                return
            self._left -= 1
            yield value

    def _items_by_name(
        self, values: Mapping[Any, object], level: int, length: int
    ) -> dict[str, Item]:
        # Not those beyond its length: they may never end.
        for key in islice(values, length):
            if not isinstance(key, str):
                self._refuse(f": a mapping's keys must be text, not {_describe(key)}")
        kept: dict[str, Item] = {}
        for key, item in self._kept(values.items(), length):
            # Two keys may become equal when they are put on one line; both are kept.
            line = unique = one_line(self._clean(str.__str__(key)), limit=NAME_LIMIT)
            while unique in kept:
                unique = f"{line} ({len(kept)})"
            kept[unique] = self.item_of(item, level + 1)
        return kept

    def _plain(self, value: object) -> Item:
        """Convert a value that is neither a list nor a mapping, or refuse it."""
        match value:
            case None:
                return NoneItem()
            # Before int, of which bool is a subclass.
            case bool():
                return BoolItem(value=value)
            case int():
                if abs(value) > _MAX_INT:
                    self._refuse(f": an int has at most {_DIGITS} digits; give it as text")
                return self._number(IntItem(value=int(value)))
            case float():
                if not math.isfinite(value):
                    self._refuse(
                        f": {float(value)!r} is not a number; record None, or why, as text"
                    )
                return self._number(FloatItem(value=float(value)))
            case str():
                # The text itself, since a subclass such as an enum prints as something else.
                return TextItem(value=self._clean(str.__str__(value)))
            case Money():
                return MoneyItem(value=f"{value.amount:f}", currency=value.currency)
            case datetime():
                if value.utcoffset() is None:
                    self._refuse(f": {value!r} has no time zone; give an aware datetime")
                try:
                    return TimeItem(value=value)
                except ValueError:
                    return self._refuse(f": {value!r} is not within the years 1 to 9999 in UTC")
            case timedelta():
                # A plain one: msgspec doesn't know pandas' subclass.
                return SpanItem(value=timedelta(value.days, value.seconds, value.microseconds))
            case Decimal():
                return self._refuse(f": a Decimal needs its currency; use Money({value}, 'USD')")
            case _:
                return self._refuse(f" can't be {_describe(value)}; allowed are {_ALLOWED}")

    def _number(self, item: IntItem | FloatItem) -> Item:
        """Return a number; one that is a secret becomes text."""
        digits = str(item.value)
        text = self._clean(digits)
        return item if text == digits else TextItem(value=text)

    def _refuse(self, rule: str) -> NoReturn:
        msg = f"evidence {self._name!r}{rule}"
        raise EvidenceError(msg)


def _cut_from(length: int, kept: int) -> int | None:
    """Return how many items there were, if some were left out; else None."""
    return length if length > kept else None


def _describe(value: object) -> str:
    """Describe any value for a message, bounded, with its type."""
    long = isinstance(value, int) and abs(value) > _MAX_INT  # str() of a huge int raises
    return f"{'a long number' if long else described(value)} ({type(value).__name__})"
