"""What a worker's reports may hold so that they reach the controller.

xdist sends builtin values alone, and text alone that UTF-8 can write. One path, enum or lone
surrogate anywhere in a report ends the worker, and the run loses what it saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_AS_THEY_ARE = (type(None), bool, int, float, complex, bytes)
_SCALARS: tuple[type[Any], ...] = (int, float, bytes)
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)


def crossable(value: Any) -> Any:
    """Return `value` with everything replaced that can't cross to another process.

    A lone surrogate becomes its escape, a subclass of a builtin type that type, and any other
    object its `repr`, as pytest itself writes it into a JUnit file.
    """
    kind = type(value)
    if kind in _AS_THEY_ARE:
        return value
    if isinstance(value, str):
        return str.__str__(value).encode("utf-8", "backslashreplace").decode("utf-8")
    if isinstance(value, Mapping):
        return {crossable(key): crossable(item) for key, item in value.items()}
    for builtin in _COLLECTIONS:
        if isinstance(value, builtin):
            return builtin(map(crossable, value))
    for builtin in _SCALARS:
        if isinstance(value, builtin):
            return builtin(value)
    return crossable(repr(value))
