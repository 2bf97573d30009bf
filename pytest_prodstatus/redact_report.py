"""Reports with every text in them redacted, whatever part of pytest or plugin put it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from pytest_prodstatus.model.walk import INTO, walked

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

    def visit(part: Any) -> Any:
        if type(part) in _PLAIN:
            return part
        if isinstance(part, str):
            clean = redact(str.__str__(part))
            return part if clean == part else clean
        if isinstance(part, bytes):
            text = part.decode("utf-8", "surrogateescape")
            clean = redact(text)
            return part if clean == text else clean.encode("utf-8", "surrogateescape")
        if isinstance(part, list) and part and all(type(item) is str for item in part):
            # Lines: a long text may have been folded over several.
            whole = "\n".join(part)
            clean = redact(whole)
            return part if clean == whole else clean.split("\n")
        if isinstance(part, (dict, list, tuple, set, frozenset)):
            return INTO
        if hasattr(part, "toterminal"):
            _mask_parts(part, redact)
            return part
        return _told(part, redact) if loose else part

    return walked(value, visit)


def _mask_parts(value: object, redact: Redact) -> None:
    for name in (*getattr(value, "__dict__", ()), *getattr(type(value), "__slots__", ())):
        part = getattr(value, name, None)
        changed = masked(part, redact)
        if changed is not part:
            object.__setattr__(value, name, changed)  # some of pytest's own are frozen


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
