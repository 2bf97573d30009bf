"""The PayPal simulator, called by the real client over loopback."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from pytest_prodstatus import Money
from tests.acceptance.demo.paypal import PayoutState, SimPayout
from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    NetworkFault,
    NotFound,
    RateLimited,
    TimedOut,
    Unavailable,
)
from tests.acceptance.support.paypal.client import PAYOUTS_SCOPE, PayPalClient
from tests.acceptance.support.paypal.payouts import item_verdict
from tests.acceptance.support.secrets import Secret
from tests.unit.acceptance.providers import NOW, Clock, Sleeps, paypal, paypal_client


class Bank:
    """A simulator with a client of it."""

    def __init__(self, state: PayoutState, url: str, clock: Clock) -> None:
        self.state = state
        self.url = url
        self.clock = clock
        self.client = self.another()

    def another(self, **changes: Any) -> PayPalClient:
        """Return one more client."""
        return paypal_client(self.url, **({"clock": self.clock} | changes))


@pytest.fixture
def bank() -> Iterator[Bank]:
    """Serve a PayPal with one batch of one item for one test."""
    with paypal() as (state, url, clock):
        state.add_batch("B1", [payout(1, sender_item_id="sale-1")], created_at=NOW)
        bank = Bank(state, url, clock)
        yield bank
        bank.client.close()


def payout(number: int, **changes: Any) -> SimPayout:
    """Return one payment."""
    arguments: dict[str, Any] = {
        "item_id": f"I{number}",
        "amount": Decimal("10.05"),
        "receiver": f"user{number}@example.test",
        "transaction_id": f"T{number}",
    }
    return SimPayout(**(arguments | changes))


def test_a_batch_is_looked_up_with_a_token(bank: Bank) -> None:
    """Basic for the token, Bearer for the batch, one token for several batches."""
    found = bank.client.payout_batch("B1")
    assert (found.status, found.total) == ("SUCCESS", Money("10.05", "USD"))
    assert found.created_at == found.completed_at == NOW
    assert found.debug_id
    (paid,) = found.items
    assert (paid.amount, paid.receiver) == (Money("10.05", "USD"), "user1@example.test")
    assert paid.sender_item_id == "sale-1"
    bank.client.payout_batch("B1")
    assert bank.state.requests == {"token": 1, "payouts": 2}
    assert PAYOUTS_SCOPE in (bank.client.token().scopes or ())


@pytest.mark.parametrize(("count", "limit", "pages"), [(7, 3, 3), (6, 3, 2), (1, 1, 1), (0, 3, 1)])
def test_every_page_is_followed(bank: Bank, count: int, limit: int, pages: int) -> None:
    """However small the provider's pages, the batch comes whole and in order."""
    bank.state.page_limit = limit
    bank.state.add_batch("B2", [payout(number) for number in range(count)])
    found = bank.client.payout_batch("B2")
    assert [item.item_id for item in found.items] == [f"I{number}" for number in range(count)]
    assert bank.state.requests["payouts"] == pages


def test_a_processed_batch_may_hold_an_unpaid_item(bank: Bank) -> None:
    """batch_status SUCCESS proves nothing about its items."""
    items = [
        payout(1, status="UNCLAIMED", error="RECEIVER_UNREGISTERED"),
        payout(2, status="RETURNED", transaction_id=None),
    ]
    bank.state.add_batch("B3", items)
    found = bank.client.payout_batch("B3")
    assert found.status == "SUCCESS"
    assert [item_verdict(item.status) for item in found.items] == ["BLOCKED", "FAILED"]
    assert found.items[0].errors == ("RECEIVER_UNREGISTERED",)
    assert found.items[1].transaction_id is None


def test_a_pending_batch_is_not_completed(bank: Bank) -> None:
    """time_completed is absent until the batch was processed."""
    bank.state.add_batch("B4", [payout(1, status="PENDING")], status="PENDING")
    found = bank.client.payout_batch("B4")
    assert (found.status, found.completed_at) == ("PENDING", None)


def test_an_unknown_batch_is_not_found(bank: Bank) -> None:
    """404 INVALID_RESOURCE_ID, with its debug id, and no second question."""
    with pytest.raises(NotFound) as caught:
        bank.client.payout_batch("B9")
    assert (caught.value.code, caught.value.http_status) == ("INVALID_RESOURCE_ID", 404)
    assert caught.value.request_id
    assert bank.state.requests["payouts"] == 1


@pytest.mark.parametrize("changes", [{"client_id": Secret("x")}, {"client_secret": Secret("x")}])
def test_a_wrong_credential_gets_no_token(bank: Bank, changes: dict[str, Any]) -> None:
    """invalid_client is a rejected credential, after one call."""
    with pytest.raises(CredentialRejected) as caught:
        bank.another(**changes).payout_batch("B1")
    assert (caught.value.code, caught.value.http_status) == ("invalid_client", 401)
    assert bank.state.requests == {"token": 1}


def test_a_refused_token_is_a_rejected_credential(bank: Bank) -> None:
    """A fresh token that isn't accepted isn't replaced again and again."""
    bank.state.faults.reject_token = True
    with pytest.raises(CredentialRejected, match="invalid_token"):
        bank.client.payout_batch("B1")
    assert bank.state.requests == {"token": 1, "payouts": 1}


def test_a_revoked_token_is_replaced_once(bank: Bank) -> None:
    """A token that was good and isn't any more costs one new token."""
    bank.client.payout_batch("B1")
    bank.state.tokens.clear()
    assert bank.client.payout_batch("B1").batch_id == "B1"
    assert bank.state.requests["token"] == 2


def test_an_expired_token_is_replaced_before_it_is_refused(bank: Bank) -> None:
    """The client looks at the expiry; the provider never sees a stale token."""
    bank.client.payout_batch("B1")
    bank.clock.now += timedelta(hours=10)
    bank.client.payout_batch("B1")
    assert bank.state.requests == {"token": 2, "payouts": 2}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("scopes", ("openid",), "REQUIRED_SCOPE_MISSING"),
        ("sender_restricted", True, "SENDER_RESTRICTED"),
    ],
)
def test_a_missing_permission_is_a_matter_of_set_up(
    bank: Bank, field: str, value: Any, code: str
) -> None:
    """403 is Misconfigured, by its name."""
    setattr(bank.state, field, value)
    with pytest.raises(Misconfigured, match=code):
        bank.client.payout_batch("B1")


@pytest.mark.parametrize(
    ("fault", "value", "kind"),
    [
        ("down", True, Unavailable),
        ("fail_next", 99, Unavailable),
        ("garbage", True, Unavailable),
        ("cut_next", 99, NetworkFault),
        ("rate_limit_next", 99, RateLimited),
        ("slow_s", 30, TimedOut),
    ],
)
def test_a_sick_paypal_is_never_our_fault(
    bank: Bank, fault: str, value: Any, kind: type[ApiError]
) -> None:
    """A look-up that keeps failing is tried five times in all."""
    sleeps = Sleeps()
    client = bank.another(sleep=sleeps)
    client.token()
    if fault == "slow_s":
        client._transport._timeout = (5, 0.02)
    setattr(bank.state.faults, fault, value)
    with pytest.raises(kind) as caught:
        client.payout_batch("B1")
    assert type(caught.value) is kind
    assert len(sleeps) == 4


def test_retry_after_is_honoured(bank: Bank) -> None:
    """429 names the seconds; then the batch is there."""
    sleeps = Sleeps()
    client = bank.another(sleep=sleeps)
    client.token()
    bank.state.faults.rate_limit_next, bank.state.faults.rate_limit_s = 2, 4
    assert client.payout_batch("B1").status == "SUCCESS"
    assert [int(seconds) for seconds in sleeps] == [4, 4]


def test_one_item_can_be_asked_for(bank: Bank) -> None:
    """payouts-item answers with the item, and 404 for one that isn't known."""
    token = bank.client.token().value.reveal()
    with requests.Session() as session:
        session.trust_env = False
        headers = {"Authorization": f"Bearer {token}"}
        base = f"{bank.url}/v1/payments/payouts-item"
        found = session.get(f"{base}/I1", headers=headers, timeout=5)
        missing = session.get(f"{base}/I9", headers=headers, timeout=5)
        refused = session.get(f"{base}/I1", timeout=5)
    assert found.json()["payout_batch_id"] == "B1"
    assert (missing.status_code, refused.status_code) == (404, 401)


@pytest.mark.parametrize("query", ["page=0", "page=x", "page_size=1001", "page_size=0"])
def test_an_impossible_page_is_refused(bank: Bank, query: str) -> None:
    """VALIDATION_ERROR, as the provider has it."""
    token = bank.client.token().value.reveal()
    with requests.Session() as session:
        session.trust_env = False
        response = session.get(
            f"{bank.url}/v1/payments/payouts/B1?{query}",
            headers={"Authorization": f"Bearer {token}"},
            timeout=5,
        )
    assert (response.status_code, response.json()["name"]) == (400, "VALIDATION_ERROR")
