"""Verdicts have an order, reasons have kinds, and the gate's rule gives the exit status."""

from __future__ import annotations

from itertools import permutations, product

import pytest

from pytest_prodstatus.model.verdict import (
    BLOCKED_KINDS,
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    Kind,
    Reason,
    Rule,
    Verdict,
    exit_status,
    rollup,
)
from tests.unit.given import B, C, F, catalogue, each_hostile_text, record


def test_severity_is_confirmed_then_blocked_then_failed() -> None:
    """CONFIRMED < BLOCKED < FAILED holds in every comparison."""
    assert [sorted(p) for p in permutations(Verdict)] == [[C, B, F]] * 6
    assert [v.severity for v in (C, B, F)] == [0, 1, 2]


def test_a_verdict_prints_as_its_word() -> None:
    """A verdict is printed as its word and nothing else."""
    assert [str(v) for v in Verdict] == ["CONFIRMED", "BLOCKED", "FAILED"]


def test_a_verdict_compares_with_nothing_else() -> None:
    """Comparing with a word is an error, never a silent result."""
    with pytest.raises(TypeError):
        _ = C < "FAILED"


@pytest.mark.parametrize("verdicts", list(product(Verdict, repeat=3)))
def test_the_rollup_is_the_worst_in_any_order(verdicts: tuple[Verdict, ...]) -> None:
    """The rollup is the worst of its verdicts, in any order."""
    worst = F if F in verdicts else B if B in verdicts else C
    assert {rollup(p) for p in permutations(verdicts)} == {worst}


def test_the_rollup_of_nothing_is_blocked() -> None:
    """The rollup of nothing is BLOCKED: absence is never success."""
    assert rollup([]) is B


def test_the_rules_are_the_options_values() -> None:
    """The rules are the values that `--prodstatus-gate` takes."""
    assert [rule.value for rule in Rule] == ["confirmed", "not-failed", "off"]


def test_the_kinds_are_those_of_the_contract() -> None:
    """Record and schema contain a kind's word, so the words stay as they are."""
    assert {str(kind) for kind in Kind} - {str(kind) for kind in BLOCKED_KINDS} == {
        "observed", "error", "crash", "known-failure", "skipped", "setup-error", "evidence-error",
        "no-evidence", "no-assertion", "collection-error", "not-run", "upstream", "stale",
        "untrusted", "not-applicable",
    }  # fmt: skip
    assert [str(kind) for kind in BLOCKED_KINDS] == [
        "not-armed", "missing-config", "no-data", "provider-unavailable", "timeout", "pending",
        "inconclusive", "unresolved-intent", "not-implemented",
    ]  # fmt: skip


@each_hostile_text
def test_a_reason_is_one_line(text: str) -> None:
    """Reason and remedy are one line each, for any text of a test."""
    reason = Reason(text=text, kind=Kind.OBSERVED, remedy=text)
    assert len(reason.text.splitlines()) == 1
    assert len((reason.remedy or "").splitlines()) == 1
    assert Reason(text=reason.text, kind=Kind.OBSERVED, remedy=reason.remedy) == reason


@pytest.mark.parametrize("text", ["", "   ", "\n\t"])
def test_a_reason_is_never_empty(text: str) -> None:
    """A reason without a text says that none was given."""
    reason = Reason(text=text, kind=Kind.SKIPPED, remedy="")
    assert reason.text == "no reason was given"
    assert reason.remedy is None


ADMITS = {
    (Rule.CONFIRMED, C): True, (Rule.CONFIRMED, B): False, (Rule.CONFIRMED, F): False,
    (Rule.NOT_FAILED, C): True, (Rule.NOT_FAILED, B): True, (Rule.NOT_FAILED, F): False,
    (Rule.OFF, C): True, (Rule.OFF, B): False, (Rule.OFF, F): False,
}  # fmt: skip


@pytest.mark.parametrize(("rule", "verdict"), list(ADMITS))
def test_what_opens_the_gate(rule: Rule, verdict: Verdict) -> None:
    """The rule `off` still states whether the gate would be open."""
    assert rule.admits(verdict) is ADMITS[rule, verdict]
    made = record(catalogue("a"), {"a.x": verdict}, rule=rule).decision
    assert made.open is ADMITS[rule, verdict]
    assert made.rule is rule
    assert bool(made.causes) is (verdict is not C)


def test_the_numbers_are_the_contract_s() -> None:
    """0 is open, 1 FAILED and 10 BLOCKED; a deploy job relies on them."""
    assert (EXIT_OPEN, EXIT_FAILED, EXIT_BLOCKED) == (0, 1, 10)


@pytest.mark.parametrize(
    ("rule", "verdict", "status"),
    [
        (Rule.CONFIRMED, C, 0), (Rule.CONFIRMED, B, 10), (Rule.CONFIRMED, F, 1),
        (Rule.NOT_FAILED, C, 0), (Rule.NOT_FAILED, B, 0), (Rule.NOT_FAILED, F, 1),
        (Rule.OFF, C, 0), (Rule.OFF, B, 0), (Rule.OFF, F, 0),
    ],
)  # fmt: skip
def test_the_exit_status_if_pytest_s_is_0(rule: Rule, verdict: Verdict, status: int) -> None:
    """Only a 0 is replaced by ours."""
    assert exit_status(rule, verdict, 0) == status


@pytest.mark.parametrize(("rule", "verdict", "status"), list(product(Rule, Verdict, range(1, 8))))
def test_pytest_s_own_status_is_kept(rule: Rule, verdict: Verdict, status: int) -> None:
    """The statuses 1 to 7 belong to pytest and other plugins, and are kept."""
    assert exit_status(rule, verdict, status) == status
