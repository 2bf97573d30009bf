"""A wait that takes no time, for what the suite waits for by `eventually`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Looks:
    """Looks up to a number of times, without a pause.

    Attributes:
        taken: how often it has looked.

    Args:
        most: the number.
    """

    def __init__(self, most: int = 10) -> None:
        self.taken = 0
        self._most = most

    def __call__(self, look: Callable[[], T], done: Callable[[T], bool], what: str) -> T:
        """Look until it is done, or was looked for often enough."""
        while True:
            self.taken += 1
            seen = look()
            if done(seen) or self.taken >= self._most:
                return seen
