"""Stages that don't apply: not judged, counted nowhere, and said so everywhere."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from pytest_prodstatus.model.assemble import marker_of
from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError, Stage
from pytest_prodstatus.model.codec import read_record, write_record
from pytest_prodstatus.model.gate import GateDecision, UnknownStageError, decide
from pytest_prodstatus.model.record import Record, StageStatus
from pytest_prodstatus.model.verdict import Kind, Rule
from pytest_prodstatus.model.violations import GateQuery, ViolationKind
from pytest_prodstatus.model.waiver import Waiver, Waivers
from pytest_prodstatus.readers.config import Config, ConfigError, read_config
from pytest_prodstatus.writers.board import board_lines
from pytest_prodstatus.writers.ctrf import write as write_ctrf
from pytest_prodstatus.writers.document import field_values
from pytest_prodstatus.writers.gate_report import GateReport, decision_lines, decisions_to_json
from pytest_prodstatus.writers.github import write as write_github
from pytest_prodstatus.writers.html.page import write_page
from pytest_prodstatus.writers.junit import write as write_junit
from tests.unit.given import NOW, B, C, F, catalogue, criterion, record, report, run, stage

SENTENCE = "not applicable: no one is paid out (Ann)"


def _absent(**more: Any) -> Stage:
    given: dict[str, Any] = {"applies": False, "reason": "no one is paid out", "owner": "Ann"}
    given |= {"requires": ("sale",), "criteria": ("payout.made",)}
    return stage("payout", **(given | more))


def _declared(**more: Any) -> Catalogue:
    return catalogue(
        stage("sale", criteria=("sale.exists",)),
        _absent(**more),
        stage("cycle", requires=("payout",), criteria=("cycle.whole",)),
        stage("final", rollup=("sale", "payout", "cycle")),
    )


def _judged(sale: Any = C, **more: Any) -> Record:
    return record(_declared().at(NOW), {"sale.exists": sale, "cycle.whole": C}, **more)


def _stages(made: Record) -> dict[str, StageStatus]:
    return {found.id: found for found in made.stages}


def test_a_killed_run_says_so_too() -> None:
    """While a run is in progress, and for ever if it is killed, the stage isn't BLOCKED."""
    declared = _declared().at(NOW)
    made = marker_of(run(), Rule.CONFIRMED, declared)
    payout = _stages(made)["payout"]
    assert (payout.applies, payout.sentence) == (False, SENTENCE)
    assert made.decision.causes[0].affected == ("sale", "cycle", "final")
    assert read_record(write_record(made), "x") == made
    assert field_values(made)["PAYOUT STATUS"] == SENTENCE


def test_a_stage_that_doesnt_apply_counts_nowhere() -> None:
    """FINAL is CONFIRMED without it, and it is itself neither CONFIRMED nor a cause."""
    made = _judged()
    payout = _stages(made)["payout"]
    assert (made.final.verdict, made.decision.open, made.run.complete) == (C, True, True)
    assert (payout.verdict, payout.kind, payout.sentence) == (B, Kind.NOT_APPLICABLE, SENTENCE)
    assert (payout.applies, payout.is_root, payout.is_affected) == (False, False, False)
    assert made.decision.causes == ()
    assert "payout" not in made.past.stages


def test_its_criteria_are_not_judged() -> None:
    """Not even if one ran, was carried over, or is declared."""
    ids = ("sale.exists", "payout.made", "cycle.whole")
    former = record(_declared().at(NOW), {"sale.exists": C, "cycle.whole": C})
    made = record(
        _declared().at(NOW),
        {"sale.exists": C, "payout.made": F, "cycle.whole": C},
        collected=tuple(map(criterion, ids)),
        former=former,
    )
    assert [status.id for status in made.criteria] == ["sale.exists", "cycle.whole"]
    assert made.final.verdict is C


def test_what_requires_it_requires_what_it_would_require() -> None:
    """Leaving a stage out opens no way around the stages before it."""
    made = _judged(F)
    assert (_stages(made)["cycle"].verdict, _stages(made)["cycle"].kind) == (B, Kind.UPSTREAM)
    assert {cause.ids for cause in made.decision.causes} == {("sale.exists",)}


def test_what_requires_it_says_so() -> None:
    """By its title, and so does what rolls it up."""
    found = _stages(_judged())
    without = {name: status.without for name, status in found.items()}
    assert without == {"sale": (), "payout": (), "cycle": ("PAYOUT STATUS",)} | {
        "final": ("PAYOUT STATUS",)
    }
    assert field_values(_judged())["CYCLE STATUS"].endswith("(PAYOUT STATUS: not applicable))")


def test_without_a_final_stage_it_counts_nowhere_either() -> None:
    """FINAL is the rollup of the stages that are judged; of none it is BLOCKED."""
    made = record(catalogue("sale", _absent()).at(NOW), {"sale.exists": C})
    assert made.final.verdict is C
    assert record(catalogue(_absent(requires=())).at(NOW), {}).final.verdict is B


def test_every_output_says_so() -> None:
    """Document, terminal, page, JUnit, CTRF and the step of a workflow."""
    made, config = _judged(), Config(catalogue=_declared())
    assert field_values(made)["PAYOUT STATUS"] == SENTENCE
    lines = [line.text for line in board_lines(made)]
    assert f"PAYOUT STATUS  {SENTENCE}" in lines
    page = write_page(made, config)
    assert '<b class="tag N">not applicable</b>' in page
    assert SENTENCE in page
    junit = write_junit(report(made, config.catalogue))
    assert f'name="prodstatus.stage.payout" value="{SENTENCE}"' in junit
    assert 'tests="2" failures="0" errors="0" skipped="0"' in junit
    ctrf = json.loads(write_ctrf(report(made, config.catalogue)))["results"]
    assert ctrf["extra"]["stages"]["payout"] == SENTENCE
    assert (ctrf["summary"]["tests"], ctrf["summary"]["other"]) == (2, 0)
    assert f"| PAYOUT STATUS | not applicable | {SENTENCE} |" in write_github(
        report(made, config.catalogue)
    )


def _decision(made: Record, declared: Catalogue, **query: Any) -> GateDecision:
    return decide(made, declared, GateQuery(target=made.run.target, **query), NOW)


def test_the_gate_says_so() -> None:
    """It is open without the stage, and refuses to require it."""
    declared = _declared()
    made = record(
        declared.at(NOW), {"sale.exists": C, "cycle.whole": C}, of=run(catalogue=declared.digest)
    )
    decision = _decision(made, declared)
    assert (decision.open, decision.not_applicable) == (True, (f"PAYOUT STATUS is {SENTENCE}",))
    report = GateReport(source="status.json", run=made.run, decision=decision)
    assert f"  PAYOUT STATUS is {SENTENCE}" in list(decision_lines(report, NOW))
    output = json.loads(decisions_to_json([report], NOW))
    assert output["records"][0]["not_applicable"] == [f"PAYOUT STATUS is {SENTENCE}"]
    with pytest.raises(UnknownStageError, match="'payout': the stage is not applicable: no one"):
        _decision(made, declared, require=("payout",))


def test_a_waiver_of_a_criterion_of_it_is_about_none() -> None:
    """It accepts nothing, so it closes the gate as any waiver of an unknown criterion."""
    declared = _declared()
    made = record(
        declared.at(NOW), {"sale.exists": C, "cycle.whole": C}, of=run(catalogue=declared.digest)
    )
    waiver = Waiver(
        criterion="payout.made", reason="later", owner="Ann", expires=NOW + timedelta(days=1)
    )
    query = GateQuery(target=made.run.target)
    decision = decide(made, declared, query, NOW, waivers=Waivers(given=(waiver,)))
    assert [found.kind for found in decision.violations] == [ViolationKind.WAIVER]
    assert decision.waived == ()


def test_from_its_end_on_the_stage_applies_again() -> None:
    """A record from before closes the gate, without contradicting itself."""
    declared = _declared(expires=NOW - timedelta(seconds=1))
    before = NOW - timedelta(hours=1)
    made = record(
        declared.at(before),
        {"sale.exists": C, "cycle.whole": C},
        of=run(catalogue=declared.digest, started=before),
    )
    assert made.final.verdict is C
    decision = _decision(made, declared)
    assert (decision.open, decision.verdict, decision.violations) == (False, B, ())
    assert {cause.ids for cause in decision.causes} == {("payout.made",)}
    assert decision.not_applicable == ()
    assert declared.at(NOW).by_id["payout"].applies


def test_a_stage_without_a_criterion_applies_again_too() -> None:
    """It is BLOCKED then, although no criterion is any different."""
    declared = _declared(criteria=(), expires=NOW - timedelta(seconds=1))
    before = NOW - timedelta(hours=1)
    made = record(
        declared.at(before),
        {"sale.exists": C, "cycle.whole": C},
        of=run(catalogue=declared.digest, started=before),
    )
    decision = _decision(made, declared)
    assert (made.final.verdict, decision.verdict, decision.violations) == (C, B, ())
    assert {cause.ids for cause in decision.causes} == {("payout",)}


def test_declaring_it_changes_the_catalogue() -> None:
    """A record that judged the stage says nothing of a catalogue without it, and vice versa."""
    whole = _declared(applies=True, reason="", owner="")
    assert len({whole.digest, _declared().digest, _declared(expires=NOW).digest}) == 3
    assert _declared().at(NOW).digest == _declared().digest


def test_a_catalogue_in_which_all_applies_is_the_same_object() -> None:
    """Most projects pay nothing."""
    made = catalogue("a", stage("b", requires=("a",)))
    assert made.at(NOW) is made


def test_a_record_of_before_is_read() -> None:
    """One that doesn't have the field yet; the field survives in a new one."""
    made = _judged()
    assert read_record(write_record(made), "new") == made
    data = json.loads(write_record(record(catalogue("a"), {"a.x": C})))
    for found in data["stages"]:
        del found["without"]
    assert read_record(json.dumps(data), "old").stages[0].without == ()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("applies = false\nowner = 'Ann'", "needs a reason and an owner, and its reason is ''"),
        ("applies = false\nreason = 'x'", "needs a reason and an owner, and its owner is ''"),
        ("applies = false\nreason = ' '\nowner = 'Ann'", "its reason is ''"),
        ("reason = 'x'", "reason = 'x' is for a stage with applies = false"),
        ("expires = 2027-01-01", "is for a stage with applies = false"),
        ("applies = 0", "applies = 0 must be"),
        ("applies = false\nreason = 'x'\nowner = 'A'\nexpires = 'soon'", "must be a date"),
    ],
)
def test_it_is_declared_with_reason_and_owner(keys: str, words: str) -> None:
    """Anything else is a usage error that names the stage, the value and the rule."""
    text = f"[tool.prodstatus]\n[[tool.prodstatus.stages]]\nid = 'payout'\n{keys}\n"
    with pytest.raises(ConfigError, match="'payout'") as caught:
        read_config(text, "pyproject.toml")
    assert words in str(caught.value)


def test_final_always_applies() -> None:
    """Or the gate would be about nothing."""
    with pytest.raises(CatalogueError, match="FINAL always applies"):
        catalogue("a", stage("final", applies=False, reason="x", owner="Ann"))


def test_an_end_is_the_end_of_its_day() -> None:
    """As a waiver's."""
    text = (
        "[tool.prodstatus]\n[[tool.prodstatus.stages]]\nid = 'payout'\napplies = false\n"
        "reason = 'x'\nowner = 'Ann'\nexpires = 2026-12-31\n"
    )
    config = read_config(text, "pyproject.toml")
    assert config is not None
    ends = config.catalogue.by_id["payout"].expires
    assert f"{ends}" == "2027-01-01 00:00:00+00:00"
