"""Evidence is typed, dated and bounded; any other value is refused when it is recorded."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from enum import Enum, IntEnum
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import pytest

from pytest_prodstatus.model.codec import data_of
from pytest_prodstatus.model.evidence import (
    ITEMS_LIMIT,
    TEXT_LIMIT,
    VALUES_LIMIT,
    Entry,
    EvidenceError,
    ListEntry,
    MapItem,
    Money,
    entry_of,
    shown,
)
from pytest_prodstatus.model.text import NAME_LIMIT, utc_isoformat
from tests.unit.given import NOW, each_hostile_text, entry


def encode(name: str, value: object, clean: Callable[[str], str] = str) -> dict[str, Any]:
    """Return the JSON data of a value, without its name and instant."""
    data = data_of(entry_of(name, NOW, value, clean))
    return {key: item for key, item in data.items() if key not in ("name", "at")}


def decoded(value: object) -> Entry:
    """Return the entry of such data."""
    dated = (
        {"name": "seen", "at": utc_isoformat(NOW), **value} if isinstance(value, dict) else value
    )
    entry: Entry = msgspec.convert(dated, Entry)
    return entry


class Colour(str, Enum):
    """A subclass of str."""

    RED = "red"


class Size(IntEnum):
    """A subclass of int."""

    BIG = 3


class Ratio(float):
    """A subclass of float."""


class Nowhere(tzinfo):
    """A time zone that knows no offset."""

    def utcoffset(self, _when: datetime | None) -> timedelta | None:
        return None

    dst = utcoffset

    def tzname(self, _when: datetime | None) -> str | None:
        return None


class Angry:
    """A value whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError


ALLOWED = [
    ("order 42", {"type": "text", "value": "order 42"}, "order 42"),
    ("", {"type": "text", "value": ""}, ""),
    (Colour.RED, {"type": "text", "value": "red"}, "red"),
    (7, {"type": "int", "value": 7}, "7"),
    (-(10**40 - 1), {"type": "int", "value": -(10**40 - 1)}, str(-(10**40 - 1))),
    (Size.BIG, {"type": "int", "value": 3}, "3"),
    (True, {"type": "bool", "value": True}, "yes"),
    (False, {"type": "bool", "value": False}, "no"),
    (
        Money("9.90", "USD"),
        {"type": "money", "value": "9.90", "currency": "USD"},
        "9.90 USD",
    ),
    (Money(Decimal("1E+3"), "EUR"), {"type": "money", "value": "1000", "currency": "EUR"},
     "1000 EUR"),
    (NOW, {"type": "time", "value": "2026-11-22T12:00:00.000Z"}, "2026-11-22T12:00:00.000Z"),
    (
        datetime(2026, 11, 22, 14, tzinfo=timezone(timedelta(hours=2))),
        {"type": "time", "value": "2026-11-22T12:00:00.000Z"},
        "2026-11-22T12:00:00.000Z",
    ),
    (
        [1, "a", True],
        {
            "type": "list",
            "value": [
                {"type": "int", "value": 1},
                {"type": "text", "value": "a"},
                {"type": "bool", "value": True},
            ],
        },
        "1, a, yes",
    ),
    ((), {"type": "list", "value": []}, ""),
    (range(7, 8), {"type": "list", "value": [{"type": "int", "value": 7}]}, "7"),
    (deque([1]), {"type": "list", "value": [{"type": "int", "value": 1}]}, "1"),
    (1.5, {"type": "float", "value": 1.5}, "1.5"),
    (1.0, {"type": "float", "value": 1.0}, "1.0"),
    (-1e300, {"type": "float", "value": -1e300}, "-1e+300"),
    (Ratio(0.25), {"type": "float", "value": 0.25}, "0.25"),
    (None, {"type": "none", "value": None}, "none"),
    (timedelta(minutes=1.5), {"type": "duration", "value": "PT90S"}, "1 min 30 s"),
    (timedelta(0), {"type": "duration", "value": "P0D"}, "0 s"),
    (timedelta(days=-1, microseconds=1), {"type": "duration", "value": "-PT86399.999999S"},
     "-23 h 59 min 59.999999 s"),
    (timedelta.max, {"type": "duration", "value": "P999999999DT86399.999999S"},
     "999999999 d 23 h 59 min 59.999999 s"),
    (
        [[1], {"a": None}],
        {
            "type": "list",
            "value": [
                {"type": "list", "value": [{"type": "int", "value": 1}]},
                {"type": "map", "value": {"a": {"type": "none", "value": None}}},
            ],
        },
        "[1], {a=none}",
    ),
    (
        {"order": {"total": Money("9.90", "USD"), "took": timedelta(seconds=2)}, "paid": True},
        {
            "type": "map",
            "value": {
                "order": {
                    "type": "map",
                    "value": {
                        "total": {"type": "money", "value": "9.90", "currency": "USD"},
                        "took": {"type": "duration", "value": "PT2S"},
                    },
                },
                "paid": {"type": "bool", "value": True},
            },
        },
        "order={total=9.90 USD, took=2 s}, paid=yes",
    ),
    ({"a": 1}, {"type": "map", "value": {"a": {"type": "int", "value": 1}}}, "a=1"),
    (OrderedDict(a="x"), {"type": "map", "value": {"a": {"type": "text", "value": "x"}}}, "a=x"),
    (MappingProxyType({}), {"type": "map", "value": {}}, ""),
]  # fmt: skip


@pytest.mark.parametrize(("value", "encoded", "text"), ALLOWED)
def test_an_allowed_value_is_kept_with_its_type(
    value: object, encoded: dict[str, object], text: str
) -> None:
    """Text, numbers, bool, None, money, time, and lists and mappings of these are evidence."""
    made = encode("seen", value)
    assert made == encoded
    assert shown(entry_of("seen", NOW, value)) == text
    assert decoded(made) == entry_of("seen", NOW, value)


REFUSED = [
    b"bytes",
    bytearray(b"x"),
    memoryview(b"x"),
    {1, 2},
    iter([1]),
    date(2026, 1, 1),
    Path("/x"),
    Angry(),
    object,
    1j,
    [b"x"],
    {"a": {"b": [1j]}},
]


@pytest.mark.parametrize("value", REFUSED, ids=lambda v: type(v).__name__)
def test_anything_else_is_refused_with_what_is_allowed(value: object) -> None:
    """The message names the evidence, the type and the allowed types."""
    with pytest.raises(EvidenceError, match=r"evidence 'seen' can't be .+; allowed are text, int"):
        encode("seen", value)


class Endless(Mapping[str, int]):
    """A mapping whose items never end, against its length."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __iter__(self) -> Iterator[str]:
        return map(str, count())

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, key: str) -> int:
        return len(key)


class Lying(Sequence[Any]):
    """A sequence whose length is not that of its items."""

    def __init__(self, length: int) -> None:
        self.length = length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: Any) -> Any:
        return 1


class Exiting:
    """A value whose own code ends the process."""

    def __repr__(self) -> str:
        raise SystemExit(0)

    __str__ = __repr__


class ExitingNumber(int):
    """A number whose own code ends the process."""

    def __abs__(self) -> int:
        raise SystemExit(0)


@pytest.mark.parametrize(
    "value",
    [
        Endless(3),
        Endless(0),
        Endless(10**9),
        Lying(0),
        Lying(1),
        Lying(-1),
        Lying(10**30),
        Exiting(),
        [Exiting()],
        {Exiting(): 1},
        ExitingNumber(4),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_hostile_value_is_refused_at_once(value: object) -> None:
    """Its own code may do anything: it is an EvidenceError in one sentence."""
    with pytest.raises(EvidenceError, match=r"^evidence 'seen'.+$"):
        encode("seen", value)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        (Decimal("9.90"), r"a Decimal needs its currency; use Money\(9.90, 'USD'\)"),
        (datetime(2026, 1, 1), "has no time zone; give an aware datetime"),  # noqa: DTZ001
        (datetime(2026, 1, 1, tzinfo=Nowhere()), "has no time zone"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=5))), "not within the years"),
        (10**40, "an int has at most 40 digits; give it as text"),
        (-(10**40), "an int has at most 40 digits"),
        ({1: "a"}, r"a mapping's keys must be text, not 1 \(int\)"),
        ({None: "a"}, r"must be text, not None \(NoneType\)"),
        ([Decimal(1)], "a Decimal needs its currency"),
        (float("nan"), "nan is not a number; record None, or why, as text"),
        ({"a": [float("-inf")]}, "-inf is not a number"),
        ([[[[[]]]]], "it has more than 4 levels of lists and mappings; record the part that"),
        ({"a": {"b": {"c": {"d": {}}}}}, "more than 4 levels"),
        ({"a": {1: 2}}, "a mapping's keys must be text"),
    ],
)
def test_a_near_miss_is_refused_with_the_remedy(value: object, rule: str) -> None:
    """If a value is nearly valid, the message says how to make it valid."""
    with pytest.raises(EvidenceError, match=f"^evidence 'seen'.*{rule}"):
        encode("seen", value)


def test_a_number_that_python_refuses_to_print_is_refused_all_the_same() -> None:
    """The message about a number of 5,000 digits isn't a second error."""
    with pytest.raises(EvidenceError, match="an int has at most 40 digits"):
        encode("seen", 10**5_000)
    with pytest.raises(EvidenceError, match=r"must be text, not a long number \(int\)"):
        encode("seen", {10**5_000: "a"})


def test_evidence_errors_are_type_errors() -> None:
    """A test that catches TypeError catches these."""
    assert issubclass(EvidenceError, TypeError)


def test_a_huge_text_is_cut_and_says_so() -> None:
    """10 MB become a bounded text that names its length."""
    kept = encode("seen", "x" * 10_000_000)["value"]
    assert len(kept) == TEXT_LIMIT
    assert kept.endswith("(cut from 10,000,000 characters)")


def test_a_huge_object_is_refused_shortly() -> None:
    """The message about a 10 MB value isn't 10 MB."""
    with pytest.raises(EvidenceError) as caught:
        encode("seen", b"x" * 10_000_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("length", [ITEMS_LIMIT, ITEMS_LIMIT + 1, 100_000])
def test_a_long_list_or_mapping_is_cut_and_says_so(length: int) -> None:
    """The first items are kept, with how many there were."""
    for value, kind in (
        (list(range(length)), "list"),
        ({str(n): n for n in range(length)}, "map"),
        (range(length), "list"),
    ):
        made = encode("seen", value)
        assert made["type"] == kind
        assert len(made["value"]) == ITEMS_LIMIT
        assert made.get("cut_from") == (None if length == ITEMS_LIMIT else length)
        assert (f"… ({length} in all)" in shown(decoded(made))) is (length > ITEMS_LIMIT)


def test_what_is_nested_is_cut_as_a_whole_and_says_so() -> None:
    """The values of all levels together are bounded: the first are kept, and each list says so."""
    orders = [{"id": n, "lines": list(range(10))} for n in range(40)]
    made = entry_of("orders", NOW, orders)
    assert isinstance(made, ListEntry)
    text = msgspec.json.encode(made).decode()
    assert text.count('"type"') - 1 == VALUES_LIMIT
    assert made.cut_from == 40
    assert shown(made).startswith("{id=0, lines=[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]}, {id=1, ")
    assert shown(made).endswith(", … (40 in all)")
    inner = made.value[-1]
    assert isinstance(inner, MapItem)
    assert "… (2 in all)" in shown(inner) or "… (10 in all)" in shown(inner)


def test_an_endless_nesting_is_refused() -> None:
    """A list that holds itself is neither followed nor shown."""
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(EvidenceError, match="more than 4 levels"):
        encode("seen", loop)


def test_keys_that_look_the_same_are_both_kept() -> None:
    """No value hides another one, however their names were cleaned."""
    made = encode("seen", {"a b": 1, "a  b": 2, "a\nb": 3, "a b (1)": 4})
    assert [item["value"] for item in made["value"].values()] == [1, 2, 3, 4]


@each_hostile_text
def test_hostile_text_is_one_line(text: str) -> None:
    """Text values and keys can't break a line."""
    made = encode("seen", {text: text})
    assert len(shown(decoded(made)).splitlines()) == 1


@pytest.mark.parametrize("amount", [Decimal("9.90"), "9.90", "0.00", 3, "-1.5", "1" * 40])
def test_money_is_exact(amount: Decimal | str | int) -> None:
    """The amount is kept digit by digit."""
    assert str(Money(amount, "USD")) == f"{amount} USD"


def test_money_is_compared_by_its_value() -> None:
    """9.9 and 9.90 are the same amount; another currency is another thing."""
    assert Money("9.9", "USD") == Money(Decimal("9.90"), "USD")
    assert Money("9.9", "USD") != Money("9.9", "EUR")


@pytest.mark.parametrize(
    ("amount", "rule"),
    [
        (9.9, r"takes a Decimal, text or int as its amount, not 9.9 \(float\)"),
        (True, "takes a Decimal, text or int"),
        (None, "takes a Decimal, text or int"),
        ("nine", r"finite decimal amount, not 'nine' \(str\)"),
        ("", "finite decimal amount"),
        ("NaN", "finite decimal amount"),
        (Decimal("sNaN"), "finite decimal amount"),
        ("Infinity", "finite decimal amount"),
        ("1e999999999", "at most 40 digits before the point"),
        ("1e-999999999", "at most 40 digits before the point"),
        ("1e99999999999999999999999", "finite decimal amount"),
        ("0e-41", "at most 40 digits"),
        (10**40, "at most 40 digits"),
        ("x" * 10_000_000, "finite decimal amount"),
    ],
)
def test_a_bad_amount_is_refused(amount: object, rule: str) -> None:
    """A float, a text that isn't a number, and a megabyte of digits are refused."""
    with pytest.raises(EvidenceError, match=rule) as caught:
        Money(amount, "USD")  # type: ignore[arg-type]
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("currency", ["usd", "US", "USDT", "", "$", "U\nD", None, 840])
def test_a_bad_currency_is_refused(currency: object) -> None:
    """A currency is three capital letters."""
    with pytest.raises(EvidenceError, match="a currency of three capital letters such as 'USD'"):
        Money("1", currency)  # type: ignore[arg-type]


def test_an_instant_is_written_in_utc() -> None:
    """An instant is written to the millisecond, ending in Z."""
    assert utc_isoformat(NOW.replace(microsecond=123_999)) == "2026-11-22T12:00:00.123Z"


def test_an_entry_reads_as_its_name_and_value() -> None:
    """An entry is one short line."""
    assert str(entry("order_id", "42")) == "order_id 42"


def _nested(levels: int) -> dict[str, Any]:
    """Return the data of lists within each other."""
    inner = [_nested(levels - 1)] if levels > 1 else []
    return {"type": "list", "value": inner}


def test_as_many_levels_as_can_be_recorded_can_be_read() -> None:
    """The limit is the same for a record."""
    assert shown(decoded(_nested(4))) == "[[[]]]"


@pytest.mark.parametrize(
    "value",
    [
        None, 3, "text", [], {}, {"type": "text"}, {"type": "text", "value": 3},
        {"type": "int", "value": True}, {"type": "int", "value": "3"}, {"type": "bool", "value": 1},
        {"type": "float", "value": "1.5"}, {"type": "float", "value": None},
        {"type": "none", "value": 0}, {"type": "duration", "value": 3},
        {"type": "duration", "value": "soon"}, {"type": "money", "value": "1"},
        {"type": "text", "value": "x", "more": 1}, {"type": "list", "value": [[]]},
        {"type": "list", "value": {"type": "text", "value": "x"}},
        {"type": "list", "value": [], "cut_from": "3"}, {"type": "map", "value": {"a": 1}},
        {"type": "map", "value": [], }, {"type": "map", "value": {}, "more": 1},
        {"type": "list", "value": [{"type": "list", "value": [3]}]},
        _nested(5),
        {"type": "int", "value": 10**40}, {"type": "money", "value": "NaN", "currency": "USD"},
        {"type": "money", "value": "1", "currency": "usd"},
        {"type": "time", "value": "2026-11-22T12:00:00"}, {"type": "time", "value": "now"},
        {"type": "list", "value": [], "cut_from": -1},
    ],
)  # fmt: skip
def test_a_value_that_was_never_encoded_is_none(value: object) -> None:
    """Only what `entry_of` makes is evidence in a record."""
    with pytest.raises(msgspec.ValidationError):
        decoded(value)


def test_text_is_cleaned_before_it_is_cut() -> None:
    """A secret is redacted before a text, key or item is cut; else half of it would remain."""

    def clean(text: str) -> str:
        return text.replace("planted-value", "***").replace("49271856", "***")

    edge = "x" * (TEXT_LIMIT - 5)
    kept = encode("n", edge + "planted-value", clean)["value"]
    assert "plant" not in kept
    assert encode("n", ["planted-value"], clean)["value"] == [{"type": "text", "value": "***"}]
    key = "k" * (NAME_LIMIT - 5) + "planted-value"
    assert "plant" not in str(encode("n", {key: "planted-value"}, clean))
    assert encode("n", 49271856, clean) == {"type": "text", "value": "***"}
    assert encode("n", 3, clean) == {"type": "int", "value": 3}
    assert encode("n", 49271856.5, clean) == {"type": "text", "value": "***.5"}
    deep = encode("n", {"a": [{"planted-value": ["planted-value", 49271856]}]}, clean)
    assert "plant" not in str(deep)
    assert "49271856" not in str(deep)
