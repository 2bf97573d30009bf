"""Values are the same after the database as before it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.store.action import Detail, Limit
from pytest_prodstatus.store.schema import DETAILS, LIMITS, LINES, UtcDateTime

SQLITE = sqlite.dialect()
POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


exact = st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15)


@given(exact, exact, st.text(st.characters(exclude_categories=["Cs"])))
def test_limits_and_details_keep_every_digit(amount: Decimal, other: Decimal, text: str) -> None:
    """Amounts keep value, trailing zeros and kind: a text of digits stays a text."""
    limits = (Limit(name="price", amount=amount, maximum=other, unit="USD"),)
    stored = LIMITS.process_bind_param(limits, SQLITE)
    assert LIMITS.process_result_value(stored, SQLITE) == limits
    details: dict[str, Detail] = {text: text, "digits": str(amount), "number": amount}
    read = DETAILS.process_result_value(DETAILS.process_bind_param(details, SQLITE), SQLITE)
    assert read == details
    assert str(read["number"]) == str(amount)
    assert type(read["digits"]) is str


def test_money_comes_back_as_money() -> None:
    """Money keeps its currency."""
    details = {"paid": Money("9.90", "EUR")}
    stored = DETAILS.process_bind_param(details, POSTGRESQL)
    assert stored == '{"paid":{"amount":9.90,"currency":"EUR"}}'
    assert DETAILS.process_result_value(stored, POSTGRESQL) == details


@given(st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=zones))  # noqa: DTZ001
def test_instants_are_utc(instant: datetime) -> None:
    """An instant is in UTC on either database, from any time zone."""
    for dialect in (SQLITE, POSTGRESQL):
        stored = UtcDateTime().process_bind_param(instant, dialect)
        read = UtcDateTime().process_result_value(stored, dialect)
        assert read == instant
        assert read.tzinfo is timezone.utc


@given(st.lists(st.text(st.characters(exclude_categories=[]))).map(tuple))
def test_lines_come_back(lines: tuple[str, ...]) -> None:
    """Lines with any text are stored as plain ASCII, and come back unchanged."""
    text = LINES.process_bind_param(lines, POSTGRESQL)
    assert text is not None
    assert text.isascii()
    assert "\x00" not in text
    assert LINES.process_result_value(text, POSTGRESQL) == lines
