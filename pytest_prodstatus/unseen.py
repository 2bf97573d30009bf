"""What goes wrong beside a test that passes: a thread dies, or a coroutine is never awaited.

Python and pytest only warn of it, and a test may record warnings, or ignore them. So it is noted
where Python sees it first. A filter for the warning that the test didn't set hides it all the same.
"""

from __future__ import annotations

import linecache
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple
from weakref import WeakSet

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.model.text import described, traceback_of
from pytest_prodstatus.model.verdict import Reason
from pytest_prodstatus.raised import is_assertion
from pytest_prodstatus.reports import lost_assertion, never_awaited, thread_death


class Unseen(NamedTuple):
    """Something that went wrong and that the test did not see.

    Attributes:
        category: the class of the warning that Python or pytest gives of it.
        message: that warning.
        reason: returns why the pass proves nothing, of the text of `detail`.
        detail: the traceback, or else the warning.
    """

    category: type[Warning]
    message: str
    reason: Callable[[str], Reason]
    detail: str

    def reason_by(self, clean: Callable[[str], str]) -> Reason:
        """Return why the pass proves nothing, with its text passed through a function."""
        return self.reason(clean(self.detail))


Filters = Sequence[tuple[str, Any, Any, Any, int]]
"""Those of `warnings.filters`: action, message, category, module and line."""


def present_filters() -> Filters:
    """Return the filters that apply now."""
    # A free-threaded Python keeps them in the context.
    read: Callable[[], Filters] | None = getattr(warnings, "_get_filters", None)
    return (*(warnings.filters if read is None else read()),)


def is_ignored(filters: Filters, category: type[Warning], message: str) -> bool:
    """Return whether filters hide a warning, as Python applies them: the first that fits decides.

    One for a module fits only if it also names the message: what is unseen is of any module.
    """
    for action, text, kind, module, line in filters:
        fits = text is None or getattr(text, "match", text.__eq__)(message)
        if fits and issubclass(category, kind) and not line and (module is None or text):
            return action == "ignore"
    return False


class Watch:
    """Python's hooks that see what goes wrong unseen; they are set once, in a process that judges.

    A test or a fixture that sets another one sees to it itself.
    """

    def __init__(self) -> None:
        self._hooks: list[_Hook] = []

    @contextmanager
    def noting(self, note: Callable[[Unseen], None]) -> Iterator[None]:
        """Note in the block what goes wrong unseen, in any thread.

        Args:
            note: is called in the thread in which it goes wrong, before Python or pytest warns.
        """
        if not self._hooks:
            self._begin()
        for hook in self._hooks:
            hook.begin(note)
        try:
            yield
        finally:
            for hook in self._hooks:
                hook.note = None

    def _begin(self) -> None:
        """Set the hooks."""
        self._hooks = [
            _Hook(threading, "excepthook", _dead_thread),
            _Hook(sys, "unraisablehook", _lost_assertion),
        ]
        # Private, but C calls it, and nothing else sees a coroutine that a test hides.
        if hasattr(warnings, _UNAWAITED):
            self._hooks.append(_Unawaited(warnings, _UNAWAITED, _never_awaited))

    def end(self) -> None:
        """Take the hooks away again; one that was set meanwhile stays."""
        while self._hooks:
            self._hooks.pop().end()


_UNAWAITED = "_warn_unawaited_coroutine"


class _Hook:
    """A hook of Python's that notes what it is called for, and calls the one before.

    Attributes:
        note: is called with what was read of an event; None if nothing is to be noted.

    Args:
        owner: the module that has the hook.
        name: the hook's name.
        read: returns what is unseen by an event; None if nothing is wrong.
    """

    def __init__(self, owner: Any, name: str, read: Callable[[Any], Unseen | None]) -> None:
        self.note: Callable[[Unseen], None] | None = None
        self._owner = owner
        self._name = name
        self._read = read
        self._before = getattr(owner, name)
        setattr(owner, name, self)

    def begin(self, note: Callable[[Unseen], None]) -> None:
        """Note with this function from now on."""
        self.note = note
        # Up to pytest 8.3, it sets another one for each phase, which calls none before it.
        current = getattr(self._owner, self._name)
        if str(getattr(current, "__module__", "")).startswith("_pytest."):
            self._before = current
            setattr(self._owner, self._name, self)

    def end(self) -> None:
        """Set the hook that was there before."""
        if getattr(self._owner, self._name) is self:
            setattr(self._owner, self._name, self._before)

    def noted(self, event: Any) -> Unseen | None:
        """Note what is unseen by an event, and return it."""
        seen = self._read(event)
        if self.note is not None and seen is not None:
            self.note(seen)
        return seen

    def __call__(self, event: Any, /) -> None:
        self.noted(event)
        self._before(event)


class _Unawaited(_Hook):
    """Python's hook for a coroutine that was never awaited."""

    def __call__(self, event: Any, /) -> None:
        seen = self.noted(event)
        # Here, since the warning has the line that called this function.
        if seen is not None:
            warnings.warn(seen.message, seen.category, stacklevel=2, source=event)


_WAIT_S = 0.5
"""How long threads that go on after the last test are waited for, all together."""


class Threads:
    """The threads that the tests of this process start, from when it is made."""

    def __init__(self) -> None:
        self._others = WeakSet(threading.enumerate())

    def outlive(self) -> tuple[list[str], list[str]]:
        """Wait a moment for the threads that go on after the last test.

        Python waits for them at the end of the process, and nobody would see how they end. Python
        ends the others itself, and a pool keeps for its futures what a thread of it raises.

        Returns:
            The tracebacks of those that died, and the names of those that still go on.
        """
        left = [thread for thread in threading.enumerate() if self._goes_on(thread)]
        if not left:
            return [], []
        deaths: list[str] = []
        hook = _Hook(threading, "excepthook", _dead_for_an_error)
        hook.begin(lambda seen: deaths.append(seen.detail))
        try:
            end = clock.elapsed() + _WAIT_S
            for thread in left:
                thread.join(max(0.0, end - clock.elapsed()))
        finally:
            hook.end()
        return deaths, [thread.name for thread in left if thread.is_alive()]

    def _goes_on(self, thread: threading.Thread) -> bool:
        """Return whether the tests started a thread that Python waits for at its end."""
        if thread.daemon or thread is threading.current_thread() or thread in self._others:
            return False
        frame = sys._current_frames().get(thread.ident or 0)
        while frame is not None:
            if frame.f_globals.get("__name__") == "concurrent.futures.thread":
                return False
            frame = frame.f_back
        return True


def _dead_thread(died: threading.ExceptHookArgs) -> Unseen:
    """Return what is unseen if a thread dies."""
    name = "<unknown>" if died.thread is None else died.thread.name
    text = died.exc_type.__name__ if died.exc_value is None else traceback_of(died.exc_value)
    category = pytest.PytestUnhandledThreadExceptionWarning
    return Unseen(category, f"Exception in thread {name}\n\n{text}", thread_death, text)


def _dead_for_an_error(died: threading.ExceptHookArgs) -> Unseen | None:
    """Return what is unseen if a thread dies, but not of one that ends itself by SystemExit."""
    ended = died.exc_value is None or issubclass(died.exc_type, SystemExit)
    return None if ended else _dead_thread(died)


def _lost_assertion(lost: Any) -> Unseen | None:
    """Return what is unseen if Python can't raise an assertion, such as one of `__del__`."""
    if lost.exc_value is None or not is_assertion(lost.exc_value):
        return None
    text = traceback_of(lost.exc_value)
    category = pytest.PytestUnraisableExceptionWarning
    return Unseen(category, f"Exception ignored in: {described(lost.object)}", lost_assertion, text)


def _never_awaited(coroutine: Any) -> Unseen:
    """Return what is unseen if a coroutine is never awaited, with the words of Python's warning."""
    text = f"coroutine '{coroutine.__qualname__}' was never awaited"
    origin = coroutine.cr_origin  # known in asyncio's debug mode
    if origin:
        lines = [(file, n, name, linecache.getline(file, n)) for file, n, name in reversed(origin)]
        text += "\nCoroutine created at (most recent call last)\n"
        text += "".join(traceback.format_list(lines)).rstrip("\n")
    return Unseen(RuntimeWarning, text, never_awaited, text)
