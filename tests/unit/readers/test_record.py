"""A record that can't be trusted is refused with one sentence."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.readers.record import (
    NewerRecordError,
    RecordError,
    read_record,
)
from pytest_prodstatus.writers.record import write_record
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

# Where a value stands in the record.
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
REQUIRED = [p for p in paths(DATA) if isinstance(p[-1], str) and p[:-1] not in FREE]


@pytest.mark.parametrize("path", REQUIRED, ids=lambda p: "/".join(map(str, p)))
def test_a_missing_field_is_named(path: Path) -> None:
    """Every field must be there."""
    message = refused(changed(path, lambda parent, key: parent.pop(key)))
    assert "schema" in path or f"has no field {path[-1]!r}" in message or "evidence" in path


@pytest.mark.parametrize("path", paths(DATA), ids=lambda p: "/".join(map(str, p)))
def test_a_value_of_another_type_is_refused(path: Path) -> None:
    """An object where none may stand; nothing is taken for what it isn't."""

    def spoil(parent: Any, key: str | int) -> None:
        parent[key] = {"no": 1} if not isinstance(parent[key], dict) else [1]

    refused(changed(path, spoil))


def test_a_record_cut_short_anywhere_is_refused() -> None:
    """A half-written file is never half-believed."""
    for length in range(0, len(TEXT.rstrip()), 97):
        refused(TEXT[:length])


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "3", '"x"', "{}", "{", "NaN", "\ufeff{}", "not json"]
)
def test_what_is_no_record_is_refused(text: str) -> None:
    """Whatever else it is."""
    assert "record" in refused(text)


@pytest.mark.parametrize("schema", [None, "1", 1.0, True, 0, -1])
def test_a_record_names_its_schema(schema: object) -> None:
    """By a whole number from 1."""
    assert "it names no schema version" in refused(json.dumps({**DATA, "schema": schema}))


@pytest.mark.parametrize("schema", [2, 99])
def test_a_newer_record_is_an_error_of_its_own(schema: int) -> None:
    """It must neither be judged nor overwritten; the sentence says what to do."""
    with pytest.raises(NewerRecordError, match=f"schema {schema} is newer than this release reads"):
        read_record(json.dumps({"schema": schema, "anything": "else"}), "status.json")


def test_a_verdict_without_a_reason_is_refused() -> None:
    """No verdict without a reason; and CONFIRMED has none."""
    path: Path = ("stages", 0, "criteria", 1)
    message = refused(changed((*path, "reason"), lambda parent, key: parent.update({key: None})))
    assert "reason is None; it must be a text" in message
    message = refused(
        changed(("stages", 1, "reason"), lambda parent, key: parent.update({key: "x"}))
    )
    assert "reason is 'x'; it must be null where the verdict is CONFIRMED" in message


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_is_none_is_refused(constant: str) -> None:
    """JSON has no NaN."""
    assert "is no JSON" in refused(TEXT.replace('"duration": 0.0', f'"duration": {constant}'))


def test_endless_nesting_is_refused() -> None:
    """A record that would exhaust the reader isn't one."""
    refused("[" * 100_000)
    nested = TEXT.rstrip()[:-1] + ', "previous": '
    refused(nested * 3_000 + TEXT + "}" * 3_000)


def test_fields_of_tomorrow_are_ignored() -> None:
    """A field that this release doesn't know changes nothing."""
    assert read_record(json.dumps({**DATA, "waivers": []}), "status.json") == RECORD


@pytest.mark.parametrize("made", [RECORD, in_progress(), in_progress(RECORD)])
def test_a_record_reads_back(made: object) -> None:
    """Just as it was."""
    assert read_record(write_record(made), "status.json") == made  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "data",
    [{}, {"name": "n"}, {"name": "n", "at": "2026-01-01T00:00:00.000Z"}, [], "x", None,
     {"name": 3, "at": "2026-01-01T00:00:00.000Z", "type": "int", "value": 1},
     {"name": "n", "at": "now", "type": "int", "value": 1},
     {"name": "n", "at": "2026-01-01T00:00:00.000Z", "type": "float", "value": 1.5}],
)  # fmt: skip
def test_what_is_no_evidence_is_refused(data: Any) -> None:
    """A record with such an entry is no valid record."""
    told = json.loads(write_record(RECORD))
    told["stages"][0]["criteria"][0]["evidence"] = [data]
    with pytest.raises(RecordError, match="evidence 1"):
        read_record(json.dumps(told), "status.json")


@each_hostile_text
def test_a_title_is_one_line(text: str) -> None:
    """Whoever wrote the record."""
    edited = changed(("stages", 0, "criteria", 0, "title"), lambda at, key: at.update({key: text}))
    [title, *_] = [standing.title for standing in read_record(edited, "status.json").criteria]
    assert title == one_line(text)


@pytest.mark.parametrize(("value", "shard"), [(None, False), (False, False), (True, True)])
def test_a_record_says_whether_it_is_a_shard(value: bool | None, shard: bool) -> None:
    """One that doesn't say is none, as those before there were shards."""
    data = copy.deepcopy(DATA)
    if value is not None:
        data["run"]["shard"] = value
    assert read_record(json.dumps(data), "x").run.shard is shard
    data["run"]["shard"] = "no"
    assert "run / shard is 'no'; it must be true or false" in refused(json.dumps(data))
