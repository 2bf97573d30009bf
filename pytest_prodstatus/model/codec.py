"""The record's JSON text: written so that people can compare two, read without believing it.

Fields, their order and what each may be come from the Structs in `record.py`. Here are only the
lines (a criterion is one line), the instants (always to the millisecond), what msgspec lets pass (a
key that stands twice, a missing field that has a default), and the converter from schema 1, which
releases up to 0.1 wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NoReturn

import msgspec
from msgspec import Struct
from msgspec.structs import fields, replace

from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError
from pytest_prodstatus.model.causes import actions_of, causes
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
from pytest_prodstatus.model.text import utc_isoformat, utf8
from pytest_prodstatus.model.walk import INTO, walked

_ENCODE = msgspec.json.Encoder().encode
_RECORD: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)
_MULTILINE = (Record, Run, Subject, Final, Decision, Selection, StageStatus)
"""What is spread over lines, field by field; any other Struct is one line."""

_INSTANT_KEY = b'at":"'
"""What comes before each instant of a criterion and its evidence.

It can't stand inside a text, where the quotes are escaped, nor before a value of a mapping, which
are objects all.
"""
_TIME_TYPE = b'"type":"time"'


class RecordError(ValueError):
    """A record that can't be read; the message says which and why."""


class NewerRecordError(RecordError):
    """A record that a newer release wrote, which this one must neither judge nor overwrite."""


def write_record(record: Record) -> str:
    """Return the record's JSON text, which ends in a line end.

    The same record gives the same text.
    """
    return b"".join(record_pieces(record)).decode()


def record_pieces(record: Record) -> Iterator[bytes]:
    """Yield the record's JSON text piece by piece, so that it is never in memory as a whole."""
    yield from _json_pieces(record, b"\n")
    yield b"\n"


def read_record(text: str, source: str) -> Record:
    """Return the record in `text`.

    Args:
        text: the content of a `status.json`.
        source: its name, for messages.

    Raises:
        NewerRecordError: its schema is newer than this release knows.
        RecordError: it isn't JSON, is cut short, or lacks or misuses a field.
    """
    try:
        record = _RECORD.decode(text)
        # What this release wrote is as it would write it again; all else is looked at twice.
        if write_record(record) == text:
            return record
    except (ValueError, RecursionError):
        pass
    data = _parse(text, source)
    try:
        is_schema_1 = data["schema"] != SCHEMA
        if is_schema_1:
            data = _convert_schema_1(data)
        record = msgspec.convert(data, Record)
        _check_complete(data, record)
        if is_schema_1:
            record = _with_causes(record)
    except (msgspec.ValidationError, RecursionError) as error:
        from pytest_prodstatus.model.validation import sentence_of

        msg = f"{source}: not a valid record: {sentence_of(error, data, Record)}"
        raise RecordError(msg) from None
    return record


def data_of(value: Struct) -> Any:
    """Return a part of a record as the data that its JSON reads as."""
    return json.loads(_compact(value))


def ascii_of(text: str) -> str:
    """Return JSON text with whatever isn't ASCII escaped, for a terminal of any encoding."""
    if text.isascii():
        return text
    return re.sub("[^\x00-\x7f]+", lambda found: json.dumps(found[0])[1:-1], text)


def _json_pieces(value: object, indent: bytes) -> Iterator[bytes]:
    """Yield a value as JSON, spread over lines that begin with `margin`."""
    items: Iterable[tuple[bytes, object]]
    if isinstance(value, _MULTILINE):
        begin, end = b"{", b"}"
        items = ((_ENCODE(name) + b": ", item) for name, item in _fields_of(value))
    elif isinstance(value, Mapping) and value:
        begin, end = b"{", b"}"
        items = ((_compact(name) + b": ", item) for name, item in value.items())
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
    """Yield what a Struct has in its JSON: its tag, and its fields by their names there."""
    config = value.__struct_config__
    if config.tag_field:
        yield config.tag_field, config.tag
    for field in fields(type(value)):
        item = getattr(value, field.name)
        if not (config.omit_defaults and item == field.default):
            yield field.encode_name, item


def _compact(value: object) -> bytes:
    """Return a value as JSON on one line, each instant to the millisecond.

    msgspec would write none of a fraction, or all six digits of it.
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
    """Return a value as one line: `_compact`, at a tenth of its cost for all but a few."""
    try:
        line = _ENCODE(value)
    except UnicodeEncodeError:
        return _compact(value)
    if _TIME_TYPE in line:
        return _compact(value)
    head, *rest = line.split(_INSTANT_KEY)
    dated = [
        part[:23] + part[26:] if part.startswith(b".", 19) else part[:19] + b".000" + part[19:]
        for part in rest
    ]
    return _INSTANT_KEY.join([head, *dated])


def _parse(text: str, source: str) -> dict[str, Any]:
    """Return the data of a record of a schema that this release knows."""
    try:
        data = json.loads(text, parse_constant=_reject_constant, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        msg = f"{source}: not a readable record (it may be cut short): {error}"
        raise RecordError(msg) from None
    schema = data.get("schema") if isinstance(data, dict) else None
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
        # Schema 1 kept lone surrogates; since then they are no text, neither here nor to msgspec.
        json.dumps(data if schema == SCHEMA else None, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        msg = f"{source}: not a valid record: {error}"
        raise RecordError(msg) from None
    return data  # type: ignore[no-any-return]


def _reject_constant(name: str) -> NoReturn:
    msg = f"{name} is no JSON"
    raise ValueError(msg)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object's fields, each of which stands once: of two, readers see different ones."""
    data = dict(pairs)
    if len(data) != len(pairs):
        names = [name for name, _ in pairs]
        duplicate = next(name for name in names if names.count(name) > 1)
        msg = f"the key {duplicate!r} stands twice in one object"
        raise ValueError(msg)
    return data


def _check_complete(data: object, value: object, place: str = "$") -> None:
    """Refuse an object that lacks a field; msgspec takes the default for it.

    Raises:
        msgspec.ValidationError: as msgspec's own.
    """
    if isinstance(value, Struct) and isinstance(data, dict):
        for name, item in _fields_of(value):
            if name not in data:
                msg = f"Object missing required field `{name}` - at `{place}`"
                raise msgspec.ValidationError(msg)
            _check_complete(data[name], item, f"{place}.{name}")
    elif isinstance(value, tuple) and isinstance(data, list):
        for number, (given, item) in enumerate(zip(data, value, strict=False)):
            _check_complete(given, item, f"{place}[{number}]")


def _convert_schema_1(data: dict[str, Any]) -> dict[str, Any]:
    """Return the raw data of a schema-1 record as that of a schema-2 record.

    Schema 1 left `shard` out if it was false. Its sentences of why the gate was closed are left
    out: causes are worked out anew. It kept lone surrogates, which UTF-8 can't write; here they
    become visible escapes. What else is wrong is left for the decoder to refuse.
    """
    converted: dict[str, Any] = walked({**data, "schema": 2}, _escape_surrogates)
    if isinstance(data.get("run"), dict):
        converted["run"] = {"shard": False, **converted["run"]}
    if isinstance(data.get("decision"), dict):
        kept = {name: value for name, value in converted["decision"].items() if name != "reasons"}
        converted["decision"] = {**kept, "causes": [], "actions": []}
    if isinstance(data.get("previous"), dict):
        converted["previous"] = _convert_schema_1(data["previous"])
    return converted


def _with_causes(record: Record) -> Record:
    """Return a converted record with its causes and actions, as far as it tells them.

    It doesn't tell which stage requires which; the gate takes that from today's catalogue.
    """
    try:
        catalogue = Catalogue(declared=False).with_stages_of(known=[s.id for s in record.stages])
    except CatalogueError:
        return record
    # It doesn't tell what FINAL rolls up either.
    found = causes(catalogue, record.stages, record.run.incidents, tuple(catalogue.by_id))
    decision = replace(record.decision, causes=found, actions=actions_of(found))
    previous = _with_causes(record.previous) if record.previous else None
    return replace(record, decision=decision, previous=previous)


def _escape_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return utf8(value)
    return INTO if isinstance(value, (dict, list)) else value
