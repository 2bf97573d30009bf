"""The decision: open or closed, and an exit status that is only ever worsened."""

from __future__ import annotations

from itertools import product

import pytest

from pytest_prodstatus.model.verdict import (
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    Rule,
    Verdict,
    exit_status,
)
from tests.unit.given import B, C, F, catalogue, record

ADMITS = {
    (Rule.CONFIRMED, C): True, (Rule.CONFIRMED, B): False, (Rule.CONFIRMED, F): False,
    (Rule.NOT_FAILED, C): True, (Rule.NOT_FAILED, B): True, (Rule.NOT_FAILED, F): False,
    (Rule.OFF, C): True, (Rule.OFF, B): False, (Rule.OFF, F): False,
}  # fmt: skip


@pytest.mark.parametrize(("rule", "verdict"), list(ADMITS))
def test_what_opens_the_gate(rule: Rule, verdict: Verdict) -> None:
    """A gate that is off still says what is true."""
    assert rule.admits(verdict) is ADMITS[rule, verdict]
    made = record(catalogue("a"), {"a.x": verdict}, rule=rule).decision
    assert made.open is ADMITS[rule, verdict]
    assert made.rule is rule
    assert bool(made.causes) is (verdict is not C)


def test_the_numbers_are_the_contract_s() -> None:
    """0 open, 1 FAILED, 10 BLOCKED; a deploy job relies on them."""
    assert (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED) == (0, 1, 10)


@pytest.mark.parametrize(
    ("rule", "verdict", "status"),
    [
        (Rule.CONFIRMED, C, 0), (Rule.CONFIRMED, B, 10), (Rule.CONFIRMED, F, 1),
        (Rule.NOT_FAILED, C, 0), (Rule.NOT_FAILED, B, 0), (Rule.NOT_FAILED, F, 1),
        (Rule.OFF, C, 0), (Rule.OFF, B, 0), (Rule.OFF, F, 0),
    ],
)  # fmt: skip
def test_the_exit_status_where_pytest_says_0(rule: Rule, verdict: Verdict, status: int) -> None:
    """Ours stands only there."""
    assert exit_status(rule, verdict, 0) == status


@pytest.mark.parametrize(("rule", "verdict", "status"), list(product(Rule, Verdict, range(1, 8))))
def test_pytest_s_own_status_is_kept(rule: Rule, verdict: Verdict, status: int) -> None:
    """1 to 7 are pytest's and its neighbours'."""
    assert exit_status(rule, verdict, status) == status
