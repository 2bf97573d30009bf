"""Every answer of PayPal, read into a token, a whole batch, or whose fault it is."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import responses

from pytest_prodstatus import Money
from tests.acceptance.demo.paypal import PayPalSimulator
from tests.acceptance.demo.simulator import Answer, Request
from tests.acceptance.support.errors import (
    ApiError,
    CredentialRejected,
    Misconfigured,
    NotFound,
    OutOfTime,
    RateLimited,
    RequestRefused,
    TimedOut,
    Unavailable,
)
from tests.acceptance.support.paypal.client import PAYOUTS_SCOPE
from tests.acceptance.support.paypal.payouts import item_verdict
from tests.unit.acceptance.providers import (
    CLIENT_ID,
    CLIENT_SECRET,
    NOW,
    PLANTED,
    Clock,
    Sleeps,
    paypal,
    paypal_client,
)

TOKEN_URL = "https://paypal.test/v1/oauth2/token"
BATCH_URL = "https://paypal.test/v1/payments/payouts/B1"
TOKEN = {"access_token": "planted-bearer", "expires_in": 32400, "scope": f"openid {PAYOUTS_SCOPE}"}


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answer for every host; an address that isn't registered is refused."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def item(number: int, **changes: Any) -> dict[str, Any]:
    """Return one item of a batch."""
    row: dict[str, Any] = {
        "payout_item_id": f"I{number}",
        "transaction_id": f"T{number}",
        "transaction_status": "SUCCESS",
        "payout_item": {
            "amount": {"value": "12.30", "currency": "USD"},
            "receiver": "someone@example.test",
            "sender_item_id": f"S{number}",
        },
    }
    return row | changes


def batch(items: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """Return one page of batch B1."""
    header = {
        "payout_batch_id": "B1",
        "batch_status": "SUCCESS",
        "time_created": "2026-11-20T10:00:00Z",
        "time_completed": "2026-11-20T10:05:00Z",
        "amount": {"value": "12.30", "currency": "USD"},
    }
    return {"batch_header": header, "items": items} | changes


def test_a_token_has_its_scopes_and_expiry(web: responses.RequestsMock) -> None:
    """The credential goes by Basic authentication; the token itself stays a secret."""
    web.post(TOKEN_URL, json=TOKEN)
    token = paypal_client().token()
    assert token.scopes == frozenset(("openid", PAYOUTS_SCOPE))
    assert token.expires_at == NOW + timedelta(hours=9)
    assert "planted" not in repr(token)
    request = web.calls[0].request
    encoded = request.headers["Authorization"].removeprefix("Basic ")
    assert base64.b64decode(encoded).decode() == f"{CLIENT_ID}:{CLIENT_SECRET}"
    assert request.body == "grant_type=client_credentials"


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (["openid", PAYOUTS_SCOPE], {"openid", PAYOUTS_SCOPE}),
        ([f"openid {PAYOUTS_SCOPE}"], {"openid", PAYOUTS_SCOPE}),
        ("openid", {"openid"}),
        (None, None),
        ("", None),
        ([], None),
        ([7, {}], {"7"}),
    ],
)
def test_scopes_may_be_a_list_or_missing(
    web: responses.RequestsMock, scope: object, found: set[str] | None
) -> None:
    """A list is understood; what isn't said isn't known, which is no lack of a scope."""
    web.post(TOKEN_URL, json={**TOKEN, "scope": scope})
    scopes = paypal_client().token().scopes
    assert (None if scopes is None else set(scopes)) == found


def test_a_token_is_reused_until_just_before_it_expires(web: responses.RequestsMock) -> None:
    """A new one is fetched in the last minute, and not before."""
    web.post(TOKEN_URL, json={**TOKEN, "expires_in": "3600"})
    clock = Clock()
    client = paypal_client(clock=clock)
    client.token()
    clock.now += timedelta(minutes=58)
    client.token()
    assert len(web.calls) == 1
    clock.now += timedelta(minutes=1)
    client.token()
    assert len(web.calls) == 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"access_token": "x"},
        {**TOKEN, "expires_in": "soon"},
        {**TOKEN, "expires_in": 0},
        {**TOKEN, "access_token": "two words"},
        {**TOKEN, "access_token": "two\nlines"},
        {**TOKEN, "access_token": "\u2713"},
        {**TOKEN, "access_token": "\ud800"},
    ],
)
def test_a_token_without_value_or_expiry_is_unreadable(
    web: responses.RequestsMock, body: dict[str, Any]
) -> None:
    """Expiry is read, never assumed, and no header can carry any text; the POST isn't repeated."""
    web.post(TOKEN_URL, json=body)
    with pytest.raises(Unavailable):
        paypal_client().token()
    assert len(web.calls) == 1


def test_a_batch_is_read_whole(web: responses.RequestsMock) -> None:
    """Header and item come back typed, the receiver out of sight."""
    web.post(TOKEN_URL, json=TOKEN)
    errors = [{"name": "RECEIVER_UNCONFIRMED", "message": "m"}]
    page = batch([item(1, errors=errors)], total_items=1, total_pages=1)
    web.get(BATCH_URL, json=page, headers={"Paypal-Debug-Id": "dbg1"})
    found = paypal_client().payout_batch("B1")
    assert (found.batch_id, found.status, found.debug_id) == ("B1", "SUCCESS", "dbg1")
    assert found.total == Money("12.30", "USD")
    assert found.created_at is not None
    assert found.completed_at == found.created_at + timedelta(minutes=5)
    (paid,) = found.items
    assert (paid.item_id, paid.transaction_id, paid.sender_item_id) == ("I1", "T1", "S1")
    assert (paid.status, paid.amount) == ("SUCCESS", Money("12.30", "USD"))
    assert (paid.receiver, paid.errors) == ("someone@example.test", ("RECEIVER_UNCONFIRMED",))
    assert "someone" not in repr(found)
    assert web.calls[1].request.url == f"{BATCH_URL}?page=1&page_size=1000&total_required=true"


def test_totals_may_be_text_and_every_page_is_followed(web: responses.RequestsMock) -> None:
    """Three pages are three questions with one token."""
    web.post(TOKEN_URL, json=TOKEN)
    for number in (1, 2, 3):
        query = {"page": str(number), "page_size": "1000", "total_required": "true"}
        page = batch([item(number)], total_items="3", total_pages="3")
        matcher = responses.matchers.query_param_matcher(query)
        web.get(BATCH_URL, json=page, match=[matcher])
    found = paypal_client().payout_batch("B1")
    assert [item.item_id for item in found.items] == ["I1", "I2", "I3"]
    assert len(web.calls) == 4


@pytest.mark.parametrize(
    "page",
    [
        batch([item(1)], total_items=2, total_pages=1),
        batch([item(1)], total_items=2, total_pages=2),
        batch([item(1)], links=[{"rel": "next"}]),
        batch([item(1)], total_pages=10_000),
        batch([item(1)], total_items=1, total_pages=2),
        batch([item(1)], total_pages=2),
        batch([], total_items=0, total_pages=2),
        batch([item(1, transaction_status=None)]),
        batch([item(1, payout_item={"amount": {"value": "x", "currency": "USD"}})]),
        batch([item(1)], batch_header={"payout_batch_id": "B2", "batch_status": "SUCCESS"}),
        batch([item(1)], batch_header={}),
        batch([]),
        batch([]) | {"items": None},
        batch([]) | {"items": item(1)},
        batch([]) | {"items": {"items": [item(1)]}, "total_items": 1},
        batch([]) | {"items": "I1", "total_items": 0},
        batch([], total_items="none"),
        {"batch_header": batch([])["batch_header"]},
        {},
    ],
)
def test_half_a_batch_is_never_returned(web: responses.RequestsMock, page: dict[str, Any]) -> None:
    """Missing items or pages, an unreadable item or another batch's header: Unavailable."""
    web.post(TOKEN_URL, json=TOKEN)
    web.get(BATCH_URL, json=page)
    with pytest.raises(Unavailable, match="can't be read"):
        paypal_client(retry_budget=0).payout_batch("B1")


@pytest.mark.parametrize(
    ("status", "more"), [("SUCCESS", {"total_items": 0}), ("DENIED", {}), ("PENDING", {})]
)
def test_a_batch_may_have_no_items(
    web: responses.RequestsMock, status: str, more: dict[str, Any]
) -> None:
    """If PayPal counts none, or hasn't processed it: what the batch's status says is judged."""
    header = {"payout_batch_id": "B1", "batch_status": status}
    web.post(TOKEN_URL, json=TOKEN)
    web.get(BATCH_URL, json={"batch_header": header, **more})
    found = paypal_client().payout_batch("B1")
    assert (found.status, found.items) == (status, ())


def test_the_time_is_asked_for_before_each_further_page(web: responses.RequestsMock) -> None:
    """The pages of one batch can't take longer than all look-ups may."""
    web.post(TOKEN_URL, json=TOKEN)
    for number in (1, 2, 3):
        web.get(BATCH_URL, json=batch([item(number)], total_items=9, total_pages=9))
    times: list[int] = []

    def require_time() -> None:
        times.append(1)
        if len(times) == 3:
            raise OutOfTime(provider="p", operation="o", message="m", sent=False)

    with pytest.raises(OutOfTime):
        paypal_client(require_time=require_time).payout_batch("B1")
    assert len(web.calls) == 4


@pytest.mark.parametrize("body", ["", "<html>", "[]", "null"])
def test_a_page_in_place_of_a_batch_is_paypals_fault(
    web: responses.RequestsMock, body: str
) -> None:
    """Garbage with HTTP 200 is no batch that PayPal doesn't know."""
    web.post(TOKEN_URL, json=TOKEN)
    web.get(BATCH_URL, body=body)
    with pytest.raises(Unavailable):
        paypal_client(retry_budget=0).payout_batch("B1")


ERRORS: list[tuple[int, dict[str, Any], type[ApiError]]] = [
    (400, {"name": "VALIDATION_ERROR"}, RequestRefused),
    (400, {"name": "USER_BUSINESS_ERROR"}, RequestRefused),
    (401, {"error": "invalid_token"}, CredentialRejected),
    (401, {"error": "invalid_client"}, CredentialRejected),
    (400, {"error": "invalid_client"}, CredentialRejected),
    (403, {"name": "AUTHORIZATION_ERROR"}, Misconfigured),
    (403, {"name": "REQUIRED_SCOPE_MISSING"}, Misconfigured),
    (403, {"name": "SENDER_RESTRICTED"}, Misconfigured),
    (404, {"name": "INVALID_RESOURCE_ID"}, NotFound),
    (404, {"name": "RESOURCE_NOT_FOUND"}, Misconfigured),
    (422, {"name": "INSUFFICIENT_FUNDS"}, RequestRefused),
    (429, {"name": "RATE_LIMIT_REACHED"}, RateLimited),
    (500, {"name": "INTERNAL_ERROR"}, Unavailable),
    (503, {}, Unavailable),
    *((status, {}, Unavailable) for status in (301, 302, 400, 401, 403, 404, 451)),
    (403, {"error": "Forbidden"}, Unavailable),
    (403, {"name": "blocked by policy"}, Unavailable),
]


@pytest.mark.parametrize(("status", "body", "kind"), ERRORS)
def test_an_error_says_whose_fault_it_is(
    web: responses.RequestsMock, status: int, body: dict[str, Any], kind: type[ApiError]
) -> None:
    """Status and name give the kind; without PayPal's own name it may be a proxy's answer."""
    web.post(TOKEN_URL, json=TOKEN)
    details = [{"field": "page", "issue": "TOO_BIG", "description": "…"}]
    web.get(
        BATCH_URL,
        status=status,
        json={"message": "no", "debug_id": "dbg2", "details": details, **body},
    )
    with pytest.raises(kind) as caught:
        paypal_client(retry_budget=0).payout_batch("B1")
    assert type(caught.value) is kind
    assert (caught.value.request_id, caught.value.http_status) == ("dbg2", status)
    if kind is not Unavailable:
        assert caught.value.code == body.get("name", body.get("error"))


def test_a_get_is_repeated_after_the_named_wait(web: responses.RequestsMock) -> None:
    """429 with Retry-After, then a 500, then the batch."""
    web.post(TOKEN_URL, json=TOKEN)
    web.get(BATCH_URL, status=429, headers={"Retry-After": "5"})
    web.get(BATCH_URL, status=500)
    web.get(BATCH_URL, json=batch([item(1)], total_items=1, total_pages=1))
    sleeps = Sleeps()
    paypal_client(sleep=sleeps).payout_batch("B1")
    assert len(sleeps) == 2
    assert sleeps[0] >= 5


@pytest.mark.parametrize("silent", ["oauth2/token", "payouts"])
def test_the_retry_budget_bounds_each_attempt(silent: str) -> None:
    """An answer that takes longer than what is left of the budget isn't waited for."""
    over = threading.Event()

    def answer(request: Request) -> Answer:
        if silent in request.path:
            over.wait(20)
        return Answer(body=TOKEN)

    with paypal() as (_, url, _clock), pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.acceptance.support.client.LEAST_SECONDS", 0.0)
        patch.setattr(PayPalSimulator, "_handle", lambda _self, request: answer(request))
        started = time.monotonic()
        with pytest.raises(TimedOut):
            paypal_client(url, retry_budget=1, timeout=(20, 20)).payout_batch("B1")
        assert time.monotonic() - started < 10
        over.set()


def test_the_token_post_is_never_repeated(web: responses.RequestsMock) -> None:
    """POSTs go out once, with any answer."""
    web.post(TOKEN_URL, status=500)
    with pytest.raises(Unavailable):
        paypal_client().payout_batch("B1")
    assert len(web.calls) == 1


def test_a_batch_id_is_quoted_into_the_address(web: responses.RequestsMock) -> None:
    """An odd id from the database can't reach another address."""
    web.post(TOKEN_URL, json=TOKEN)
    address = "https://paypal.test/v1/payments/payouts/..%2F..%2Fx%3Fy%23z"
    web.get(address, status=404, json={"name": "INVALID_RESOURCE_ID"})
    with pytest.raises(NotFound):
        paypal_client().payout_batch("../../x?y#z")


def test_a_provider_that_echoes_secrets_shows_none(
    web: responses.RequestsMock, caplog: pytest.LogCaptureFixture
) -> None:
    """Id, secret and token are masked in messages and absent from logs."""
    caplog.set_level("DEBUG")
    web.post(TOKEN_URL, json=TOKEN)
    echo = f"{CLIENT_ID} {CLIENT_SECRET} planted-bearer"
    web.get(BATCH_URL, status=400, json={"name": "planted-bearer", "message": echo})
    client = paypal_client()
    with pytest.raises(Unavailable) as caught:
        client.payout_batch("B1")
    shown = f"{caught.value} {vars(caught.value)} {caplog.text} {vars(client)}"
    assert not [secret for secret in (*PLANTED, "planted-bearer") if secret in shown]


def test_an_address_that_paypal_repeats_is_not_shown(web: responses.RequestsMock) -> None:
    """A receiver is a person: no e-mail address is in a message, a status or an id."""
    web.post(TOKEN_URL, json=TOKEN)
    details = [{"issue": "Receiver seller%40shop.example is unknown"}]
    refusal = {"message": "to <o'neil+pay@shop.example>", "details": details, "debug_id": "a@b.co"}
    web.get(BATCH_URL, status=403, json={"name": "AUTHORIZATION_ERROR", **refusal})
    header = {"payout_batch_id": "B1", "batch_status": "PENDING a@b.co"}
    row = item(1, payout_item_id="a@b.co", transaction_status="held for A@B.CO")
    web.get(
        BATCH_URL, json=batch([row], batch_header=header), headers={"Paypal-Debug-Id": "a@b.co"}
    )
    client = paypal_client()
    with pytest.raises(ApiError) as caught:
        client.payout_batch("B1")
    assert caught.value.message == "the call was refused"
    assert "a@b" not in f"{caught.value} {client.payout_batch('B1')}".lower()


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
def test_paypals_words_are_not_shown(web: responses.RequestsMock, status: int) -> None:
    """They may name anyone; PayPal's names of errors and issues don't."""
    web.post(TOKEN_URL, json=TOKEN)
    words = "Account of John Payee (+1 408 555 0199, 12 Buyer Lane) can't be read"
    details = [{"issue": words}, {"issue": "ACCOUNT_CLOSED"}]
    error = {"name": "INTERNAL_ERROR", "message": words, "details": details, "debug_id": words}
    web.get(BATCH_URL, json=error, status=status)
    with pytest.raises(ApiError, match=r"; ACCOUNT_CLOSED .*INTERNAL_ERROR") as caught:
        paypal_client(retry_budget=0).payout_batch("B1")
    assert "Payee" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("SUCCESS", "CONFIRMED"),
        *((lost, "FAILED") for lost in ("FAILED", "BLOCKED", "RETURNED", "REFUNDED", "REVERSED")),
        *((open_, "BLOCKED") for open_ in ("PENDING", "UNCLAIMED", "ONHOLD", "NEW", "", "success")),
    ],
)
def test_only_success_proves_a_payment(status: str, verdict: str) -> None:
    """Lost ones are FAILED; what isn't settled or known is BLOCKED."""
    assert item_verdict(status) == verdict
