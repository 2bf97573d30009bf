"""A record with every text in it redacted, once more, whatever put it there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from pytest_prodstatus.model.record import Record

# What a record and its parts are found and compared by; no text of a test gets there.
_IDENTITY = {"id", "stage", "nodeid", "cause", "target", "run", "run_id", "commit", "catalogue",
             "document"}  # fmt: skip
_PLAIN = (bool, int, float, datetime, Enum)
_TEXTLESS = ("bool", "int", "money", "time")
_STRUCTURE = {"type", "value", "currency", "cut_from"}


def redacted(record: Record, redact: Callable[[str], str]) -> Record:
    """Return the record with its texts redacted; the same record where no text held a secret."""
    known: dict[str, str] = {}

    def clean(text: str) -> str:
        if text not in known:
            known[text] = redact(text)
        return known[text]

    def walk(value: Any) -> Any:
        if value is None or isinstance(value, _PLAIN):
            return value
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, tuple):
            items = tuple(map(walk, value))
            return value if all(map(operator.is_, value, items)) else items
        if isinstance(value, Mapping):
            if value.get("type") in _TEXTLESS:
                return value
            named = {k if k in _STRUCTURE else clean(k): walk(v) for k, v in value.items()}
            return value if named == value else named
        return list(map(walk, value)) if isinstance(value, list) else part(value)

    def part(value: Any) -> Any:
        changes = {}
        for name in _names(value.__class__):
            own = getattr(value, name)
            # "run" is an id in some parts, and in the record itself a part.
            if own and not (name in _IDENTITY and isinstance(own, str)):
                changed = walk(own)
                if changed is not own:
                    changes[name] = changed
        return replace(value, **changes) if changes else value

    result: Record = part(record)
    return result


@cache
def _names(kind: type[Any]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))
