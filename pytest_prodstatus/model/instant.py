"""Instants: aware, in UTC, to the millisecond, so that what is written reads back as it was."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, TypeAlias

from msgspec import Meta

Instant: TypeAlias = Annotated[datetime, Meta(tz=True)]
"""An instant as a stored value has it; msgspec lets a naive one pass unless it is typed so."""


def instant(moment: datetime) -> datetime:
    """Return an aware datetime in UTC, cut to the millisecond; the same object if it is so already.

    Raises:
        ValueError: it has no time zone, or lies outside the years 1 to 9999 in UTC.
    """
    if moment.tzinfo is timezone.utc and not moment.microsecond % 1000:
        return moment
    if moment.utcoffset() is None:
        msg = f"the instant {moment.isoformat()!r} has no time zone; give an aware datetime"
        raise ValueError(msg)
    try:
        there = moment.astimezone(timezone.utc)
    except OverflowError:
        msg = f"{moment.isoformat()!r} is not an instant of the years 1 to 9999 in UTC"
        raise ValueError(msg) from None
    return there.replace(microsecond=there.microsecond // 1000 * 1000)


def instant_or_none(moment: datetime | None) -> datetime | None:
    """Return `instant(moment)`; None for None."""
    return None if moment is None else instant(moment)


def to_text(moment: datetime) -> str:
    """Return an aware instant as ISO 8601 in UTC, to the millisecond, ending in `Z`."""
    there = moment if moment.tzinfo is timezone.utc else moment.astimezone(timezone.utc)
    # By halves, since to write out a time zone takes longer than all the rest.
    return f"{there.date().isoformat()}T{there.time().isoformat('milliseconds')}Z"
