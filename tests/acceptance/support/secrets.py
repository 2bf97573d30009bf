"""A secret value that shows itself only if code calls `reveal()`.

The mask is a constant, so that not even the length of a secret can be read off a log. Wherever one
is made (a setting read, a credential decrypted, a token issued), the redactor learns its text.
"""

from __future__ import annotations

import hmac
import html
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import final
from urllib.parse import quote, quote_plus

MASK = "********"
MESSAGE_LIMIT = 300
"""Characters kept of someone else's message."""
_SHORT = 3
_LONG_NUMBER = 7
_CODE = re.compile(r"[A-Z]{2}")

_listeners: list[Callable[[str], None]] = []


@contextmanager
def announced_to(listener: Callable[[str], None]) -> Iterator[None]:
    """Call `listener` with the text of every secret that is made inside this block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@final
class Secret:
    """Text that `repr`, `str` and `format` never show; equal and hashable by value.

    It isn't a `str`, so it can't be joined, encoded or serialised by accident.

    Args:
        value: the secret text.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        for listener in _listeners:
            listener(value)

    def reveal(self) -> str:
        """Return the text itself; call this as late as possible and keep nothing."""
        return self._value

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        # So that the process which reads it learns of it, too.
        return Secret, (self._value,)

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@final
class Private:
    """Data of persons that someone else's words may repeat; its repr shows only how much it is.

    A value is found anywhere and in any case, but a short one (a state, a country, "+1", a postcode
    of digits) only as a word of its own: "CA" is also a part of CANCELLED, 12345 of an order's id.
    A code of two capitals has to be in capitals, too: "IN" and "OR" are also English words.

    Args:
        values: names, addresses, numbers.
    """

    __slots__ = ("_found", "_number")

    def __init__(self, values: Iterable[str]) -> None:
        words = {value.strip() for value in values} - {""}
        longest = sorted(words, key=lambda value: (-len(value), value))
        self._number = len(longest)
        self._found = re.compile("|".join(map(_pattern, longest))) if longest else None

    def mask(self, text: str) -> str:
        """Return the text with every value masked, also as URLs, HTML and JSON write it."""
        return self._found.sub(MASK, text) if self._found else text

    def __repr__(self) -> str:
        return f"<Private of {self._number}>"


NOTHING_PRIVATE = Private(())


def _pattern(value: str) -> str:
    in_json = json.dumps(value)[1:-1]
    in_html = html.escape(value)
    # HTML has more than one way to write an apostrophe, and some leave quotes as they are.
    forms = {
        value,
        quote(value, safe=""),
        quote_plus(value, safe=""),
        json.dumps(value, ensure_ascii=False)[1:-1],
        in_json,
        in_json.replace("/", r"\/"),
        in_html,
        in_html.replace("&#x27;", "&#39;"),
        in_html.replace("&#x27;", "&#039;"),
        in_html.replace("&#x27;", "&apos;"),
        html.escape(value, quote=False),
        value.encode("ascii", "xmlcharrefreplace").decode(),
    }
    # White space may have been changed into another kind, and its length.
    sources = [r"\s+".join(map(re.escape, form.split())) for form in sorted(forms)]
    source = f"(?:{'|'.join(sources)})"
    if len(value) > _SHORT and not (value.isdigit() and len(value) < _LONG_NUMBER):
        return f"(?i:{source})"
    folds = "" if _CODE.fullmatch(value) else "i"
    return rf"(?<!\w)(?{folds}:{source})(?!\w)"


def scrubbed(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a message as one line of bounded length, with every given secret masked."""
    for secret in secrets:
        for form in {secret.reveal(), quote(secret.reveal(), safe="")} - {""}:
            text = text.replace(form, MASK)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 1]}…"
