"""A record with every text in it redacted, once more, whatever put it there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Any

from pytest_prodstatus.model.record import Record, StageResult

Redact = Callable[[str], str]

# What a record and its parts are found and compared by; no text of a test gets there.
_IDENTITY = {"id", "stage", "nodeid", "cause", "target", "run", "run_id", "commit", "catalogue",
             "document"}  # fmt: skip
_PLAIN = (bool, int, float, datetime, Enum)
_TEXTLESS = ("bool", "int", "money", "time")
_STRUCTURE = {"type", "value", "currency", "cut_from"}


def redacted(record: Record, redact: Redact) -> Record:
    """Return the record with its texts redacted; the same record where no text held a secret."""
    stages: tuple[StageResult, ...] = tuple(
        stage if _is_clean(stage, redact) else _walk(stage, redact) for stage in record.stages
    )
    former = redacted(record.previous, redact) if record.previous else None
    rest: Record = replace(record, stages=(), previous=None)
    clean: Record = _walk(rest, redact)
    same = clean is rest and former is record.previous
    if same and all(map(operator.is_, stages, record.stages)):
        return record
    return replace(clean, stages=stages, previous=former)


def _is_clean(stage: StageResult, redact: Redact) -> bool:
    """Return whether no text of a stage holds a secret, asked of all its texts together.

    Line ends stand between them, which no secret of a text alone needs; a secret that spans two of
    them is none of theirs, and costs no more than a second look.
    """
    texts: list[str] = []
    _gather(stage, texts)
    whole = "\n".join(texts)
    return redact(whole) == whole


def _gather(value: Any, texts: list[str]) -> None:
    """Add every text of `value` that a test may have put there."""
    if isinstance(value, str):
        texts.append(value)
    elif type(value) in (tuple, list):
        for item in value:
            _gather(item, texts)
    elif isinstance(value, Mapping):
        texts += [key for key in value if key not in _STRUCTURE]
        if value.get("type") not in _TEXTLESS:
            for item in value.values():
                _gather(item, texts)
    elif value is not None and not isinstance(value, _PLAIN):
        for own in _texts_of(value.__class__)[1](value):
            if own:
                _gather(own, texts)


def _walk(value: Any, redact: Redact) -> Any:
    """Return `value` with its texts redacted; itself where none held a secret."""
    if value is None or isinstance(value, _PLAIN):
        return value
    if isinstance(value, str):
        clean = redact(value)
        return value if clean == value else clean
    if type(value) is tuple:
        items = tuple(_walk(item, redact) for item in value)
        return value if all(map(operator.is_, value, items)) else items
    if isinstance(value, Mapping):
        if value.get("type") in _TEXTLESS:
            return value
        named = {k if k in _STRUCTURE else redact(k): _walk(v, redact) for k, v in value.items()}
        return value if named == value else named
    if isinstance(value, list):
        return [_walk(item, redact) for item in value]
    changes = {}
    names, of = _texts_of(value.__class__)
    for name, own in zip(names, of(value), strict=True):
        changed = _walk(own, redact) if own else own
        if changed is not own:
            changes[name] = changed
    if not changes:
        return value
    named_tuple = isinstance(value, tuple)
    return value._replace(**changes) if named_tuple else replace(value, **changes)


@cache
def _texts_of(kind: type[Any]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the fields of a part that may hold text, and what gets their values."""
    textless = {plain.__name__ for plain in _PLAIN} | {"Verdict", "Rule", "Kind", "None"}
    # A text of these names is an id; "run" is one in some parts, and in the record itself a part.
    left = {True: textless | {"str"}, False: textless}
    # A named tuple's types are wrapped (typing.ForwardRef).
    types = (
        {name: wrapped.__forward_arg__ for name, wrapped in kind.__annotations__.items()}
        if issubclass(kind, tuple)
        else {field.name: str(field.type) for field in fields(kind)}
    )
    names = tuple(
        name for name, of in types.items() if not set(of.split(" | ")) <= left[name in _IDENTITY]
    )
    if len(names) < 2:  # of a single name, attrgetter would return no tuple
        return names, lambda value: tuple(getattr(value, name) for name in names)
    return names, operator.attrgetter(*names)
