"""A mark expression asks for production tests if it is true only with that mark."""

from __future__ import annotations

import pytest

from pytest_prodstatus.options import asks_for_production


@pytest.mark.parametrize(
    "expression",
    [
        "production",
        " production ",
        "production and not slow",
        "not slow and production",
        "production or smoke",
        "(production)",
        "not (not production)",
        "not not production",
        "production and smoke",
        "production and (eu or us)",
        "production and stage(id='a')",
        "slow and not (smoke or not production)",
        " or ".join(["production", *(f"m{n}" for n in range(20))]),
    ],
)
def test_an_expression_that_needs_production_asks_for_it(expression: str) -> None:
    """An expression asks if it is true of a test with the mark, and false of one without."""
    assert asks_for_production(expression)


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "slow",
        "not slow",
        "not production",
        "not (production)",
        "smoke or not production",
        "slow and not production",
        "production or not production",
        "production and not production",
        "nonproduction",
        "production_eu",
        "production(region='eu')",
        "not (production and slow)",
    ],
)
def test_an_expression_that_holds_without_production_does_not(expression: str) -> None:
    """A job of unit tests doesn't ask, because it must not write over a record."""
    assert not asks_for_production(expression)


@pytest.mark.parametrize(
    "expression",
    ["production and", "(production", "production)", "and production", "production %", "()"],
)
def test_an_expression_that_cannot_be_read_asks_for_nothing(expression: str) -> None:
    """An invalid expression asks for nothing: pytest refuses it before anything runs."""
    assert not asks_for_production(expression)
