"""A secret value that shows itself only if code calls `reveal()`.

The mask is a constant, so that not even the length of a secret can be read off a log. Wherever one
is made (a setting read, a credential decrypted, a token issued), the redactor learns its text.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import final

from tests.acceptance.support.masking import MASK, Words

MESSAGE_LIMIT = 300
"""Characters kept of someone else's message."""

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
        # A variable may hold bytes that are no text.
        mine, others = (s._value.encode(errors="surrogatepass") for s in (self, other))
        return hmac.compare_digest(mine, others)

    def __hash__(self) -> int:
        return hash((Secret, self._value))


@final
class Private:
    """Data of persons that someone else's words may repeat; its repr shows only how much it is.

    Args:
        values: names, addresses, numbers; see `Words` for how each is found.
    """

    __slots__ = ("_number", "_words")

    def __init__(self, values: Iterable[str]) -> None:
        words = {value.strip() for value in values} - {""}
        self._number = len(words)
        self._words = Words(words)

    def mask(self, text: str) -> str:
        """Return the text with every value masked, however the text writes it."""
        return self._words.mask(text)

    def __repr__(self) -> str:
        return f"<Private of {self._number}>"


NOTHING_PRIVATE = Private(())


def scrubbed(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a message as one line of bounded length, with every given secret masked."""
    for secret in secrets:
        if secret:
            text = text.replace(secret.reveal(), MASK)
    text = _words(secrets).mask(text)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 1]}…"


@lru_cache(maxsize=8)
def _words(secrets: tuple[Secret, ...]) -> Words:
    return Words(secret.reveal() for secret in secrets)
