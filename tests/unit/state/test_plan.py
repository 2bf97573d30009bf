"""What may be planned."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from pytest_prodstatus.store.errors import InvalidRecord
from tests.unit.state.plans import NOON, plan


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("criterion", ""),
        ("target", "  "),
        ("who", "two\nlines"),
        ("who", "nul\x00"),
        ("payload_hash", "x" * 201),
        ("criterion", None),
        ("day", NOON),
        ("day", "2026-03-10"),
        ("amount", 17.9),
        ("amount", 17),
        ("amount", Decimal("NaN")),
        ("amount", Decimal("-0.01")),
        ("cap", Decimal("Infinity")),
        ("cap", 25.0),
        ("amount", Decimal("25.01")),
        ("currency", "usd"),
        ("currency", "USDT"),
        ("currency", "USD\n"),
        ("currency", None),
        ("route", "post"),
        ("mode", "quote"),
        ("expires_at", datetime(2026, 3, 10, 12, 0)),  # noqa: DTZ001 - the mistake under test
        ("expires_at", "2026-03-10"),
    ],
)
def test_a_wrong_field_is_refused_by_name(name: str, value: Any) -> None:
    """The sentence names the field or its value, and the rule; no float ever becomes money."""
    with pytest.raises(InvalidRecord) as refusal:
        plan(**{name: value})
    assert name in str(refusal.value) or str(value) in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_an_amount_may_reach_its_cap() -> None:
    """The cap is the highest amount that may be spent."""
    assert plan(amount=Decimal("25.00")).amount == plan().cap
