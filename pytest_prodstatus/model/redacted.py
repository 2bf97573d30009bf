"""A record with every text in it redacted, once more, whatever put it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from typing import Any

from pytest_prodstatus.model.record import Record

# What a record and its parts are found and compared by; no text of a test gets there.
_IDENTITY = {"id", "stage", "nodeid", "cause", "target", "run", "run_id", "commit", "catalogue",
             "document"}  # fmt: skip
_STRUCTURE = {"type", "value", "currency", "cut_from"}


def redacted(record: Record, redact: Callable[[str], str]) -> Record:
    """Return the record with its texts redacted; the same record where no text held a secret."""
    known: dict[str, str] = {}

    def clean(text: str) -> str:
        if text not in known:
            known[text] = redact(text)
        return known[text]

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, tuple):
            items = tuple(map(walk, value))
            return value if all(a is b for a, b in zip(value, items, strict=True)) else items
        if isinstance(value, Mapping):
            named = {k if k in _STRUCTURE else clean(k): walk(v) for k, v in value.items()}
            return value if named == value else named
        if isinstance(value, list):
            return list(map(walk, value))
        return part(value) if is_dataclass(value) and not isinstance(value, type) else value

    def part(value: Any) -> Any:
        changes = {}
        for field in fields(value):
            own = getattr(value, field.name)
            # "run" is an id in some parts, and in the record itself a part.
            if own and not (field.name in _IDENTITY and isinstance(own, str)):
                changed = walk(own)
                if changed is not own:
                    changes[field.name] = changed
        return replace(value, **changes) if changes else value

    result: Record = part(record)
    return result
