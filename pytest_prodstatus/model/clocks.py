"""Clocks that differ: how far another machine's clock is off, and its dates put right.

Nothing here guesses. Two facts are certain: what was sent at an instant of one clock was received
later. So the offset between two clocks lies in an interval, and only the part of it that is certain
is corrected and reported. A slow network or a busy controller makes the interval wider, and never
gives a wrong alarm.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec.structs import replace

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.text import format_span
from pytest_prodstatus.model.verdict import Kind, Reason

DRIFT = timedelta(seconds=1)
"""Clocks that differ by no more are taken as they are."""
SKEW = timedelta(seconds=30)
"""A clock that is off by more is an incident, since nothing that it dates can be relied on."""


class Offset:
    """What is known of how far another process's clock is behind this one's, in seconds."""

    __slots__ = ("_high", "_low")

    def __init__(self) -> None:
        self._low, self._high = -math.inf, math.inf

    def note(self, sent: float, received: float, least: float) -> None:
        """Note one message.

        Args:
            sent: when it was sent, by the other clock; in seconds since 1970.
            received: when it was received, by this process's clock.
            least: the difference that the other process saw when it got this one's instant, which
                was no later than that: the offset is this or more.
        """
        # By this process's clock it was sent at `sent` plus the offset, and so before `received`.
        self._high = min(self._high, received - sent)
        self._low = max(self._low, least)

    @property
    def certain(self) -> timedelta:
        """The part that is certain, to be added to a date of the other clock; mostly nothing.

        No date is later than its receipt after this was added.
        """
        # The value of the interval that is nearest to zero.
        seconds = min(max(self._low, 0.0), self._high) if self._high != math.inf else 0.0
        found = timedelta(seconds=seconds)
        return found if abs(found) > DRIFT else timedelta()


def skew_reason(whose: str, behind: timedelta, than: str) -> Reason | None:
    """Return the incident of a clock that is off; None if it isn't by much.

    Args:
        whose: what the clock is of, as the subject of the sentence.
        behind: how far it is behind; less than nothing if it is ahead.
        than: the clock that it was compared with.
    """
    if abs(behind) <= SKEW:
        return None
    size = format_span(timedelta(seconds=round(abs(behind).total_seconds())))
    return Reason(
        text=f"{whose} is {size} {'behind' if behind > timedelta() else 'ahead of'} {than}",
        kind=Kind.INCONCLUSIVE,
        remedy="synchronize the clocks of all machines, and run again",
    )


def dated(at: datetime, behind: timedelta, first: datetime, last: datetime) -> datetime:
    """Convert a date of another clock to this process's clock, and keep it within the run.

    Args:
        at: the date, by the other clock.
        behind: how far that clock is behind.
        first: the start of the run.
        last: the end of the run.
    """
    return min(max(at + behind, first), last)


def dated_entries(
    entries: Iterable[Entry], behind: timedelta, first: datetime, last: datetime
) -> tuple[Entry, ...]:
    """Convert the dates of evidence to this process's clock; the arguments are those of `dated`."""
    return tuple(replace(entry, at=dated(entry.at, behind, first, last)) for entry in entries)


def dated_status(
    status: CriterionStatus, behind: timedelta, first: datetime, last: datetime
) -> CriterionStatus:
    """Return a criterion's status with its dates by this process's clock, if its run observed it.

    The arguments are those of `dated`. A status that is carried over stays as it is.
    """
    at = status.observed_at
    if not status.observed_now or at is None:
        return status
    return replace(
        status,
        observed_at=min(at + behind, last),  # what it showed may be older than the run
        evidence=dated_entries(status.evidence, behind, first, last),
    )
