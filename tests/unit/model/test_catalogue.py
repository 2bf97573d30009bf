"""The catalogue is the denominator, so an invalid one is refused in one sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_prodstatus.model.catalogue import (
    DEFAULT_VALID_FOR,
    Catalogue,
    CatalogueError,
    Stage,
    base_of,
    title_of,
)
from tests.unit.given import catalogue, criterion, stage


def test_stages_keep_their_order_and_their_defaults() -> None:
    """The document's order is the declared one; a CONFIRMED is valid for a day."""
    made = catalogue(stage("sale", requires=("order",)), "order")
    assert list(made.by_id) == ["sale", "order"]
    assert made.order == ("order", "sale")
    assert made.by_id["sale"].valid_for == DEFAULT_VALID_FOR == timedelta(hours=24)
    assert title_of("generating-profit") == "GENERATING PROFIT STATUS"


def test_a_stage_is_derived_when_it_rolls_up_others() -> None:
    """A stage is derived if it rolls up others, with or without criteria of its own."""
    assert stage("all", rollup=("a",), criteria=("all.x",)).derived
    assert not stage("a", requires=("b",)).derived


def test_a_closure_holds_what_is_rolled_up_however_deep() -> None:
    """A closure has all stages that are rolled up, at any depth, but not what they require."""
    made = catalogue(
        "a",
        "b",
        stage("c", requires=("b",)),
        stage("d", rollup=("a", "c")),
        stage("e", rollup=("d",)),
    )
    assert made.closure(["e"]) == {"e", "d", "a", "c"}
    assert made.closure(["c"]) == {"c"}
    assert made.closure([]) == frozenset()


def test_parameters_are_not_part_of_the_base_id() -> None:
    """The id without brackets stands for all parameters."""
    assert base_of("a.b[eu-[x]]") == "a.b"
    assert criterion("a.b[eu]").base_id == "a.b"


BAD = [
    ((stage("Oauth"),), "stage id 'Oauth': use lower-case words joined by hyphens (api-key)"),
    ((stage("a_b"),), "stage id 'a_b': use lower-case words"),
    ((Stage(id="", title="T"),), "stage id '': use lower-case words"),
    ((stage("a.b"),), "stage id 'a.b': use lower-case words"),
    ((stage("-a"),), "stage id '-a': use lower-case words"),
    ((stage("a\n"),), r"stage id 'a\n': use lower-case words"),
    ((stage("a"), Stage(id="a", title="OTHER")),
     "stage id 'a' is declared twice: every stage needs its own id"),
    ((stage("a", title=""),), "stage 'a': title '' must be one line of plain words"),
    ((stage("a", title="A: B"),), "stage 'a': title 'A: B' must be one line of plain words"),
    ((stage("a", title="<b>"),), "without * : ` < >"),
    ((stage("a", title="A\nB"),), r"title 'A\nB' must be one line"),
    ((stage("a", title=" A"),), "title ' A' must be one line"),
    ((stage("a", title="A*"),), "title 'A*' must be"),
    ((stage("a", title="Same"), stage("b", title="SAME")),
     "stage 'a': title 'Same' stands twice; the document needs each once"),
    ((stage("a", title="Last run"),),
     ("stage 'a': title 'Last run' is a field of the document itself; a title is not LAST RUN or "
      "NEXT ACTIONS and doesn't end with SINCE")),
    ((stage("a", title="B since"),), "title 'B since' is a field of the document itself"),
    ((stage("a", requires=("b",)), stage("c")),
     "stage 'a': requires names 'b', which is not a stage; stages are a, c"),
    ((stage("a", rollup=("x",)),),
     "stage 'a': rollup names 'x', which is not a stage; stages are a"),
    ((stage("a", criteria=("b.x",)),), "stage 'a': write criterion 'b.x' as a.its-name"),
    ((stage("a", criteria=("a.",)),), "stage 'a': write criterion 'a.' as a.its-name"),
    ((stage("a", criteria=("a.x", "a.x")),), "stage 'a': criterion 'a.x' is declared twice"),
    ((stage("a", criteria=("a.Token_is",)),),
     ("stage 'a': no test can provide criterion 'a.Token_is'; ids are lower-case with hyphens: "
      "a.token-is")),
    ((stage("a", requires=("a",)),),
     "requires and rollup form a cycle: a -> a; a stage can't wait for itself"),
    ((stage("a", requires=("b",)), stage("b", rollup=("a",))),
     "requires and rollup form a cycle: "),
]  # fmt: skip


@pytest.mark.parametrize(("stages", "message"), BAD, ids=[message for _, message in BAD])
def test_an_invalid_catalogue_is_refused(stages: tuple[Stage, ...], message: str) -> None:
    """The message names the stage, the value and the remedy, on one line."""
    with pytest.raises(CatalogueError) as caught:
        Catalogue(stages=stages)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_parameter_may_have_any_letters() -> None:
    """Only the part before the brackets comes from a function's name, so only it is checked."""
    assert catalogue(stage("a", criteria=("a.token[EU_1]",))).by_id["a"].criteria


def test_tests_join_declared_stages() -> None:
    """If stages are declared, the catalogue stays as it is."""
    made = catalogue("a")
    assert made.with_stages_of([criterion("a.x"), criterion("a.y[1]"), criterion("a.y[2]")]) is made


def test_without_declared_stages_the_tests_name_them() -> None:
    """Stages come in the order of the earlier run, then in that of the tests."""
    made = Catalogue(declared=False).with_stages_of(
        [criterion("b.x"), criterion("a.y"), criterion("b.z")], known=["c", "a"]
    )
    assert list(made.by_id) == ["c", "a", "b"]
    assert made.by_id["b"].title == "B STATUS"
    assert not made.declared


TESTS = [
    (True, [criterion("b.x")],
     ("test_b.py::test_x: mark stage('b') names a stage that isn't declared: "
      "declare it under [[tool.prodstatus.stages]], or name one of a")),
    (False, [criterion("B.x")],
     "test_B.py::test_x: mark stage('B'): use lower-case words joined by hyphens (api-key)"),
    (True, [criterion("a.x"), criterion("a.x", nodeid="b.py::test_x", function="b.py::test_x")],
     ("criterion id 'a.x' belongs to two test functions, test_a.py::test_x and b.py::test_x: "
      "rename one of them")),
    (True, [criterion("a.x[1]"), criterion("a.x[2]", function="other.py::test_x")],
     "criterion id 'a.x' belongs to two test functions"),
    (True, [criterion("a.x[1]"), criterion("a.x[1]", nodeid="test_a.py::test_x[1 ]")],
     ("criterion id 'a.x[1]' belongs to two parametrised tests, 'test_a.py::test_x[1]' and "
      "'test_a.py::test_x[1 ]': give their parameters plain, short ids")),
]  # fmt: skip


@pytest.mark.parametrize(("declared", "tests", "message"), TESTS, ids=[m for *_, m in TESTS])
def test_invalid_tests_are_refused(declared: bool, tests: list[object], message: str) -> None:
    """No test may hide another one, or name a stage that isn't declared."""
    made = Catalogue(stages=(stage("a"),)) if declared else Catalogue(declared=False)
    with pytest.raises(CatalogueError) as caught:
        made.with_stages_of(tests)  # type: ignore[arg-type]
    assert message in str(caught.value)


RULES = catalogue("a", stage("b", requires=("a",), criteria=("b.x", "b.y")))


@pytest.mark.parametrize(
    "other",
    [
        catalogue("a"),
        catalogue("a", stage("b", requires=("a",), criteria=("b.x",))),
        catalogue("a", stage("b", criteria=("b.x", "b.y"))),
        catalogue("a", stage("b", rollup=("a",), criteria=("b.x", "b.y"))),
        catalogue(
            "a",
            stage("b", requires=("a",), criteria=("b.x", "b.y"), valid_for=timedelta(days=2)),
        ),
        catalogue("a", stage("c", requires=("a",), criteria=("c.x", "c.y"))),
        Catalogue(declared=False),
    ],
    ids=["stage", "criterion", "requires", "rollup", "validity", "id", "undeclared"],
)
def test_what_can_change_a_verdict_changes_the_digest(other: Catalogue) -> None:
    """A record of another catalogue proves nothing about this one."""
    assert other.digest != RULES.digest


def test_words_and_order_do_not_change_the_digest() -> None:
    """Titles, order and stages that only tests name don't change the digest."""
    same = catalogue(
        stage("b", requires=("a",), criteria=("b.y", "b.x"), title="OTHER", failed="No."), "a"
    )
    assert same.digest == RULES.digest
    assert len(same.digest) == 16
    named = Catalogue(declared=False).with_stages_of([criterion("a.x")])
    assert named.digest == Catalogue(declared=False).digest
