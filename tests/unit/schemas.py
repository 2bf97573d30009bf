"""Write the JSON Schemas that are shipped, from the Structs: `python -m tests.unit.schemas`.

msgspec says what each field may be. What a field means comes from its class's docstring. The codec
adds three rules: every field must be there, an instant has its milliseconds, and a verdict has a
reason.
"""

from __future__ import annotations

import inspect
import json
import re
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

import pytest_prodstatus
from pytest_prodstatus.model import evidence, record, verdict, violations, waiver
from pytest_prodstatus.writers import gate_report

FOLDER = Path(pytest_prodstatus.__file__).with_name("schema")
MODULES = (record, verdict, evidence, violations, waiver, gate_report)

INSTANT = {
    "description": "An instant in UTC, to the millisecond, as in 2026-11-22T19:53:09.000Z.",
    "type": "string",
    "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
}
EXPLAINED = {
    "description": "Every verdict but CONFIRMED has a reason of some kind; CONFIRMED has none.",
    "if": {"properties": {"verdict": {"const": "CONFIRMED"}}},
    "then": {"properties": {name: {"type": "null"} for name in ("reason", "kind", "remedy")}},
    "else": {"properties": {"reason": {"type": "string"}, "kind": {"type": "string"}}},
}


def schemas() -> dict[str, str]:
    """Return each file's name and the content that it must have."""
    status, gate = f"status-v{record.SCHEMA}", f"gate-v{gate_report.SCHEMA}"
    return {
        f"{status}.json": _schema(
            record.Record, status, f"The record of one run, version {record.SCHEMA} (status.json)"
        ),
        f"{gate}.json": _schema(
            gate_report.GateOutput,
            gate,
            f"The output of `prodstatus gate --format json`, version {gate_report.SCHEMA}",
        ),
    }


def _schema(root: type[Struct], name: str, title: str) -> str:
    _, definitions = msgspec.json.schema_components([root])
    for kind, definition in definitions.items():
        definition.pop("title", None)
        of = next(getattr(module, kind) for module in MODULES if hasattr(module, kind))
        _describe(definition, of)
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://pytest-prodstatus.invalid/schema/{name}.json",
        "title": title,
        "$ref": f"#/$defs/{root.__name__}",
        "$defs": {**_with_instants(definitions), "Instant": INSTANT, "Explained": EXPLAINED},
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _describe(definition: dict[str, Any], of: type) -> None:
    """Add the meaning of a class and its fields to a definition, and require all fields."""
    text, _, attributes = inspect.cleandoc(of.__doc__ or "").partition("\n\nAttributes:\n")
    definition["description"] = " ".join(text.split())
    if not issubclass(of, Struct):
        return
    meanings = _meanings(attributes) | _meanings_above(of)
    config = of.__struct_config__
    required = [config.tag_field] if config.tag_field else []
    if config.tag_field:
        definition["properties"][config.tag_field] = {
            "description": "What sort of value it is." if isinstance(config.tag, str)
            else "The version of this form.",
            "const": config.tag,
        }  # fmt: skip
    for field in msgspec.structs.fields(of):
        place = definition["properties"][field.encode_name]
        place.pop("default", None)
        if meanings.get(field.name):
            definition["properties"][field.encode_name] = {
                "description": meanings[field.name][:1].upper() + meanings[field.name][1:],
                **place,
            }
        if field.required or not (config.omit_defaults or field.default is msgspec.UNSET):
            required.append(field.encode_name)
    definition["required"] = required
    if {"verdict", "reason"} <= set(required):
        definition["allOf"] = [{"$ref": "#/$defs/Explained"}]


def _meanings_above(of: type) -> dict[str, str]:
    found: dict[str, str] = {}
    for base in of.__mro__[1:]:
        text = inspect.cleandoc(base.__doc__ or "")
        found |= _meanings(text.partition("\n\nAttributes:\n")[2])
    return found


def _meanings(attributes: str) -> dict[str, str]:
    """Return the meaning of each attribute; several may share a line: `since, until: …`."""
    entries = re.findall(r"^    (\w[\w, ]*): (.*(?:\n     .*)*)", attributes, re.MULTILINE)
    return {name: " ".join(text.split()) for names, text in entries for name in names.split(", ")}


def _with_instants(value: Any) -> Any:
    if isinstance(value, list):
        # null last, since msgspec's order differs between its releases.
        items = [_with_instants(item) for item in value]
        return sorted(items, key=lambda item: item == {"type": "null"})
    if not isinstance(value, dict):
        return value
    if value.get("format") == "date-time":
        rest = {k: v for k, v in value.items() if k not in ("format", "type")}
        return {**rest, "$ref": "#/$defs/Instant"}
    return {key: _with_instants(item) for key, item in value.items() if key != "discriminator"}


if __name__ == "__main__":
    for name, text in schemas().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
