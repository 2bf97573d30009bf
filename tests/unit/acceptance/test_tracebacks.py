"""What pytest prints of a call that went wrong, with the variables of every frame.

A provider's answer may hold a token, an address or a name, and so may what is sent to it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs

import pytest
import requests
import responses

from tests.acceptance.demo.encryption import SALT, encrypted
from tests.acceptance.support import fields
from tests.acceptance.support.credentials import UnreadableCredential, decrypt
from tests.acceptance.support.errors import ApiError, OutcomeUnknown, Unavailable
from tests.acceptance.support.secrets import Secret
from tests.unit.acceptance.providers import (
    PLANTED,
    aliexpress_client,
    order_request,
    paypal_client,
)

SUPPLIER = "https://supplier.test/sync"
TOKEN_URL = "https://paypal.test/v1/oauth2/token"
BATCH_URL = "https://paypal.test/v1/payments/payouts/B1"
TOKEN = b'{"access_token": "planted-bearer", "expires_in": 32400, "scope": "openid"}'
PERSON = b"Planted Person planted@mail.test"

_ITEM = (
    b'{"payout_item_id": "I1", "transaction_status": "SUCCESS", "transaction_id": "%s", '
    b'"errors": {"name": "%s"}, "payout_item": {"sender_item_id": "%s", "receiver": "%s", '
    b'"amount": {"value": %s, "currency": "USD"}}}'
)


def item(amount: bytes) -> bytes:
    """Return an item with persons wherever one could stand."""
    return _ITEM % (PERSON, PERSON, PERSON, PERSON, amount)


def batch(*items: bytes, more: bytes = b"") -> bytes:
    """Return a batch with a person's note."""
    head = b'{"payout_batch_id": "B1", "batch_status": "SUCCESS", "note": "%s"}' % PERSON
    return b'{"batch_header": %s, "items": [%s]%s}' % (head, b", ".join(items), more)


TOKENS = {
    "exponent": (200, b'{"access_token": "planted", "nonce": 1e99999999999999999999}'),
    "digits": (200, b'{"access_token": "planted", "expires_in": 1%s}' % (b"0" * 5000)),
    "depth": (200, b'{"access_token": "planted", "x": %s}' % (b"[" * 100_000)),
    "no expiry": (200, b'{"access_token": "planted"}'),
    "a line feed": (200, b'{"access_token": "planted\\n1", "expires_in": 9}'),
    "half a character": (200, b'{"access_token": "planted\\ud800", "expires_in": 9}'),
    "no Latin": (200, b'{"access_token": "planted\\u2713", "expires_in": 9}'),
    "refused": (401, b'{"error": "invalid_client", "error_description": "%s"}' % PERSON),
    "down": (500, b'{"name": "INTERNAL_ERROR", "message": "%s"}' % PERSON),
    "a page": (302, PERSON),
}
BATCHES = {
    "exponent": (200, batch(item(b"1e99999999999999999999"))),
    "amount": (200, batch(item(b'"about 1"'))),
    "total": (200, batch(item(b'"1.00"'), more=b', "total_items": 2')),
    "pages": (200, batch(item(b'"1.00"'), more=b', "total_items": 2, "total_pages": 2')),
    "another": (200, batch(item(b'"1.00"')).replace(b'"B1"', b'"B2"')),
    "refused": (400, b'{"name": "VALIDATION_ERROR", "details": [{"issue": "%s"}]}' % PERSON),
    "unknown": (404, b'{"name": "INVALID_RESOURCE_ID", "message": "%s"}' % PERSON),
    "too many": (429, b'{"name": "RATE_LIMIT_REACHED", "message": "%s"}' % PERSON),
}


def _supplier(result: Any, **more: Any) -> bytes:
    facts = {"result": result, "request_id": "r", "rsp_msg": PERSON.decode(), **more}
    methods = ("trade.ds.order.get", "ds.product.get", "ds.freight.query", "ds.order.create")
    keys = [f"aliexpress_{method.replace('.', '_')}_response" for method in methods]
    return json.dumps(dict.fromkeys(keys, facts)).encode()


SUPPLIES = {
    "exponent": _supplier({"buyer": PERSON.decode(), "price": "X"}).replace(
        b'"X"', b"1e99999999999999999999"
    ),
    "refused": _supplier(
        {"is_success": False, "error_code": "SKU_NOT_EXIST", "error_msg": PERSON.decode()}
    ),
    "failed": _supplier({"is_success": False, "error_code": PERSON.decode()}),
    "contradiction": _supplier({"is_success": True}, rsp_code=PERSON.decode()),
    "a list": _supplier([PERSON.decode()]),
    "an order's words": _supplier({"buyer": PERSON.decode(), "order_list": PERSON.decode()}),
    "gateway": json.dumps(
        {"error_response": {"code": "26", "msg": PERSON.decode(), "sub_msg": PERSON.decode()}}
    ).encode(),
}


CALLS: dict[str, Callable[[], object]] = {
    "order": lambda: aliexpress_client().order("8100000000000001"),
    "product": lambda: aliexpress_client().product("1005001", ship_to="US", currency="USD"),
    "freight": lambda: aliexpress_client().freight("1005001", "1", 1, ship_to="US", currency="USD"),
    "place": lambda: aliexpress_client().place_order(order_request()),
}
ODD = [
    (call, answer)
    for call in CALLS
    for answer in SUPPLIES
    if answer != "an order's words" or call in ("order", "place")
]


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answer for every host; an address that isn't registered is refused."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def printed(call: Callable[[], object]) -> tuple[BaseException, str]:
    """Make a call that raises; return the error and what `pytest -l -vv --tb=long` prints of it."""
    with pytest.raises(BaseException) as caught:
        call()
    # Without the frames of the test, which has planted them.
    caught.traceback = pytest.ExceptionInfo.from_exception(caught.value).traceback[2:]
    shown = caught.getrepr(
        showlocals=True, style="long", funcargs=True, truncate_locals=False, truncate_args=False
    )
    return caught.value, str(shown)


def check(shown: str) -> None:
    """Check that nothing is printed of a person, a secret or an answer."""
    # pprint breaks a line between two words, so that no redaction would find them.
    words = {"Planted", "planted@mail.test", "planted-bearer", "nonce", *PLANTED}
    assert {word for word in words if word in shown} == set()


@pytest.mark.parametrize("answer", TOKENS)
def test_nothing_of_a_token_s_answer_is_printed(web: responses.RequestsMock, answer: str) -> None:
    """However it is wrong: the token is fresh, so that nothing could redact it."""
    status, body = TOKENS[answer]
    web.post(TOKEN_URL, body=body, status=status)
    error, shown = printed(lambda: paypal_client().token())
    assert isinstance(error, ApiError)
    check(shown)


@pytest.mark.parametrize("answer", BATCHES)
def test_nothing_of_a_payout_s_answer_is_printed(web: responses.RequestsMock, answer: str) -> None:
    """Neither the receiver nor what PayPal or the store wrote about the payment."""
    status, body = BATCHES[answer]
    web.post(TOKEN_URL, body=TOKEN)
    web.get(BATCH_URL, body=body, status=status)
    error, shown = printed(lambda: paypal_client().payout_batch("B1"))
    assert isinstance(error, ApiError)
    check(shown)


@pytest.mark.parametrize(("call", "answer"), ODD)
def test_nothing_of_a_supplier_s_answer_is_printed(
    web: responses.RequestsMock, call: str, answer: str
) -> None:
    """Nor of what it was sent: the recipient of the order."""
    web.post(SUPPLIER, body=SUPPLIES[answer])
    error, shown = printed(CALLS[call])
    assert isinstance(error, ApiError)
    check(shown)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("Planted"), MemoryError(), UnicodeDecodeError("utf-8", b"Planted", 0, 1, "x")],
)
def test_nothing_is_printed_of_what_no_reader_foresees(
    web: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Any exception while an answer is read is an answer that can't be read.

    Of an order it is then not known whether it was placed.
    """

    def fail(_value: object) -> None:
        raise error

    web.post(TOKEN_URL, body=TOKEN)
    web.get(BATCH_URL, body=batch(item(b'"1.00"')))
    web.post(SUPPLIER, body=_supplier({"is_success": True, "order_list": [1]}))
    monkeypatch.setattr(fields, "text", fail)
    calls: list[Callable[[], object]] = [
        lambda: paypal_client().token(),
        lambda: paypal_client().payout_batch("B1"),
        *CALLS.values(),
    ]
    for number, call in enumerate(calls):
        raised, shown = printed(call)
        kind = OutcomeUnknown if number == len(calls) - 1 else Unavailable
        assert type(raised) is kind
        assert type(error).__name__ in str(raised)
        check(shown)


@pytest.mark.parametrize("kind", [requests.ConnectionError, ValueError, LookupError])
@pytest.mark.parametrize("call", CALLS)
def test_nothing_is_printed_of_a_request(
    web: responses.RequestsMock, call: str, kind: type[Exception]
) -> None:
    """Any exception of the HTTP library: its frames hold the form, and its text may."""

    def refuse(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        sent = parse_qs(str(request.body))
        raise kind(f"Planted {sent}")

    web.add_callback(responses.POST, SUPPLIER, callback=refuse)
    error, shown = printed(CALLS[call])
    assert isinstance(error, ApiError)
    check(shown)


def test_a_token_that_no_request_can_carry_is_not_printed() -> None:
    """The application's secrets come from the environment, and may be any text."""
    client = paypal_client(client_secret=Secret("planted\ud800"))
    error, shown = printed(lambda: client.token())
    assert isinstance(error, ApiError)
    check(shown)


@pytest.mark.parametrize("content", [["Planted"], "Planted", {"accessToken": "Planted\ud800"}])
def test_nothing_of_a_credential_is_printed(content: Any) -> None:
    """Neither what was decrypted nor the cipher's key, if it isn't what it should be."""
    key = "k" * 32
    stored = encrypted(content, key=key, iv=bytes(16))
    error, shown = printed(lambda: decrypt(stored, key=Secret(key), salt=Secret(SALT)))
    assert isinstance(error, UnreadableCredential)
    check(shown)
    assert "b'" not in shown
    assert 'b"' not in shown
