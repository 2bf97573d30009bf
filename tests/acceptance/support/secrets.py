"""A secret value that shows itself only if code calls `reveal()`.

The mask is a constant, so that not even the length of a secret can be read off a log. Wherever one
is made (a setting read, a credential decrypted, a token issued), the redactor learns its text.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import final
from urllib.parse import quote

MASK = "********"
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


def scrubbed(text: str, secrets: tuple[Secret, ...]) -> str:
    """Return a message as one line of bounded length, with every given secret masked."""
    for secret in secrets:
        for form in {secret.reveal(), quote(secret.reveal(), safe="")} - {""}:
            text = text.replace(form, MASK)
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= MESSAGE_LIMIT else f"{line[: MESSAGE_LIMIT - 1]}…"
