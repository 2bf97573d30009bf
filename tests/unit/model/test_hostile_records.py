"""A record that can't be trusted is refused with one sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.codec import (
    NewerRecordError,
    RecordError,
    read_record,
    write_record,
)
from pytest_prodstatus.model.text import one_line, utf8
from tests.unit.given import (
    C,
    F,
    catalogue,
    each_hostile_text,
    entry,
    in_progress,
    observation,
    record,
)

RECORD = record(
    catalogue("a", "b"), {"a.x": observation(evidence=(entry("n", [1]),)), "a.y": F, "b.x": C}
)
DATA = json.loads(write_record(RECORD))
TEXT = write_record(RECORD)

# The place of a value in the record.
Path = tuple[str | int, ...]


def paths(data: Any, at: Path = ()) -> list[Path]:
    """Return every path into a JSON value."""
    items = (
        data.items()
        if isinstance(data, dict)
        else enumerate(data)
        if isinstance(data, list)
        else ()
    )
    return [p for key, value in items for p in ((*at, key), *paths(value, (*at, key)))]


def changed(path: Path, change: Callable[[Any, str | int], None]) -> str:
    """Return the record's text with one place changed."""
    data = copy.deepcopy(DATA)
    parent: Any = data
    for key in path[:-1]:
        parent = parent[key]
    change(parent, path[-1])
    return json.dumps(data)


def refused(text: str) -> str:
    """Return the one sentence with which a text is refused."""
    with pytest.raises(RecordError) as caught:
        read_record(text, "reports/status.json")
    message = str(caught.value)
    assert message.startswith("reports/status.json: ")
    assert len(message.splitlines()) == 1
    return message


# Objects whose names are free, so that none of them must be there.
FREE = (("run", "subject", "endpoints"), ("run", "versions"))
ADDED = ("without",)  # older records of this schema don't have it
REQUIRED = [
    p for p in paths(DATA) if isinstance(p[-1], str) and p[:-1] not in FREE and p[-1] not in ADDED
]


@pytest.mark.parametrize("path", REQUIRED, ids=lambda p: "/".join(map(str, p)))
def test_a_missing_field_is_named(path: Path) -> None:
    """A record that lacks a field is refused with the field's name."""
    message = refused(changed(path, lambda parent, key: parent.pop(key)))
    lacks = f"has no field {path[-1]!r}" in message or f"{path[-1]} is None; it must" in message
    assert lacks or path == ("schema",)


@pytest.mark.parametrize("path", paths(DATA), ids=lambda p: "/".join(map(str, p)))
def test_a_value_of_another_type_is_refused(path: Path) -> None:
    """An object is refused at every place that has another type."""

    def spoil(parent: Any, key: str | int) -> None:
        parent[key] = {"no": 1} if not isinstance(parent[key], dict) else [1]

    refused(changed(path, spoil))


def test_a_record_cut_short_anywhere_is_refused() -> None:
    """A record that was cut at any place is refused."""
    for length in range(0, len(TEXT.rstrip()), 97):
        refused(TEXT[:length])


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "3", '"x"', "{}", "{", "NaN", "\ufeff{}", "not json"]
)
def test_what_is_no_record_is_refused(text: str) -> None:
    """Everything that isn't a record is refused."""
    assert "record" in refused(text)


@pytest.mark.parametrize("schema", [None, "1", 1.0, True, 0, -1])
def test_a_record_names_its_schema(schema: object) -> None:
    """A record names its schema by a whole number from 1."""
    assert "it names no schema version" in refused(json.dumps({**DATA, "schema": schema}))


@pytest.mark.parametrize("schema", [3, 99])
def test_a_newer_record_is_an_error_of_its_own(schema: int) -> None:
    """A newer record is neither judged nor overwritten; the sentence says what to do."""
    with pytest.raises(NewerRecordError, match=f"schema {schema} is newer than this release reads"):
        read_record(json.dumps({"schema": schema, "anything": "else"}), "status.json")


def test_a_verdict_without_a_reason_is_refused() -> None:
    """A verdict other than CONFIRMED needs a reason, and CONFIRMED must have none."""
    path: Path = ("stages", 0, "criteria", 1)
    message = refused(changed((*path, "reason"), lambda parent, key: parent.update({key: None})))
    assert (
        "stages[0].criteria[1]: reason is None; it must be a text if the verdict is FAILED"
        in message
    )
    message = refused(
        changed(("stages", 1, "reason"), lambda parent, key: parent.update({key: "x"}))
    )
    assert "stages[1]: reason is 'x'; it must be null if the verdict is CONFIRMED" in message


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_nan_is_refused(constant: str) -> None:
    """JSON has no NaN, so it is refused."""
    assert "is not JSON" in refused(TEXT.replace('"duration":0.0', f'"duration":{constant}'))


def test_endless_nesting_is_refused() -> None:
    """A record that would exhaust the reader is refused."""
    refused("[" * 100_000)
    before, _, after = TEXT.partition('"previous": null')
    refused(f'{before}"previous": ' * 3_000 + TEXT + after * 3_000)
    refused(TEXT.replace('"versions": {', '"versions": {"x": ' + "[" * 100_000))


def test_a_field_of_another_release_is_refused() -> None:
    """An unknown field may change a verdict; the sentence names the most similar field."""
    message = refused(json.dumps({**DATA, "xyz": []}))
    assert "the record has an unknown field 'xyz'; fields are run, final, decision" in message
    message = refused(changed(("stages", 0, "criteria", 1, "flaky"), rename("flakey")))
    assert "stages[0].criteria[1] has an unknown field 'flakey'; did you mean 'flaky'? " in message


def rename(name: str) -> Callable[[Any, str | int], None]:
    """Return a change that gives a field another name."""
    return lambda parent, key: parent.update({name: parent.pop(key)})


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        (("run", "id"), 3, "run.id is 3; it must be a text"),
        (("run", "target"), "../x", "run.target is '../x'; it must be a text that matches"),
        (("run", "dirty"), 1, "run.dirty is 1; it must be true or false or null"),
        (("run", "started"), "now",
         "run.started is 'now'; it must be an instant in ISO 8601 with its time zone"),
        (("run", "started"), "2026-01-01T00:00:00", "run.started is '2026-01-01T00:00:00'; it"),
        (("run", "started"), None, "run.started is None; it must be an instant in ISO 8601"),
        (("run", "started"), "0001-01-01T00:00:00+05:00", "is not an instant of the years 1 to"),
        (("run", "versions", "pytest"), 9, "run.versions.pytest is 9; it must be a text"),
        (("run", "incidents"), {}, "run.incidents is {}; it must be a list"),
        (("final", "verdict"), "OK",
         "final.verdict is 'OK'; it must be one of CONFIRMED, BLOCKED, FAILED"),
        (("final", "kind"), "other", "final.kind is 'other'; it must be one of observed, "),
        (("decision", "exit_code"), 1.5, "decision.exit_code is 1.5; it must be a whole number"),
        (("decision", "exit_code"), 10**30, "decision.exit_code is 1000000000"),
        (("decision", "selection", "criteria"), -1, "it must be a whole number >= 0"),
        (("stages", 0, "criteria", 0, "duration"), -1, "it must be a number >= 0"),
        (("stages", 0, "criteria", 0, "attempts"), True,
         "stages[0].criteria[0].attempts is True; it must be a whole number"),
        (("stages", 0, "criteria", 0, "id"), "b.x",
         "stages[0]: the criterion 'b.x' is not of stage 'a'"),
        (("stages", 0, "criteria", 0, "evidence", 0, "type"), "blob",
         "stages[0].criteria[0].evidence[0].type is 'blob'; it must be one of text, int, float"),
        (("stages", 0, "criteria", 0, "evidence", 0, "value", 0), 1,
         "stages[0].criteria[0].evidence[0].value[0] is 1; it must be an object"),
        (("history",), [{"run": "x"}], "history[0] has no field 'started'"),
        (("overrides",), None, "overrides is None; it must be a list"),
        (("previous",), {}, "previous has no field 'run'"),
    ],
)  # fmt: skip
def test_the_sentence_says_what_is_wrong(path: Path, value: object, sentence: str) -> None:
    """The sentence names the place, the value, and what the value must be."""
    assert sentence in refused(changed(path, lambda parent, key: at(parent, key, value)))


def at(parent: Any, key: str | int, value: object) -> None:
    """Put a value in its place."""
    parent[key] = value


def test_a_verdict_of_a_former_run_is_found_by_its_stage() -> None:
    """The sentence names the key of a mapping, which msgspec's message lacks."""
    former = {**in_short(), "stages": {"a": "CONFIRMED", "b": "OK"}}
    message = refused(json.dumps({**DATA, "history": [former]}))
    assert "history[0].stages.b is 'OK'; it must be one of CONFIRMED, BLOCKED, FAILED" in message


def in_short() -> dict[str, Any]:
    """Return the data of a former run."""
    began = DATA["run"]["started"]
    return {"run": "x", "started": began, "commit": None, "release": None, "final": "CONFIRMED"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"verdict":"FAILED"', '"verdict":"FAILED","verdict":"CONFIRMED"'),
        ('"schema": 2,', '"schema": 2, "schema": 2,'),
        ('"pytest": ', '"pytest": "1", "pytest": '),
        ('"type":"int"', '"type":"text","type":"int"'),
    ],
)
def test_a_duplicate_key_is_refused(before: str, after: str) -> None:
    """Of two equal keys this reader would take the last, and another reader the first."""
    assert before in TEXT
    assert "appears twice in one object" in refused(TEXT.replace(before, after, 1))


def test_a_duplicate_stage_is_refused() -> None:
    """If a stage is listed twice, each output might show another one."""
    data = {**DATA, "stages": [*DATA["stages"], DATA["stages"][0]]}
    assert refused(json.dumps(data)).endswith(
        "the record: the stage 'a' appears twice; a record has every stage once"
    )


@pytest.mark.parametrize("text", [r"\ud800", r"\udfff\ud800"])
def test_a_lone_surrogate_is_refused(text: str) -> None:
    """A lone surrogate can't be printed, stored or sent, so it is refused."""
    edited = TEXT.replace('"title":"', f'"title":"{text}', 1)
    assert edited != TEXT
    assert "surrogate" in refused(edited)


@pytest.mark.parametrize("number", ["1e999", "1" * 400, "-0.0e1", "1E400", "0x1"])
def test_a_huge_number_is_refused(number: str) -> None:
    """A huge number is refused, or read as what it is, but never breaks the reader."""
    text = TEXT.replace('"duration":0.0', f'"duration":{number}', 1)
    read_or_refused(text)
    refused(TEXT.replace('"attempts":1', f'"attempts":{number}', 1))


@given(st.data())
def test_every_change_of_a_record(data: st.DataObject) -> None:
    """A changed record is read, or refused with one sentence; nothing else is ever raised."""
    text = data.draw(st.sampled_from([TEXT, *map(write_record, [in_progress(RECORD)])]))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 20)))
        text = text[:start] + data.draw(PIECES) + text[end:]
    read_or_refused(text)


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        ["{", "}", "[", "]", ",", ":", '"', "\\", r"\ud800", "null", "true", "NaN", "Infinity", "-",
         "1e999", "9" * 5_000, '"schema": 1,', '"schema": 2,', "CONFIRMED", "2026-01-01T00:00:00"],
    ),
)  # fmt: skip


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=8,
    ),
    st.data(),
)
def test_any_json_at_any_place(value: Any, data: st.DataObject) -> None:
    """Any JSON at any place of a record of any schema is read or refused."""
    path = data.draw(st.sampled_from(paths(DATA)))
    edited = json.loads(changed(path, lambda parent, key: at(parent, key, value)))
    edited["schema"] = data.draw(st.sampled_from([1, 2, value]))
    read_or_refused(json.dumps(edited))
    read_or_refused(json.dumps(value))


def read_or_refused(text: str) -> None:
    """Read a record, and assert that it can be written or is refused in one sentence."""
    message = ""
    try:
        record = read_record(text, "reports/status.json")
    except RecordError as error:
        message = str(error)
    if message:
        assert len(message.splitlines()) == 1
        return
    assert read_record(write_record(record), "status.json") == record


@pytest.mark.parametrize("made", [RECORD, in_progress(), in_progress(RECORD)])
def test_a_record_reads_back(made: object) -> None:
    """A record is read back unchanged."""
    assert read_record(write_record(made), "status.json") == made  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [{}, {"name": "n"}, {"name": "n", "at": "2026-01-01T00:00:00.000Z"}, [], "x", None,
     {"name": 3, "at": "2026-01-01T00:00:00.000Z", "type": "int", "value": 1},
     {"name": "n", "at": "now", "type": "int", "value": 1},
     {"name": "n", "at": "2026-01-01T00:00:00.000Z", "type": "blob", "value": 1.5}],
)  # fmt: skip
def test_invalid_evidence_is_refused(data: Any) -> None:
    """A record with an invalid entry of evidence is refused."""
    raw = json.loads(write_record(RECORD))
    raw["stages"][0]["criteria"][0]["evidence"] = [data]
    with pytest.raises(RecordError, match=r"stages\[0\]\.criteria\[0\]\.evidence\[0\]"):
        read_record(json.dumps(raw), "status.json")


@each_hostile_text
def test_a_title_is_one_line(text: str) -> None:
    """A title is one line in every record; one that isn't a text is refused."""
    edited = changed(("stages", 0, "criteria", 0, "title"), lambda at, key: at.update({key: text}))
    if text != utf8(text):
        assert "surrogates not allowed" in refused(edited)
        return
    [title, *_] = [status.title for status in read_record(edited, "status.json").criteria]
    assert title == one_line(text)


@pytest.mark.parametrize(
    ("name", "place"), [("a\rb", r'."a\rb"'), ("x" * 5_000, f".{'x' * 60}...")], ids=["odd", "long"]
)
def test_an_odd_or_long_name_in_the_path(name: str, place: str) -> None:
    """A name with a line break doesn't tear the sentence, and a long one doesn't fill it."""
    where = ("run", "subject", "endpoints")
    text = changed(where, lambda parent, key: at(parent, key, {name: None}))
    assert refused(text).endswith(f"run.subject.endpoints{place} is None; it must be a text")
