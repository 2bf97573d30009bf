"""The time, through one place that tests can patch."""

from __future__ import annotations

from datetime import datetime, timezone


def now() -> datetime:
    """Return the present instant in UTC."""
    return datetime.now(timezone.utc)
