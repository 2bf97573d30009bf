"""A first suite has valid TOML, Python that runs, and unique ids."""

from __future__ import annotations

import ast

import pytest

from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.readers.markdown import Section
from pytest_prodstatus.writers.suite import FIRST, new_suite, stage_ids
from tests.unit.given import B, C, F, declared, each_hostile_text


@pytest.mark.parametrize(
    ("title", "stage_id"),
    [
        ("OAUTH STATUS", "oauth"),
        ("AUTONOMOUS EXECUTION STATUS", "autonomous-execution"),
        ("SYSTEM GENERATING REAL PROFIT", "system-generating-real-profit"),
        ("FINAL PRODUCTION STATUS", "final"),
        ("Final", "final"),
        ("1. API status", "api"),
        ("2) 3D printing", "3d-printing"),
        ("Überweisungs-Status", "uberweisungs"),
        ("STATUS", "status"),
        ("支払い", "stage"),
        ("a_b/c", "a-b-c"),
        ("404", "404"),
    ],
)
def test_an_id_is_made_of_the_title(title: str, stage_id: str) -> None:
    """A leading number and a final STATUS are dropped; FINAL is the stage final."""
    assert stage_ids([title]) == [stage_id]


def test_ids_do_not_collide() -> None:
    """Titles of the same words get numbers; only the last FINAL is the stage final."""
    titles = ["API STATUS", "Api", "API-status", "FINAL COUNT", "Final status", "支払い", "在庫"]
    assert stage_ids(titles) == [
        "api", "api-2", "api-3", "final-count", "final", "stage", "stage-2",
    ]  # fmt: skip


def test_only_the_last_final_is_the_stage_final() -> None:
    """Of two titles that begin with FINAL, the last is the stage final; the other gets a number."""
    assert stage_ids(["Final", "FINAL STATUS"]) == ["final-2", "final"]


@each_hostile_text
def test_any_text_is_read_as_it_was_meant(text: str) -> None:
    """TOML gives back any text of the document, and the test file is valid Python."""
    line = one_line(text)
    section = Section(title="API STATUS", line=1, meanings={C: line, F: line, B: line})
    suite = new_suite([section], title=line, document="./S.md", folder="tests/acceptance")
    config = declared(suite.table)
    (stage,) = config.catalogue.stages
    assert (stage.confirmed, stage.failed, stage.blocked) == (line, line, line)
    assert config.title == line
    tree = ast.parse(suite.files["test_api.py"])
    (function,) = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    doc = ast.get_docstring(function) or ""
    assert doc.rstrip(".…").strip() in " ".join(line.split())


@pytest.mark.parametrize(
    ("title", "stage_id"),
    [
        ("ОПЛАТА STATUS", "oplata"),
        ("Щит и Ёж", "shchit-i-ezh"),
        ("ΠΛΗΡΩΜΉ STATUS", "pliromi"),
        ("Pagó Ærø Łódź STATUS", "pago-aero-lodz"),
        ("🚀 LAUNCH STATUS", "launch"),
        ("✅ Status", "status"),
        ("支払い API STATUS", "api"),
        ("支払い STATUS", "stage"),
        ("🚀 STATUS", "status"),
        ("STATUS", "status"),
    ],
)
def test_the_id_of_a_title_in_any_script_is_readable(title: str, stage_id: str) -> None:
    """Spelt in Latin letters if that is possible; the title itself stays as it is."""
    assert stage_ids([title]) == [stage_id]


def test_final_rolls_up_all_others() -> None:
    """FINAL gets no test at any position; each other stage gets one criterion."""
    titles = ["FINAL STATUS", "API STATUS", "SHOP STATUS"]
    sections = [Section(title=title, line=1, meanings={}) for title in titles]
    suite = new_suite(sections, title="", document="", folder="t")
    assert set(suite.files) == {"__init__.py", "test_api.py", "test_shop.py"}
    stages = declared(suite.table).catalogue.by_id
    assert stages["final"].rollup == ("api", "shop")
    assert stages["final"].criteria == ()
    assert stages["api"].criteria == ("api.holds",)


def test_final_alone_has_a_criterion_of_its_own() -> None:
    """A single stage FINAL gets a criterion: a rollup of no stage would never be CONFIRMED."""
    suite = new_suite(FIRST[-1:], title="", document="", folder="t")
    (stage,) = declared(suite.table).catalogue.stages
    assert (stage.id, stage.criteria, stage.rollup) == ("final", ("final.holds",), ())


def test_the_suite_of_nothing_is_one_stage_and_final() -> None:
    """Without a document the suite has a stage with one criterion, and FINAL."""
    suite = new_suite(FIRST, title="", document="", folder="tests/acceptance")
    config = declared(suite.table)
    assert [stage.id for stage in config.catalogue.stages] == ["service", "final"]
    assert all(
        stage.confirmed and stage.failed and stage.blocked for stage in config.catalogue.stages
    )
    assert config.paths == ("tests/acceptance",)
    assert max(map(len, suite.files["test_service.py"].splitlines())) <= 100
