"""Amounts to the last digit and instants in UTC, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pytest_prodstatus.store.journal import Journal
from tests.integration.state.purchases import NOON, SetClock, plan_at


@pytest.mark.parametrize(
    "amount", ["0.10", "0", "17.9", "17.900", "1E+1", "24.9999999999999999999"]
)
def test_amounts_come_back_digit_for_digit(url: str, amount: str) -> None:
    """No float is in between: 0.10 stays 0.10 and twenty decimals stay twenty."""
    with Journal.open(url, clock=SetClock()) as journal:
        written = journal.intend(plan_at(NOON, amount=amount))
        read = journal.entry(written.id)

    assert read.amount == Decimal(amount)
    assert format(read.amount, "f") == format(Decimal(amount), "f")
    assert str(read.cap) == "25.00"


def test_instants_come_back_aware_in_utc(url: str) -> None:
    """Whatever the zone of the plan, the clock or the database's session, to the microsecond."""
    if "postgresql" in url:
        url += "%20-cTimeZone%3DAsia/Kolkata"
    tokyo = timezone(timedelta(hours=9))
    now = datetime(2026, 3, 10, 12, 0, 0, 123_456, tzinfo=tokyo)
    with Journal.open(url, clock=SetClock(now)) as journal:
        entry = journal.entry(journal.intend(plan_at(now)).id)

    assert (entry.claimed_at, entry.expires_at) == (now, now + timedelta(hours=1))
    assert entry.claimed_at.tzinfo is timezone.utc
    assert entry.expires_at.tzinfo is timezone.utc


def test_text_comes_back_as_written(url: str) -> None:
    """Names in any script, quotes and percent signs are values, never SQL."""
    who = "Zoë O'Hara %s {x} \"; -- 東京"
    with Journal.open(url, clock=SetClock()) as journal:
        assert journal.entry(journal.intend(plan_at(NOON, who=who)).id).who == who
