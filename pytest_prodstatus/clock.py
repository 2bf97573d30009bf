"""The operating system's time, in one place: nothing else in this package reads a clock.

A test may freeze time or travel in it. freezegun puts another function in the place of `time.time`,
of `time.monotonic` and of `datetime` in every module that has one, and time-machine changes the
clock CLOCK_REALTIME in the process. So the functions are kept in an object, which freezegun doesn't
look into, and the time is that of a clock that neither changes. Both were tried.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from functools import partial

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_COARSE = 5
"""Linux's CLOCK_REALTIME_COARSE, for which Python has no name: right to some milliseconds."""
_TOLERANCE = 50_000_000
"""Nanoseconds. If the two clocks differ by more, the machine slept, or its clock was set."""


class _Clock:
    """Counts from an instant that was taken once, or again if the machine's clock was changed."""

    def __init__(self) -> None:
        self._monotonic: Callable[[], int] = time.monotonic_ns
        self._wall: Callable[[], int] | None = None
        if sys.platform == "linux":
            self._monotonic = partial(time.clock_gettime_ns, time.CLOCK_MONOTONIC)
            with contextlib.suppress(OSError):  # a kernel that only looks like Linux
                # Neither freezegun nor time-machine changes this clock.
                time.clock_gettime_ns(_COARSE)
                self._wall = partial(time.clock_gettime_ns, _COARSE)
        self._offset = (self._wall or time.time_ns)() - self._monotonic()

    def monotonic(self) -> int:
        """Return nanoseconds since an undefined instant; only differences mean anything."""
        return self._monotonic()

    def wall(self) -> int:
        """Return nanoseconds since 1970."""
        # `_wall` is only right to milliseconds, so it corrects the sum instead of replacing it.
        found = self._monotonic() + self._offset
        if self._wall is not None:
            drift = self._wall() - found
            if not -_TOLERANCE <= drift <= _TOLERANCE:
                self._offset += drift
                found += drift
        return found


_CLOCK = _Clock()
_SLEEP = (time.sleep,)  # kept, since a test may replace it so that it needs no time


def now() -> datetime:
    """Return the present instant as an aware datetime in UTC, also while a test has frozen time."""
    return _EPOCH + timedelta(microseconds=_CLOCK.wall() // 1000)


def at(seconds: float) -> datetime:
    """Convert seconds since the beginning of 1970 to an aware datetime in UTC."""
    return _EPOCH + timedelta(seconds=seconds)


def timestamp() -> float:
    """Return the present instant as seconds since 1970."""
    return _CLOCK.wall() / 1e9


def elapsed() -> float:
    """Return seconds since an undefined instant; only differences mean anything."""
    return _CLOCK.monotonic() / 1e9


def sleep(seconds: float) -> None:
    """Wait for some seconds of real time; a signal's handler may end it by an exception."""
    _SLEEP[0](seconds)
