"""From what Python or pytest warns of while a criterion runs to a reason to doubt that it held.

Each of these tests passes although what it was to look at was never looked at, or failed where no
one saw it; a warning is all that is said.
"""

from __future__ import annotations

import re

import pytest

from pytest_prodstatus.model.reason import Kind, Reason

_UNAWAITED = re.compile(r"coroutine '.*' was never awaited")
"""How Python's warning begins (`warnings._warn_unawaited_coroutine`)."""

_RETURNED = "It is deprecated to return a value that is not None from a test case"
"""How unittest's warning begins, since Python 3.11; without it, unittest says nothing."""

HEARD = (
    f"always:{_UNAWAITED.pattern}:RuntimeWarning",
    "always::pytest.PytestReturnNotNoneWarning",
    f"always:{_RETURNED}:DeprecationWarning",
    "always::pytest.PytestUnhandledThreadExceptionWarning",
)
"""Filters, as pytest's `filterwarnings` takes them, that let these warnings through."""


def doubt_of(category: type[Warning], message: str) -> Reason | None:
    """Return why a criterion that was warned of so isn't known to hold; None for other warnings.

    Args:
        category: the warning's.
        message: its text.
    """
    unawaited = _UNAWAITED.match(message) if issubclass(category, RuntimeWarning) else None
    if unawaited:
        return Reason(
            text=f"{unawaited[0]}, so what it looks at was not seen",
            kind=Kind.INCONCLUSIVE,
            remedy="await it, in a test that a plugin for async tests runs",
        )
    by_unittest = issubclass(category, DeprecationWarning) and message.startswith(_RETURNED)
    if by_unittest or issubclass(category, pytest.PytestReturnNotNoneWarning):
        return Reason(
            text="the test returned a value, which nothing asserts",
            kind=Kind.INCONCLUSIVE,
            remedy="assert what must hold, and return nothing",
        )
    if issubclass(category, pytest.PytestUnhandledThreadExceptionWarning):
        return Reason(
            text=f"a thread died of what the test did not see: {_raised(message)}",
            kind=Kind.INCONCLUSIVE,
            remedy="raise in the test what its threads raise, as concurrent.futures can",
        )
    return None


def _raised(message: str) -> str:
    """Return the exception's own line of a thread's traceback."""
    # Its frames are indented, and the exception is the first line that isn't; more may follow.
    frames = message.rpartition("Traceback (most recent call last):")[2].splitlines()
    told = (line for line in frames if line.strip() and not line.startswith(" "))
    return next(told, "no more is known")
