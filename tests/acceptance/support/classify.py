"""What the status of an HTTP answer says about whose fault it is, whatever the provider."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime

from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    RequestRefused,
    Unavailable,
)
from tests.acceptance.support.http import Reply

_OURS: dict[int, type[ApiError]] = {
    400: RequestRefused,
    401: CredentialRejected,
    403: Misconfigured,
    404: Misconfigured,
    405: Misconfigured,
    408: Unavailable,
    425: Unavailable,
    422: RequestRefused,
}


def kind_of_status(status: int) -> type[ApiError] | None:
    """Return the error that a status stands for (429 apart), None for a success.

    A redirect is Misconfigured: an API has no reason to move, a captive portal has.
    """
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return Misconfigured
    return _OURS.get(status, Unavailable if status >= 500 or status < 200 else RequestRefused)


def retry_after(reply: Reply, clock: Callable[[], datetime]) -> float | None:
    """Return the seconds that a Retry-After header asks for, given in seconds or as a date."""
    said = reply.headers.get("Retry-After", "").strip()
    try:
        seconds = float(said)
    except ValueError:
        seconds = _until(said, clock)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _until(said: str, clock: Callable[[], datetime]) -> float:
    try:
        moment = parsedate_to_datetime(said)
    except (TypeError, ValueError, IndexError):
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - clock()).total_seconds()
