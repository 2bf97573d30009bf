"""The decision: open or closed, why, and an exit status that is only ever worsened."""

from __future__ import annotations

from itertools import product

import pytest

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.decision import EXIT_BLOCKED, EXIT_FAILED, EXIT_OPEN, exit_status
from pytest_prodstatus.model.reason import Kind
from pytest_prodstatus.model.verdict import Rule, Verdict
from tests.unit.given import B, C, F, catalogue, reason, record, run, stage

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
    assert bool(made.reasons) is not made.open


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


def closed(stages: Catalogue, verdicts: dict[str, Verdict], *incidents: object) -> list[str]:
    """Return why the gate is closed."""
    made = record(stages, dict(verdicts), of=run(incidents=incidents))
    return list(made.decision.reasons)


class TestReasons:
    """One sentence a root cause, the worst first."""

    CHAIN = catalogue(
        "order", stage("sale", requires=("order",)), "oauth", stage("all", rollup=("order", "sale"))
    )

    def test_the_worst_comes_first(self) -> None:
        """FAILED before BLOCKED, else in the order of the stages."""
        assert closed(self.CHAIN, {"order.x": B, "sale.x": C, "oauth.x": F}) == [
            "OAUTH STATUS FAILED: seen to be FAILED",
            "ORDER STATUS BLOCKED: seen to be BLOCKED",
        ]

    def test_what_only_follows_is_not_repeated(self) -> None:
        """Neither the stage that requires the root nor the one that rolls it up."""
        assert closed(self.CHAIN, {"order.x": F, "sale.x": C, "oauth.x": C}) == [
            "ORDER STATUS FAILED: seen to be FAILED"
        ]

    def test_a_stage_without_criteria(self) -> None:
        """Is its own cause."""
        assert closed(catalogue("a", "b"), {"a.x": C}) == [
            "B STATUS BLOCKED: no test provides a criterion of this stage"
        ]

    def test_an_incident(self) -> None:
        """Said once, by the stage `final` or by FINAL."""
        died = reason("worker gw0 died", Kind.CRASH)
        final = stage("final", rollup=("a",))
        assert closed(catalogue("a"), {"a.x": C}, died) == ["FINAL BLOCKED: worker gw0 died"]
        assert closed(catalogue("a", final), {"a.x": C}, died) == [
            "FINAL STATUS BLOCKED: worker gw0 died"
        ]

    def test_a_stage_called_run_is_a_stage_like_any_other(self) -> None:
        """What only requires it isn't taken for an incident."""
        made = catalogue(stage("sale", requires=("run",)), "run")
        assert closed(made, {"run.x": B, "sale.x": C}) == ["RUN STATUS BLOCKED: seen to be BLOCKED"]
