"""The one walk over nested values: reports, warnings, records and manifests, whatever they hold.

Which fields of a Struct hold text comes from their types; one that things are found and compared by
is an `Identity` (`text.py`) and is left alone.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

from msgspec import Struct, inspect
from msgspec.structs import replace

from pytest_prodstatus.model.text import IDENTITY, utf8

S = TypeVar("S", bound=Struct)
Visit = Callable[[Any], Any]
"""Returns what becomes of a value: another one, itself, or `INTO` to walk into it."""

INTO: Any = object()
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)


def walked(value: Any, visit: Visit, *, builtin: bool = False) -> Any:
    """Return `value` with everything in it visited; the same object if nothing was changed.

    Args:
        value: a Struct, a mapping or collection, or anything else.
        visit: decides about each value, and about each key that is text.
        builtin: make the builtin collection of each of its subclasses, and visit every key.
    """
    visited_value = visit(value)
    if visited_value is not INTO:
        return visited_value
    if isinstance(value, Struct):
        names, values_of = _texts_of(type(value))
        before = values_of(value)
        after = tuple(walked(item, visit, builtin=builtin) if item else item for item in before)
        if all(map(operator.is_, before, after)):
            return value
        return replace(value, **dict(zip(names, after, strict=True)))
    if isinstance(value, Mapping):
        made = {
            _key(key, visit, builtin=builtin): walked(item, visit, builtin=builtin)
            for key, item in value.items()
        }
        same = _all_identical([*value, *value.values()], [*made, *made.values()])
        return value if same and (not builtin or type(value) is dict) else made
    items = [walked(item, visit, builtin=builtin) for item in value]
    if (not builtin or type(value) in _COLLECTIONS) and _all_identical(list(value), items):
        return value
    if not builtin and isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*items)
    return next(kind for kind in _COLLECTIONS if isinstance(value, kind))(items)


def _key(key: Any, visit: Visit, *, builtin: bool) -> Any:
    visited = builtin or isinstance(key, (str, bytes))
    return walked(key, visit, builtin=builtin) if visited else key


def printable(value: S) -> S:
    """Return a Struct in whose texts every lone surrogate, which UTF-8 can't write, is escaped."""

    def visit(part: Any) -> Any:
        return utf8(part) if isinstance(part, str) else _walk_collections(part)

    made: S = walked(value, visit)
    return made


def redact_record(value: S, redact: Callable[[str], str]) -> S:
    """Return a Struct with its texts redacted; itself if none of them held a secret."""

    def visit(part: Any) -> Any:
        if isinstance(part, str):
            clean = redact(part)
            return part if clean == part else clean
        if isinstance(part, tuple) and len(part) > 1 and isinstance(part[0], Struct):
            return part if _is_clean(part, redact) else INTO
        return _walk_collections(part)

    made: S = walked(value, visit)
    return made


def _is_clean(parts: tuple[Any, ...], redact: Callable[[str], str]) -> bool:
    """Return whether no text in `parts` holds a secret, by one look at all of them together.

    Line ends stand between them, which no secret of a text alone needs; a secret that spans two of
    them is none of theirs, and costs no more than a second look.
    """
    texts: list[str] = []
    for part in parts:
        _collect_texts(part, texts)
    joined = "\n".join(texts)
    return redact(joined) == joined


def _collect_texts(value: Any, texts: list[str]) -> None:
    """Add every text in `value`; `walked` takes three times as long to the same end."""
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, Struct):
        for item in _texts_of(type(value))[1](value):
            if item:
                _collect_texts(item, texts)
    elif isinstance(value, Mapping):
        texts += value
        for item in value.values():
            _collect_texts(item, texts)
    elif isinstance(value, _COLLECTIONS):
        for item in value:
            _collect_texts(item, texts)


def _walk_collections(part: Any) -> Any:
    return INTO if isinstance(part, (Struct, Mapping, *_COLLECTIONS)) else part


def _all_identical(before: list[Any], after: list[Any]) -> bool:
    return len(before) == len(after) and all(map(operator.is_, before, after))


@cache
def _texts_of(kind: type[Struct]) -> tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]:
    """Return the fields of a Struct that may hold text, and what gets their values."""
    info = inspect.type_info(kind)
    assert isinstance(info, inspect.StructType)  # noqa: S101  as it is of every Struct
    names = tuple(field.name for field in info.fields if _holds_text(field.type, kind))
    if len(names) < 2:  # of a single name, attrgetter would return no tuple
        return names, lambda value: tuple(getattr(value, name) for name in names)
    return names, operator.attrgetter(*names)


def _holds_text(kind: inspect.Type, outer: type[Struct]) -> bool:
    match kind:
        case inspect.StrType():
            return True
        case inspect.Metadata():
            return kind.extra != IDENTITY and _holds_text(kind.type, outer)
        case inspect.StructType():
            return kind.cls is outer or bool(_texts_of(kind.cls)[0])
        case inspect.DictType():
            return _holds_text(kind.key_type, outer) or _holds_text(kind.value_type, outer)
        case inspect.UnionType():
            return any(_holds_text(option, outer) for option in kind.types)
        case (
            inspect.VarTupleType()
            | inspect.ListType()
            | inspect.FrozenSetType()
            | inspect.SetType()
        ):
            return _holds_text(kind.item_type, outer)
        case _:
            return False
