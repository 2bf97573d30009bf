"""The suite's time: the instant, as the store's columns hold it, and waiting.

A column is `timestamp(3)` without a zone, in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Protocol, TypeVar, overload

T = TypeVar("T")

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)"
    r"(?:[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?)?",
    re.I,
)
_CLOCKS = timedelta(days=2)
"""What the time zone of a provider's time may make up, and clocks that are wrong."""
CLOCKS_DIFFER = timedelta(hours=1)
"""By how much the store's clock may be ahead of its database's."""
_FIRST_MILLISECONDS = 10**11
"""A smaller number may be seconds, which the store's own reader would take for milliseconds."""


class Waiting(Protocol):
    """How long to wait, and how."""

    def __call__(self, look: Callable[[], T], done: Callable[[T], bool], what: str) -> T:
        """Call `look` until `done` accepts its result or time is up; return the last result.

        Args:
            look: asks once.
            done: accepts what there is to wait for.
            what: that in words, for the terminal.
        """


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


def too_early(made: datetime | None, ordered: datetime | None) -> str:
    """Return the words for what a provider made long before the store ordered it; "" if it didn't.

    Two days are between the clocks: the provider's time may be in any zone.
    """
    if made is None or ordered is None or made >= ordered - _CLOCKS:
        return ""
    made_at, ordered_at = (f"{instant:%Y-%m-%d %H:%M}" for instant in (made, ordered))
    return f"made at {made_at}, long before the store's own row of {ordered_at} UTC"


def too_late(made: datetime | None, bought_by: datetime | None) -> str:
    """Return the words for what a provider made long after the store had bought it, or will make.

    The same two days are between the clocks; "" if it was made before, or if either isn't known.
    """
    if made is None or bought_by is None or made <= bought_by + _CLOCKS:
        return ""
    made_at, noted_at = (f"{instant:%Y-%m-%d %H:%M}" for instant in (made, bought_by))
    return f"made at {made_at}, long after the store had bought it by {noted_at} UTC"


def misdated(made: datetime | None, ordered: datetime | None, bought_by: datetime | None) -> str:
    """Return the words for what a provider made too early or too late for the store; else ""."""
    return too_early(made, ordered) or too_late(made, bought_by)


def read_instant(value: object) -> datetime | None:
    """Return the instant that JSON of the store holds, as its `new Date(value)` reads it.

    It is ISO 8601 text (no zone means UTC, and a date by itself its midnight) or a number of
    milliseconds since 1970; None for anything else.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _from_milliseconds(value)
    match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone is None or zone in "Zz" else zone.replace(":", "")
    offset = zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
    clock = clock or "00:00"
    clock = clock if len(clock) == 8 else f"{clock}:00"
    try:
        # Digits beyond microseconds are cut; 3.10 reads three or six of them.
        text = f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{offset}"
        return datetime.fromisoformat(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _from_milliseconds(value: float) -> datetime | None:
    if not value >= _FIRST_MILLISECONDS:
        return None
    try:
        return datetime.fromtimestamp(value / 1000, timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
