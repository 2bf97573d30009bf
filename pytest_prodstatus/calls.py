"""What a test's own function and its fixtures raise, also if a hook around them hides it.

pytest calls both through hooks that a conftest may wrap or replace. These hooks are registered when
everything is collected, so that no conftest has one further in or further out.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator
from functools import wraps
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.reports import Payload

_FAITHFUL = ("python", "anyio")
"""Plugins that call the function, and let out what it raises."""
NEVER_CALLED = Reason(
    text="the test's function was never called: a hook ran something else in its place",
    kind=Kind.INCONCLUSIVE,
    remedy="let pytest call the function: look for pytest_pyfunc_call in conftests and plugins",
)
NO_REPORT = Reason(
    text="a hook returned no report of it (pytest_runtest_makereport)",
    kind=Kind.INCONCLUSIVE,
    remedy="return in the hook the report that it got",
)


class Calls:
    """The innermost hooks around the function of a test and those of its fixtures.

    Attributes:
        called: the test's function was called in this phase.
        hidden: what the function raised, or a fixture whose exception a hook swallowed.
        failing: what a fixture raised that is being set up.
    """

    def __init__(self) -> None:
        self.called = False
        self.hidden: BaseException | None = None
        self.failing: BaseException | None = None

    def begin(self) -> None:
        """Forget what the phase before did."""
        self.called = False
        self.hidden = self.failing = None

    def missed(self, item: pytest.Item | None) -> bool:
        """Return whether the phase called a test's hook, and not the test's function."""
        # Another class of test, as unittest's, calls its function in its own way.
        plain = getattr(type(item), "runtest", None) is pytest.Function.runtest
        return plain and not self.called

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """Note that the function was called, and what it raised."""
        function = pyfuncitem.obj
        replaced = any(
            not (hook.wrapper or hook.hookwrapper) and hook.plugin_name not in _FAITHFUL
            for hook in pyfuncitem.ihook.pytest_pyfunc_call.get_hookimpls()
        )
        if replaced:
            pyfuncitem.obj = self._watched(function)
        else:
            self.called = True
        try:
            return (yield)
        except BaseException as error:
            self.hidden = error
            raise
        finally:
            if replaced:
                pyfuncitem.obj = function

    def _watched(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that notes its call, and what it raises, for a hook that calls it."""
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def watched(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                self.called = True
                try:
                    return await function(*args, **kwargs)
                except BaseException as error:
                    self.hidden = self.hidden or error
                    raise
        else:

            @wraps(function)
            def watched(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                self.called = True
                try:
                    return function(*args, **kwargs)
                except BaseException as error:
                    self.hidden = self.hidden or error
                    raise

        return watched

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Note what a fixture raises; `Around` sees whether that gets out."""
        try:
            return (yield)
        except BaseException as error:
            self.failing = error
            raise


class Around:
    """The outermost hooks, which see what all others let out."""

    def __init__(self, calls: Calls, last_report: Callable[[], pytest.TestReport | None]) -> None:
        self._calls = calls
        self._last_report = last_report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_fixture_setup(self) -> Generator[None, object, object]:
        """Note an exception of a fixture that a hook swallowed; a test may catch one itself."""
        calls = self._calls
        try:
            result = yield
            calls.hidden = calls.hidden or calls.failing
        finally:
            calls.failing = None
        return result

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, object, pytest.TestReport]:
        """Return the report that there was, if a hook further in returned something else."""
        report = yield
        if isinstance(report, pytest.TestReport):
            return report
        kept = self._last_report() or pytest.TestReport.from_item_and_call(item, call)
        payload = Payload.of(kept) or Payload()
        replace(payload, blocked=payload.blocked or NO_REPORT).attach(kept)
        return kept
