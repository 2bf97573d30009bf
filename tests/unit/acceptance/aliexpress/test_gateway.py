"""Every call is signed; every envelope is read into an answer or into whose fault it is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses

from tests.acceptance.support.aliexpress.gateway import (
    REFUSALS,
    kind_of_business_error,
    sign,
)
from tests.acceptance.support.errors import (
    ApiError,
    ClockDiffers,
    CredentialRejected,
    Misconfigured,
    NotPermitted,
    OutcomeUnknown,
    RateLimited,
    RepeatedOrder,
    RequestRefused,
    Unavailable,
)
from tests.acceptance.support.http import MOST_BYTES
from tests.acceptance.support.masking import MASK
from tests.acceptance.support.secrets import Secret
from tests.unit.acceptance.providers import (
    APP_SECRET,
    PLANTED,
    SELLER_TOKEN,
    Sleeps,
    aliexpress_client,
    order_request,
)

URL = "https://supplier.test/sync"
BENEFIT = "aliexpress_ds_member_benefit_get_response"
PERSON = "buyer Anna Buyerin, tel +4917012345678, 12 Buyer Lane"
FEED = "aliexpress_ds_feedname_get_response"
ORDER = "aliexpress_trade_ds_order_get_response"
CREATE = "aliexpress_ds_order_create_response"
SECRET = Secret("helloworld")
SIGNED = {
    "app_key": "12345678",
    "format": "json",
    "method": "aliexpress.trade.ds.order.get",
    "partner_id": "iop-sdk-python-20220609",
    "session": "test",
    "sign_method": "sha256",
    "simplify": "false",
    "single_order_query": '{"order_id":"10000001"}',
    "timestamp": "1517820392000",
}
SIGNATURE = "63C750EE5C1591A8DB38DFEB5E76B7436A5BF589A9CEAAB156F3D10E586712D5"


@pytest.fixture
def web() -> Iterator[responses.RequestsMock]:
    """Answer for every host; an address that isn't registered is refused."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


def test_a_call_is_signed_and_carries_its_secrets_in_the_form_alone(
    web: responses.RequestsMock,
) -> None:
    """System parameters are those of the platform; neither address nor headers hold the token."""
    web.post(URL, json={BENEFIT: {"result": {}, "request_id": "r1"}})
    assert aliexpress_client().member_benefit().request_id == "r1"
    request = web.calls[0].request
    form = dict(parse_qsl(str(request.body)))
    assert form.pop("sign") == sign(form["method"], form, Secret(APP_SECRET))
    assert form == {
        "app_key": "12345678",
        "method": "aliexpress.ds.member.benefit.get",
        "timestamp": "1795348800000",
        "sign_method": "sha256",
        "session": SELLER_TOKEN,
        "format": "json",
        "v": "2.0",
        "simplify": "false",
    }
    assert request.url == URL
    assert SELLER_TOKEN not in str(request.headers)


GATEWAY: list[tuple[Any, type[ApiError]]] = [
    ({"code": "IllegalAccessToken", "type": "ISV"}, CredentialRejected),
    ({"code": "IllegalRefreshToken", "type": "ISV"}, CredentialRejected),
    ({"code": "InvalidAppKey"}, Misconfigured),
    ({"code": "IncompleteSignature"}, Misconfigured),
    ({"code": "InvalidSignature"}, Misconfigured),
    ({"code": "InsufficientPermission"}, NotPermitted),
    ({"code": "IllegalTimestamp"}, ClockDiffers),
    ({"code": 27, "msg": "Invalid session"}, CredentialRejected),
    ({"code": "25"}, Misconfigured),
    ({"code": 15, "sub_code": "isv.item-not-exist"}, RequestRefused),
    ({"code": 15, "sub_code": "isv.permission-denied"}, Misconfigured),
    ({"code": 15, "sub_code": "isp.service-timeout"}, Unavailable),
    ({"code": "isp.unknown-error"}, Unavailable),
    ({"code": "SomethingNew", "type": "ISV"}, RequestRefused),
    ({"code": "SomethingNew", "type": "ISP"}, Unavailable),
    ({"code": "SomethingNew", "type": "SYSTEM"}, Unavailable),
    ({"code": "SomethingNew"}, Unavailable),
    ({"code": "ApiCallLimit", "type": "SYSTEM"}, RateLimited),
]


@pytest.mark.parametrize(("error", "kind"), GATEWAY)
@pytest.mark.parametrize("flat", [False, True])
def test_a_gateway_refusal_says_whose_fault_it_is(
    web: responses.RequestsMock, error: dict[str, Any], kind: type[ApiError], flat: bool
) -> None:
    """Nested or flat, with a code as number or text: the same fault, with its request id."""
    error = {"request_id": "r9", "message" if flat else "msg": "no", **error}
    web.post(URL, json=error if flat else {"error_response": error})
    with pytest.raises(kind) as caught:
        aliexpress_client(retry_budget=0).member_benefit()
    assert type(caught.value) is kind
    assert caught.value.request_id == "r9"
    assert caught.value.code == str(error.get("sub_code", error["code"]))
    assert caught.value.provider == "AliExpress"


BUSINESS: list[tuple[dict[str, Any], type[ApiError]]] = [
    ({"is_success": False, "error_code": "INVENTORY_HOLD_ERROR"}, RequestRefused),
    ({"is_success": "false", "error_code": "PRICE_PAY_CURRENCY_ERROR"}, RequestRefused),
    ({"is_success": False, "error_code": "REPEATED_ORDER_ERROR"}, RepeatedOrder),
    ({"is_success": False, "error_code": "IllegalAccessToken"}, CredentialRejected),
    ({"is_success": False}, OutcomeUnknown),
    ({"is_success": False, "error_code": "isv.wrong"}, OutcomeUnknown),
    ({"is_success": False, "error_code": "INVENTORY_HOLD_ERROR_2"}, OutcomeUnknown),
    ({"is_success": False, "error_code": "ERROR_WHEN_BUILD_FOR_PLACE_ORDER"}, OutcomeUnknown),
    ({"is_success": False, "success": True, "error_code": "SKU_NOT_EXIST"}, OutcomeUnknown),
]


@pytest.mark.parametrize(("result", "kind"), BUSINESS)
def test_a_business_failure_in_a_success_s_clothes_is_a_failure(
    web: responses.RequestsMock, result: dict[str, Any], kind: type[ApiError]
) -> None:
    """HTTP 200 and the method's own envelope don't make is_success=false a success."""
    web.post(URL, json={CREATE: {"result": {**result, "error_msg": "no"}, "request_id": "r2"}})
    with pytest.raises(kind) as caught:
        aliexpress_client().place_order(order_request())
    assert type(caught.value) is kind
    assert caught.value.request_id == "r2"


@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_listed_code_proves_that_nothing_was_ordered(
    web: responses.RequestsMock, code: str
) -> None:
    """The list is closed; each code on it is an error of its own kind."""
    result = {"is_success": False, "error_code": code, "error_msg": "no"}
    web.post(URL, json={CREATE: {"result": result, "request_id": "r2"}})
    with pytest.raises(ApiError) as caught:
        aliexpress_client().place_order(order_request())
    assert not isinstance(caught.value, (OutcomeUnknown, RepeatedOrder))


@pytest.mark.parametrize(
    "body",
    [
        {"rsp_code": 402, "rsp_msg": "no such order type"},
        {"rsp_code": "500", "rsp_msg": "System error, please try again later", "result": {}},
        {"rsp_code": "10004009", "rsp_msg": "member not found"},
        {"rsp_code": "404", "rsp_msg": "API aliexpress.trade.ds.order.get does not exist"},
        {"rsp_code": "404", "rsp_msg": "order service not found"},
        {"rsp_code": "404", "rsp_msg": "order not exist, or the session has expired"},
        {"result": {"is_success": False, "error_code": "INVALID_SESSION", "error_msg": "x"}},
        {
            "result": {
                "is_success": False,
                "error_code": "INVALID_SESSION",
                "error_msg": "order not found",
            }
        },
        {"rsp_code": "404", "rsp_msg": "order not found", "message": "the member has no rights"},
        {"resp_result": {"resp_code": 405, "resp_msg": "query failed"}},
        {"result": {"is_success": False, "error_code": 500, "error_msg": "Internal server error"}},
        {"result": {"is_success": False, "error_code": 7}},
        {"result": {}, "error_code": "IllegalAccessToken", "error_msg": "invalid or expired"},
        {"result": {"code": "IllegalAccessToken", "msg": "invalid or expired"}},
        {"result": {"is_success": True, "order_status": "FINISH"}, "error_code": "SKU_NOT_EXIST"},
        {"result": '{"order_status": "FINISH"}', "rsp_code": "200"},
        {"result": [{"order_status": "FINISH"}], "rsp_code": "200"},
        {"resp_result": {"order_status": "FINISH"}, "rsp_code": "200"},
        {"result": {}, "resp_result": {"result": {"order_status": "FINISH"}}, "rsp_code": "200"},
        {"Result": {"order_status": "FINISH"}, "rsp_code": "200"},
        {"results": [{"order_status": "FINISH"}], "rsp_code": "200"},
        {"result": {}},
        {},
    ],
)
def test_what_is_not_documented_is_no_refusal(
    web: responses.RequestsMock, body: dict[str, Any]
) -> None:
    """An unknown code or form may be the service's own trouble: of the order it proves nothing."""
    web.post(URL, json={ORDER: {**body, "request_id": "r3"}})
    with pytest.raises(Unavailable) as caught:
        aliexpress_client(retry_budget=0).order("1")
    assert caught.value.request_id == "r3"


@pytest.mark.parametrize(
    "body",
    [
        {"rsp_code": "10004002", "rsp_msg": "order not exist"},
        {"rsp_code": "404", "rsp_msg": "The order 8001 doesn't exist."},
        {"result": {"is_success": False, "error_code": "ORDER_NOT_FOUND"}},
        {"result": {"is_success": False, "error_code": "TRADE_ID_NOT_EXIST", "error_msg": "no"}},
        {"result": {}, "rsp_code": "200"},
    ],
)
def test_an_order_that_does_not_exist_is_not_known_to_the_supplier(
    web: responses.RequestsMock, body: dict[str, Any]
) -> None:
    """The supplier shows it by an empty result, or by an error about the order and nothing else."""
    web.post(URL, json={ORDER: {**body, "request_id": "r3"}})
    assert aliexpress_client().order("1") is None


@pytest.mark.parametrize("word", ["order", "order id", "the order does", "order 1", "ORDER__NOT"])
@pytest.mark.parametrize("filling", [" ", "_", "0", " _", "no", "order", "not"])
def test_words_of_any_length_are_read_in_time(word: str, filling: str) -> None:
    """In proportion to their length: a code that scans them anew from each place would hang."""
    words = word + filling * (1_000_000 // len(filling)) + "x"
    assert kind_of_business_error("aliexpress.trade.ds.order.get", "500", [words]) is Unavailable


REFUSED = {"error_response": {"code": "InsufficientPermission", "request_id": "r0"}}
GONE = {"is_success": False, "error_code": "INVALID_SESSION", "error_msg": "member not found"}


@pytest.mark.parametrize(
    ("answers", "method"),
    [
        ([{BENEFIT: {"result": {}}}], "aliexpress.ds.member.benefit.get"),
        (
            [{BENEFIT: {"result": GONE}}, REFUSED, {ORDER: {"result": {}, "rsp_code": "200"}}],
            "aliexpress.trade.ds.order.get",
        ),
        (
            [REFUSED, REFUSED, {ORDER: {"rsp_code": "1", "rsp_msg": "order not exist"}}],
            "aliexpress.trade.ds.order.get",
        ),
        (
            [
                {BENEFIT: {"result": {"is_success": False, "error_code": "SOMETHING"}}},
                {FEED: {"resp_result": {"resp_code": 200, "result": {}}}},
            ],
            "aliexpress.ds.feedname.get",
        ),
    ],
)
def test_what_the_service_answers_proves_the_token(
    web: responses.RequestsMock, answers: list[dict[str, Any]], method: str
) -> None:
    """That the requested thing doesn't exist is an answer; if a service fails, the next may not."""
    for answer in answers:
        web.post(URL, json=answer)
    assert aliexpress_client(retry_budget=0).proof_of_token().method == method


def test_what_doubts_the_token_is_not_passed_over(web: responses.RequestsMock) -> None:
    """In an odd form it is no refusal, and another service's answer doesn't outweigh it."""
    doubt = {"result": {"code": "IllegalAccessToken", "msg": "invalid or expired"}}
    web.post(URL, json={BENEFIT: doubt})
    web.post(URL, json={FEED: {"resp_result": {"resp_code": 200, "result": {}}}})
    with pytest.raises(Unavailable):
        aliexpress_client(retry_budget=0).proof_of_token()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (REFUSED, NotPermitted),
        ({BENEFIT: {"result": {"is_success": False}}}, Unavailable),
        ({BENEFIT: {"result": GONE}}, Unavailable),
        (
            {BENEFIT: {"result": {"is_success": False, "error_code": "MEMBER_NOT_FOUND"}}},
            Unavailable,
        ),
        ({"error_response": {"code": "MissingParameter"}}, Unavailable),
        ({"error_response": {"code": "IllegalAccessToken"}}, CredentialRejected),
        ({"error_response": {"code": "IllegalTimestamp"}}, ClockDiffers),
        ({"result": "maintenance", "message": "We'll be back soon"}, Unavailable),
        ({"result": {"status": "maintenance"}}, Unavailable),
    ],
)
def test_no_service_s_answer_proves_no_token(
    web: responses.RequestsMock, answer: dict[str, Any], kind: type[ApiError]
) -> None:
    """Only the gateway's word about the token is one; anything else leaves it open."""
    web.post(URL, json=answer)
    with pytest.raises(kind) as caught:
        aliexpress_client(retry_budget=0).proof_of_token()
    assert type(caught.value) is kind


@pytest.mark.parametrize("code", ["0", 0, None, 200])
def test_code_zero_is_fine(web: responses.RequestsMock, code: object) -> None:
    """A flat answer with code 0 is a success, as number or text."""
    web.post(URL, json={"code": code, "request_id": "r4", "result": {"level": 1}})
    assert aliexpress_client().member_benefit().request_id == "r4"


@pytest.mark.parametrize("body", ["", "<html>", "[]", "{}", '{"other_response":{}}', "null"])
def test_an_answer_that_cannot_be_read_is_the_providers_fault(
    web: responses.RequestsMock, body: str
) -> None:
    """Garbage with HTTP 200 is Unavailable, never a success and never a refusal."""
    web.post(URL, body=body)
    with pytest.raises(Unavailable):
        aliexpress_client(retry_budget=0).member_benefit()


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (500, "{}", Unavailable),
        (502, "<html>", Unavailable),
        (503, '{"code":"IllegalAccessToken","type":"ISV"}', Unavailable),
        (400, "<html>", Unavailable),
        (403, "<html>", Unavailable),
        (404, "<html>", Unavailable),
        (451, '{"message":"blocked"}', Unavailable),
        (302, "", Unavailable),
        (400, '{"code":"IllegalAccessToken"}', CredentialRejected),
        (429, "", RateLimited),
    ],
)
def test_the_http_status_counts_too(
    web: responses.RequestsMock, status: int, body: str, kind: type[ApiError]
) -> None:
    """5xx is the provider's fault with any body; in a 4xx only the provider's own code counts."""
    web.post(URL, body=body, status=status)
    with pytest.raises(kind) as caught:
        aliexpress_client(retry_budget=0).member_benefit()
    assert caught.value.http_status == status


def test_a_ban_is_waited_out(web: responses.RequestsMock) -> None:
    """A ban's "will last N seconds" and Retry-After are honoured, then the call is repeated."""
    ban = {"code": "ApiCallLimit", "msg": "frequency exceeded, this ban will last 4 seconds"}
    web.post(URL, json={"error_response": ban})
    web.post(URL, status=429, headers={"Retry-After": "6"})
    web.post(URL, json={BENEFIT: {"result": {}, "request_id": "r5"}})
    sleeps = Sleeps()
    aliexpress_client(sleep=sleeps).member_benefit()
    assert [int(seconds) for seconds in sleeps] == [4, 6]


@pytest.mark.parametrize(
    ("result", "ids"),
    [
        ({"is_success": True, "order_list": {"number": [8198352049851315]}}, ["8198352049851315"]),
        ({"is_success": "true", "order_list": [1, "2"]}, ["1", "2"]),
        ({"order_list": {"number": "77"}}, ["77"]),
        ({"order_list": {"number": ["77", 77, "78"]}}, ["77", "78"]),
    ],
)
def test_order_ids_come_in_several_shapes(
    web: responses.RequestsMock, result: dict[str, Any], ids: list[str]
) -> None:
    """order_list may be a bare array, its numbers text; one that comes twice is one order."""
    web.post(URL, json={CREATE: {"result": result, "request_id": "r6"}})
    placed = aliexpress_client().place_order(order_request())
    assert (list(placed.order_ids), placed.request_id) == (ids, "r6")


UNCERTAIN: list[dict[str, Any]] = [
    {"json": {CREATE: {"result": {"is_success": True}, "request_id": "r7"}}},
    {"json": {CREATE: {"result": {"is_success": True, "order_list": {"number": [0, ""]}}}}},
    {"json": {CREATE: {"result": {"is_success": False, "error_code": "SYSTEM_ERROR"}}}},
    {"json": {"error_response": {"code": 15, "sub_code": "isp.timeout"}}},
    {"body": "<html>"},
    {"body": b"{}".ljust(MOST_BYTES + 1)},
    {"status": 502},
    {"body": TimeoutError("planted")},
]


@pytest.mark.parametrize("response", UNCERTAIN)
def test_an_order_whose_fate_is_unknown_is_never_called_refused(
    web: responses.RequestsMock, response: dict[str, Any]
) -> None:
    """Success without an id, 5xx, isp.*, garbage and cuts leave it open; nothing is repeated."""
    web.post(URL, **response)
    with pytest.raises(OutcomeUnknown):
        aliexpress_client().place_order(order_request())
    assert len(web.calls) == 1


def test_what_placing_sends(web: responses.RequestsMock) -> None:
    """The order's JSON has the provider's names; try_to_pay is set if it's paid at once."""
    web.post(URL, json={CREATE: {"result": {"is_success": True, "order_list": [5]}}})
    aliexpress_client().place_order(order_request(pay=False, quantity=2))
    form = dict(parse_qsl(str(web.calls[0].request.body)))
    order = json.loads(form["param_place_order_request4_open_api_d_t_o"])
    assert order["out_order_id"] == "ps-1"
    assert order["logistics_address"]["country"] == "US"
    assert order["logistics_address"]["full_name"] == "Planted Person"
    assert order["product_items"][0]["product_count"] == 2
    payment = json.loads(form["ds_extend_request"])["payment"]
    assert payment == {"pay_currency": "USD", "try_to_pay": False}


@pytest.mark.parametrize("flat", [False, True])
def test_a_provider_that_echoes_secrets_shows_none(
    web: responses.RequestsMock, flat: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Secrets in an error's message, code and id are masked, and absent from logs."""
    caplog.set_level("DEBUG")
    echo = f"bad token {SELLER_TOKEN} secret {APP_SECRET} sent"
    error = {"code": f"X{SELLER_TOKEN}", "type": "ISV", "request_id": SELLER_TOKEN}
    error |= {"message": echo, "msg": echo}
    web.post(URL, json=error if flat else {"error_response": error})
    client = aliexpress_client()
    with pytest.raises(RequestRefused) as caught:
        client.member_benefit()
    shown = f"{caught.value} {caught.value!r} {vars(caught.value)} {caplog.text} {vars(client)}"
    assert not [secret for secret in PLANTED if secret in shown]
    assert "code X********" in shown


@pytest.mark.parametrize(
    "answer",
    [
        {"error_response": {"code": "isp.down", "msg": PERSON, "sub_msg": PERSON}},
        {"code": "IllegalAccessToken", "type": "ISV", "message": PERSON},
        {"code": PERSON, "type": "ISV", "message": PERSON, "request_id": PERSON},
        {BENEFIT: {"result": {"is_success": False, "error_code": "X", "error_msg": PERSON}}},
        {BENEFIT: {"rsp_code": "500", "rsp_msg": PERSON, "request_id": PERSON}},
    ],
)
def test_the_supplier_s_words_are_not_shown(
    web: responses.RequestsMock, answer: dict[str, Any]
) -> None:
    """They may name anyone; a code and an id, which have no space, don't."""
    web.post(URL, json=answer)
    with pytest.raises(ApiError) as caught:
        aliexpress_client(retry_budget=0).member_benefit()
    assert "Buyer" not in f"{caught.value} {vars(caught.value)}"


@pytest.mark.parametrize(
    ("status", "end_reason", "shown"),
    [
        ("WAIT_SELLER_SEND_GOODS", None, ("WAIT_SELLER_SEND_GOODS", None)),
        ("FINISH", "buyer_accept_goods", ("FINISH", "buyer_accept_goods")),
        ("FINISH", " Cancel_order_close_trade ", ("FINISH", "Cancel_order_close_trade")),
        ("FINISH", "a_new_reason", ("FINISH", "a_new_reason")),
        ("FINISH", f"closed for {PERSON}", ("FINISH", MASK)),
        (PERSON, None, (MASK, None)),
    ],
)
def test_of_an_order_s_end_words_are_not_shown(
    web: responses.RequestsMock, status: str, end_reason: str | None, shown: tuple[str, str | None]
) -> None:
    """A code is; of a sentence it isn't known how the order ended."""
    web.post(URL, json={ORDER: {"result": {"order_status": status, "end_reason": end_reason}}})
    order = aliexpress_client().order("1")
    assert order is not None
    assert (order.status, order.end_reason) == shown


def test_a_traceback_with_locals_shows_no_secret_and_no_person(
    web: responses.RequestsMock,
) -> None:
    """Every variable of every frame of the package, as pytest -l prints them, is clean."""
    web.post(URL, status=500)
    with pytest.raises(OutcomeUnknown) as caught:
        aliexpress_client().place_order(order_request())
    error: BaseException | None = caught.value
    shown = []
    while error is not None:
        trace = error.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename != __file__:
                shown.append(repr(trace.tb_frame.f_locals))
            trace = trace.tb_next
        error = error.__cause__ or error.__context__
    text = " ".join(shown)
    assert len(shown) >= 3
    assert not re.search("planted", text, re.IGNORECASE)


def test_a_business_call_signs_its_parameters_alone() -> None:
    """The method's name and the path /sync aren't part of the message."""
    assert sign("/sync", SIGNED, SECRET) == SIGNATURE
    assert sign("aliexpress.trade.ds.order.get", SIGNED, SECRET) == SIGNATURE


def test_a_system_call_signs_its_path_too() -> None:
    """The path stands before the parameters."""
    params = {
        "app_key": "12345678",
        "code": "3_500102_JxZ05Ux3cnnSSUm6dCxYg6Q26",
        "sign_method": "sha256",
        "timestamp": "1517820392000",
    }
    expected = "35607762342831B6A417A0DED84B79C05FEFBF116969C48AD6DC00279A9F4D81"
    assert sign("/auth/token/create", params, SECRET) == expected


def test_neither_order_nor_an_old_signature_matter() -> None:
    """Parameters are sorted by key, and `sign` is left out."""
    shuffled = {"sign": "OLD", **dict(reversed(SIGNED.items()))}
    assert sign("/sync", shuffled, SECRET) == SIGNATURE
