"""A record's JSON is valid by its schema, and reads back unchanged."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.codec import (
    _compact,
    _fast_compact,
    read_record,
    record_pieces,
    write_record,
)
from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.model.record import Override, Record, Subject
from pytest_prodstatus.model.verdict import Kind
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
from tests.unit.schemas import FOLDER, schemas

SCHEMA = json.loads((FOLDER / "status-v2.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

ODD = [
    "text", "", 0, -(10**39), True, False, Money("-0.10", "USD"), Money("1E+3", "EUR"), NOW,
    [], {}, [1, "a", True, NOW, Money(1, "USD")], {"a": 1, "b": False}, list(range(99)),
    {str(n): n for n in range(99)}, "x" * 9_999, *HOSTILE,
]  # fmt: skip
STAGES = catalogue("a", stage("b", requires=("a",)), stage("final", rollup=("a", "b")))


def odd() -> Record:
    """Return a record with every kind of value that a record can have."""
    evidence = tuple(entry(HOSTILE[n % len(HOSTILE)], value) for n, value in enumerate(ODD))
    seen = {
        "a.x": observation(evidence=evidence, duration=1.2345678, attempts=3, flaky=True),
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
    """A record with any kind of value is valid by the schema."""
    VALIDATOR.validate(json.loads(write_record(made)))


@pytest.mark.parametrize("made", CASES.values(), ids=list(CASES))
def test_a_record_reads_back_just_as_it_was(made: Record) -> None:
    """A record reads back to the last byte, from a file too."""
    text = write_record(made)
    assert read_record(text, "status.json") == made
    assert write_record(read_record(text, "status.json")) == text
    assert text.encode().decode() == text


@pytest.mark.parametrize("made", CASES.values(), ids=list(CASES))
def test_the_layout_of_a_record_does_not_matter_to_its_reader(made: Record) -> None:
    """A record that another tool formatted, with its keys in another order, is the same record."""
    data = json.loads(write_record(made))
    assert read_record(json.dumps(data), "status.json") == made
    assert read_record(json.dumps(data, sort_keys=True, indent=4), "status.json") == made


@pytest.mark.parametrize("made", CASES.values(), ids=list(CASES))
def test_a_line_is_what_the_long_way_makes_of_it(made: Record) -> None:
    """The fast way to write a criterion gives the same text as the slow one."""
    for status in made.criteria:
        assert _fast_compact(status) == _compact(status)


def test_a_criterion_is_a_line() -> None:
    """A criterion is one line, so that two records can be compared line by line."""
    lines = write_record(odd()).splitlines()
    assert sum('"nodeid":' in line for line in lines) == len(list(odd().criteria))
    assert all(line.count('"nodeid":') < 2 for line in lines)


@pytest.mark.parametrize("microsecond", [0, 1, 999, 1_000, 120_000, 123_000, 123_999])
def test_an_instant_has_its_milliseconds(microsecond: int) -> None:
    """An instant always has three digits; anything finer is cut."""
    at = NOW.replace(microsecond=microsecond)
    shown = f"2026-11-22T12:00:00.{microsecond // 1000:03}Z"
    text = 'x\\"at":"2026-11-22T12:00:00Z"'
    evidence = (
        entry("plain", text, at), entry("paid", at, at),
        entry("at", {"at": "2026-11-22T12:00:00Z", "observed_at": at}, at),
    )  # fmt: skip
    for kept in ((), evidence[:1], evidence):
        seen = observation(observed_at=at, evidence=kept, detail=text)
        made = record(catalogue("a"), {"a.x": seen}, of=run(started=at, finished=at))
        data = json.loads(write_record(made))
        criterion = data["stages"][0]["criteria"][0]
        assert (data["run"]["started"], data["run"]["finished"]) == (shown, shown)
        assert criterion["observed_at"] == shown
        assert {item["at"] for item in criterion["evidence"]} <= {shown}
        assert criterion["detail"] == text
        if len(kept) > 1:
            assert criterion["evidence"][0]["value"] == text
            assert criterion["evidence"][1]["value"] == shown
            assert criterion["evidence"][2]["value"] == {
                "at": {"type": "text", "value": "2026-11-22T12:00:00Z"},
                "observed_at": {"type": "time", "value": shown},
            }
        assert read_record(write_record(made), "status.json") == made


def test_a_lone_surrogate_is_written_as_its_escape() -> None:
    """UTF-8 can't encode a lone surrogate, which a file's name may contain, so it is escaped."""
    made = record(catalogue("a"), {"a.x": C})
    (criterion,) = made.criteria
    odd_file = replace(criterion, nodeid="test_\udcff.py::test_x")
    text = write_record(replace(made, stages=(replace(made.stages[0], criteria=(odd_file,)),)))
    (read,) = read_record(text, "status.json").criteria
    assert read.nodeid == r"test_\udcff.py::test_x"


@given(records(), st.booleans())
def test_any_record_reads_back_and_is_as_its_schema_says(
    made: tuple[Catalogue, Record], kept: bool
) -> None:
    """Any record is valid by the schema, and equals the record that is read back."""
    saved = made[1]
    if kept:
        saved = replace(in_progress(), previous=saved)
    text = write_record(saved)
    assert read_record(text, "status.json") == saved
    VALIDATOR.validate(json.loads(text))


def test_the_same_record_gives_the_same_text() -> None:
    """Equal records give equal texts, which end with a newline."""
    assert write_record(odd()) == write_record(odd())
    assert write_record(odd()).endswith("}\n")


def test_the_schema_is_a_schema() -> None:
    """The schema is of Draft 2020-12, describes each field, allows no other, and is recursive."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    for name, definition in SCHEMA["$defs"].items():
        assert definition.get("description"), name
        for field, rules in definition.get("properties", {}).items():
            assert rules.get("description") or name == "Explained", (name, field)
        if definition.get("type") == "object":
            assert definition["additionalProperties"] is False
    former = SCHEMA["$defs"]["Record"]["properties"]["previous"]
    assert {"$ref": "#/$defs/Record"} in former["anyOf"]


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
        ("another schema", {**SMALL, "schema": 1}),
        ("another verdict", put(("final", "verdict"), "OK")),
        ("another kind", put(("final", "kind"), "other")),
        ("a local time", put(("run", "started"), "2026-01-01T00:00:00")),
        ("FAILED without a reason", put(("final", "reason"), None)),
        ("CONFIRMED with one", put((*first, "reason"), "x")),
        ("money as a number", put((*first, "evidence", 1, "value", "k", "value"), 1.5)),
        ("a target that is a path", put(("run", "target"), "../x")),
        ("a bad previous", {**SMALL, "previous": {"schema": 2}}),
    ]  # fmt: skip


MUTANTS = mutants()


@pytest.fixture(scope="module")
def _valid_before() -> None:
    """What the mutants were made of is valid, or they would show nothing."""
    VALIDATOR.validate(SMALL)


@pytest.mark.usefixtures("_valid_before")
@pytest.mark.parametrize("data", [data for _, data in MUTANTS], ids=[name for name, _ in MUTANTS])
def test_the_schema_refuses_a_mutated_record(data: dict[str, Any]) -> None:
    """A field too many, one too few, or one of another type or value is refused."""
    assert not VALIDATOR.is_valid(data)


def test_the_schema_is_made_of_the_structs() -> None:
    """The schema is what `python -m tests.unit.schemas` writes; no one edits it."""
    for name, text in schemas().items():
        assert (FOLDER / name).read_text("utf-8") == text
    assert {path.name for path in FOLDER.glob("*.json")} == set(schemas())


def test_no_piece_of_a_record_is_large() -> None:
    """No piece has more than one criterion, however many there are."""
    made = record(catalogue("a"), {f"a.c{n}": C for n in range(50)})
    assert max(piece.count(b'"nodeid"') for piece in record_pieces(made)) == 1
