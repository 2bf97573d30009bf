"""Asking again: only for calls that change nothing, and only within a budget of seconds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_random,
    wait_random_exponential,
)

from tests.acceptance.support.errors import NetworkFault, RateLimited, Unavailable

T = TypeVar("T")

ATTEMPTS = 5
"""The most times that one call is made."""

_backoff = wait_random_exponential(multiplier=0.5, max=8)
_jitter = wait_random(0, 0.25)


def ask(call: Callable[[], T], *, sleep: Callable[[float], None], budget: float) -> T:
    """Make a read-only call, and make it again while the provider or the network is at fault.

    Waits grow exponentially with full jitter; a wait that the provider names (Retry-After, "ban
    will last N seconds") is kept to. A call that would end beyond the budget isn't waited for.

    Args:
        call: the call; it must have no effect at the provider.
        sleep: waits for seconds.
        budget: seconds that waiting and asking may take in all.

    Raises:
        ApiError: the last one, or at once one that asking again can't cure.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((Unavailable, RateLimited, NetworkFault)),
        wait=_pause,
        stop=lambda state: _is_over(state, budget),
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after + _jitter(state)
    return _backoff(state)


def _is_over(state: RetryCallState, budget: float) -> bool:
    # An injected sleep takes no time: count what was asked for, or what passed if that is more.
    spent = max(state.idle_for, state.seconds_since_start or 0.0)
    return state.attempt_number >= ATTEMPTS or spent + state.upcoming_sleep > budget
