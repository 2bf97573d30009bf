"""The store's times: `timestamp(3)` without a zone, in UTC."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import overload


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
