"""What other tools count: never a list in which all passed where FINAL isn't CONFIRMED."""

from __future__ import annotations

from hypothesis import given
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Override, Record
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.exports import EXPORTS, rows_of, worst_first, writer_of
from tests.unit import properties  # noqa: F401  the profile
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    observation,
    reason,
    record,
    run,
    stage,
)
from tests.unit.model.test_properties import records

TWO = catalogue("api", stage("shop", requires=("api",)), stage("final", rollup=("api", "shop")))


def test_every_criterion_is_a_row() -> None:
    """In a run without incident the rows are the criteria, in the order of the stages."""
    told = record(TWO, {"shop.b": C, "api.a": F, "api.b[eu]": C})
    assert [row.id for row in rows_of(told)] == ["api.a", "api.b[eu]", "shop.b"]
    assert [row.verdict for row in rows_of(told)] == [F, C, B]
    assert rows_of(told)[1].title == "B[eu] [eu]"
    assert rows_of(told)[0].file == "test_api.py"


def test_an_incident_is_a_row() -> None:
    """A worker that died outside any test has no criterion, and still shows."""
    died = reason("worker gw1 died", Kind.CRASH)
    told = record(TWO, {"api.a": C, "shop.b": C}, of=run(incidents=(died,)))
    assert [(row.id, row.verdict) for row in rows_of(told)][2:] == [("run", B)]
    assert rows_of(told)[2].reason == died


def test_a_stage_without_criterion_is_a_row() -> None:
    """A stage that no test belongs to is BLOCKED, and shows as itself."""
    told = record(TWO, {"api.a": C})
    assert [(row.id, row.verdict) for row in rows_of(told)] == [("api.a", C), ("shop", B)]


def test_a_catalogue_of_nothing_is_a_row() -> None:
    """Even without any stage there is a row to say that nothing was seen."""
    assert [row.verdict for row in rows_of(record(catalogue(), {}))] == [B]


@given(records())
def test_rows_are_all_confirmed_only_where_final_is(drawn: tuple[Catalogue, Record]) -> None:
    """Whatever happened: where FINAL isn't CONFIRMED, some row isn't."""
    _, told = drawn
    if told.final.verdict is not Verdict.CONFIRMED:
        assert any(row.verdict is not Verdict.CONFIRMED for row in rows_of(told))


def test_worst_come_first_and_causes_before_consequences() -> None:
    """FAILED before BLOCKED, and what is only blocked from upstream last."""
    seen = {"shop.a": C, "shop.b": observation(B, reason=reason("later", Kind.PENDING))}
    told = record(TWO, {**seen, "api.a": F, "api.b": C})
    assert [row.id for row in worst_first(rows_of(told))] == ["api.a", "shop.b", "shop.a"]


def test_a_row_is_never_without_a_name() -> None:
    """A criterion without title goes by its id, since tools refuse a test without name."""
    told = record(TWO, {}, collected=(criterion("api.a", title=""), criterion("shop.b", title="")))
    assert [row.title for row in rows_of(told)] == ["api.a", "shop.b"]


def test_every_form_tells_of_an_override() -> None:
    """A person's word over the verdict is never silent: each form shows who, until when and why."""
    word = Override(target="demo", reason="the fix", who="Ann", since=NOW, until=NOW + HOUR)
    told = replace(record(TWO, {"api.a": F, "shop.b": C}), overrides=(word,))
    for name in EXPORTS:
        text = writer_of(name)(told, Config())
        assert "OVERRIDE until 2026-11-22 13:00 UTC, by Ann: the fix" in text
