"""Walk over nested values (reports, warnings, records, manifests) and replace parts of them.

The types of a Struct's fields say which of them may contain text. An `Identity` (`text.py`) is left
unchanged.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from msgspec import Struct, inspect
from msgspec.structs import replace

from pytest_prodstatus.model.text import IDENTITY, utf8

S = TypeVar("S", bound=Struct)
Visit = Callable[[Any], Any]
"""Returns the replacement of a value, the value itself, or `INTO` to walk into it."""

INTO: Any = object()
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)
_Texts: TypeAlias = tuple[tuple[str, ...], Callable[[Any], tuple[Any, ...]]]
_TEXTS: dict[type[Struct], _Texts] = {}
"""What `_texts_of` has found so far."""


def walked(value: Any, visit: Visit, *, builtin: bool = False) -> Any:
    """Visit a value and everything in it; return the same object if nothing was replaced.

    Args:
        value: a Struct, a mapping or collection, or any other value.
        visit: decides about each value, and about each key that is text.
        builtin: convert subclasses of the builtin collections to these, and visit every key.
    """
    visited_value = visit(value)
    if visited_value is not INTO:
        return visited_value
    if isinstance(value, Struct):
        names, values_of = _texts_of(type(value))
        before = values_of(value)
        # An empty value has no text to visit.
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
    # A named tuple takes its items one by one, all other collections take an iterable.
    if not builtin and isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*items)
    # The builtin type: the constructor of a subclass may take other arguments.
    return next(kind for kind in _COLLECTIONS if isinstance(value, kind))(items)


def _key(key: Any, visit: Visit, *, builtin: bool) -> Any:
    # Other keys, such as numbers and enums, contain no text.
    visited = builtin or isinstance(key, (str, bytes))
    return walked(key, visit, builtin=builtin) if visited else key


def printable(value: S) -> S:
    """Escape every lone surrogate, which UTF-8 can't encode, in the texts of a Struct."""

    def visit(part: Any) -> Any:
        return utf8(part) if isinstance(part, str) else _walk_collections(part)

    made: S = walked(value, visit)
    return made


def redact_record(value: S, redact: Callable[[str], str]) -> S:
    """Redact the texts of a Struct; return the same object if none contained a secret."""

    def visit(part: Any) -> Any:
        if isinstance(part, str):
            clean = redact(part)
            # Return the old object, since `walked` finds out by identity whether anything was
            # replaced.
            return part if clean == part else clean
        if isinstance(part, tuple) and len(part) > 1 and isinstance(part[0], Struct):
            return part if _is_clean(part, redact) else INTO
        return _walk_collections(part)

    made: S = walked(value, visit)
    return made


def _is_clean(parts: tuple[Any, ...], redact: Callable[[str], str]) -> bool:
    """Return whether no text in `parts` contains a secret, by one search of all texts at once.

    The texts are joined by line ends. If a secret seems to span two of them, the result is wrongly
    False. This only costs time, because the parts are then searched one by one.
    """
    texts: list[str] = []
    for part in parts:
        _collect_texts(part, texts)
    joined = "\n".join(texts)
    return redact(joined) == joined


def _collect_texts(value: Any, texts: list[str]) -> None:
    """Append every text in `value` to `texts`; `walked` would take three times as long."""
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


def _texts_of(kind: type[Struct]) -> _Texts:
    """Return the names of a Struct's fields that may contain text, and a getter of their values."""
    if kind not in _TEXTS:
        info = inspect.type_info(kind)
        assert isinstance(info, inspect.StructType)  # noqa: S101  true of every Struct
        _learn(info)
    return _TEXTS[kind]


def _learn(info: inspect.StructType) -> None:
    """Add a Struct and all that it contains to `_TEXTS`; `type_info` costs a millisecond."""
    names = tuple(field.name for field in info.fields if _holds_text(field.type, info.cls))
    if len(names) < 2:  # for a single name, attrgetter returns no tuple
        _TEXTS[info.cls] = names, lambda value: tuple(getattr(value, name) for name in names)
    else:
        _TEXTS[info.cls] = names, operator.attrgetter(*names)


def _holds_text(kind: inspect.Type, outer: type[Struct]) -> bool:
    match kind:
        case inspect.StrType():
            return True
        case inspect.Metadata():
            return kind.extra != IDENTITY and _holds_text(kind.type, outer)
        case inspect.StructType():
            # A Struct that contains itself, as `Record.previous` does, is taken to have text: its
            # own fields are still being looked at.
            if kind.cls is not outer and kind.cls not in _TEXTS:
                _learn(kind)
            return kind.cls is outer or bool(_TEXTS[kind.cls][0])
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
        # Numbers, instants, enums: the text of an enum's member is ours.
        case _:
            return False
