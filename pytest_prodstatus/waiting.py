"""`eventually`: look again and again until something is so, or a time is up.

Pauses and repeated looks are tenacity's. What it measures time by is not: it reads
`time.monotonic`, which freezegun stops, so the end of the wait is found by the project's own clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from inspect import isawaitable, iscoroutine, iscoroutinefunction
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from tenacity import AsyncRetrying, Retrying, wait_exponential

from pytest_prodstatus import clock
from pytest_prodstatus.blocking import Blocked
from pytest_prodstatus.counting import TALLY, is_unread
from pytest_prodstatus.model.text import (
    described,
    format_duration,
    is_visible,
    one_line,
    parse_duration,
    type_name,
)
from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.reports import shown

if TYPE_CHECKING:
    from pytest_prodstatus.session import Session

OTHERWISE = ("blocked", "failed", "last")
"""What may follow when the time is up."""

_SHOWN = 300
"""Characters of the last value that the terminal and a reason show."""
_SOON = 8
"""The first pause is this part of the longest one; then they double."""
_OVER_S = 0.005
"""If less time is left, it is up: a sleep may end that much too early."""
_LONGEST = timedelta(days=365)
"""The longest wait; no clock can sleep for the longest timedelta."""
_AWAIT = "wait for its end before the test ends"
_DURATION_RULE = (
    "write a whole number of at most six digits and ms, s, m, h or d, as in '2m', or give a "
    "positive timedelta"
)


class _Seen(NamedTuple):
    """What one look gave.

    Attributes:
        value: what the probe returned.
        done: the condition accepted it.
        error: the exception that the probe raised instead, of a kind that is waited out.
    """

    value: Any = None
    done: bool = False
    error: Exception | None = None


class Wait:
    """One wait for something to be so.

    Args:
        session: the process's session.
        until: the condition on what the probe returned.
        what: what is so then, in words.
        within: how long to wait.
        every: the longest pause.
        otherwise: one of `OTHERWISE`.
        retry_on: the kinds of exceptions of the probe that are waited out.
    """

    def __init__(
        self,
        session: Session,
        *,
        until: object,
        what: object,
        within: object,
        every: object,
        otherwise: object,
        retry_on: object,
    ) -> None:
        self._session = session
        self._observer = session.activate().observer
        if not is_visible(what):
            self._refuse(f"what={described(what)}", "say in words what is so then")
        if not callable(until) or iscoroutinefunction(until):
            self._refuse(f"until={described(until)}", "give a plain function of the value")
        if not isinstance(otherwise, str) or otherwise not in OTHERWISE:
            rule = f"it must be one of {', '.join(OTHERWISE)}"
            self._refuse(f"otherwise={described(otherwise)}", rule)
        kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
        for kind in kinds:
            if not (isinstance(kind, type) and issubclass(kind, Exception)):
                rule = "name kinds of Exception, as in (OSError,)"
                self._refuse(f"retry_on={described(retry_on)}", rule)
        self._until: Callable[[Any], object] = until
        self._what = what
        self._within = self._duration("within", within)
        if self._within > _LONGEST:
            rule = f"wait at most {format_duration(_LONGEST)}"
            self._refuse(f"within={described(within)}", rule)
        self._every = self._duration("every", every).total_seconds()
        self._otherwise = otherwise
        self._retry_on: tuple[type[Exception], ...] = kinds
        self._end = clock.elapsed() + self._within.total_seconds()
        self._state = ("", "")
        self._is_async = False
        self._open = self._observer.waits

    def _duration(self, name: str, value: object) -> timedelta:
        """Return a duration that is given as text or timedelta."""
        if isinstance(value, timedelta) and value > timedelta():
            return value
        if isinstance(value, str):
            with contextlib.suppress(ValueError):
                return parse_duration(value, ms=True)
        return self._refuse(f"{name}={described(value)}", _DURATION_RULE)

    def _refuse(self, argument: str, rule: str) -> NoReturn:
        """End a criterion as BLOCKED for an argument that can't be used; another test fails."""
        __tracebackhide__ = True
        self._observer.misused(f"eventually({argument}): {rule}")

    def _unseen(self) -> Reason:
        """Return why a test that passed without the end of this wait proves nothing."""
        text, remedy = self._state
        text = self._observer.redaction.output(f"it was not seen that {self._what}: {text}")
        return Reason(text=text, kind=Kind.INCONCLUSIVE, remedy=remedy)

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        """Note how far the wait has come, for a test that goes on without it."""
        __tracebackhide__ = True
        self._state = ("the test did not wait for the end of eventually()", _AWAIT)
        try:
            yield
        except Exception as error:
            remedy = "let the exception end the test, or name it in retry_on"
            self._state = (f"eventually() raised {shown(error)}, and the test went on", remedy)
            raise
        except BaseException:
            self._state = ("the wait of eventually() was cancelled", _AWAIT)
            raise

    def run(self, probe: object) -> Any:
        """Look until it is so, and return the value; an awaitable of it if the probe gives one.

        Args:
            probe: a function without arguments, or a coroutine function.

        Raises:
            Blocked: the time is up, or that of the whole run is.
            AssertionError: the time is up, and that is a failure.
        """
        __tracebackhide__ = True
        if not callable(probe):
            if iscoroutine(probe):
                probe.close()  # or Python warns that it was never awaited
            self._refuse(described(probe), "give the function itself, not what it returns")
        self._open[self._what] = self._unseen
        with self._ending():
            seen = self._look(probe)
            if not isawaitable(seen.value):
                return self._run(probe, seen)
        self._is_async = True
        remedy = "the probe is async: write await eventually(…), in an async test"
        self._state = ("what eventually() returned was never awaited", remedy)
        return self._run_async(probe, seen.value)

    def _run(self, probe: Callable[[], Any], first: _Seen) -> Any:
        """Wait in this thread, beginning with a first look; return the value."""
        __tracebackhide__ = True
        ready = [first]
        last: _Seen = Retrying(**self._rules(), sleep=clock.sleep)(
            lambda: ready.pop() if ready else self._look(probe)
        )
        return self._result(last)

    async def _run_async(self, probe: Callable[[], Any], first: Awaitable[Any]) -> Any:
        """Wait in the event loop, beginning with a first awaitable; return the value."""
        __tracebackhide__ = True
        ready = [first]

        async def look() -> _Seen:
            try:
                value = await (ready.pop() if ready else probe())
            except self._retry_on as error:
                return self._note(_Seen(error=error))
            return self._judged(value)

        try:
            asyncio.get_running_loop()
        except RuntimeError:  # trio's: tenacity knows how to sleep there
            retrying = AsyncRetrying(**self._rules())
        else:
            retrying = AsyncRetrying(**self._rules(), sleep=_sleep_async)
        with self._ending():
            return self._result(await retrying(look))

    def _rules(self) -> dict[str, Any]:
        """Return tenacity's rules for the wait."""
        backoff = wait_exponential(multiplier=self._every / _SOON, max=self._every)
        return {
            "retry": lambda state: not state.outcome.failed and not state.outcome.result().done,
            "wait": lambda state: max(0.0, min(backoff(state), self._left)),
            "stop": lambda _: self._left < _OVER_S,
            "retry_error_callback": lambda state: state.outcome.result(),
        }

    @property
    def _left(self) -> float:
        """How many seconds are left by our clock; negative when the time is up."""
        return self._end - clock.elapsed()

    def _look(self, probe: Callable[[], Any]) -> _Seen:
        """Call the probe once, and return what it gave."""
        __tracebackhide__ = True
        try:
            value = probe()
        except self._retry_on as error:
            return self._note(_Seen(error=error))
        return _Seen(value=value) if isawaitable(value) else self._judged(value)

    def _judged(self, value: Any) -> _Seen:
        """Return what a look gave; an exception of the condition is the test's own."""
        __tracebackhide__ = True
        if self._until is bool and is_unread(value):
            kind = type(value).__name__
            self._refuse(f"a {kind} from the probe", "it is always true: give until=, or call it")
        found = self._until(value)
        if isawaitable(found):
            if iscoroutine(found):
                found.close()
            self._refuse(f"until={described(self._until)}", "give a plain function of the value")
        if is_unread(found):
            kind = type(found).__name__
            self._refuse(f"until={described(self._until)}", f"a {kind} from it is always true")
        late = self._otherwise == "failed" and self._left < 0  # it has to be that fast
        return self._note(_Seen(value=value, done=bool(found) and not late))

    def _note(self, seen: _Seen) -> _Seen:
        """Let the terminal show what was seen last; end the wait if the run's time is over."""
        if self._open is not self._observer.waits:
            # Another test runs by now: what is seen must not count for it or against it.
            if self._is_async:
                raise asyncio.CancelledError
            msg = f"the test that waited until {self._what} is over"
            raise RuntimeError(msg)
        if not seen.done:
            what, last = self._what, self._shown(seen)
            self._observer.note_waiting(f"until {what}, at most {self._limit}; {last}")
            deadline = self._session.passed_deadline
            if deadline:
                msg = f"it still waited until {what} when {deadline} was over; {last}"
                raise Blocked(msg, kind=Kind.TIMEOUT, remedy="give the run more time")
        return seen

    @property
    def _limit(self) -> str:
        """The time that the wait may take, in words."""
        seconds = self._within.total_seconds()
        return format_duration(self._within) if seconds.is_integer() else f"{seconds:g} s"

    def _shown(self, seen: _Seen) -> str:
        """Return what was seen last in words, redacted before it is cut."""
        if seen.error is not None:
            text = f"the last look raised {shown(seen.error)}"
            if isinstance(seen.error, AssertionError):
                text = f"the last look failed: {shown(seen.error)}"
        else:
            try:
                text = f"the last value was {seen.value!r}"
            except Exception as error:  # noqa: BLE001  its __repr__ is the suite's
                text = (
                    f"the last value was a {type_name(seen.value)}, whose repr raised "
                    f"{described(error)}"
                )
        return one_line(self._observer.redaction.output(text), limit=_SHOWN)

    def _result(self, seen: _Seen) -> Any:
        """Return the value of the last look, or raise what `otherwise` requires."""
        __tracebackhide__ = True
        self._observer.note_waiting("")
        self._open.pop(self._what, None)  # also if an earlier call did not see it
        if self._otherwise == "last":
            if seen.error is not None:
                raise seen.error
            return seen.value
        if seen.done:
            self._observer.add_evidence({self._what: True})
            TALLY.add()
            return seen.value
        msg = f"within {self._limit} it did not come true that {self._what}; {self._shown(seen)}"
        if self._otherwise == "failed":
            self._observer.note_unheld(msg)
            raise AssertionError(msg) from seen.error
        remedy = "run it again later; if it always takes longer, give it more time"
        raise Blocked(msg, kind=Kind.PENDING, remedy=remedy) from seen.error


async def _sleep_async(seconds: float) -> None:
    """Sleep without the event loop's clock, which is `time.monotonic`, and may stand still."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()

    def wake() -> None:
        if not over.done():
            over.set_result(None)

    timer = threading.Timer(seconds, lambda: loop.call_soon_threadsafe(wake))
    timer.daemon = True
    timer.start()
    try:
        await over
    finally:
        timer.cancel()
