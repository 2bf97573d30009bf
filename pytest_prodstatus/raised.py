"""What an exception says about a test: that something doesn't hold, that it was skipped, or else.

A group, as a task group raises it, says what is in it. The classes of exceptions are the suite's,
so nothing here reads an attribute of one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from traceback import walk_tb
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus.model.evidence import EvidenceError

if sys.version_info < (3, 11):
    from exceptiongroup import BaseExceptionGroup

if TYPE_CHECKING:
    from typing import TypeGuard

_NO_FAILURES = (
    pytest.skip.Exception,
    pytest.xfail.Exception,
    pytest.exit.Exception,
    KeyboardInterrupt,
)
"""Exceptions that end a test without failing it."""
_NOT_SO = (AssertionError, pytest.fail.Exception)
"""Exceptions that say that something was seen not to hold."""
_FAIL = "_pytest.outcomes"
"""The module of `pytest.fail`."""
_JUDGES_TESTS = {f"_pytest.{name}" for name in ("fixtures", "nodes", "python", "scope", "skipping")}
"""The modules of pytest that call it for a test's fault; others do for what a test looked at."""
_OUTCOMES = (*_NOT_SO, pytest.skip.Exception, pytest.exit.Exception)
"""Exceptions that end a test for what they say about it."""
_UNSEEN = (pytest.skip.Exception, EvidenceError)
"""Exceptions that say that a criterion was not observed."""
_OF_GROUP = BaseExceptionGroup.exceptions
"""The property of Python's own class; one of its subclasses may raise anything."""


def members(error: BaseException) -> tuple[BaseException, ...]:
    """Return the exceptions in a group; none if it isn't one."""
    if not issubclass(type(error), BaseExceptionGroup):
        return ()
    inner: tuple[BaseException, ...] = _OF_GROUP.__get__(error)
    return inner


def all_in(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and, of a group, all that are in it, each once and at any depth."""
    waiting, seen = [error], {id(error)}
    while waiting:  # not by recursion: a group may be nested as deep as memory allows
        one = waiting.pop()
        yield one
        inner = {id(e): e for e in members(one) if id(e) not in seen}
        seen.update(inner)
        waiting += reversed(inner.values())


def leaves(error: BaseException) -> list[BaseException]:
    """Return the exceptions in a group that are no groups; else the exception itself."""
    return [one for one in all_in(error) if not members(one)]


def deciding(error: BaseException) -> BaseException:
    """Return which exception in a group decides what became of the test; else the one itself."""
    if not members(error):
        return error
    found = weightiest(leaves(error))
    # pytest knows no group of interrupts and of xfails: for it, that is a failure.
    return found if issubclass(type(found), _UNSEEN) or is_failure(found) else error


def weightiest(raised: Sequence[BaseException]) -> BaseException:
    """Return the first assertion of several exceptions, else the first failure, else the first."""
    asserted = [one for one in raised if is_assertion(one)]
    failed = (one for one in raised if not issubclass(type(one), _UNSEEN))
    return asserted[0] if asserted else next(failed, raised[0])


def is_failure(raised: BaseException | None) -> TypeGuard[BaseException]:
    """Return whether an exception makes its phase fail."""
    if raised is None:
        return False
    found = raised if not members(raised) else deciding(raised)
    return not issubclass(type(found), (*_NO_FAILURES, *_by_unittest()))


def is_assertion(raised: BaseException) -> bool:
    """Return whether an exception says that something was seen not to hold."""
    return any(issubclass(type(one), _NOT_SO) and not _is_fault(one) for one in leaves(raised))


def _is_fault(one: BaseException) -> bool:
    """Return whether pytest itself failed a test for how it, or a fixture of it, is written."""
    if type(one) is not pytest.fail.Exception:
        return False
    names = [str(frame.f_globals.get("__name__")) for frame, _ in walk_tb(one.__traceback__)]
    return next((name for name in reversed(names) if name != _FAIL), "") in _JUDGES_TESTS


def outcomes(raised: BaseException) -> set[type[BaseException]]:
    """Return the kinds of exceptions in one that say something about the test itself."""
    kinds: tuple[type[BaseException], ...] = (*_OUTCOMES, *_by_unittest())
    return {kind for one in leaves(raised) for kind in kinds if issubclass(type(one), kind)}


def _by_unittest() -> tuple[type[BaseException], ...]:
    """Return unittest's SkipTest, which pytest turns into its own; unittest is seldom imported."""
    unittest = sys.modules.get("unittest")
    return (unittest.SkipTest,) if unittest else ()
