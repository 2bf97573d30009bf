"""Read-only calls are repeated within a budget, and a status shows whose fault it is."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

import pytest

from tests.acceptance.support.client import ATTEMPTS, ask, kind_of_status, retry_after
from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    NetworkFault,
    NotFound,
    RateLimited,
    RequestRefused,
    TimedOut,
    Unavailable,
)
from tests.acceptance.support.http import Reply
from tests.unit.acceptance.providers import NOW, Sleeps


def failing(times: int, kind: type[ApiError], **more: Any) -> tuple[Callable[[], str], list[int]]:
    """Return a call that fails that many times, and the list it notes its calls in."""
    calls: list[int] = []

    def call() -> str:
        calls.append(1)
        if len(calls) <= times:
            raise kind(provider="P", operation="o", message="m", **more)
        return "answer"

    return call, calls


@pytest.mark.parametrize("kind", [Unavailable, RateLimited, NetworkFault, TimedOut])
def test_a_call_is_repeated_after_a_fault_of_provider_or_network(kind: type[ApiError]) -> None:
    """Two failures and an answer are an answer."""
    call, calls = failing(2, kind)
    assert ask(call, sleep=Sleeps(), budget=30) == "answer"
    assert len(calls) == 3


@pytest.mark.parametrize("kind", [CredentialRejected, RequestRefused, NotFound])
def test_a_fault_of_ours_is_not(kind: type[ApiError]) -> None:
    """Asking again can't cure a refused token or request."""
    call, calls = failing(1, kind)
    with pytest.raises(kind):
        ask(call, sleep=Sleeps(), budget=30)
    assert len(calls) == 1


def test_the_attempts_are_bounded_and_the_last_error_is_raised() -> None:
    """A provider that stays down costs a fixed number of calls."""
    call, calls = failing(99, Unavailable)
    with pytest.raises(Unavailable):
        ask(call, sleep=Sleeps(), budget=300)
    assert len(calls) == ATTEMPTS


def test_the_waits_never_exceed_the_budget() -> None:
    """If the next wait would end beyond the budget, it isn't begun."""
    for budget in (0.0, 0.5, 2.0, 60.0):
        sleeps = Sleeps()
        call, _ = failing(99, Unavailable)
        with pytest.raises(Unavailable):
            ask(call, sleep=sleeps, budget=budget)
        assert sum(sleeps) <= budget


def test_a_wait_that_the_provider_names_is_kept_to() -> None:
    """Retry-After is waited out in full, with a little jitter on top."""
    sleeps = Sleeps()
    call, _ = failing(1, RateLimited, retry_after=7)
    assert ask(call, sleep=sleeps, budget=30) == "answer"
    assert len(sleeps) == 1
    assert 7 <= sleeps[0] <= 7.25


def test_a_ban_beyond_the_budget_is_not_waited_for() -> None:
    """A provider that names an hour gets no second call."""
    sleeps = Sleeps()
    call, calls = failing(1, RateLimited, retry_after=3600)
    with pytest.raises(RateLimited):
        ask(call, sleep=sleeps, budget=30)
    assert (len(calls), sleeps) == (1, [])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (200, None),
        (204, None),
        (302, Unavailable),
        (400, RequestRefused),
        (401, CredentialRejected),
        (403, Misconfigured),
        (404, Misconfigured),
        (408, Unavailable),
        (418, RequestRefused),
        (422, RequestRefused),
        (500, Unavailable),
        (503, Unavailable),
    ],
)
def test_a_status_says_whose_fault_it_is(status: int, kind: type[Exception] | None) -> None:
    """4xx is ours, 5xx the provider's, and no API of either redirects."""
    assert kind_of_status(status) is kind


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("3", 3.0),
        ("-1", 0.0),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
        ("Mon, 01 Jan 2027 00:00:00 +99999999999999999999", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(header: str, seconds: float | None) -> None:
    """What can't be read is None, so that the client backs off by itself."""
    clock: datetime = NOW.astimezone(timezone.utc)
    reply = Reply(status=429, headers={"Retry-After": header}, content=b"")
    assert retry_after(reply, lambda: clock) == seconds
