"""The record as JSON: by its schema, and read back just as it was."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.model.override import Override
from pytest_prodstatus.model.reason import Kind
from pytest_prodstatus.model.record import Record, Subject
from pytest_prodstatus.readers.record import read_record
from pytest_prodstatus.writers.record import record_pieces, write_record
from tests.unit import properties  # noqa: F401  the profile
from tests.unit.given import (
    HOSTILE,
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    entry,
    in_progress,
    observation,
    reason,
    record,
    run,
    stage,
)
from tests.unit.model.test_properties import records

SCHEMA = json.loads((files("pytest_prodstatus") / "schema" / "status-v1.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ODD = [
    "text", "", 0, -(10**39), True, False, Money("-0.10", "USD"), Money("1E+3", "EUR"), NOW,
    [], {}, [1, "a", True, NOW, Money(1, "USD")], {"a": 1, "b": False}, list(range(99)),
    {str(n): n for n in range(99)}, "x" * 9_999, *HOSTILE,
]  # fmt: skip
STAGES = catalogue("a", stage("b", requires=("a",)), stage("final", rollup=("a", "b")))


def odd() -> Record:
    """Return a record that holds whatever a record can."""
    told = tuple(entry(HOSTILE[n % len(HOSTILE)], value) for n, value in enumerate(ODD))
    seen = {
        "a.x": observation(evidence=told, duration=1.2345678, attempts=3, flaky=True),
        "a.y[eu]": observation(F, reason=reason(HOSTILE[0], remedy=HOSTILE[1])),
        "b.x": observation(C, observed_at=None),
    }
    before = record(STAGES, {"a.z": C, "b.x": F}, of=run(id="run-0", started=NOW - 9 * HOUR))
    tests = (*map(criterion, seen), criterion("a.z", side_effects=True), criterion("a.new"))
    incidents = (reason("worker died", Kind.CRASH), reason("full disk", remedy="make room"))
    of = run(
        commit=None, dirty=None, selection="-k a", incidents=incidents,
        subject=Subject(release=None, endpoints={"a": "https://a"}),
    )  # fmt: skip
    return record(STAGES, seen, of=of, former=before, collected=tests, selected=frozenset(seen))


OVERRIDE = Override(
    target="demo", reason="the fix itself", who="Ana", since=NOW - HOUR, until=NOW + HOUR
)
CASES = {
    "all confirmed": record(STAGES, {"a.x": C, "b.x": C}),
    "nothing": record(Catalogue(), {}),
    "a shard": record(STAGES, {"a.x": C}, of=run(shard=True)),
    "odd": odd(),
    "in progress, the first time": in_progress(),
    "in progress, after another": in_progress(odd()),
    "in progress, after a killed one": in_progress(in_progress(odd())),
    "overridden": replace(odd(), overrides=(OVERRIDE, replace(OVERRIDE, reason=HOSTILE[0]))),
    "each kind of reason": record(
        STAGES, {f"a.k{n}": observation(B, reason=reason("x", k)) for n, k in enumerate(Kind)}
    ),
}


@pytest.mark.parametrize("made", CASES.values(), ids=list(CASES))
def test_a_record_is_as_its_schema_says(made: Record) -> None:
    """Whatever it holds."""
    VALIDATOR.validate(json.loads(write_record(made)))


@pytest.mark.parametrize("made", CASES.values(), ids=list(CASES))
def test_a_record_reads_back_just_as_it_was(made: Record) -> None:
    """Also through a file that can't hold lone surrogates as they are."""
    text = write_record(made)
    assert read_record(text, "status.json") == rounded(made)
    stored = text.encode("utf-8", "backslashreplace").decode()
    assert read_record(stored, "status.json") == rounded(made)
    assert write_record(read_record(text, "status.json")) == text


def rounded(made: Record) -> Record:
    """Return a record with its durations to the microsecond, as they are written."""
    stages = tuple(
        replace(s, criteria=tuple(c._replace(duration=round(c.duration, 6)) for c in s.criteria))
        for s in made.stages
    )
    return replace(made, stages=stages, previous=made.previous and rounded(made.previous))


@given(records(), st.booleans())
def test_any_record_reads_back_and_is_as_its_schema_says(
    made: tuple[Catalogue, Record], kept: bool
) -> None:
    """The round trip is the identity."""
    one = made[1]
    if kept:
        one = replace(in_progress(), previous=one)
    text = write_record(one)
    assert read_record(text, "status.json") == one
    VALIDATOR.validate(json.loads(text))


def test_the_same_record_gives_the_same_text() -> None:
    """And one that ends in a line end."""
    assert write_record(odd()) == write_record(odd())
    assert write_record(odd()).endswith("}\n")


def test_the_schema_is_a_schema() -> None:
    """Draft 2020-12, described field by field, closed, recursive."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, definition in SCHEMA["$defs"].items():
        assert definition.get("description"), name
        for field, told in definition.get("properties", {}).items():
            assert told.get("description") or "$ref" in told or field in ("type", "value"), field
        if definition.get("type") == "object":
            assert False in (
                definition.get("additionalProperties"),
                definition.get("unevaluatedProperties"),
            )
    assert SCHEMA["$defs"]["record"]["properties"]["previous"]["$ref"] == "#/$defs/record"


def places(data: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return every path into a JSON value."""
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    return [p for key, value in items for p in ((*at, key), *places(value, (*at, key)))]


SMALL = json.loads(
    write_record(
        record(
            catalogue("a"),
            {
                "a.x": observation(evidence=(entry("n", [1]), entry("m", {"k": Money(1, "USD")}))),
                "a.y": F,
            },
            of=run(incidents=(reason("died", Kind.CRASH),)),
        )
    )
)
FREE = {
    ("run", "versions"),
    ("run", "subject", "endpoints"),
    ("stages", 0, "criteria", 0, "evidence", 1, "value"),
}


def mutants() -> list[tuple[str, dict[str, Any]]]:
    """Return the record with each place dropped, added to, or given another type."""

    def at(path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> dict[str, Any]:
        data: dict[str, Any] = copy.deepcopy(SMALL)
        parent: Any = data
        for key in path[:-1]:
            parent = parent[key]
        change(parent, path[-1])
        return data

    def put(path: tuple[Any, ...], value: Any) -> dict[str, Any]:
        return at(path, lambda p, k: p.__setitem__(k, value))

    first: tuple[Any, ...] = ("stages", 0, "criteria", 0)
    made = []
    for path in places(SMALL):
        name = "/".join(map(str, path))
        if isinstance(path[-1], str) and path[:-1] not in FREE:
            made.append((f"without {name}", at(path, lambda p, k: p.pop(k))))
        value: Any = SMALL
        for key in path:
            value = value[key]
        if isinstance(value, dict) and path not in FREE:
            made.append((f"more in {name}", at(path, lambda p, k: p[k].update(more=1))))
        spoilt: Any = [[]] if isinstance(value, dict) else {"no": 1}
        made.append((f"another type of {name}", put(path, spoilt)))
    return [
        *made,
        ("more", {**SMALL, "more": 1}),
        ("another schema", {**SMALL, "schema": 2}),
        ("another verdict", put(("final", "verdict"), "OK")),
        ("another kind", put(("final", "kind"), "other")),
        ("a local time", put(("run", "started"), "2026-01-01T00:00:00")),
        ("FAILED without a reason", put(("final", "reason"), None)),
        ("CONFIRMED with one", put((*first, "reason"), "x")),
        ("money as a number", put((*first, "evidence", 1, "value", "k", "value"), 1.5)),
        ("a target that is a path", put(("run", "target"), "../x")),
        ("a bad previous", {**SMALL, "previous": {"schema": 1}}),
        ("previous null", {**SMALL, "previous": None}),
    ]  # fmt: skip


MUTANTS = mutants()


@pytest.mark.parametrize("data", [data for _, data in MUTANTS], ids=[name for name, _ in MUTANTS])
def test_the_schema_refuses_a_mutated_record(data: dict[str, Any]) -> None:
    """A field too many, one too few, one of another type or value."""
    VALIDATOR.validate(SMALL)
    assert not VALIDATOR.is_valid(data)


def test_the_former_record_may_be_given_as_its_text() -> None:
    """It stands in the marker as it was written, and reads as what it is."""
    former = record(catalogue("a"), {"a.x": F})
    marker = in_progress(former)
    text = "".join(record_pieces(marker, write_record(former)))
    assert read_record(text, "status.json") == marker
    assert write_record(former).strip() in text
    VALIDATOR.validate(json.loads(text))


def test_no_piece_of_a_record_is_large() -> None:
    """None holds more than one criterion, however many there are."""
    made = record(catalogue("a"), {f"a.c{n}": C for n in range(50)})
    assert max(piece.count('"nodeid"') for piece in record_pieces(made)) == 1
