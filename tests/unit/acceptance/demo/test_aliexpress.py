"""The AliExpress simulator, called by the real client over loopback."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import requests

from pytest_prodstatus import Blocked, Money
from tests.acceptance import test_oauth
from tests.acceptance.demo.aliexpress_state import SimDelivery, SimSku
from tests.acceptance.support.aliexpress.gateway import sign
from tests.acceptance.support.aliexpress.orders import order_verdict
from tests.acceptance.support.errors import (
    ApiError,
    ClockDiffers,
    CredentialRejected,
    Misconfigured,
    NetworkFault,
    NotFound,
    OutcomeUnknown,
    QuoteUnreadable,
    RateLimited,
    RepeatedOrder,
    RequestRefused,
    TimedOut,
    Unavailable,
)
from tests.acceptance.support.secrets import Secret
from tests.unit.acceptance.providers import (
    APP_SECRET,
    NOW,
    Clock,
    Shop,
    Sleeps,
    aliexpress_client,
    order_request,
    supplier,
)

CREATE = "aliexpress.ds.order.create"
BENEFIT = "aliexpress.ds.member.benefit.get"


@pytest.fixture
def shop() -> Iterator[Shop]:
    """Serve the supplier for one test."""
    with supplier() as (state, url, clock):
        shop = Shop(state, url, clock)
        yield shop
        shop.client.close()


def test_a_signed_call_with_the_token_is_answered(shop: Shop) -> None:
    """Client and simulator agree on the signature without sharing its code."""
    assert shop.client.member_benefit().request_id
    assert shop.state.requests == {BENEFIT: 1}


@pytest.mark.parametrize(
    ("changes", "kind", "code"),
    [
        ({"app_secret": Secret("wrong")}, Misconfigured, "IncompleteSignature"),
        ({"app_key": "1"}, Misconfigured, "InvalidAppKey"),
        ({"access_token": Secret("expired")}, CredentialRejected, "IllegalAccessToken"),
        ({"clock": lambda: NOW - timedelta(minutes=121)}, ClockDiffers, "IllegalTimestamp"),
        ({"clock": lambda: NOW + timedelta(minutes=121)}, ClockDiffers, "IllegalTimestamp"),
    ],
)
def test_a_wrong_credential_is_refused_once(
    shop: Shop, changes: dict[str, Any], kind: type[ApiError], code: str
) -> None:
    """Signature, key, token and timestamp are each verified; the client doesn't repeat the call."""
    with pytest.raises(kind) as caught:
        shop.another(**changes).member_benefit()
    assert caught.value.code == code
    assert caught.value.request_id
    assert shop.state.requests[BENEFIT] == 1


def test_a_clock_within_two_hours_is_good_enough(shop: Shop) -> None:
    """The platform allows a skew of 7200 seconds."""
    for minutes in (-119, 119):
        clock = Clock()
        clock.now += timedelta(minutes=minutes)
        assert shop.another(clock=clock).member_benefit().request_id


def test_a_token_is_refused_on_demand(shop: Shop) -> None:
    """The fault reject_token refuses a token that was good."""
    shop.state.faults.reject_token = True
    with pytest.raises(CredentialRejected):
        shop.client.member_benefit()


def test_a_method_may_lack_permission(shop: Shop) -> None:
    """InsufficientPermission is a matter of set-up."""
    shop.state.permissions = frozenset({BENEFIT})
    shop.client.member_benefit()
    with pytest.raises(Misconfigured, match="InsufficientPermission"):
        shop.client.order("1")


class _Recorder:
    """Evidence that is kept nowhere."""

    def __call__(self, **values: object) -> None:
        """Record nothing."""

    def held(self, _claim: str) -> contextlib.nullcontext[None]:
        """Let a block of the criterion run."""
        return contextlib.nullcontext()


def test_a_clock_that_is_off_says_nothing_about_the_token(shop: Shop) -> None:
    """OAUTH is BLOCKED, and the remedy names the clock."""
    criterion: Any = test_oauth.test_access_token_accepted
    with pytest.raises(Blocked) as caught:
        criterion(shop.another(clock=lambda: NOW + timedelta(hours=3)), _Recorder())
    assert "set this machine's clock" in str(caught.value.reason.remedy)


def test_an_application_without_permissions_says_nothing_about_its_token(shop: Shop) -> None:
    """OAUTH is BLOCKED, inconclusive; a token that is refused is FAILED."""
    criterion: Any = test_oauth.test_access_token_accepted
    shop.state.permissions = frozenset()
    with pytest.raises(Blocked) as caught:
        criterion(shop.client, _Recorder())
    assert caught.value.reason.kind.value == "inconclusive"
    shop.state.permissions = None
    shop.state.faults.reject_token = True
    with pytest.raises(AssertionError, match="IllegalAccessToken"):
        criterion(shop.client, _Recorder())


def test_known_orders_are_found_and_others_are_not(shop: Shop) -> None:
    """An unknown order is None, a known one comes with status, amount and end."""
    shop.state.add_order("8001", "45.60", "FINISH", NOW, end_reason="cancel_order_close_trade")
    found = shop.client.order("8001")
    assert found is not None
    assert (found.status, found.amount) == ("FINISH", Money("45.60", "USD"))
    assert found.gmt_create == "2026-11-22 04:00:00"
    assert order_verdict(found) == "FAILED"
    assert shop.client.order("8002") is None
    assert shop.client.order('x"}') is None


@pytest.mark.parametrize(
    ("pay", "status", "verdict"),
    [(True, "WAIT_SELLER_SEND_GOODS", "CONFIRMED"), (False, "PLACE_ORDER_SUCCESS", "BLOCKED")],
)
def test_an_order_is_placed_and_read_back(shop: Shop, pay: bool, status: str, verdict: str) -> None:
    """try_to_pay decides whether it's bought or waits to lapse."""
    placed = shop.client.place_order(order_request(pay=pay, quantity=2))
    found = shop.client.order(placed.order_ids[0])
    assert found is not None
    assert (found.status, order_verdict(found)) == (status, verdict)
    assert found.amount == Money("26.99", "USD")
    assert shop.state.created == {"ps-1": 1}


def test_a_new_order_may_take_a_while_to_be_found(shop: Shop) -> None:
    """Until the delay is over, a look-up doesn't find the order."""
    shop.state.lookup_delay = timedelta(seconds=10)
    (order_id,) = shop.client.place_order(order_request()).order_ids
    assert shop.client.order(order_id) is None
    shop.clock.now += timedelta(seconds=10)
    assert shop.client.order(order_id) is not None


def test_a_repeat_is_harmless_for_a_day_and_no_longer(shop: Shop) -> None:
    """REPEATED_ORDER_ERROR within 24 hours; after that the same id buys again."""
    shop.client.place_order(order_request())
    shop.clock.now += timedelta(hours=23)
    with pytest.raises(RepeatedOrder):
        shop.client.place_order(order_request())
    assert shop.state.created["ps-1"] == 1
    shop.clock.now += timedelta(hours=2)
    shop.client.place_order(order_request())
    assert shop.state.created["ps-1"] == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"product_id": "1"}, "SKU_NOT_EXIST"),
        ({"sku_attr": "none"}, "SKU_NOT_EXIST"),
        ({"quantity": 101}, "INVENTORY_HOLD_ERROR"),
        ({"logistics_service": "OWL"}, "DELIVERY_METHOD_NOT_EXIST"),
    ],
)
def test_an_impossible_order_is_refused(shop: Shop, changes: dict[str, Any], code: str) -> None:
    """A business failure is a refusal, and nothing is created."""
    with pytest.raises(RequestRefused, match=code):
        shop.client.place_order(order_request(**changes))
    assert not shop.state.orders


@pytest.mark.parametrize(
    ("fault", "value", "kind", "created"),
    [
        ("down", True, OutcomeUnknown, 0),
        ("fail_next", 9, OutcomeUnknown, 0),
        ("garbage", True, OutcomeUnknown, 1),
        ("cut_next", 9, OutcomeUnknown, 1),
        ("slow_s", 30, OutcomeUnknown, 1),
        ("rate_limit_next", 9, RateLimited, 0),
        ("reject_token", True, CredentialRejected, 0),
    ],
)
def test_placing_is_tried_once_whatever_happens(
    shop: Shop, fault: str, value: Any, kind: type[ApiError], created: int
) -> None:
    """The POST goes out once; the outcome is unknown unless an effect is disproved."""
    sleeps = Sleeps()
    client = shop.another(timeout=(5, 0.2 if fault == "slow_s" else 5), sleep=sleeps)
    setattr(shop.state.faults, fault, value)
    with pytest.raises(kind) as caught:
        client.place_order(order_request())
    assert type(caught.value) is kind
    assert shop.state.created["ps-1"] == created
    left = getattr(shop.state.faults, fault)
    assert shop.state.requests[CREATE] <= 1
    assert left == 8 if value == 9 else left == value
    assert sleeps == []


def test_no_connection_proves_that_nothing_was_ordered() -> None:
    """A refused connection is a NetworkFault, not an unknown outcome."""
    with supplier() as (_, url, _clock):
        client = aliexpress_client(url)
    with pytest.raises(NetworkFault) as caught:
        client.place_order(order_request())
    assert not isinstance(caught.value, OutcomeUnknown)
    assert caught.value.sent is False


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
def test_a_sick_supplier_is_never_our_fault(
    shop: Shop, fault: str, value: Any, kind: type[ApiError]
) -> None:
    """A question that keeps failing ends with what the last answer meant."""
    sleeps = Sleeps()
    client = shop.another(timeout=(5, 0.02 if fault == "slow_s" else 5), sleep=sleeps)
    setattr(shop.state.faults, fault, value)
    with pytest.raises(kind) as caught:
        client.member_benefit()
    assert type(caught.value) is kind
    assert len(sleeps) == 4


def test_a_passing_fault_is_got_over(shop: Shop) -> None:
    """Two failures, a ban, a cut and an answer: the question is answered."""
    faults, sleeps = shop.state.faults, Sleeps()
    faults.fail_next, faults.rate_limit_next, faults.rate_limit_s, faults.cut_next = 1, 1, 3, 1
    faults.garbage_next = 1
    assert shop.another(sleep=sleeps).member_benefit().request_id
    assert any(3 <= seconds <= 3.25 for seconds in sleeps)


@pytest.mark.parametrize(
    ("token", "secret", "code"),
    [
        ("planted-refresh-token", APP_SECRET, "0"),
        ("another", APP_SECRET, "IllegalRefreshToken"),
        ("planted-refresh-token", "wrong", "IncompleteSignature"),
    ],
)
def test_a_refresh_gives_a_new_token_and_ends_the_old_one(
    shop: Shop, token: str, secret: str, code: str
) -> None:
    """The system call is signed with its path and answers flat."""
    path = "/auth/token/refresh"
    stamp = str(int(NOW.timestamp() * 1000))
    form = {"app_key": "12345678", "timestamp": stamp, "sign_method": "sha256"}
    form["refresh_token"] = token
    form["sign"] = sign(path, form, Secret(secret))
    with requests.Session() as session:
        session.trust_env = False
        response = session.post(f"{shop.url}/rest{path}", data=form, timeout=5).json()
    assert response["code"] == code
    if code == "0":
        assert response["expire_time"] == int(stamp) + 1000 * response["expires_in"]
        fresh = shop.another(access_token=Secret(response["access_token"]))
        assert fresh.member_benefit().request_id
        with pytest.raises(CredentialRejected):
            shop.client.member_benefit()
    else:
        assert "access_token" not in json.dumps(response)


def test_a_quote_takes_the_cheapest_variant_in_stock(shop: Shop) -> None:
    """Price, freight and total are exact; the ids of their calls are named."""
    shop.state.add_product(
        "1005002",
        "A chair",
        skus=[
            SimSku(sku_id="1", sku_attr="a", price=Decimal("5.00"), stock=1),
            SimSku(sku_id="2", sku_attr="b", price=Decimal("8.10")),
            SimSku(sku_id="3", sku_attr="c", price=Decimal("7.05")),
        ],
        deliveries=[
            SimDelivery(code="FAST", fee=Decimal("1172.71"), wording="units"),
            SimDelivery(code="SLOW", fee=Decimal("3.40"), wording="cents"),
            SimDelivery(code="ODD", fee=Decimal("0.01"), wording="ambiguous"),
        ],
    )
    quote = shop.client.quote("1005002", sku_id=None, quantity=2, ship_to="US", currency="USD")
    assert (quote.sku.sku_id, quote.delivery.code) == ("3", "SLOW")
    assert (quote.price, quote.freight) == (Money("14.10", "USD"), Money("3.40", "USD"))
    assert quote.total == Money("17.50", "USD")
    assert len(set(quote.request_ids)) == 2
    for name in ("2", "b"):
        named = shop.client.quote("1005002", sku_id=name, quantity=1, ship_to="US", currency="USD")
        assert named.sku.sku_id == "2"
    options = shop.client.freight("1005002", "3", 1, ship_to="US", currency="USD")
    fees = {option.code: option.fee for option in options}
    assert fees == {"FAST": Money("1172.71", "USD"), "SLOW": Money("3.40", "USD"), "ODD": None}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"quantity": 1}, "none of 1 delivery options has a settled fee in USD"),
        ({"quantity": 3}, "no variant has 3 in stock"),
        ({"sku_id": "other"}, "no variant 'other'"),
        ({"currency": "EUR"}, "priced in EUR"),
    ],
)
def test_a_quote_that_is_not_settled_is_none(shop: Shop, changed: dict[str, Any], why: str) -> None:
    """The ambiguous "172.71", too little stock, another variant or currency: no price at all."""
    shop.state.add_product(
        "1005003",
        "A table",
        skus=[SimSku(sku_id="1", sku_attr="a", price=Decimal(5), stock=2)],
        deliveries=[SimDelivery(fee=Decimal("172.71"), wording="ambiguous")],
    )
    arguments: dict[str, Any] = {"sku_id": None, "quantity": 1, "currency": "USD"} | changed
    with pytest.raises(QuoteUnreadable, match=why):
        shop.client.quote("1005003", ship_to="US", **arguments)


def test_free_shipping_is_free_and_an_unknown_product_is_not_found(shop: Shop) -> None:
    """free_shipping comes as text; a product that isn't there has no quote."""
    free = [SimDelivery(wording="free")]
    shop.state.add_product("1005004", "A cup", price="2", deliveries=free)
    quote = shop.client.quote("1005004", sku_id=None, quantity=1, ship_to="US", currency="USD")
    assert quote.total == Money(2, "USD")
    with pytest.raises(NotFound, match="1005999"):
        shop.client.product("1005999", ship_to="US", currency="USD")
    with pytest.raises(ValueError, match="at least 1"):
        shop.client.quote("1005004", sku_id=None, quantity=0, ship_to="US", currency="USD")
