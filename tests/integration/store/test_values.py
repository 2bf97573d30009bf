"""Amounts are kept to the last digit and instants in UTC, on both databases."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.store.action import Detail
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import NOON, SetClock, plan_at


@pytest.mark.parametrize(
    "amount", ["0.10", "0", "17.9", "17.900", "1E+1", "24.9999999999999999999"]
)
def test_amounts_come_back_digit_for_digit(url: str, amount: str) -> None:
    """No amount passes through a float: 0.10 stays 0.10, and twenty decimals stay twenty."""
    exact = Decimal(amount)
    details: dict[str, Detail] = {"weight": exact, "money": Money(amount, "USD"), "text": amount}
    with Journal.open(url, clock=SetClock()) as journal:
        written = journal.intend(plan_at(NOON, amount=amount, details=details))
        read = journal.action(written.id)

    assert read == written
    (limit,) = read.limits
    money = read.details["money"]
    assert isinstance(money, Money)
    for value in (limit.amount, read.details["weight"], money.amount):
        assert isinstance(value, Decimal)
        assert format(value, "f") == format(exact, "f")
    assert str(limit.maximum) == "25.00"
    assert read.details["text"] == amount


def test_instants_come_back_aware_in_utc(url: str) -> None:
    """Instants are kept to the microsecond in any zone of the plan, the clock or the session."""
    if "postgresql" in url:
        url += "%20-cTimeZone%3DAsia/Kolkata"
    tokyo = timezone(timedelta(hours=9))
    now = datetime(2026, 3, 10, 12, 0, 0, 123_456, tzinfo=tokyo)
    with Journal.open(url, clock=SetClock(now)) as journal:
        action = journal.action(journal.intend(plan_at(now)).id)

    assert (action.claimed_at, action.expires_at) == (now, now + timedelta(hours=1))
    assert action.claimed_at.tzinfo is timezone.utc
    assert action.expires_at.tzinfo is timezone.utc


def test_text_comes_back_as_written(url: str) -> None:
    """Names in any script, quotes and percent signs are values, never SQL."""
    text = "Zoë O'Hara %s {x} \"; -- 東京"
    plan = plan_at(NOON, armed_by=text, details={text: text})
    with Journal.open(url, clock=SetClock()) as journal:
        read = journal.action(journal.intend(plan).id)
    assert (read.armed_by, read.details) == (text, {text: text})
