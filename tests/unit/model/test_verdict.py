"""The three verdicts and their algebra."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from pytest_prodstatus.model.verdict import Rule, Verdict, rollup
from tests.unit.given import B, C, F


def test_severity_is_confirmed_then_blocked_then_failed() -> None:
    """CONFIRMED < BLOCKED < FAILED, in every order of asking."""
    assert [sorted(p) for p in permutations(Verdict)] == [[C, B, F]] * 6
    assert [v.severity for v in (C, B, F)] == [0, 1, 2]


def test_a_verdict_prints_as_its_word() -> None:
    """What is printed is the word and nothing else."""
    assert [str(v) for v in Verdict] == ["CONFIRMED", "BLOCKED", "FAILED"]


def test_a_verdict_compares_with_nothing_else() -> None:
    """Comparing with a word is an error, never a silent answer."""
    with pytest.raises(TypeError):
        _ = C < "FAILED"


@pytest.mark.parametrize("verdicts", list(product(Verdict, repeat=3)))
def test_the_rollup_is_the_worst_in_any_order(verdicts: tuple[Verdict, ...]) -> None:
    """The rollup is the worst of its verdicts, whatever their order."""
    worst = F if F in verdicts else B if B in verdicts else C
    assert {rollup(p) for p in permutations(verdicts)} == {worst}


def test_the_rollup_of_nothing_is_blocked() -> None:
    """Absence is never success."""
    assert rollup([]) is B


def test_the_rules_are_the_options_values() -> None:
    """`--prodstatus-gate` takes these words."""
    assert [rule.value for rule in Rule] == ["confirmed", "not-failed", "off"]
