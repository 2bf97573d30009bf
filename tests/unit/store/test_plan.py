"""A plan is valid only if each of its fields obeys a rule."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.store import InvalidRecord
from pytest_prodstatus.store.action import FEW, Key, once
from tests.unit.store.plans import limit, plan


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("criterion", ""),
        ("target", "  "),
        ("project", None),
        ("armed_by", "two\nlines"),
        ("armed_by", "nul\x00"),
        ("payload_digest", "x" * 201),
        ("criterion", None),
        ("key", "2026-03-10"),
        ("key", once("")),
        ("key", once("two\nlines")),
        ("key", Key(period="week", name="2026-W11")),  # type: ignore[arg-type]
        ("limits", [limit()]),
        ("limits", (limit(),) * (FEW + 1)),
        ("limits", ("17.90 USD",)),
        ("limits", (limit(amount=17.9),)),
        ("limits", (limit(amount=17),)),
        ("limits", (limit(amount=Decimal("NaN")),)),
        ("limits", (limit(amount=Decimal("-0.01")),)),
        ("limits", (limit(maximum=Decimal("Infinity")),)),
        ("limits", (limit(maximum=Decimal("1E+400")),)),
        ("limits", (limit(name="two\nlines"),)),
        ("limits", (limit(unit=""),)),
        ("details", [("mode", "paid")]),
        ("details", {str(number): "x" for number in range(FEW + 1)}),
        ("details", {"": "x"}),
        ("details", {1: "x"}),
        ("details", {"mode": ""}),
        ("details", {"mode": "two\nlines"}),
        ("details", {"mode": "x" * 2001}),
        ("details", {"weight": 1.5}),
        ("details", {"weight": Decimal("NaN")}),
        ("details", {"paid": True}),
        ("details", {"nested": {"a": "b"}}),
        ("expires_at", datetime(2026, 3, 10, 12, 0)),  # noqa: DTZ001 - the mistake under test
        ("expires_at", "2026-03-10"),
    ],
)
def test_a_wrong_field_is_refused_by_name(name: str, value: Any) -> None:
    """The sentence names the field and the rule; no float ever becomes an amount."""
    with pytest.raises(InvalidRecord) as violation:
        plan(**{name: value})
    assert name.removesuffix("s") in str(violation.value)
    assert "\n" not in str(violation.value)


def test_an_amount_may_reach_its_maximum_and_not_pass_it() -> None:
    """An amount may equal its maximum; the refusal of a higher one shows both."""
    most = limit(amount=Decimal("25.00"))
    assert plan(limits=(most,)).limits == (most,)
    with pytest.raises(InvalidRecord, match=r"price 25\.01 USD \(at most 25\.00\) is above"):
        plan(limits=(limit(amount=Decimal("25.01")),))


def test_an_action_needs_no_limits_and_no_details() -> None:
    """An action needs no limits or details; text, exact numbers and money are kept."""
    assert plan(limits=(), details={}).details == {}
    details = {"text": "é", "number": Decimal("1.50"), "money": Money("9.90", "EUR")}
    assert plan(details=details).details == details
