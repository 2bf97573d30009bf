"""Provider values are read exactly, or not at all."""

from __future__ import annotations

from datetime import datetime, timezone
from decimal import Decimal

import pytest

from pytest_prodstatus import Money
from tests.acceptance.support import fields


def test_amounts_never_pass_through_a_float() -> None:
    """A JSON number with a fraction keeps every digit."""
    parsed = fields.parse(b'{"amount": 0.1000000000000000055}')
    assert parsed == {"amount": Decimal("0.1000000000000000055")}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"nonsense",
        b"\xff\xfe",
        b'{"a": NaN}',
        b'{"a":1',
        b"[" * 100_000,
        b'{"a": 1e99999999999999999999}',
        b'{"a": 1%s}' % (b"0" * 5000),
    ],
)
def test_what_is_not_a_json_object_is_none(content: bytes) -> None:
    """Garbage, lists, NaN and numbers beyond measure are unreadable rather than an exception."""
    assert fields.parse(content) is None


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("172.71", Decimal("172.71")),
        (5, Decimal(5)),
        (" 7 ", Decimal(7)),
        ("1_000", None),
        ("14.49.", None),
        ("14.", None),
        ("1,240.00", None),
        ("१२", None),
        ("1e5", None),
        ("NaN", None),
        ("", None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_numbers_may_be_text_but_only_plain_ones(value: object, read: Decimal | None) -> None:
    """All else that Decimal would take (underscores, exponents, NaN) is unreadable."""
    assert fields.number(value) == read


@pytest.mark.parametrize(
    ("value", "read"),
    [(True, True), ("true", True), ("False", False), (1, None), ("yes", None), (None, None)],
)
def test_booleans_may_be_text(value: object, read: bool | None) -> None:
    """Only true and false count, as JSON or as text."""
    assert fields.boolean(value) is read


def test_money_needs_both_parts() -> None:
    """A readable amount and a currency of three letters, else None."""
    assert fields.money("1.50", "usd") == Money("1.50", "USD")
    assert fields.money("1.50", "US") is None
    assert fields.money("about 2", "USD") is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("2026-11-22T10:17:39Z", datetime(2026, 11, 22, 10, 17, 39, tzinfo=timezone.utc)),
        ("2026-11-22 02:17:39-08:00", datetime(2026, 11, 22, 10, 17, 39, tzinfo=timezone.utc)),
        ("2026-11-22 10:17:39", None),
        ("2026-13-45T00:00:00Z", None),
        ("soon", None),
    ],
)
def test_a_time_without_a_zone_is_no_instant(text: str, read: datetime | None) -> None:
    """A time is an instant in UTC only if it has a zone."""
    assert fields.instant(text) == read


def test_a_list_may_stand_bare_or_in_an_object() -> None:
    """The provider writes [1], {"number": [1]} and {"number": 1} for one thing."""
    for value in ([1], {"number": [1]}, {"number": 1}):
        assert fields.sequence(value, inside="number") == [1]
    assert fields.sequence(None, inside="number") == []
