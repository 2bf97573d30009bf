"""Counts the assertions that pass while a criterion runs, and lets functions count as assertions.

pytest reports an `assert` that passed. Everything else that asserts is wrapped, so that it counts
when it returns. Outside a criterion's call the wrappers do nothing.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager
from types import (
    AsyncGeneratorType,
    BuiltinFunctionType,
    FunctionType,
    MethodType,
    MethodWrapperType,
    TracebackType,
)
from typing import Any, TypeVar

from pytest_prodstatus.raised import outcomes

_T = TypeVar("_T", bound=Callable[..., Any])
_FIRST, _ERROR = 100, 400
"""The first HTTP status, and the first that is an error; 0 stands for no answer."""


_UNREAD = (
    AsyncGeneratorType, BuiltinFunctionType, FunctionType, MethodType, MethodWrapperType,
    functools.partial, type(NotImplemented),
)  # fmt: skip
"""Kinds of values that are always true: what they would give wasn't looked at."""


def is_unread(value: object) -> bool:
    """Return whether a value is always true, as one is if a call, a loop or a wait was forgotten.

    A value of another library that one can iterate over may say something by its truth.
    """
    futures = getattr(sys.modules.get("concurrent.futures"), "Future", ())
    by_python = type(value).__module__ in ("builtins", "itertools")
    return isinstance(value, (*_UNREAD, futures)) or (by_python and isinstance(value, Iterator))


class Tally:
    """The number of assertions that passed during the call of this process's criterion.

    Attributes:
        passed: how many.
        counts: an assertion that passes now is the criterion's.
    """

    def __init__(self) -> None:
        self.passed = 0
        self.counts = False

    def add(self) -> None:
        """Add an assertion that passed, if the call of a criterion is running."""
        if self.counts:
            self.passed += 1


TALLY = Tally()


class _Block:
    """A context manager that counts if its block ends as it requires."""

    def __init__(self, inner: AbstractContextManager[Any]) -> None:
        self._inner = inner

    def __enter__(self) -> Any:
        return self._inner.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        __tracebackhide__ = True
        swallowed = self._inner.__exit__(kind, error, traceback)
        if proves(self._inner, error, swallowed=swallowed):
            TALLY.add()
        return swallowed


_EXPECTED = ("expected_exceptions", "expected_exception", "expected")
"""What pytest (from 8.4 on, and before) and unittest call the types that a block must raise."""


def proves(block: object, error: BaseException | None, *, swallowed: object) -> bool:
    """Return whether the end of a block proves what its context manager requires.

    Args:
        block: the context manager.
        error: the exception that ended the block, if one did.
        swallowed: what its `__exit__` returned.
    """
    # If no exception left the block, `__exit__` itself raises if what is required isn't so.
    return error is None or (bool(swallowed) and is_named(error, block))


def is_named(error: BaseException, expected: object) -> bool:
    """Return whether what an exception says about a test is what was expected of it.

    `raises(Exception)` around an assertion that fails is satisfied by the failure itself. That
    counts only if an AssertionError is what it names, also if the assertion is one of a group.

    Args:
        error: the exception.
        expected: types of exceptions, or an object of pytest or unittest that has them.
    """
    named = set(_types(expected))
    return all(any(issubclass(one, kind) for one in named) for kind in outcomes(error))


def _types(expected: object) -> Iterator[type]:
    """Yield the types of exceptions that are expected, also those in an expected group."""
    for one in expected if isinstance(expected, tuple) else (expected,):
        if isinstance(one, type):
            yield one
        else:
            inner = (getattr(one, name) for name in _EXPECTED if hasattr(one, name))
            yield from _types(next(inner, ()))


def counted(function: Callable[..., Any], *, block: bool | None = None) -> Callable[..., Any]:
    """Return a function like this one, each call of which counts as an assertion if it returns.

    Args:
        function: a function or a coroutine function.
        block: whether it returns a context manager whose block is what is asserted; None if what
            it returns shows that.
    """
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def awaited(*args: Any, **values: Any) -> Any:
            __tracebackhide__ = True
            result = await function(*args, **values)
            TALLY.add()
            return result

        return awaited

    @functools.wraps(function)
    def called(*args: Any, **values: Any) -> Any:
        __tracebackhide__ = True
        result = function(*args, **values)
        # Nothing is asserted yet: it counts at the end of the `with` block.
        if block or (block is None and hasattr(type(result), "__exit__")):
            return _Block(result)
        # A plain function may return a coroutine, which asserts only when it is awaited.
        if inspect.isawaitable(result):
            return _counted_later(result)
        TALLY.add()
        return result

    return called


async def _counted_later(result: Awaitable[Any]) -> Any:
    """Return what an awaitable gives, and count it once it has ended without an exception."""
    value = await result
    TALLY.add()
    return value


def counts_as_assertion(target: _T) -> _T:
    """Let a function, or each public method of a class, count as an assertion when it returns.

    It must raise if what it asserts doesn't hold. Call it in a conftest, or use it as a decorator.

    Args:
        target: the function or class. A function with `contextlib.contextmanager` counts when its
            block ends without an exception.

    Returns:
        The class itself, or the function that counts. Modules that have imported the function by
        its name have the new one, too.

    Raises:
        TypeError: it is neither, or a generator, which runs only if it is iterated over.
    """
    if isinstance(target, type):
        # The class itself is changed, so modules that have imported it need nothing.
        for name, member in list(vars(target).items()):
            if not name.startswith("_") and inspect.isfunction(member):
                setattr(target, name, counted(member, block=_is_block(member)))
        return target
    if not inspect.isfunction(target) or inspect.isgeneratorfunction(target):
        msg = (
            f"counts_as_assertion({target!r}): give a function or a class; a generator asserts "
            "nothing until it is iterated over"
        )
        raise TypeError(msg)
    wrapper = counted(target, block=_is_block(target))
    replace_everywhere(target, wrapper)
    return wrapper  # type: ignore[return-value]


def _is_block(function: Callable[..., Any]) -> bool:
    """Return whether `contextlib.contextmanager` made a function."""
    # The decorator returns a plain function around the generator function that it was given.
    return inspect.isgeneratorfunction(inspect.unwrap(function)) and not (
        inspect.isgeneratorfunction(function)
    )


def replace_everywhere(before: object, after: object, *, outside: str = "") -> None:
    """Replace an object in the names of all modules, which may have imported it.

    Args:
        before: the object.
        after: what replaces it.
        outside: a package whose own modules keep it, except the names that it exports.
    """
    for module_name, module in list(sys.modules.items()):
        if outside and module_name.startswith(f"{outside}."):
            continue
        # Anything can be in sys.modules, also objects that aren't modules.
        names: Any = getattr(module, "__dict__", None)
        for name, value in list(names.items()) if isinstance(names, dict) else ():
            if value is before:
                names[name] = after


def answered(response: Any) -> Any:
    """Assert that a request was answered without an error status, and return the response.

    It counts as an assertion, which `raise_for_status()` doesn't. It takes the responses of
    requests, httpx, aiohttp, urllib and Playwright, and others with `status_code` or `status`.

    Raises:
        AssertionError: the status is 400 or higher.
        TypeError: the response has no status.
    """
    __tracebackhide__ = True
    status = next(
        (
            value
            for name in ("status_code", "status", "code")
            if isinstance(value := getattr(response, name, None), int) and value >= _FIRST
        ),
        None,
    )
    if status is None:
        msg = f"answered({response!r}): it has no HTTP status; assert what must hold"
        raise TypeError(msg)
    if status >= _ERROR:
        msg = f"{getattr(response, 'url', None) or 'the request'} was answered with {int(status)}"
        raise AssertionError(msg)
    TALLY.add()
    return response
