"""The base of both providers' clients: repeated read-only calls, and errors without any secret.

Only a read-only call is repeated, and only within a budget of seconds. A call that can change
something at the provider is made once.
"""

from __future__ import annotations

import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, ClassVar, TypeVar

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    wait_random,
    wait_random_exponential,
)

from tests.acceptance.support.clock import utc_now
from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    NetworkFault,
    RateLimited,
    RequestRefused,
    Unavailable,
)
from tests.acceptance.support.http import Reply, Transport
from tests.acceptance.support.secrets import Secret, scrubbed

T = TypeVar("T")

ATTEMPTS = 5
"""The most attempts of one read-only call."""

LEAST_SECONDS = 5.0
"""What each attempt may take, however little is left: a machine may be slow as well."""

FOREIGN = (
    "the answer isn't in the provider's form: a proxy, a firewall or a sign-in page of the network "
    "may have given it"
)
"""What is said of an error without the provider's own words, with any status below 500."""

_CODE = re.compile(r"(?:[A-Za-z0-9_.:-]|\*{8}){1,80}")

_backoff = wait_random_exponential(multiplier=0.5, max=8)
_jitter = wait_random(0, 0.25)

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


class ProviderClient(ABC):
    """Makes calls to one provider.

    Every public method of a client raises `errors.ApiError`: OurFault, ProviderFault or
    NetworkFault.

    Args:
        base_url: the host's address.
        timeout: seconds to connect, and between two bytes of an answer.
        clock: returns the time, aware and in UTC.
        sleep: waits for seconds.
        retry_budget: seconds that one question may take with all its repeats.

    Attributes:
        provider: its name, for messages.
    """

    provider: ClassVar[str]

    def __init__(
        self,
        *,
        base_url: str,
        timeout: tuple[float, float] = (5, 20),
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
        retry_budget: float = 30,
    ) -> None:
        self._transport = Transport(provider=self.provider, base_url=base_url, timeout=timeout)
        self._clock = clock
        self._sleep = sleep
        self._retry_budget = retry_budget

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def _once(self, question: Callable[[float], T]) -> T:
        """Make a call that can't be repeated, within the seconds of the retry budget."""
        return question(_attempt_seconds(self._retry_budget))

    def _reading(self, operation: str, read: Callable[[], T]) -> T:
        """Read an answer; raise what is wrong with it without the frames that read it.

        pytest prints the variables of a frame that raises, and those of a reader hold the answer: a
        token, an address, a person's name. What no reader foresees is an answer that can't be read.

        Args:
            operation: the call, as the provider names it.
            read: reads the answer.
        """
        problem: BaseException
        try:
            return read()
        except ApiError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - any that an answer causes
            problem = unreadable(self.provider, operation, type(error).__name__, None)
        except BaseException as error:  # noqa: BLE001 - an interrupt
            problem = error
        problem.__cause__ = problem.__context__ = None
        raise problem.with_traceback(None)

    @abstractmethod
    def _secrets(self) -> tuple[Secret, ...]:
        """Return the secrets that the provider could repeat in its answers."""

    def _repeat(self, question: Callable[[float], T]) -> T:
        """Make a read-only call, and repeat it if the provider or the network is at fault.

        Args:
            question: makes the call, within the seconds that are left of the retry budget.
        """
        ends = time.monotonic() + self._retry_budget
        return ask(
            lambda: question(_attempt_seconds(ends - time.monotonic())),
            sleep=self._sleep,
            budget=self._retry_budget,
        )

    def _error(
        self,
        kind: type[ApiError],
        operation: str,
        reply: Reply,
        *,
        message: str,
        code: str | None,
        request_id: str | None,
        wait: float | None = None,
    ) -> ApiError:
        """Return the error for an answer.

        Args:
            kind: the error.
            operation: the call, as the provider names it.
            reply: the answer.
            message: what was wrong, in our words: the provider's own may name a person.
            code: the provider's own code for it.
            request_id: the provider's id of the request.
            wait: the seconds to wait that it named, for RateLimited.
        """
        facts: dict[str, Any] = {
            "provider": self.provider,
            "operation": operation,
            "message": message,
            "code": self._code(code),
            "request_id": self._code(request_id),
            "http_status": reply.status,
        }
        if issubclass(kind, RateLimited):
            return kind(retry_after=wait, **facts)
        return kind(**facts)

    def _code(self, text: str | None) -> str | None:
        """Return a code, a status or an id without secrets; None for words, or for none."""
        shown = self._scrubbed(text)
        return shown if shown and _CODE.fullmatch(shown) else None

    def _scrubbed(self, text: str | None) -> str | None:
        return scrubbed(text, self._secrets()) if text else None


def ask(call: Callable[[], T], *, sleep: Callable[[float], None], budget: float) -> T:
    """Make a read-only call, and make it again while the provider or the network is at fault.

    Waits grow exponentially with full jitter; a wait that the provider names (Retry-After, "ban
    will last N seconds") is kept to. A call that would end beyond the budget isn't waited for.

    Args:
        call: the call; it must have no effect at the provider.
        sleep: waits for seconds.
        budget: seconds that all calls and waits may take together.

    Raises:
        ApiError: the last one, or at once one that a repeat can't cure.
    """
    retrying = Retrying(
        retry=retry_if_exception_type((Unavailable, RateLimited, NetworkFault)),
        wait=_pause,
        stop=lambda state: _is_over(state, budget),
        sleep=sleep,
        reraise=True,
    )
    return retrying(call)


def kind_of_status(status: int) -> type[ApiError] | None:
    """Return the error for an HTTP status (429 is not among them), None for a success.

    It holds for an answer in the provider's own form; of any other it is known only that it came
    from somewhere on the way (see `FOREIGN`).
    """
    if 200 <= status < 300:
        return None
    if 400 <= status < 500:
        return _OURS.get(status, RequestRefused)
    return Unavailable


def retry_after(reply: Reply, clock: Callable[[], datetime]) -> float | None:
    """Return the seconds of a Retry-After header (seconds or a date), None without one."""
    value = reply.headers.get("Retry-After", "").strip()
    try:
        seconds = float(value)
    except ValueError:
        seconds = _until(value, clock)
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def unreadable(provider: str, operation: str, detail: str, request_id: str | None) -> Unavailable:
    """Return the error for an answer of which `detail` can't be read."""
    return Unavailable(
        provider=provider,
        operation=operation,
        message=f"the answer can't be read: {detail}",
        request_id=request_id,
    )


def _attempt_seconds(left: float) -> float:
    return max(left, LEAST_SECONDS)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited) and error.retry_after is not None:
        return error.retry_after + _jitter(state)
    return _backoff(state)


def _is_over(state: RetryCallState, budget: float) -> bool:
    # An injected sleep takes no time: count the waits that were wanted, or what passed if more.
    spent = max(state.idle_for, state.seconds_since_start or 0.0)
    return state.attempt_number >= ATTEMPTS or spent + state.upcoming_sleep > budget


def _until(date: str, clock: Callable[[], datetime]) -> float:
    try:
        moment = parsedate_to_datetime(date)
    except (TypeError, ValueError, IndexError, OverflowError):
        return math.nan
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return (moment - clock()).total_seconds()
