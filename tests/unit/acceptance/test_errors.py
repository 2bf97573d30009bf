"""The exception tree shows whose fault it is, in one sentence."""

from __future__ import annotations

import pickle

import pytest

from pytest_prodstatus import Blocked
from tests.acceptance.support import errors
from tests.acceptance.support.errors import ApiError, NetworkFault, OurFault, ProviderFault

OURS = ["CredentialRejected", "Misconfigured", "RequestRefused", "RepeatedOrder", "NotFound"]
PROVIDERS = ["Unavailable", "RateLimited", "ClockDiffers", "QuoteUnreadable"]
NETWORK = ["TimedOut", "OutcomeUnknown"]


@pytest.mark.parametrize(
    ("names", "root"), [(OURS, OurFault), (PROVIDERS, ProviderFault), (NETWORK, NetworkFault)]
)
def test_every_error_belongs_to_one_fault(names: list[str], root: type[ApiError]) -> None:
    """Ours, the provider's and the network's never overlap."""
    for name in names:
        kind = getattr(errors, name)
        faults = (OurFault, ProviderFault, NetworkFault)
        roots = [fault for fault in faults if issubclass(kind, fault)]
        assert roots == [root]
        assert name in (errors.__doc__ or "")


def test_the_sentence_holds_every_fact() -> None:
    """str() names all that is known: provider, operation, message, code, request, status."""
    full = errors.RateLimited(
        provider="PayPal",
        operation="payouts",
        message="Too many requests",
        code="RATE_LIMIT_REACHED",
        request_id="f1",
        http_status=429,
        retry_after=3,
    )
    text = "PayPal payouts: Too many requests (code RATE_LIMIT_REACHED, request f1, HTTP 429)"
    assert str(full) == text
    assert str(NetworkFault(provider="P", operation="o", message="no answer")) == "P o: no answer"


def test_a_clock_that_is_off_names_the_remedy() -> None:
    """BLOCKED: of the access it proves nothing, and running again doesn't cure it."""
    with pytest.raises(Blocked) as caught, errors.access_judged():
        raise errors.ClockDiffers(provider="AliExpress", operation="o", message="m")
    assert "set this machine's clock" in str(caught.value.reason.remedy)


def test_an_error_survives_the_way_to_another_process() -> None:
    """Pickling keeps the kind and every attribute, those of subclasses too."""
    error = errors.RateLimited(provider="P", operation="o", message="m", code="c", retry_after=2.5)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.RateLimited
    assert (str(copy), copy.retry_after, copy.args) == (str(error), 2.5, ("m",))
