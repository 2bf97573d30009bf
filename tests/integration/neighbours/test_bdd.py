"""pytest-bdd: scenarios are criteria, by a mark in the module or by a tag in the feature."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_bdd")

FEATURE = """
Feature: Payouts
  {tag}
  Scenario: A payout arrives
    Given a payout of 9
    Then it is at least 1

  {tag}
  Scenario: A payout is lost
    Given a payout of 0
    Then it is at least 1

  {tag}
  Scenario Outline: Each seller is paid
    Given a payout of <amount>
    Then it is at least 1

    Examples:
      | amount |
      | 5      |
      | 0      |
"""
STEPS = """
from pytest_bdd import given, parsers, scenarios, then
{module_mark}
scenarios("payouts.feature")

@given(parsers.parse("a payout of {{amount:d}}"), target_fixture="amount")
def amount(amount, evidence):
    evidence(amount=amount)
    return amount

@then(parsers.parse("it is at least {{least:d}}"))
def at_least(amount, least):
    assert amount >= least, f"a payout of {{amount}}"
"""
# Relative to the project's root: the document must be the same on every machine.
TITLE = "payouts.feature: A payout is lost"
DOCUMENT = (Path(__file__).parents[3] / "docs/compatibility.md").read_text(encoding="utf-8")


def documented_hook() -> str:
    """Return the conftest that the documentation recommends."""
    found = re.search(r"```python\n(import pytest\n.*?)```", DOCUMENT, re.DOTALL)
    assert found
    return found[1]


@pytest.mark.parametrize("how", ["module", "scenario"])
def test_scenarios_are_criteria(beside: Beside, how: str) -> None:
    """`pytestmark`, or the tag `@stage:api` with a hook of five lines, makes scenarios criteria."""
    tag = "@stage:api" if how == "scenario" else ""
    module_mark = 'pytestmark = pytest.mark.stage("api")' if how == "module" else ""
    beside.write(
        {
            "payouts.feature": FEATURE.format(tag=tag),
            "conftest.py": documented_hook() if how != "module" else "",
            "test_payouts.py": STEPS.format(module_mark=module_mark),
        }
    )
    ran = beside.run()
    assert ran.verdicts == {
        "api.a-payout-arrives": "CONFIRMED",
        "api.a-payout-is-lost": "FAILED observed",
        "api.each-seller-is-paid[5]": "CONFIRMED",
        "api.each-seller-is-paid[0]": "FAILED observed",
    }
    assert ran.values("api.a-payout-arrives") == {"amount": {"type": "int", "value": 9}}
    assert ran.criteria["api.a-payout-is-lost"]["title"] == TITLE
    assert ran.criteria["api.a-payout-is-lost"]["reason"] == "a payout of 0"
    assert ran.status == 1
