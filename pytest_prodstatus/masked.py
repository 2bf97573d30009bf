"""Reports with every text in them redacted, whatever part of pytest or plugin put it there."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

Redact = Callable[[str], str]

# What a report is known by, what never holds text of a test, and what only this process sees.
_LEFT = frozenset({
    "nodeid", "_id", "location", "keywords", "outcome", "when", "duration", "start", "stop",
    "result", "node", "worker_id", "testrun_uid", "item_index", "$report_type", "prodstatus",
})  # fmt: skip
_KNOWN = _LEFT | {"longrepr", "sections", "user_properties"}
_LOOSE = ("user_properties", "extras", "extra")
"""What holds values of any type, which others show as text."""
_PLAIN = (type(None), bool, float, complex)


def tells_nothing(told: Mapping[str, Any]) -> bool:
    """Return whether a report's attributes say that its phase passed, and no more; most do."""
    return (
        told.get("outcome") == "passed"
        and told.keys() <= _KNOWN
        and not (told.get("longrepr") or told.get("sections") or told.get("user_properties"))
    )


def mask_report(report: object, redact: Redact) -> None:
    """Redact a report in place."""
    attributes = vars(report)
    for name in attributes.keys() - _LEFT:
        value = attributes[name]
        if name == "context":
            # The context is a subtest's: its message and its values.
            _mask_parts(value, redact)
            continue
        changed = masked(value, redact, loose=name in _LOOSE)
        if changed is not value:
            attributes[name] = changed


def masked(value: Any, redact: Redact, *, loose: bool = False) -> Any:
    """Return `value` with every text in it redacted; the same object where nothing was.

    Parts of pytest's representations are changed in place, so that they keep their look.

    Args:
        value: text, a collection, a part of a representation, or anything else.
        redact: takes secrets out of a text.
        loose: replace an object of another type by its text, where that holds a secret.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    if isinstance(value, str):
        clean = redact(str.__str__(value))
        return value if clean == value else clean
    if isinstance(value, bytes):
        text = value.decode("utf-8", "surrogateescape")
        clean = redact(text)
        return value if clean == text else clean.encode("utf-8", "surrogateescape")
    if isinstance(value, dict):
        return _same(
            value, {_key(k, redact): masked(v, redact, loose=loose) for k, v in value.items()}
        )
    if isinstance(value, (list, tuple, set, frozenset)):
        return _same(value, _items(value, redact, loose=loose))
    if hasattr(value, "toterminal"):
        _mask_parts(value, redact)
        return value
    return _told(value, redact) if loose else value


def _mask_parts(value: object, redact: Redact) -> None:
    for name in (*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())):
        part = getattr(value, name, None)
        changed = masked(part, redact)
        if changed is not part:
            object.__setattr__(value, name, changed)  # some of pytest's own are frozen


def _key(key: Any, redact: Redact) -> Any:
    return masked(key, redact) if isinstance(key, (str, bytes)) else key


def _items(value: Any, redact: Redact, *, loose: bool) -> Any:
    if value and isinstance(value, list) and all(type(item) is str for item in value):
        # Lines: a long text may have been folded over several.
        whole = "\n".join(value)
        clean = redact(whole)
        return value if clean == whole else clean.split("\n")
    items = [masked(item, redact, loose=loose) for item in value]
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*items)
    for builtin in (list, tuple, set):
        if isinstance(value, builtin):
            return builtin(items)
    return frozenset(items)


def _same(value: Any, changed: Any) -> Any:
    """Return `value` itself where no item of it was changed."""
    if isinstance(value, (set, frozenset)):
        return value if value == changed else changed
    before, after = _flat(value), _flat(changed)
    same = len(before) == len(after) and all(map(operator.is_, before, after))
    return value if same else changed


def _flat(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    return list(value)


def _told(value: object, redact: Redact) -> object:
    try:
        texts = (str(value), repr(value))
    except Exception:  # noqa: BLE001  an object that can't be shown shows nothing
        return value
    for text in texts:
        clean = redact(text)
        if clean != text:
            return clean
    return value
