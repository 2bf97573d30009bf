"""The errors of a call to a provider: whose fault each is, and so which verdict it means.

```
ApiError
├── OurFault                  the credential, the set-up or the request: FAILED, or to be put right
│   ├── CredentialRejected    the token, client id or secret isn't accepted
│   ├── Misconfigured         application key, signature, permission, scope; BLOCKED if nothing
│   │                         can be sent from this machine
│   │   └── NotPermitted       the application may not make this call: of the token it says nothing
│   ├── RequestRefused        the provider understood the request and refused it
│   │   └── RepeatedOrder     an order with this out_order_id exists already
│   └── NotFound              the provider doesn't know the requested thing
├── ProviderFault             BLOCKED: it proves nothing about the store
│   ├── Unavailable           5xx, isp.*, a failure that isn't documented, or an answer that
│   │                         can't be read or isn't the provider's own
│   ├── RateLimited           429 or ApiCallLimit
│   ├── ClockDiffers          the clock of this machine, or the provider's, is off
│   ├── Skipped               the store's own command ordered nothing
│   └── QuoteUnreadable       no price that can be relied on
└── NetworkFault              BLOCKED: no answer came
    ├── TimedOut              it took too long
    │   └── OutOfTime         the look-ups before it took all the time that there was
    └── OutcomeUnknown        an order was sent and it is not known whether it was placed
```
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, TypeAlias

from pytest_prodstatus import blocked

Verdict: TypeAlias = Literal["CONFIRMED", "FAILED", "BLOCKED"]
"""What a provider's answer proves about the thing that was requested."""


class ApiError(Exception):
    """A provider call that gave no usable answer; `str()` is one sentence without any secret.

    Args:
        provider: "PayPal" or "AliExpress".
        operation: the call, as the provider names it.
        message: what was wrong, in one line.
        code: the provider's own code for it, if it gave one.
        request_id: the provider's id of this request (PayPal: debug_id).
        http_status: the status of the answer, None if none came.
    """

    def __init__(
        self,
        *,
        provider: str,
        operation: str,
        message: str,
        code: str | None = None,
        request_id: str | None = None,
        http_status: int | None = None,
    ) -> None:
        super().__init__(message)
        self.provider = provider
        self.operation = operation
        self.message = message
        self.code = code
        self.request_id = request_id
        self.http_status = http_status

    def __str__(self) -> str:
        facts = [
            f"{name} {value}"
            for name, value in (
                ("code", self.code),
                ("request", self.request_id),
                ("HTTP", self.http_status),
            )
            if value is not None
        ]
        tail = f" ({', '.join(facts)})" if facts else ""
        return f"{self.provider} {self.operation}: {self.message}{tail}"

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only arguments can't be replayed by Exception's own pickling.
        return _rebuilt, (type(self), dict(self.__dict__))


class OurFault(ApiError):  # noqa: N818 - the name is whose fault it is
    """The provider works; what we sent, or with which credential, doesn't."""


class CredentialRejected(OurFault):
    """The provider doesn't accept the token, the client id or the secret."""


class Misconfigured(OurFault):
    """The application key, signature, permission or scope is wrong.

    Without a status nothing was sent: the address, or this machine's proxy or certificates, can't
    be used.
    """


class NotPermitted(Misconfigured):
    """The application may not make this call; it says nothing about the token."""


class RequestRefused(OurFault):
    """The provider understood the request and refused it."""


class RepeatedOrder(RequestRefused):
    """An order with this out_order_id exists already: the earlier call had an effect."""


class NotFound(OurFault):
    """The provider doesn't know the requested thing."""


class ProviderFault(ApiError):  # noqa: N818 - the name is whose fault it is
    """The provider couldn't answer; that proves nothing about the store."""


class Unavailable(ProviderFault):
    """The provider is down, failed inside, or gave no answer that can be read as its own."""


class RateLimited(ProviderFault):
    """The provider refused the call because there were too many.

    Args:
        retry_after: seconds to wait, if the provider named them.
        **fields: as for `ApiError`.
    """

    def __init__(self, *, retry_after: float | None = None, **fields: Any) -> None:
        super().__init__(**fields)
        self.retry_after = retry_after


class ClockDiffers(ProviderFault):
    """The provider takes the request's time for wrong: its clock or this machine's is off."""


class Skipped(ProviderFault):
    """The store's own purchase command ordered nothing: it reported so, or never started."""


class QuoteUnreadable(ProviderFault):
    """The supplier's price or freight can't be relied on, or nothing is in stock."""


class NetworkFault(ApiError):  # noqa: N818 - the name is whose fault it is
    """No answer came.

    Args:
        sent: False if it is certain that the request never reached the provider.
        **fields: as for `ApiError`.
    """

    def __init__(self, *, sent: bool = True, **fields: Any) -> None:
        super().__init__(**fields)
        self.sent = sent


class TimedOut(NetworkFault):
    """The provider took longer than the client waits."""


class OutOfTime(TimedOut):
    """The look-ups before this one took all the time that one criterion may take for them."""


class OutcomeUnknown(NetworkFault):
    """An order was sent, and the answer doesn't prove whether it was placed."""


@contextmanager
def access_assumed() -> Iterator[None]:
    """Turn a provider's errors into verdicts, if other criteria judge the access to it.

    A provider or network at fault is BLOCKED. So is an access that isn't accepted: it proves
    nothing about the requested thing. Any other fault of ours is FAILED.
    """
    try:
        with access_judged():
            yield
    except AssertionError as failed:
        if isinstance(failed.__cause__, (CredentialRejected, Misconfigured)):
            blocked(
                f"{failed.__cause__.provider} could not be used: {failed}",
                kind="missing-config",
                remedy="see the criteria that judge this access",
            )
        raise


@contextmanager
def access_judged() -> Iterator[None]:
    """Turn a provider's errors into verdicts, if this criterion judges the access to it.

    A provider or network at fault is BLOCKED; an access that isn't accepted is FAILED. A machine
    from which nothing can be sent is BLOCKED: it says nothing about the access.
    """
    try:
        yield
    except OurFault as error:
        if isinstance(error, Misconfigured) and error.http_status is None:
            blocked(str(error), kind="missing-config", remedy="correct the variable, and run again")
        raise AssertionError(str(error)) from error
    except ApiError as error:
        kind = "timeout" if isinstance(error, TimedOut) else "provider-unavailable"
        remedy = f"run again when {error.provider} answers"
        if isinstance(error, ClockDiffers):
            remedy = f"set this machine's clock, or run again when {error.provider}'s is right"
        blocked(str(error), kind=kind, remedy=remedy)


def _rebuilt(kind: type[ApiError], fields: dict[str, Any]) -> ApiError:
    error = kind.__new__(kind)
    error.__dict__.update(fields)
    error.args = (fields["message"],)
    return error
