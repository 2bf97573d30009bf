"""The record of a run in progress confirms nothing, whatever it is about."""

from __future__ import annotations

import pytest

from pytest_prodstatus.model.assemble import IN_PROGRESS, marker_of
from pytest_prodstatus.model.record import Selection
from pytest_prodstatus.model.verdict import Kind, Rule, Verdict
from tests.unit.given import B, C, catalogue, criterion, record, run, stage

STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))


@pytest.mark.parametrize("rule", Rule)
def test_nothing_is_confirmed_and_the_gate_is_closed(rule: Rule) -> None:
    """By every rule: a run that is off must not leave an open gate when it is killed, either."""
    made = marker_of(run(finished=None), rule, STAGES)
    assert [(s.id, s.verdict, s.reason, s.cause) for s in made.stages] == [
        (name, B, IN_PROGRESS, "run") for name in ("api", "shop", "final")
    ]
    assert (made.final.verdict, made.final.reason, made.final.cause) == (B, IN_PROGRESS, "run")
    assert (made.decision.open, made.decision.exit_code, made.decision.rule) == (False, 10, rule)
    (cause,) = made.decision.causes
    assert (cause.verdict, cause.reason, cause.ids) == (B, IN_PROGRESS, ("run",))
    assert made.decision.actions == (IN_PROGRESS.remedy,)
    assert made.decision.selection == Selection(partial=False, verdict=B, criteria=0)
    assert [s.derived for s in made.stages] == [False, False, True]
    assert {s.since for s in made.stages} == {made.run.started}
    assert IN_PROGRESS.kind is Kind.NOT_RUN


def test_criteria_are_named_where_they_are_given() -> None:
    """Each in its stage, BLOCKED, never observed."""
    tests = (criterion("shop.open"), criterion("api.a"), criterion("api.b"))
    made = marker_of(run(finished=None), Rule.CONFIRMED, STAGES, tests)
    assert [s.id for s in made.criteria] == ["api.a", "api.b", "shop.open"]
    for standing in made.criteria:
        assert (standing.verdict, standing.observed, standing.reason) == (B, None, IN_PROGRESS)
        assert standing.selected
    assert made.decision.selection.criteria == 3


def test_the_former_record_is_kept() -> None:
    """As the last that finished, from which a later run carries over."""
    former = record(STAGES, {"api.a": C, "shop.open": C})
    made = marker_of(run(finished=None), Rule.CONFIRMED, STAGES, former=former)
    assert made.last_finished is former
    assert marker_of(run(finished=None), Rule.CONFIRMED, STAGES).last_finished is None
    assert made.final.verdict is Verdict.BLOCKED
