"""The suite's time, for whoever isn't given another clock."""

from __future__ import annotations

from datetime import datetime, timezone


def utc_now() -> datetime:
    """Return the instant, aware and in UTC."""
    return datetime.now(timezone.utc)
