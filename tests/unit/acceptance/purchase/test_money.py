"""What a purchase may cost, and how often: attacks on the key, the amount and the words."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import Action, Plan, State, once_a_day
from tests.acceptance import test_placeorder
from tests.acceptance.demo.aliexpress_state import SimSku
from tests.acceptance.support.aliexpress.orders import SupplierOrder
from tests.acceptance.support.masking import MASK
from tests.acceptance.support.purchase.journal import CRITERION, latest_order, order_price
from tests.acceptance.support.purchase.placed import ReadBack, read_back, settle
from tests.unit.acceptance.providers import aliexpress_client
from tests.unit.acceptance.purchase.test_attacked import body, meddled
from tests.unit.acceptance.purchases import Bench
from tests.unit.acceptance.waits import Looks

CRITERIA: Any = test_placeorder
PRODUCT = "1005001234567890"
MONTH = timedelta(days=30)


def read(bench: Bench, action: Action) -> ReadBack:
    """Read an order back as its criterion does."""
    client = aliexpress_client(bench.url, clock=bench.clock)
    return read_back(client, action, now=bench.clock(), wait=Looks())


def ends(bench: Bench, reason: str) -> Action:
    """Place an order that ends at the supplier for a reason."""
    action = bench.place()
    order = bench.state.orders[action.receipts[0]]
    order.status, order.end_reason = "FINISH", reason
    return action


def test_the_supplier_may_refuse_twice_a_day(bench: Bench) -> None:
    """A third attempt isn't made, although each refusal proves that nothing was ordered."""
    product = bench.state.products[PRODUCT]
    bench.state.permissions = frozenset(
        f"aliexpress.ds.{name}" for name in ("product.get", "freight.query", "member.benefit.get")
    )
    for _ in range(2):
        with pytest.raises(AssertionError, match="InsufficientPermission"):
            bench.place()
    bench.state.permissions = None
    kind, reason = bench.blocked()
    assert (kind, "all the attempts" in reason, bench.ordered) == ("not-armed", True, 0)
    bench.clock.now += timedelta(days=1)
    assert bench.place().attempt == 1
    assert product.skus[0].stock == 100


def test_three_names_of_a_target_buy_once(bench: Bench) -> None:
    """What is bought, from whom and with which application is the key; the name is a label."""
    first = bench.place()
    for name in ("production", "prod", "live"):
        bench.target = name
        assert bench.place() == first
        with bench.journal() as journal:
            key, now = bench.order_key, bench.clock()
            assert latest_order(journal, key, now=now, valid_for=MONTH) == first
    assert bench.ordered == 1


@pytest.mark.parametrize(
    "change",
    [
        {"application": "87654321"},
        {"project": "another"},
        {"product": "1005001234567891"},
    ],
    ids=str,
)
def test_another_store_s_order_confirms_nothing(bench: Bench, change: dict[str, str]) -> None:
    """Nor does it take its key, on one machine and in one journal."""
    bench.place()
    if "application" in change:
        bench.account = replace(bench.account, application=change["application"])
    bench.project = change.get("project", bench.project)
    if "product" in change:
        bench.state.add_product(change["product"], "Another lamp", price="12.50")
        bench.variables["TEST_PRODUCT_URL"] = change["product"]
    with bench.journal() as journal:
        key, now = bench.order_key, bench.clock()
        assert latest_order(journal, key, now=now, valid_for=MONTH) is None
    assert bench.place().state is State.CONFIRMED
    assert bench.ordered == 2


OWNERS = ("user 1", "user 2", "every user")


@pytest.mark.parametrize("owner", OWNERS)
@pytest.mark.parametrize("later", [timedelta(hours=1), timedelta(days=29)], ids=str)
def test_one_application_buys_once_whoever_connected_it(
    bench: Bench, owner: str, later: timedelta
) -> None:
    """A token in the environment, a row of any user or scope, one that was switched off: one key.

    Nothing says that it is another account at the supplier, so nothing is bought again.
    """
    first = bench.place()
    assert first.details["account"] == "application 12345678 of user 1"
    bench.clock.now += later
    bench.account = replace(bench.account, owner=owner)
    assert bench.place() == first
    assert bench.ordered == 1


@pytest.mark.parametrize("owner", OWNERS)
def test_an_open_order_of_an_application_blocks_whoever_connected_it(
    bench: Bench, owner: str
) -> None:
    """It may have been placed, with the same account."""
    with bench.journal() as journal:
        former = journal.sent(journal.intend(_former(bench, "user 1")))
        journal.unknown(former, "the answer was cut")
    bench.account = replace(bench.account, owner=owner)
    for days in (0, 1, 40):
        bench.clock.now += timedelta(days=days)
        assert bench.blocked()[0] == "unresolved-intent"
    assert bench.ordered == 0


@pytest.mark.parametrize("former", OWNERS)
@pytest.mark.parametrize("owner", OWNERS)
def test_an_order_under_a_key_with_an_owner_is_found(bench: Bench, former: str, owner: str) -> None:
    """Older releases wrote who connected the account into the key: it is the same order."""
    with bench.journal() as journal:
        sent = journal.sent(journal.intend(_former(bench, former)))
        order = journal.confirmed(sent, ["7700000000000001"])
    bench.account = replace(bench.account, owner=owner)
    bench.clock.now += timedelta(days=29)
    with bench.journal() as journal:
        key, now = bench.order_key, bench.clock()
        assert latest_order(journal, key, now=now, valid_for=MONTH) == order
    assert bench.place() == order
    bench.account = replace(bench.account, application="1234567")
    assert bench.place() != order
    assert bench.ordered == 1


def test_an_order_under_a_key_with_an_owner_takes_its_day(bench: Bench) -> None:
    """One that isn't to be paid takes the day, a later day blocks, and refusals count together."""
    with bench.journal() as journal:
        plan = _former(bench, "user 2")
        for _ in range(2):
            journal.rejected(journal.intend(plan), "refused")
    kind, reason = bench.blocked()
    assert (kind, "all the attempts" in reason) == ("not-armed", True)
    bench.clock.now += timedelta(days=1)
    with bench.journal() as journal:
        unpaid = journal.sent(journal.intend(_former(bench, "user 3", mode="unpaid")))
        journal.confirmed(unpaid, ["7700000000000002"])
    assert bench.blocked()[0] == "not-armed"
    bench.clock.now -= timedelta(days=1)
    assert bench.blocked()[0] == "unresolved-intent"
    assert bench.ordered == 0


def _former(bench: Bench, owner: str, *, mode: str = "paid") -> Plan:
    """Return a plan as older releases made it: its key has who connected the account."""
    now = bench.clock()
    return Plan(
        criterion=CRITERION,
        project="shop",
        target="production",
        subject=f"product {PRODUCT} from AliExpress for application 12345678 of {owner}",
        key=once_a_day(now),
        payload_digest="0f1e",
        armed_by="a person",
        expires_at=now + timedelta(minutes=10),
        details={"mode": mode, "route": "direct"},
    )


@pytest.mark.parametrize("target", ["demo", "production"])
def test_an_order_of_an_older_release_blocks_and_confirms(bench: Bench, target: str) -> None:
    """It has no key of what was bought: its open end blocks every name, its success its own."""
    now = bench.clock()
    plan = Plan(
        criterion=CRITERION,
        project="shop",
        target=target,
        key=once_a_day(now),
        payload_digest="0f1e",
        armed_by="a person",
        expires_at=now + timedelta(minutes=10),
        details={"mode": "paid", "route": "direct"},
    )
    with bench.journal() as journal:
        former = journal.sent(journal.intend(plan))
    assert bench.blocked()[0] == "unresolved-intent"
    with bench.journal() as journal:
        journal.confirmed(former, ["8198"])
        found = latest_order(journal, bench.order_key, now=now, valid_for=MONTH)
    assert (found is not None) == (target == "demo")
    if found is not None:
        assert bench.place() == found
    else:
        assert bench.blocked()[0] == "not-armed"
    assert bench.ordered == 0


def test_an_order_that_cost_more_than_its_quote_fails(bench: Bench) -> None:
    """Both amounts are named, and the cap; what was quoted proves nothing about what was taken."""
    action = bench.place()
    price = order_price(action)
    assert read(bench, action).overcharge(price) == ""
    for taken in ("240.00", "14.50"):
        bench.state.orders[action.receipts[0]].amount = Decimal(taken)
        words = read(bench, action).overcharge(price)
        for amount in (f"{taken} USD", "14.49 USD", "25.00 USD"):
            assert amount in words


@pytest.mark.parametrize(
    ("amount", "currency", "ends"),
    [
        ("14.49", "USD", None),
        ("14.50", "USD", AssertionError),
        ("14.49", "EUR", Blocked),
        ("NaN", "USD", Blocked),
    ],
)
def test_the_criterion_judges_what_was_taken_and_is_dated_by_the_claim(
    bench: Bench, amount: str, currency: str, ends: type[BaseException] | None
) -> None:
    """Dearer is FAILED with both amounts, what can't be compared BLOCKED, however it was bought."""
    action = bench.place()
    order = bench.state.orders[action.receipts[0]]
    order.amount, order.currency = Decimal(amount), currency
    dates: list[datetime] = []
    bench.clock.now += timedelta(days=29)
    with bench.journal() as journal, contextlib.ExitStack() as stack:
        if ends is not None:
            stack.enter_context(pytest.raises(ends, match=r"14\.49 USD|14\.50 USD"))
        CRITERIA.test_order_known_to_supplier(
            order_placed=action,
            journal=journal,
            supplier=aliexpress_client(bench.url, clock=bench.clock),
            now=bench.clock(),
            wait=Looks(),
            evidence=Mock(),
            prodstatus_seen_at=dates.append,
        )
    assert dates == [action.claimed_at]


def test_the_criterion_that_places_an_order_claims_no_payment(bench: Bench) -> None:
    """It sees an order's id alone; if the supplier waits for the money, the other is BLOCKED."""
    action = bench.place()
    bench.state.orders[action.receipts[0]].status = "PLACE_ORDER_SUCCESS"
    with pytest.raises(Blocked, match="is PLACE_ORDER_SUCCESS at the supplier"):
        read(bench, action).require_settled()
    assert "paid for" not in CRITERIA.test_real_order_placed.__doc__


def test_an_order_that_is_read_back_is_dated_by_its_claim(bench: Bench) -> None:
    """Not by the day on which it is read, or it would be valid for its time twice."""
    action = bench.place()
    dates: list[datetime] = []
    CRITERIA.test_real_order_placed(
        placed_before=action,
        request=None,
        evidence=Mock(),
        prodstatus_seen_at=dates.append,
    )
    assert dates == [action.claimed_at]


@pytest.mark.parametrize(("amount", "currency"), [("14.49", "EUR"), ("NaN", "USD")])
def test_an_amount_that_can_t_be_compared_is_not_confirmed(
    bench: Bench, amount: str, currency: str
) -> None:
    """Another currency, or no number: BLOCKED, never at most the quote."""
    action = bench.place()
    order = bench.state.orders[action.receipts[0]]
    order.amount, order.currency = Decimal(amount), currency
    found = read(bench, action)
    assert found.overcharge(order_price(action)) == ""
    with pytest.raises(Blocked, match=r"quoted at 14\.49 USD"):
        found.require_amount(order_price(action))


def test_the_amounts_of_several_orders_count_together(bench: Bench) -> None:
    """One purchase may become two orders at the supplier."""
    action = bench.place()
    bench.state.add_order("77", "10.00", "WAIT_SELLER_SEND_GOODS", bench.clock())
    with bench.journal() as journal:
        both = (*action.receipts, "77")
        journal.lapsed(action, "for a test")
        second = journal.confirmed(
            journal.sent(journal.intend(_again(action))), both, "two in one purchase"
        )
    assert "24.49 USD" in read(bench, second).overcharge(order_price(second))


def _again(action: Action) -> Plan:
    names = Plan.__struct_fields__
    return Plan(**{name: getattr(action, name) for name in names})


@pytest.mark.parametrize("reason", ["buyer_pay_timeout", "cancel_order_close_trade"])
def test_an_order_that_lapsed_is_no_dead_end(bench: Bench, reason: str) -> None:
    """It is settled as lapsed, the run says so, and another is placed: on that day one more."""
    action = ends(bench, reason)
    with bench.journal() as journal:
        found = read(bench, action)
        assert (found.verdict, found.lapsed) == ("FAILED", True)
        words = settle(journal, action, found)
        assert f"FINISH {reason}" in words
        assert "it lapsed, the journal has it as LAPSED, and another may be placed" in words
        assert "it lapsed" in settle(journal, action, found)  # another process was first
        assert latest_order(journal, bench.order_key, now=bench.clock(), valid_for=MONTH) is None
    bench.clock.now += timedelta(hours=1)
    second = ends(bench, reason)
    assert (second.attempt, second.receipts == action.receipts) == (2, False)
    with bench.journal() as journal:
        settle(journal, second, read(bench, second))
    assert bench.blocked()[0] == "not-armed"
    bench.clock.now += timedelta(days=1)
    assert bench.place().state is State.CONFIRMED
    assert bench.ordered == 3


def test_an_order_whose_end_may_mean_either_stays_bought(bench: Bench) -> None:
    """Nothing lapsed, and nothing is bought; a person looks, and is told the reason."""
    action = ends(bench, "buyer_cancel_order")
    found = read(bench, action)
    assert (found.verdict, found.lapsed) == ("FAILED", False)
    order = bench.state.orders[action.receipts[0]]
    order.end_reason = "trade_closed"
    found = read(bench, action)
    assert (found.verdict, found.lapsed) == ("BLOCKED", False)
    with pytest.raises(Blocked, match="FINISH trade_closed") as caught:
        found.require_settled()
    assert "supplier's site" in (caught.value.reason.remedy or "")
    assert "lapsed" not in (caught.value.reason.remedy or "")
    assert bench.place() == action
    assert bench.ordered == 1


def test_an_order_that_may_yet_arrive_has_not_lapsed(bench: Bench) -> None:
    """Nothing is bought on top of it, and a person is told how to record its end."""
    action = bench.place()
    order = bench.state.orders[action.receipts[0]]
    order.status, order.end_reason = "IN_CANCEL", "cancel_order_close_trade"
    found = read(bench, action)
    assert (found.verdict, found.lapsed) == ("FAILED", False)
    with bench.journal() as journal:
        words = settle(journal, action, found)
    look, record = (
        words.index(text)
        for text in (
            "look at it on the supplier's site; only if it was cancelled there",
            f"`prodstatus journal resolve {action.id} --lapsed`",
        )
    )
    assert look < record
    assert bench.place().id == action.id
    assert bench.ordered == 1


@pytest.mark.parametrize("owner", OWNERS)
def test_an_order_that_the_token_does_not_know_stays_bought(bench: Bench, owner: str) -> None:
    """Another account of the application may have placed it: BLOCKED, and nothing is bought."""
    action = bench.place()
    bench.account = replace(bench.account, owner=owner)
    bench.state.orders.clear()
    bench.clock.now += timedelta(hours=2)
    found = read(bench, action)
    assert (found.verdict, found.lapsed) == ("BLOCKED", False)
    with pytest.raises(Blocked, match="UNKNOWN at the supplier") as caught:
        found.require_settled()
    assert "another account of the application" in caught.value.reason.text
    assert "supplier's site" in (caught.value.reason.remedy or "")
    assert bench.place() == action
    assert bench.ordered == 1


def test_a_journal_that_may_get_lost_guards_nothing(bench: Bench) -> None:
    """A container without a volume has a new one every day; nothing is bought without words."""
    del bench.variables["PRODSTATUS_STATE_URL"]
    for words in ("", "1", "yes", "it lasts"):
        bench.variables["PRODSTATUS_LOCAL_JOURNAL"] = words
        kind, reason = bench.blocked()
        assert (kind, "PRODSTATUS_STATE_URL is not set" in reason) == ("not-armed", True)
    assert not bench.state.requests
    bench.variables["PRODSTATUS_LOCAL_JOURNAL"] = " This machine  keeps it "
    assert bench.place().state is State.CONFIRMED


@pytest.mark.parametrize("attributes", [("", ""), ("14:29", "14:29")])
def test_what_is_quoted_is_what_is_bought(bench: Bench, attributes: tuple[str, str]) -> None:
    """An order names its variant by attributes: if two have the same, the dearer may be sent."""
    skus = [
        SimSku(sku_id=str(number), sku_attr=attribute, price=Decimal(price))
        for number, attribute, price in zip((1, 2), attributes, ("5", "20"), strict=True)
    ]
    bench.state.products[PRODUCT].skus[:] = skus
    kind, reason = bench.blocked()
    assert (kind, "don't tell the variant from the others" in reason) == (
        "provider-unavailable",
        True,
    )
    assert bench.ordered == 0


def test_a_second_number_of_a_product_buys_nothing(bench: Bench) -> None:
    """It would be another key in the journal, and the order of the first number not found."""
    bench.place()
    bench.state.products["3256804815048138"] = bench.state.products[PRODUCT]
    bench.variables["TEST_PRODUCT_URL"] = "https://www.aliexpress.us/item/3256804815048138.html"
    kind, reason = bench.blocked()
    assert (kind, bench.ordered) == ("provider-unavailable", 1)
    assert f"product 3256804815048138 is about {PRODUCT}" in reason


@pytest.mark.parametrize(
    "change",
    [
        {"TEST_PRODUCT_URL": PRODUCT},
        {"TEST_PRODUCT_URL": f"http://de.aliexpress.com/i/{PRODUCT}.html?sku=2#x"},
        {"TEST_PRODUCT_SKU": f"{PRODUCT}01"},
        {"TEST_COUNTRY": "US", "TEST_CITY": "Elsewhere"},
        {"PRODSTATUS_SPEND_LIMIT": "20.00 USD"},
    ],
    ids=str,
)
def test_nothing_else_makes_another_key(bench: Bench, change: dict[str, str]) -> None:
    """Another form of the URL, a variant, an address or a cap is no wish for a second order."""
    first = bench.place()
    bench.variables |= change
    bench.clock.now += timedelta(days=2)
    assert bench.place() == first
    assert bench.ordered == 1


HIDDEN = ("9 elm", "person", "town", "california", "90210", "5550100000")


@pytest.mark.parametrize("code", ["INVENTORY_HOLD_ERROR", "ANYTHING_ELSE"])
def test_the_recipient_is_in_no_line_if_the_supplier_repeats_it(bench: Bench, code: str) -> None:
    """However short, in any case, in a message, a code or an id: not in the journal or a reason."""
    bench.variables |= {"TEST_ADDRESS": "9 Elm", "TEST_STATE": "California", "TEST_ZIP": "90210"}
    repeated = (
        "Dear A. PERSON, 9  ELM, Town%2C california 90210 US +1 15550100000, zip%2520 90210 "
        "9\u200bＥＬＭ and &#116&#111&#119&#110 can't be sent to"
    )
    result = {"is_success": False, "error_code": code, "error_msg": repeated}
    answer = {"aliexpress_ds_order_create_response": {"result": result, "request_id": "9 Elm/1"}}
    private = bench.purchase(bench.journal()).settings.private
    with meddled(bench.url) as (meddler, url), bench.journal() as journal:
        meddler.spoil = body(json.dumps(answer).encode())
        client = aliexpress_client(url, clock=bench.clock, private=private)
        with pytest.raises((AssertionError, Blocked)) as caught:
            bench.purchase(journal, client).place()
        client.close()
        error: BaseException | None = caught.value
        shown = [event.note for action in journal.actions() for event in action.events]
        while error is not None:
            shown += [str(error), repr(error)]
            error = error.__cause__
    assert code in " ".join(shown)
    assert not [text for text in HIDDEN if text in " ".join(shown).lower()]


@pytest.mark.parametrize(
    ("number", "why"),
    [
        ("5550100000", "a number of the recipient"),
        ("15550100000", "a number of the recipient"),
        ("0005550100000", "no order id"),
        ("12345", "a number of the recipient"),
    ],
)
def test_a_number_of_the_recipient_is_no_order_id(bench: Bench, number: str, why: str) -> None:
    """It proves no order, and the journal doesn't keep it."""
    result = {"is_success": True, "order_list": {"number": [number]}}
    answer = {"aliexpress_ds_order_create_response": {"result": result, "request_id": "r-1"}}
    with meddled(bench.url) as (meddler, url), bench.journal() as journal:
        meddler.spoil = body(json.dumps(answer).encode())
        client = aliexpress_client(url, clock=bench.clock)
        with pytest.raises(Blocked) as caught:
            bench.purchase(journal, client).place()
        client.close()
        (action,) = journal.unsettled()
        kept = " ".join([str(caught.value), *action.receipts, *(e.note for e in action.events)])
    assert why in str(caught.value)
    assert number not in kept


def looked_up(bench: Bench, action: Action) -> SupplierOrder:
    """Return the order of an action as a client shows it that knows the present recipient."""
    private = bench.purchase(bench.journal()).settings.private
    client = aliexpress_client(bench.url, clock=bench.clock, private=private)
    order = client.order(action.receipts[0])
    assert order is not None
    return order


def test_the_recipient_is_in_no_order_that_is_read_back(bench: Bench) -> None:
    """Words about its end aren't shown, and a known reason is nobody's data."""
    action = ends(bench, "cancelled: 9 ELM unknown")
    bench.variables["TEST_ADDRESS"] = "9 Elm"
    assert looked_up(bench, action).end_reason == MASK
    bench.state.orders[action.receipts[0]].end_reason = "buyer_pay_timeout"
    bench.variables["TEST_CITY"] = "pay"
    assert looked_up(bench, action).end_reason == "buyer_pay_timeout"


def test_the_suppliers_own_words_are_nobodys_data(bench: Bench) -> None:
    """IN_CANCEL stays what it is if the recipient lives in Indiana: it decides the verdict."""
    action = bench.place()
    bench.state.orders[action.receipts[0]].status = "IN_CANCEL"
    bench.variables["TEST_STATE"] = "IN"
    assert looked_up(bench, action).status == "IN_CANCEL"
