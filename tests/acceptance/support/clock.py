"""The suite's time: the instant, as the store's columns hold it, and waiting.

A column is `timestamp(3)` without a zone, in UTC.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Protocol, TypeVar, overload

T = TypeVar("T")

_PAUSE_SECONDS = 2.0


class Waiting(Protocol):
    """How long to wait, and how."""

    def __call__(self, look: Callable[[], T], done: Callable[[T], bool]) -> T:
        """Call `look` until `done` accepts its result or time is up; return the last result."""


def utc_now() -> datetime:
    """Return the current time, aware and in UTC."""
    return datetime.now(timezone.utc)


@overload
def from_column(value: datetime) -> datetime: ...
@overload
def from_column(value: None) -> None: ...
def from_column(value: datetime | None) -> datetime | None:
    """Return a column's time as an aware one."""
    return None if value is None else value.replace(tzinfo=timezone.utc)


def to_column(instant: datetime) -> datetime:
    """Return an aware instant as a column holds it."""
    return instant.astimezone(timezone.utc).replace(tzinfo=None)


def waiting(
    budget: timedelta, *, sleep: Callable[[float], None], pause: float = _PAUSE_SECONDS
) -> Waiting:
    """Return a wait that looks every `pause` seconds until the budget is spent."""

    def wait(look: Callable[[], T], done: Callable[[T], bool]) -> T:
        from tenacity import Retrying, retry_if_result, stop_after_delay, wait_fixed

        return Retrying(
            retry=retry_if_result(lambda seen: not done(seen)),
            stop=stop_after_delay(budget),
            wait=wait_fixed(pause),
            sleep=sleep,
            retry_error_callback=lambda state: state.outcome.result() if state.outcome else None,
        )(look)

    return wait
