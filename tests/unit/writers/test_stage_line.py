"""A stage has one line, the same in the document, the board and the page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.writers.words import LINE_LIMIT, stage_line
from tests.unit.given import (
    HOSTILE,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    entry,
    observation,
    reason,
    record,
    stage,
)


def lines(stages: Catalogue, seen: dict[str, Observation], **more: object) -> dict[str, str]:
    """Return every stage's line."""
    return {s.id: stage_line(s) for s in record(stages, dict(seen), **more).stages}  # type: ignore[arg-type]


def test_a_confirmed_stage_shows_its_evidence() -> None:
    """A CONFIRMED stage shows the first two entries of each criterion."""
    many = tuple(entry(f"entry_{n}", n) for n in range(3))
    seen = {"a.x": observation(evidence=many), "a.y": observation(evidence=(entry("id", "42"),))}
    assert lines(catalogue("a"), seen) == {"a": "entry 0 0, entry 1 1, id 42"}


@pytest.mark.parametrize(("number", "line"), [(1, "1 criterion held"), (2, "2 criteria held")])
def test_without_evidence_it_counts(number: int, line: str) -> None:
    """Without evidence the line only counts the criteria that held."""
    assert lines(catalogue("a"), {f"a.c{n}": observation() for n in range(number)})["a"] == line


def test_a_derived_stage_says_that_it_is_derived() -> None:
    """A derived stage shows no evidence, because it observed nothing itself."""
    made = catalogue("a", stage("all", rollup=("a",)))
    assert lines(made, {"a.x": observation()})["all"] == "every stage that it rolls up is CONFIRMED"


def test_any_other_stage_shows_its_reason_and_a_count() -> None:
    """A line has the worst reason, and how many more criteria aren't CONFIRMED."""
    seen = {"a.x": observation(F), "a.y": observation(B), "a.z": observation()}
    assert lines(catalogue("a"), seen)["a"] == "x: seen to be FAILED (and 1 more)"
    assert lines(catalogue("a"), {"a.x": observation(F)})["a"] == "x: seen to be FAILED"


def test_an_upstream_reason_is_not_counted() -> None:
    """Criteria that the same upstream root blocks aren't counted as more."""
    made = catalogue("a", stage("b", requires=("a",)))
    seen = {"a.x": observation(F), "b.x": observation(), "b.y": observation()}
    assert lines(made, seen)["b"] == "A STATUS is FAILED, which it requires: seen to be FAILED"


def test_a_stage_that_was_carried_over_says_since_when() -> None:
    """What was carried over is dated, so that it isn't taken for this run's."""
    old = observation(observed_at=NOW - timedelta(hours=3), evidence=(entry("id", "42"),))
    made = catalogue("a")
    before = record(made, {"a.x": old, "a.y": observation()})
    got = lines(
        made,
        {"a.y": observation()},
        former=before,
        collected=(criterion("a.x"), criterion("a.y")),
        selected=frozenset(["a.y"]),
    )
    assert got["a"] == "id 42 (1 of 2 carried over, seen 2026-11-22 09:00 UTC)"


@pytest.mark.parametrize("verdict", [C, B])
def test_a_line_is_one_bounded_line(verdict: object) -> None:
    """The line is bounded for any evidence and any reason."""
    for text in HOSTILE:
        shown = observation(
            verdict,  # type: ignore[arg-type]
            evidence=(entry("seen", text), entry(text, text)),
            reason=reason(text) if verdict is B else None,
        )
        line = lines(catalogue("a"), {"a.x": shown})["a"]
        assert len(line.splitlines()) == 1
        assert len(line) <= LINE_LIMIT
