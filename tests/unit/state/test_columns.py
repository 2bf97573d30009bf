"""Values are the same after the database as before it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql, sqlite

from pytest_prodstatus.store.schema import ExactDecimal, IsoDay, Lines, UtcDateTime

SQLITE = sqlite.dialect()
POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]
zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=0, max_value=10**15))
def test_amounts_keep_every_digit(amount: Decimal) -> None:
    """Value and trailing zeros, without an exponent in the text."""
    text = ExactDecimal().process_bind_param(amount, SQLITE)
    assert text is not None
    assert "E" not in text
    read = ExactDecimal().process_result_value(text, SQLITE)
    assert read == amount
    assert format(read, "f") == format(amount, "f")


@given(st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1), timezones=zones))  # noqa: DTZ001
def test_instants_are_utc(instant: datetime) -> None:
    """On either database, from whatever zone."""
    for dialect in (SQLITE, POSTGRESQL):
        stored = UtcDateTime().process_bind_param(instant, dialect)
        read = UtcDateTime().process_result_value(stored, dialect)
        assert read == instant
        assert read.tzinfo is timezone.utc


@given(st.dates(), st.lists(st.text(st.characters(exclude_categories=[]))).map(tuple))
def test_days_and_lines_come_back(day: object, lines: tuple[str, ...]) -> None:
    """A day by its ISO text, texts as plain ASCII whatever is in them."""
    assert IsoDay().process_result_value(str(day), SQLITE) == day
    text = Lines().process_bind_param(lines, POSTGRESQL)
    assert text is not None
    assert text.isascii()
    assert "\x00" not in text
    assert Lines().process_result_value(text, POSTGRESQL) == lines
