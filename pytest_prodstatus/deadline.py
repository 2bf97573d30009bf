"""The deadline of a run, `--prodstatus-within`: what still runs then is ended, with its stack.

Three steps, since Python can't end a thread that doesn't cooperate:

1. A thread waits for the deadline, and then sends the main thread a signal. Its handler raises
   `Blocked` where the test is, so that fixtures are torn down and the next tests follow, each of
   which is BLOCKED before it starts. A signal interrupts a request, a lock, `sleep`. It isn't
   `SIGALRM`, which pytest-timeout and tests use; `SIGURG` is ignored unless someone handles it,
   which is why Go's scheduler chose it as well.
2. What takes no notice three times (code in C that doesn't return to Python, a test that swallows
   every exception) is reported by the thread itself, which then ends the process: a worker's after
   the report, that of the process that judges after the record.
3. If not even a thread gets its turn, since code in C doesn't let go of the interpreter, a timer of
   `faulthandler` prints every stack and ends the process. The files say that nothing is confirmed.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from datetime import timedelta
from pathlib import Path
from threading import get_ident  # kept, since a test may replace it
from types import FrameType
from typing import Any, TextIO

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.blocking import Blocked
from pytest_prodstatus.model.text import format_duration, several_lines
from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.reports import Payload

GRACE_S = 10.0
"""How long a phase may take to end after it was interrupted, before it is interrupted again."""

IGNORED = 3
"""How often a phase is interrupted before its process is ended."""

_SIGNAL = getattr(signal, "SIGURG", None)
_REMEDY = "see in its detail where it waited; end the wait, or give the run more time"
_FRAMEWORK = ("_pytest", "pluggy")

End = Callable[["pytest.TestReport | None"], object]
"""Ends the process, with the report of the test that takes no notice, if one runs."""


class Deadline:
    """Watches the deadline in one process of a run.

    Attributes:
        within: how long the whole run may take.
        passed: the deadline has passed.

    Args:
        within: how long the whole run may take.
        seconds: how much of it is left.
        is_criterion: whether the test with a node id is a criterion.
        is_judged: whether this run has criteria, or is to judge; others are left alone.
        clean: takes secrets out of a text.
        end: ends this process in the second step.
        steps: how many graces this process has; the controller waits for its workers first.
    """

    def __init__(
        self,
        within: timedelta,
        seconds: float,
        *,
        is_criterion: Callable[[str], bool],
        is_judged: Callable[[], bool],
        clean: Callable[[str], str],
        end: End,
        steps: int = IGNORED,
    ) -> None:
        self.within = within
        self.passed = False
        self._seconds = max(0.0, seconds)
        self._is_criterion = is_criterion
        self._is_judged = is_judged
        self._clean = clean
        self._end = end
        self._steps = steps
        self._over = threading.Event()
        self._phase: tuple[pytest.Item, str] | None = None
        self._runner = 0
        self._former: Any = None
        self._output: TextIO | None = None

    @property
    def words(self) -> str:
        """The deadline in words, as in "the run's time of 20m"."""
        return f"the run's time of {format_duration(self.within)}"

    def start(self, config: pytest.Config) -> None:
        """Start the thread and the timer; standard error must not be captured yet."""
        with contextlib.suppress(OSError, ValueError):
            # A copy: pytest's capture replaces descriptor 2 while a test runs.
            self._output = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
        if _SIGNAL is not None and threading.current_thread() is threading.main_thread():
            self._former = signal.signal(_SIGNAL, self._on_signal)
        if self._output is not None and not _pytest_uses_faulthandler(config):
            # After the last step of a controller, which gives its workers as many graces first.
            last = self._seconds + 2 * IGNORED * GRACE_S + 1
            faulthandler.dump_traceback_later(last, exit=True, file=self._output)
        threading.Thread(target=self._watch, daemon=True, name="prodstatus-deadline").start()

    def close(self) -> None:
        """End the thread and the timer, and put the former signal handler back."""
        if self._over.is_set():
            return
        self._over.set()
        faulthandler.cancel_dump_traceback_later()
        if self._output is not None:
            with contextlib.suppress(OSError):
                self._output.close()
        if self._former is not None and threading.current_thread() is threading.main_thread():
            signal.signal(_SIGNAL, self._former)  # type: ignore[arg-type]

    def write(self, line: str) -> None:
        """Write a line to standard error, even while a test's output is captured."""
        if self._output is not None:
            with contextlib.suppress(OSError, ValueError):  # closed
                self._output.write(f"\n{line}\n")
                self._output.flush()

    # The main thread.

    def check(self, item: pytest.Item) -> None:
        """Raise if the deadline has passed, so that the test doesn't start.

        Raises:
            Blocked: it has passed, and this is a criterion; another test fails.
        """
        if self.passed and self._is_judged():
            text = f"{self.words} was over before it began"
            raise self._exception(item, text, "give the run more time, or split it into shards", "")

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the deadline interrupt a test's set-up."""
        return (yield from self._in_phase(item, "setup"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the deadline interrupt the test itself."""
        return (yield from self._in_phase(item, "call"))

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let the deadline interrupt a test's tear-down."""
        return (yield from self._in_phase(item, "teardown"))

    def _in_phase(self, item: pytest.Item, when: str) -> Generator[None, object, object]:
        """Let signals interrupt a phase while it runs, and only then."""
        self._runner = get_ident()
        self._phase = (item, when)
        try:
            return (yield)
        finally:
            self._phase = None

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        """Raise where the test is; outside a phase, pytest would take it for its own failure."""
        phase = self._phase
        if self.passed and phase is not None and get_ident() == self._runner:
            item, when = phase
            raise self._exception(item, self._ended(when), _REMEDY, stack_of(frame))
        if callable(self._former):
            self._former(number, frame)

    def _ended(self, when: str) -> str:
        """Return what was still running at the deadline, in one sentence."""
        what = {"setup": "its set-up", "teardown": "its tear-down"}.get(when, "it")
        return f"{what} was still running when {self.words} was over"

    def _exception(self, item: pytest.Item, text: str, remedy: str, stack: str) -> BaseException:
        """Return what ends a test: Blocked for a criterion, a failure for another test."""
        if self._is_criterion(item.nodeid):
            blocked = Blocked(text, kind=Kind.TIMEOUT, remedy=remedy)
            blocked.stack = stack
            return blocked
        return pytest.fail.Exception(f"{text}\n{stack}".rstrip(), pytrace=False)

    # The thread. It looks at no clock, since a test may have stopped it.

    def _watch(self) -> None:
        """Wait for the deadline, send signals, and end the process if none helps."""
        if self._over.wait(self._seconds):
            return
        self.passed = True
        ignored = 0
        while ignored < self._steps:
            phase = self._phase
            if phase is not None and _SIGNAL is not None and self._is_judged():
                self._interrupt(_SIGNAL)
            if self._over.wait(GRACE_S):
                return
            # Another phase by now: the signal helped, so it counts anew.
            ignored = ignored + 1 if self._phase is phase else 0
        if self._is_judged():
            self._end(self._report())

    def _interrupt(self, number: int) -> None:
        """Send a signal to the thread that runs the phase, if there is one."""
        # With gevent's patches a "thread" is a greenlet, and a signal to what is no thread may do
        # anything. It can't be interrupted; the process is ended as in the second step.
        if self._runner in sys._current_frames():
            # The thread itself, since a system call of another one would go on waiting.
            with contextlib.suppress(Exception):  # it ended meanwhile, or a mock raised
                signal.pthread_kill(self._runner, number)

    def _report(self) -> pytest.TestReport | None:
        """Return a report of the phase that takes no notice, as its handler would have made it."""
        phase = self._phase
        if phase is None:
            return None
        item, when = phase
        text = self._ended(when)
        path, line, _ = item.location
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="skipped",
            longrepr=(path, line or 0, f"Skipped: {text}"),
            when=when,  # type: ignore[arg-type]
            stop=clock.now().timestamp(),
        )
        stack = self._clean(stack_of(sys._current_frames().get(self._runner)))
        Payload(
            blocked=Reason(text=text, kind=Kind.TIMEOUT, remedy=_REMEDY), detail=stack, ended=True
        ).attach(report)
        return report


class Barrier:
    """Stops a test before its set-up, if the deadline has passed.

    It is a plugin of its own, since an exception in a wrapper keeps the hooks inside it, pytest's
    own among them, from preparing what they need at the test's end.
    """

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Raise before a test's set-up if the deadline has passed."""
        self._deadline.check(item)


def stack_of(frame: FrameType | None) -> str:
    """Return a stack as text, without pytest's own frames before the test's."""
    summary = list(traceback.extract_stack(frame)) if frame is not None else []
    # From the end backwards: what pytest called last is the test.
    own = len(summary)
    while own and not set(_FRAMEWORK) & set(Path(summary[own - 1].filename).parts):
        own -= 1
    return several_lines("".join(traceback.format_list(summary[own:] or summary)))


def _pytest_uses_faulthandler(config: pytest.Config) -> bool:
    """Return whether pytest's own timer is on, of which a process has only one."""
    try:
        return float(config.getini("faulthandler_timeout") or 0) > 0
    except ValueError:  # its plugin is switched off
        return False
