"""Records for the tests of the page: one that fills every field, and one of many criteria."""

from __future__ import annotations

from pytest_prodstatus.model.catalogue import Catalogue, Stage
from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.model.record import Record, Subject
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.readers.config import Config, Step
from tests.unit.given import (
    HOUR,
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
    run,
    stage,
)


def full(text: str, stages: Catalogue | None = None) -> tuple[Record, Config]:
    """Return a record with a text in every field that takes one."""
    made = stages or catalogue(
        Stage(id="a", title="A STATUS", confirmed=text, failed=text, blocked=text),
        stage("b", requires=("a",)),
        stage("final", rollup=("a", "b")),
    )
    failed = observation(
        F,
        reason=reason(text, remedy=text),
        evidence=(
            entry(text, text),
            entry("m", {text: text}),
            entry("t", {text: NOW - HOUR, "sold": NOW}),
        ),
        detail=text,
    )
    seen = {
        "a.x": failed,
        "a.y": observation(evidence=(entry(text, [text]),), flaky=True),
        "b.x": C,
    }
    of = run(
        id=text, selection=text, commit=text, subject=Subject(release=text, endpoints={text: text}),
        versions={text: text}, incidents=(reason(text, Kind.CRASH),), dirty=True,
    )  # fmt: skip
    tests = (
        criterion("a.x", title=one_line(text), nodeid=text, side_effects=True),
        criterion("a.y"), criterion("b.x"),
        criterion("a.old", title=one_line(text)),
    )  # fmt: skip
    former = record(made, {"a.old": observation(F, reason=reason(text), observed_at=NOW - HOUR)})
    path = (Step(name=one_line(text, limit=100), shows="a.x"), Step(name="sold", shows="b"))
    config = Config(title=one_line(text), catalogue=made, path=path)
    return record(
        made, seen, of=of, collected=tests, selected=frozenset(seen), former=former
    ), config


def many(number: int, stages: int = 9) -> tuple[Record, Config]:
    """Return a record of many criteria, half of them CONFIRMED, each with evidence."""
    made = catalogue(*(f"s{n}" for n in range(stages)))
    entries = tuple(
        entry(f"entry_{n}", v) for n, v in enumerate(["order-4711", 42, Money("9.90", "USD")])
    )
    seen = {
        f"s{n % stages}.criterion-number-{n}": observation(
            (C, C, F, B)[n % 4],
            evidence=entries,
            reason=reason("the order was not found at the supplier", remedy="look it up by hand")
            if n % 4 > 1
            else None,
            detail="E   AssertionError: the order was not found\n" * 40 if n % 4 == 2 else "",
        )
        for n in range(number)
    }
    return record(made, seen), Config(catalogue=made)
