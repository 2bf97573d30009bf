"""In an export, a list in which everything passed exists only if FINAL is CONFIRMED."""

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
    made = record(TWO, {"shop.b": C, "api.a": F, "api.b[eu]": C})
    assert [row.id for row in rows_of(made)] == ["api.a", "api.b[eu]", "shop.b"]
    assert [row.verdict for row in rows_of(made)] == [F, C, B]
    assert rows_of(made)[1].title == "B[eu] [eu]"
    assert rows_of(made)[0].file == "test_api.py"


def test_an_incident_is_a_row() -> None:
    """A worker that died outside any test has no criterion, but has a row."""
    died = reason("worker gw1 died", Kind.CRASH)
    made = record(TWO, {"api.a": C, "shop.b": C}, of=run(incidents=(died,)))
    assert [(row.id, row.verdict) for row in rows_of(made)][2:] == [("run", B)]
    assert rows_of(made)[2].reason == died


def test_a_stage_without_criterion_is_a_row() -> None:
    """A stage without a test is BLOCKED, and has its own row."""
    made = record(TWO, {"api.a": C})
    assert [(row.id, row.verdict) for row in rows_of(made)] == [("api.a", C), ("shop", B)]


def test_a_catalogue_of_nothing_is_a_row() -> None:
    """Even without stages a row says that nothing was seen."""
    assert [row.verdict for row in rows_of(record(catalogue(), {}))] == [B]


@given(records())
def test_all_rows_are_confirmed_only_if_final_is(drawn: tuple[Catalogue, Record]) -> None:
    """In any run, if FINAL isn't CONFIRMED, at least one row isn't."""
    _, made = drawn
    if made.final.verdict is not Verdict.CONFIRMED:
        assert any(row.verdict is not Verdict.CONFIRMED for row in rows_of(made))


def test_worst_come_first_and_causes_before_consequences() -> None:
    """FAILED is before BLOCKED; criteria blocked by upstream are last."""
    seen = {"shop.a": C, "shop.b": observation(B, reason=reason("later", Kind.PENDING))}
    made = record(TWO, {**seen, "api.a": F, "api.b": C})
    assert [row.id for row in worst_first(rows_of(made))] == ["api.a", "shop.b", "shop.a"]


def test_a_row_is_never_without_a_name() -> None:
    """A criterion without a title is named by its id: tools refuse a test without a name."""
    made = record(TWO, {}, collected=(criterion("api.a", title=""), criterion("shop.b", title="")))
    assert [row.title for row in rows_of(made)] == ["api.a", "shop.b"]


def test_every_format_shows_an_override() -> None:
    """Each format names the person, the end and the reason."""
    word = Override(target="demo", reason="the fix", who="Ann", since=NOW, until=NOW + HOUR)
    made = replace(record(TWO, {"api.a": F, "shop.b": C}), overrides=(word,))
    for name in EXPORTS:
        text = writer_of(name)(made, Config())
        assert "OVERRIDE until 2026-11-22 13:00 UTC, by Ann: the fix" in text
