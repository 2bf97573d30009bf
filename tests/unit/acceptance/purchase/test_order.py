"""The one real order: what keeps it from being placed, and that it is placed at most once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from pytest_prodstatus import Blocked, Money
from pytest_prodstatus.journal import Journal, State
from tests.acceptance.demo.encryption import encrypted
from tests.acceptance.ordering import account_conditions
from tests.acceptance.support.credentials import Account, StoredCredential
from tests.acceptance.support.purchase.journal import (
    CRITERION,
    OrderKey,
    latest_order,
    order_value,
    out_order_id,
    refuse_unresolved,
)
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import DEFAULT_SALT, Settings
from tests.unit.acceptance.providers import aliexpress_client
from tests.unit.acceptance.purchases import ARMED, Bench

MONTH = timedelta(days=30)


def test_an_order_is_placed_paid_and_written_down(bench: Bench) -> None:
    """Its id, quote and mode are in the journal, and the supplier has it."""
    action = bench.place()
    assert action.state is State.CONFIRMED
    assert (action.project, action.target) == ("shop", "demo")
    account = "application 12345678 of user 1"
    assert action.details == {"mode": "paid", "route": "direct", "account": account}
    assert list(map(str, action.limits)) == ["price 14.49 USD (at most 25.00)"]
    assert order_value(action) == Money("14.49", "USD")
    order = bench.state.orders[action.receipts[0]]
    assert (order.out_order_id, order.status) == (out_order_id(action), "WAIT_SELLER_SEND_GOODS")


def test_an_order_of_another_process_is_found_at_the_claim(bench: Bench) -> None:
    """This one looked before that was placed, perhaps on the day before: nothing is bought again.

    It is what would be read back: after its time another is bought, but never two on one day.
    """
    first = bench.place()
    assert bench.seen["bought_now"] is True
    for hours in (0, 24, 24 * 28):
        bench.clock.now += timedelta(hours=hours)
        assert bench.place() == first
        assert bench.seen["bought_now"] is False
    assert bench.ordered == 1
    bench.clock.now += timedelta(days=2)
    second = bench.place()
    assert (second.id != first.id, bench.ordered) == (True, 2)
    bench.valid_for = timedelta(seconds=-1)
    kind, reason = bench.blocked()
    assert (kind, "already claimed" in reason, bench.ordered) == ("not-armed", True, 2)


def test_two_machines_across_midnight_buy_once(bench: Bench) -> None:
    """Each has a clock of its own, and the second claims a day that no one has claimed."""
    midnight = bench.clock().replace(hour=0, minute=0, second=0) + timedelta(days=1)
    clocks = [lambda: midnight - timedelta(seconds=2), lambda: midnight + timedelta(seconds=1)]
    placed = []
    for clock in clocks:
        with Journal.open(bench.journal_url, clock=clock) as journal:
            placed.append(replace(bench.purchase(journal), clock=clock).place())
    assert placed[0] == placed[1]
    assert bench.ordered == 1
    # The first day's machine again, whose clock is behind: nor then.
    with Journal.open(bench.journal_url, clock=clocks[0]) as journal:
        assert replace(bench.purchase(journal), clock=clocks[0]).place() == placed[0]
    assert bench.ordered == 1


def test_an_unpaid_order_proves_nothing_at_the_claim(bench: Bench) -> None:
    """It takes its own day, and the next day a paid one is placed."""
    bench.variables["PRODSTATUS_PLACEORDER_MODE"] = "unpaid"
    assert bench.blocked()[0] == "not-armed"
    bench.variables["PRODSTATUS_PLACEORDER_MODE"] = "paid"
    assert "already claimed" in bench.blocked()[1]
    bench.clock.now += timedelta(days=1)
    assert bench.place().details["mode"] == "paid"


def test_every_missing_condition_is_in_one_reason(bench: Bench) -> None:
    """So that a person can set them all at once; the supplier isn't called."""
    bench.variables = {"TEST_CITY": "Town"}
    bench.conditions = lambda: ("the credential is for the sandbox",)
    kind, reason = bench.blocked()
    assert kind == "not-armed"
    for name in (set(ARMED) - {"TEST_CITY"}) | {"sandbox"}:
        assert name in reason
    assert not bench.state.requests


def test_a_quote_above_the_cap_spends_nothing(bench: Bench) -> None:
    """Goods and delivery count."""
    bench.variables["PRODSTATUS_SPEND_LIMIT"] = "14.48 USD"
    kind, reason = bench.blocked()
    assert (kind, bench.ordered) == ("not-armed", 0)
    assert "14.49 USD" in reason


def test_a_quote_in_another_currency_than_the_cap_spends_nothing(bench: Bench) -> None:
    """A cap of 20 EUR doesn't admit 14.49 USD; nothing is converted."""
    bench.variables["PRODSTATUS_SPEND_LIMIT"] = "20.00 EUR"
    kind, reason = bench.blocked()
    assert (kind, bench.ordered) == ("provider-unavailable", 0)
    assert "priced in EUR" in reason


def test_the_ladder_spends_as_much_as_it_says(bench: Bench) -> None:
    """A quote orders nothing, an unpaid order lapses; neither confirms."""
    bench.variables["PRODSTATUS_PLACEORDER_MODE"] = "quote"
    assert (bench.blocked()[0], bench.ordered) == ("not-armed", 0)
    bench.variables["PRODSTATUS_PLACEORDER_MODE"] = "unpaid"
    assert bench.blocked()[0] == "not-armed"
    assert [order.status for order in bench.state.orders.values()] == ["PLACE_ORDER_SUCCESS"]
    with bench.journal() as journal:
        assert latest_order(journal, bench.order_key, now=bench.clock(), valid_for=MONTH) is None


def test_the_credential_is_looked_at_again_just_before(bench: Bench) -> None:
    """What was good when the run began may have changed."""
    missing = iter([(), ("the access token of credential 1 has expired",)])
    bench.conditions = lambda: next(missing)
    assert bench.blocked()[0] == "not-armed"
    bench.conditions = tuple
    bench.state.faults.reject_token = True
    with pytest.raises(Blocked):
        bench.place()
    assert bench.ordered == 0


def test_another_account_than_the_key_s_buys_nothing(variables: Callable[..., Settings]) -> None:
    """A row that was replaced on the way may be good, and is another account's all the same."""
    key = "k" * 32
    settings = variables(**ARMED, ENCRYPTION_KEY=key)

    def row(app: str, *, owner: int = 1) -> StoredCredential:
        text = {"accessToken": "t", "appKey": app, "appSecret": "s"}
        sealed = encrypted(text, key=key, iv=bytes(16), salt=DEFAULT_SALT)
        return StoredCredential(
            row_id=1, owner=owner, own=owner == 1, updated_at=None, credentials=Secret(sealed)
        )

    def why(stored: StoredCredential, account: Account | None) -> str:
        order_key = None
        if account is not None:
            order_key = OrderKey(
                project="shop", target="demo", product_id="1005001234567890", account=account
            )
        now = datetime.now(timezone.utc)
        return "".join(account_conditions(stored, settings, order_key, environ={}, now=now))

    account = Account(application="12345678", owner="user 1")
    assert why(row("12345678"), account) == ""
    for replaced in (row("87654321"), row("12345678", owner=2)):
        assert why(replaced, account) == f"the credential is no longer that of {account}"
    assert "not known which account" in why(row("12345678"), None)


def test_an_order_that_would_leave_too_late_is_written_off(bench: Bench) -> None:
    """A process that slept between claim and order sends nothing and frees the day."""

    def sleeps(**values: Any) -> None:
        if "intent" in values:
            bench.clock.now += timedelta(minutes=11)

    with bench.journal() as journal:
        with pytest.raises(Blocked, match="was good on its own day") as caught:
            replace(bench.purchase(journal), observe=sleeps).place()
        assert caught.value.reason.kind.value == "inconclusive"
        assert [str(action.state) for action in journal.actions()] == ["REJECTED"]
    assert bench.ordered == 0
    assert bench.place().attempt == 2


@pytest.mark.parametrize("fault", ["cut_next", "garbage_next"])
def test_an_order_of_unknown_end_blocks_the_next(bench: Bench, fault: str) -> None:
    """It was made, its answer was lost, and nothing is ordered until a person has looked."""
    original = aliexpress_client(bench.url, clock=bench.clock)
    place = original.place_order

    def with_fault(order: Any) -> Any:
        setattr(bench.state.faults, fault, 1)
        return place(order)

    original.place_order = with_fault  # type: ignore[method-assign]
    with bench.journal() as journal:
        purchase = bench.purchase(journal, original)
        with pytest.raises(Blocked) as caught:
            purchase.place()
        assert caught.value.reason.kind.value == "unresolved-intent"
        with pytest.raises(Blocked):
            refuse_unresolved(journal, bench.order_key)
    for hours in (1, 24, 24 * 40):
        bench.clock.now += timedelta(hours=hours)
        assert bench.blocked()[0] == "unresolved-intent"
    assert bench.ordered == 1


def test_a_refused_order_fails_and_frees_the_day(bench: Bench) -> None:
    """The supplier's refusal proves that nothing was ordered."""
    bench.state.permissions = frozenset(
        {
            "aliexpress.ds.product.get",
            "aliexpress.ds.freight.query",
            "aliexpress.ds.member.benefit.get",
        }
    )
    with pytest.raises(AssertionError, match="InsufficientPermission"):
        bench.place()
    bench.state.permissions = None
    action = bench.place()
    assert (action.attempt, bench.ordered) == (2, 1)


def test_racers_place_one_order(bench: Bench) -> None:
    """Ten at once, each with a journal of its own; who comes later finds the order."""
    ends: list[str] = []

    def race() -> None:
        try:
            ends.append(str(bench.place().state))
        except Blocked as blocked:
            ends.append(blocked.reason.kind.value)

    threads = [threading.Thread(target=race) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bench.ordered == 1
    assert "CONFIRMED" in ends
    assert set(ends) <= {"CONFIRMED", "unresolved-intent", "not-armed"}


def test_a_confirmed_order_proves_the_purchase_for_thirty_days(bench: Bench) -> None:
    """And no longer."""
    action = bench.place()
    with bench.journal() as journal:
        key, at = bench.order_key, bench.clock()
        later = at + timedelta(days=29)
        assert latest_order(journal, key, now=later, valid_for=MONTH) == action
        over = at + timedelta(days=31)
        assert latest_order(journal, key, now=over, valid_for=MONTH) is None
        assert latest_order(journal, key, now=later, valid_for=timedelta(days=7)) is None
    assert action.criterion == CRITERION
