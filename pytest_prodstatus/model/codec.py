"""Write and read the record's JSON text, so that two records can be compared line by line.

The Structs in `record.py` define the fields, their order and their types. This module adds the line
layout (a criterion is one line), the form of instants (always to the millisecond), two checks that
msgspec lacks (a duplicate key, a missing field that has a default), and the conversion of schema 1,
which releases up to 0.1 wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any, NoReturn

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import fields, replace

from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError
from pytest_prodstatus.model.record import (
    SCHEMA,
    Cause,
    CriterionStatus,
    Decision,
    Final,
    Record,
    Run,
    Selection,
    StageStatus,
    Subject,
)
from pytest_prodstatus.model.rollup import actions_of, causes
from pytest_prodstatus.model.text import INTO, utc_isoformat, utf8, walked

_ENCODE = msgspec.json.Encoder().encode
_RECORD: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_MULTILINE = (Record, Run, Subject, Final, Decision, Selection, StageStatus)
"""These are written with one field a line; any other Struct is one line."""

_INSTANT_KEY = b'at":"'
"""The end of the key before each instant of a criterion and of its evidence.

It can't occur inside a text, because quotes are escaped there, nor before a value of a mapping,
because those are objects.
"""
_TIME_TYPE = b'"type":"time"'
_ADDED = ("without",)
"""Fields that older records of schema 2 don't have."""


class RecordError(ValueError):
    """A record that can't be read; the message says which one and why."""


class NewerRecordError(RecordError):
    """A record of a newer release, which this release must neither judge nor overwrite."""


def write_record(record: Record) -> str:
    """Return the record's JSON text, with a final newline; equal records give equal texts."""
    return b"".join(record_pieces(record)).decode()


def record_pieces(record: Record) -> Iterator[bytes]:
    """Yield the record's JSON text in pieces, so that the whole is never in memory."""
    yield from _json_pieces(record, b"\n")
    yield b"\n"


def read_record(text: str, source: str) -> Record:
    """Parse and validate the JSON text of a record; schema 1 is converted.

    Args:
        text: the content of a `status.json`.
        source: its name, for messages.

    Raises:
        NewerRecordError: its schema is newer than this release knows.
        RecordError: it isn't JSON, is cut short, or lacks or misuses a field.
    """
    try:
        record = _RECORD.decode(text)
        # Text that this release wrote passes this test; all other text gets the full checks.
        if write_record(record) == text:
            return record
    except (ValueError, RecursionError):
        pass  # the checks below find the same error, and describe it in our words
    data = _parse(text, source)
    try:
        is_schema_1 = data["schema"] != SCHEMA  # `_parse` has refused any other
        if is_schema_1:
            data = _convert_schema_1(data)
        record = msgspec.convert(data, Record)
        _check_complete(data, record)
        if is_schema_1:
            record = _with_causes(record)
    except (msgspec.ValidationError, RecursionError) as error:
        # Imported here, because it is needed for invalid records only.
        from pytest_prodstatus.model.validation import sentence_of

        msg = f"{source}: not a valid record: {sentence_of(error, data, Record)}"
        raise RecordError(msg) from None
    return record


def data_of(value: Struct) -> Any:
    """Convert a part of a record to plain JSON data: dicts, lists, texts and numbers."""
    return json.loads(_compact(value))


def printed_json(value: Struct) -> str:
    """Return a value as JSON for standard output: in ASCII, and without a workflow command."""
    return json_text(data_of(value))


def json_text(data: Any) -> str:
    """Return plain data as JSON in ASCII that no CI system's runner obeys in a log.

    GitHub's obeys `##[` anywhere in a line, Azure's `##vso[`; the escape is the same text in JSON.
    """
    text = json.dumps(data, indent=1, allow_nan=False)
    return re.sub(r"(##(?:vso)?)\[", r"\1\\u005b", text, flags=re.IGNORECASE)


def _json_pieces(value: object, indent: bytes) -> Iterator[bytes]:
    """Yield a value as JSON over several lines, each of which begins with `indent`."""
    items: Iterable[tuple[bytes, object]]
    if isinstance(value, _MULTILINE):
        begin, end = b"{", b"}"
        items = ((_ENCODE(name) + b": ", item) for name, item in _fields_of(value))
    elif isinstance(value, Mapping) and value:
        begin, end = b"{", b"}"
        items = ((_compact(name) + b": ", item) for name, item in value.items())
    # A list has one type of item, so the first one decides. Lists of numbers stay on one line.
    elif isinstance(value, tuple) and value and isinstance(value[0], (Struct, str)):
        begin, end = b"[", b"]"
        items = ((b"", item) for item in value)
    else:
        yield _compact(value)
        return
    inner = indent + b" "
    lead = begin + inner
    for name, item in items:
        if isinstance(item, (CriterionStatus, Cause)):
            yield lead + _fast_compact(item)
        else:
            yield lead + name
            yield from _json_pieces(item, inner)
        lead = b"," + inner
    yield indent + end


def _fields_of(value: Struct) -> Iterator[tuple[str, Any]]:
    """Yield the JSON keys and values of a Struct: its tag, then its fields."""
    config = value.__struct_config__
    if config.tag_field:
        yield config.tag_field, config.tag
    for field in _fields(type(value)):
        item = getattr(value, field.name)
        # As msgspec writes it, so that both ways of writing a Struct give the same text.
        if item is not UNSET and not (config.omit_defaults and item == field.default):
            yield field.encode_name, item


# It evaluates the annotations each time: 60 µs for a Struct.
_fields = cache(fields)


def _compact(value: object) -> bytes:
    """Encode a value as JSON on one line, with each instant to the millisecond.

    msgspec writes either no fraction of a second or all six digits.
    """
    if isinstance(value, datetime):
        return _ENCODE(utc_isoformat(value))
    if isinstance(value, Struct):
        items = [_ENCODE(name) + b":" + _compact(item) for name, item in _fields_of(value)]
        return b"{" + b",".join(items) + b"}"
    if isinstance(value, Mapping):
        items = [_ENCODE(utf8(key)) + b":" + _compact(item) for key, item in value.items()]
        return b"{" + b",".join(items) + b"}"
    if isinstance(value, tuple):
        return b"[" + b",".join(map(_compact, value)) + b"]"
    return _ENCODE(utf8(value) if isinstance(value, str) else value)


def _fast_compact(value: CriterionStatus | Cause) -> bytes:
    """Do the work of `_compact` in a tenth of its time, unless the value is unusual."""
    try:
        line = _ENCODE(value)
    except UnicodeEncodeError:  # a lone surrogate
        return _compact(value)
    if _TIME_TYPE in line:  # an instant under another key than `at`
        return _compact(value)
    head, *rest = line.split(_INSTANT_KEY)
    # msgspec wrote 2026-11-22T19:53:09 (19 characters), then .123456Z or Z.
    dated = [
        part[:23] + part[26:] if part.startswith(b".", 19) else part[:19] + b".000" + part[19:]
        for part in rest
    ]
    return _INSTANT_KEY.join([head, *dated])


def _parse(text: str, source: str) -> dict[str, Any]:
    """Parse JSON text that must have a schema version which this release knows.

    Raises:
        NewerRecordError: its schema is newer.
        RecordError: it isn't JSON, or names no schema version.
    """
    try:
        data = json.loads(text, parse_constant=reject_constant, object_pairs_hook=unique_keys)
    except (ValueError, RecursionError) as error:
        msg = f"{source}: not a readable record (it may be cut short): {error}"
        raise RecordError(msg) from None
    schema = data.get("schema") if isinstance(data, dict) else None
    # Not isinstance: True is an int too.
    if type(schema) is not int or schema < 1:
        msg = f"{source}: not a record: it names no schema version"
        raise RecordError(msg)
    if schema > SCHEMA:
        msg = (
            f"{source}: the record's schema {schema} is newer than this release reads ({SCHEMA}): "
            "update pytest-prodstatus, or move the record away"
        )
        raise NewerRecordError(msg)
    try:
        # Schema 1 allowed lone surrogates. Schema 2 doesn't, and neither does msgspec.
        json.dumps(data if schema == SCHEMA else None, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        msg = f"{source}: not a valid record: {error}"
        raise RecordError(msg) from None
    return data  # type: ignore[no-any-return]


def reject_constant(name: str) -> NoReturn:
    """Refuse NaN and Infinity, which Python's parser reads and JSON doesn't have."""
    msg = f"{name} is not JSON"
    raise ValueError(msg)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object from its pairs; refuse a duplicate key, which readers resolve differently."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        msg = f"the key {duplicate!r} appears twice in one object"
        raise ValueError(msg)
    return data


def _check_complete(data: object, value: object, place: str = "$") -> None:
    """Refuse an object that lacks a field for which msgspec has taken the default.

    Raises:
        msgspec.ValidationError: a field is missing; the message has msgspec's form.
    """
    if isinstance(value, Struct) and isinstance(data, dict):
        for name, item in _fields_of(value):
            if name not in data and name not in _ADDED:
                msg = f"Object missing required field `{name}` - at `{place}`"
                raise msgspec.ValidationError(msg)
            _check_complete(data.get(name), item, f"{place}.{name}")
    elif isinstance(value, tuple) and isinstance(data, list):
        for number, (given, item) in enumerate(zip(data, value, strict=False)):
            _check_complete(given, item, f"{place}[{number}]")


def _convert_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    """Convert the raw data of a schema-1 record to schema 2.

    Schema 1 left `shard` out if it was false, and counted no assertions. Its `reasons` are dropped,
    because causes are computed again. Its lone surrogates, which UTF-8 can't encode, become visible
    escapes. All other errors are left to the decoder.
    """
    converted: dict[str, Any] = walked({**data, "schema": 2}, _escape_surrogates)
    if isinstance(data.get("run"), dict):
        # First, so that a `shard` of its own replaces it.
        unknown = {"no_commit": None, "machine": "", "shard": False}
        converted["run"] = {**unknown, **converted["run"]}
    if isinstance(data.get("decision"), dict):
        kept = {name: value for name, value in converted["decision"].items() if name != "reasons"}
        converted["decision"] = {**kept, "causes": [], "actions": []}
    if isinstance(converted.get("stages"), list):
        converted["stages"] = list(map(_uncounted, converted["stages"]))
    if isinstance(data.get("previous"), dict):
        # The last finished record, in a run in progress; it is of the same schema.
        converted["previous"] = _convert_schema_1(data["previous"])
    return converted


def _uncounted(stage: Any) -> Any:
    """Say of each criterion of a stage's raw data that its assertions weren't counted."""
    criteria = stage.get("criteria") if isinstance(stage, dict) else None
    if not isinstance(criteria, list):
        return stage
    unknown = {"assertions": None, "exempt": None, "source": ""}
    filled = [{**unknown, **item} if isinstance(item, dict) else item for item in criteria]
    return {**stage, "criteria": filled}


def _with_causes(record: Record) -> Record:
    """Add causes and actions to a record that was converted from schema 1.

    Such a record doesn't say which stage requires which, so causes may be listed that have a cause
    upstream. The gate takes the relations from today's catalogue.
    """
    try:
        catalogue = Catalogue(declared=False).with_stages_of(known=[s.id for s in record.stages])
    except CatalogueError:
        return record
    # Schema 1 doesn't say what FINAL rolls up either, so all stages count.
    found = causes(catalogue, record.stages, record.run.incidents, tuple(catalogue.by_id))
    decision = replace(record.decision, causes=found, actions=actions_of(found))
    previous = _with_causes(record.previous) if record.previous else None
    return replace(record, decision=decision, previous=previous)


def _escape_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    return INTO if isinstance(value, (dict, list)) else value
