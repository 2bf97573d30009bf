"""The key that a purchase carries at the supplier."""

from __future__ import annotations

import hashlib
import json
from datetime import date

_DIGITS = 12


def out_order_id(*, criterion: str, target: str, day: date, attempt: int) -> str:
    """Return the supplier's idempotency key of one attempt, the same wherever it is computed.

    At most 32 characters for the first 9999 attempts of a day, letters, digits and hyphens only.
    The supplier honours a key for 24 hours and can't look an order up by it (its documentation
    of `out_order_id`), which is why the journal and not the key is what prevents a second order.
    """
    named = json.dumps([criterion, target, day.isoformat(), attempt])
    digest = hashlib.sha256(named.encode()).hexdigest()[:_DIGITS]
    return f"ps-{day:%Y%m%d}-{attempt}-{digest}"
