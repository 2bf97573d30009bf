"""The probes on a real PostgreSQL: one changed row in a healthy store, and what is found."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from unittest.mock import Mock

import pytest

from pytest_prodstatus import Blocked
from tests.acceptance import test_autonomous, test_order, test_payout, test_profit, test_sale
from tests.acceptance.support.access import Access, Budget
from tests.acceptance.support.aliexpress.orders import SupplierOrder
from tests.acceptance.support.errors import OutOfTime
from tests.acceptance.support.masking import MASK
from tests.acceptance.support.probes import cycle, oauth, orders, payouts, profit, sales
from tests.acceptance.support.probes.questions import questions
from tests.acceptance.support.probes.tracing import TracedOrders, trace
from tests.acceptance.support.settings import Settings
from tests.integration.suite.conftest import Trial

_NEWEST = """SELECT s.id FROM sales s JOIN orders o ON o.id = s."orderId"
  WHERE s.status = 'COMPLETED' AND s."payoutExecuted" AND o.supplier IS DISTINCT FROM 'cj'
    AND s.currency = :currency AND o."manualPurchaseDate" IS NULL
  ORDER BY s."createdAt" DESC LIMIT 1"""


def _sale(trial: Trial, currency: str = "USD") -> int:
    return int(trial.value(_NEWEST, currency=currency))


def _order(trial: Trial) -> str:
    return str(trial.value('SELECT "orderId" FROM sales WHERE id = :id', id=_sale(trial)))


def test_a_healthy_store_is_counted_without_its_stand_ins(trial: Trial) -> None:
    """Stand-ins and other suppliers are counted apart, never among the orders."""
    found = orders.fulfilment(trial.ask)
    assert found.paid > 300
    assert found.in_flight == 2
    assert found.unpurchased == 0
    assert found.stand_ins > 30
    assert found.other_suppliers == 13


def test_the_window_limits_what_is_judged(trial: Trial) -> None:
    """Orders that failed before the window aren't judged."""
    since = trial.ago(days=60)
    found = orders.fulfilment(lambda sql, /, **given: trial.ask(sql, **{**given, "since": since}))
    assert found.unpurchased_by_status == (
        "FAILED 1",
        "FULFILLMENT_BLOCKED 1",
        "MANUAL_ACTION_REQUIRED 1",
        "PAID 1",
        "PURCHASING 1",
    )


@pytest.mark.parametrize(
    ("change", "stuck"),
    [
        ('"lastAttemptAt" = :then', 1),
        ('"lastAttemptAt" = NULL, "updatedAt" = :then', 1),
        ('"lastAttemptAt" = :now', 0),
        ('"lastAttemptAt" = NULL, "updatedAt" = :now', 0),
        ('"lastAttemptAt" = :now, "fulfillRetryCount" = 2', 0),
        ('"lastAttemptAt" = :then, "updatedAt" = :now', 1),
        ('"lastAttemptAt" = :then, "updatedAt" = :now, "manualFulfillmentRequired" = true', 0),
    ],
)
def test_an_order_is_stuck_once_its_attempt_is_old(trial: Trial, change: str, stuck: int) -> None:
    """What counts is its attempt; a person's, from the manual queue, isn't dated otherwise."""
    then, now = trial.ago(minutes=31), trial.ago(minutes=29)
    trial.run(
        f"""UPDATE orders SET status = 'PURCHASING', {change}, "createdAt" = :then
            WHERE id = :id""",
        id=_order(trial),
        then=then,
        now=now,
    )
    assert orders.stuck_in_purchasing(trial.ask).stuck == stuck


def test_a_supplier_id_is_shared_with_an_order_of_any_age(trial: Trial) -> None:
    """The window limits the orders judged, not those they are compared with."""
    old = trial.value(
        'SELECT "aliexpressOrderId" FROM orders ORDER BY "createdAt" LIMIT 1 OFFSET 9'
    )
    trial.run(
        'UPDATE orders SET "aliexpressOrderId" = :old WHERE id = :id', old=old, id=_order(trial)
    )
    found = orders.shared_supplier_ids(trial.ask)
    assert (found.shared, found.newest_shared) == (1, (f"{_order(trial)} has {old}",))


def test_a_supplier_id_shared_with_a_stand_in_is_unique(trial: Trial) -> None:
    """A supplier id that only a stand-in has as well counts as unique."""
    taken = trial.value('SELECT "aliexpressOrderId" FROM orders WHERE id = :id', id=_order(trial))
    changed = trial.run(
        """UPDATE orders SET "aliexpressOrderId" = :taken WHERE "paypalOrderId" LIKE 'TEST%'""",
        taken=taken,
    )
    assert changed > 0
    assert orders.shared_supplier_ids(trial.ask).shared == 0


@pytest.mark.parametrize(
    ("order_id", "dangling"),
    [
        ("ckq1w2e3r4t5y6u7i8o9p0a1s", 1),
        ("does-not-exist", 1),
        ("12-34567-89012", 0),
        ("113-1234567-1234567", 0),
        ("2000001234567890", 0),
        ("test_order", 0),
    ],
)
def test_a_marketplaces_number_is_distinguished_from_a_lost_order(
    trial: Trial, order_id: str, dangling: int
) -> None:
    """A sale with a marketplace's number has no order here; any other id has to have one."""
    trial.run('UPDATE sales SET "orderId" = :it WHERE id = :id', it=order_id, id=_sale(trial))
    assert sales.links(trial.ask).dangling == dangling


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ('"updatedAt" = :then', (0, 0, 1)),
        ('"updatedAt" = :now', (0, 1, 0)),
        ('"updatedAt" = :now, "lastAttemptAt" = NULL', (0, 1, 0)),
        ('"updatedAt" = :now, "lastAttemptAt" = :now', (1, 0, 0)),
        ('"updatedAt" = :now, "lastAttemptAt" = :running', (1, 0, 0)),
        ('"updatedAt" = :now, "manualFulfillmentRequired" = true', (1, 0, 0)),
        ('"updatedAt" = :now, "manualPurchaseDate" = :now', (1, 0, 0)),
        ('"updatedAt" = :now, "aliexpressOrderId" = \'manual\'', (1, 0, 0)),
        ('"updatedAt" = :ahead', (0, 1, 0)),
        ('"updatedAt" = :now, "lastAttemptAt" = :ahead', (0, 1, 0)),
    ],
)
def test_no_update_makes_a_purchase_young(
    trial: Trial, change: str, counts: tuple[int, int, int]
) -> None:
    """If it was last tried long ago, it isn't known if its sale is due; a person's is not tried."""
    before = sales.sales_of_orders(trial.ask)
    order = _order(trial)
    trial.run('UPDATE sales SET "orderId" = \'12345678\' WHERE "orderId" = :id', id=order)
    ages = {"then": 600, "running": 39, "now": 3, "ahead": -3000}
    times = {name: trial.ago(minutes=age) for name, age in ages.items() if f":{name}" in change}
    trial.run(f"UPDATE orders SET {change} WHERE id = :id", id=order, **times)
    found = sales.sales_of_orders(trial.ask)
    assert found.in_flight - before.in_flight == counts[0]
    assert (found.unclear, found.without_sale) == counts[1:]
    assert found.unclear_orders == (order,) * counts[1]


def test_a_purchase_of_another_supplier_needs_a_sale_too(trial: Trial) -> None:
    """A purchase of any supplier needs a sale."""
    trial.run(
        """DELETE FROM commissions WHERE "saleId" IN (SELECT s.id FROM sales s
           JOIN orders o ON o.id = s."orderId" WHERE o.supplier = 'cj')"""
    )
    lost = trial.run(
        """DELETE FROM sales s USING orders o WHERE o.id = s."orderId" AND o.supplier = 'cj'"""
    )
    assert sales.sales_of_orders(trial.ask).without_sale == lost > 0


@pytest.mark.parametrize("net", ["0", "-0.01", "'NaN'"])
def test_a_completed_sale_without_profit_is_found(trial: Trial, net: str) -> None:
    """Zero isn't a profit, nor is NaN, which PostgreSQL sorts above every number."""
    sale = _sale(trial)
    trial.run(f'UPDATE sales SET "netProfit" = {net} WHERE id = :id', id=sale)
    found = profit.net_profit(trial.ask)
    assert (found.without_profit, found.newest_without_profit) == (1, (sale,))


@pytest.mark.parametrize(
    ("currency", "column", "by", "wrong"),
    [
        ("USD", "netProfit", "0.05", 0),
        ("USD", "netProfit", "0.06", 1),
        ("USD", "commissionAmount", "0.04", 0),
        ("USD", "commissionAmount", "0.50", 1),
        ("USD", "grossProfit", "900", 1),
        ("EUR", "netProfit", "-0.06", 1),
        ("JPY", "netProfit", "1", 0),
        ("JPY", "netProfit", "1.01", 1),
    ],
)
def test_profit_adds_up_to_a_twentieth_of_a_unit_or_to_one_without_cents(
    trial: Trial, currency: str, column: str, by: str, wrong: int
) -> None:
    """In every currency, each with its own minor unit."""
    sale = _sale(trial, currency)
    trial.run(f'UPDATE sales SET "{column}" = "{column}" + {by} WHERE id = :id', id=sale)
    assert profit.arithmetic(trial.ask).wrong == wrong


def test_a_cost_in_another_currency_bounds_no_gross_profit(trial: Trial) -> None:
    """Price less cost less fee is an upper bound only within one currency."""
    before = profit.arithmetic(trial.ask)
    assert 0 < before.bounded_above_alone < before.sales
    trial.run("""UPDATE sales SET "aliexpressCost" = 99999 WHERE currency = 'JPY'""")
    assert profit.arithmetic(trial.ask).wrong_gross == 0
    trial.run("""UPDATE sales SET "aliexpressCost" = 99999 WHERE id = :id""", id=_sale(trial))
    assert profit.arithmetic(trial.ask).wrong_gross == 1


@pytest.mark.parametrize("currency", ["EUR", "JPY"])
def test_no_cost_leaves_price_less_fee(trial: Trial, currency: str) -> None:
    """In any currency it was never subtracted; without a cost there was nothing to subtract."""
    sale = _sale(trial, currency)
    change = 'UPDATE sales SET "grossProfit" = "salePrice" - "marketplaceFee" WHERE id = :id'
    trial.run(change, id=sale)
    found = profit.arithmetic(trial.ask)
    assert (found.wrong_gross, sale in found.newest_wrong) == (1, True)
    trial.run('UPDATE sales SET "aliexpressCost" = 0 WHERE id = :id', id=sale)
    assert profit.arithmetic(trial.ask).wrong_gross == 0


_OF_PRODUCT = 'WHERE id = (SELECT "productId" FROM sales WHERE id = :id)'


@pytest.mark.parametrize(
    ("product", "less", "counts"),
    [
        ('"shippingCost" = 2, "importTax" = 1', "3.05", (0, 0)),
        ('"shippingCost" = 2, "importTax" = 1', "3.06", (1, 0)),
        ('"shippingCost" = 2, "importTax" = 1', "2.94", (1, 0)),
        ('"shippingCost" = 2, "importTax" = NULL', "2.05", (0, 0)),
        ('"shippingCost" = 2, "importTax" = NULL', "2.06", (0, 1)),
        ('"shippingCost" = NULL, "importTax" = NULL', "0", (0, 0)),
        ('"shippingCost" = NULL, "importTax" = NULL', "9", (0, 1)),
        ('"shippingCost" = 2, "importTax" = 1, "updatedAt" = :now', "0", (0, 1)),
        ('"shippingCost" = 2, "importTax" = NULL, "updatedAt" = :now', "0.05", (0, 1)),
        ('"shippingCost" = 2, "importTax" = 1, "updatedAt" = :now', "0.06", (0, 0)),
        ('"shippingCost" = 2, "importTax" = 1, "updatedAt" = :now', "9", (0, 0)),
        ('"shippingCost" = 2, "importTax" = 1, "updatedAt" = :now', "-0.06", (1, 1)),
        ('"shippingCost" = 0, "importTax" = NULL, "updatedAt" = :now', "0", (0, 0)),
    ],
)
def test_the_gross_profit_is_what_the_costs_leave(
    trial: Trial, product: str, less: str, counts: tuple[int, int]
) -> None:
    """No more and no less, if the costs are known; else a doubt, if nothing was subtracted."""
    criteria: Any = test_profit
    sale = _sale(trial)
    trial.run(
        """UPDATE sales SET environment = 'sandbox' WHERE id <> :id
           AND "productId" = (SELECT "productId" FROM sales WHERE id = :id)""",
        id=sale,
    )
    now = {"now": trial.ago(minutes=1)} if ":now" in product else {}
    trial.run(f"UPDATE products SET {product} {_OF_PRODUCT}", id=sale, **now)
    trial.run(
        """UPDATE sales SET "grossProfit" =
           "salePrice" - "marketplaceFee" - "aliexpressCost" - CAST(:less AS numeric)
           WHERE id = :id""",
        less=less,
        id=sale,
    )
    found = profit.arithmetic(trial.ask)
    assert (found.wrong_gross, found.gross_unclear) == counts
    assert found.newest_gross_unclear == (sale,) * counts[1]
    if counts[1]:
        with pytest.raises(Blocked, match="not known what had to be subtracted"):
            criteria.test_profit_adds_up(replace(found, wrong=0), Mock())


@pytest.mark.parametrize("currency", ["US$", "", "123", "EURO"])
def test_what_names_no_currency_ends_no_question(trial: Trial, currency: str) -> None:
    """Its sums are left out; what follows from it is judged."""
    trial.run(
        "UPDATE sales SET currency = :currency WHERE id = :id", currency=currency, id=_sale(trial)
    )
    sums = (profit.net_profit(trial.ask).net_profit, profit.arithmetic(trial.ask).commission)
    assert {money.currency for found in sums for money in found} == {"USD", "EUR", "JPY"}
    assert profit.arithmetic(trial.ask).wrong == 0


def test_sales_that_fell_through_are_not_paid_out(trial: Trial) -> None:
    """Sales that fell through count neither with their profit nor with their payouts."""
    trial.run(
        """UPDATE sales SET status = 'RETURNED', "adminPayoutId" = NULL, "netProfit" = -9
           WHERE id = :id""",
        id=_sale(trial),
    )
    assert payouts.stored(trial.ask).unpaid == 0
    assert profit.arithmetic(trial.ask).wrong == 0


@pytest.mark.parametrize(
    ("change", "unpaid", "half"),
    [
        ('"userPayoutId" = NULL', 1, 1),
        ("\"userPayoutId\" = ' '", 1, 1),
        ('"adminPayoutId" = NULL, "userPayoutId" = NULL', 1, 0),
        ('"payoutExecuted" = false', 1, 0),
        ("\"userPayoutId\" = 'payoneer'", 0, 0),
        ("\"userPayoutId\" = 'Payoneer transfer'", 0, 0),
        ("\"userPayoutId\" = 'po_1ab2'", 0, 0),
        ("\"userPayoutId\" = 'ABCDEFGHJKLMN'", 0, 0),
        ("\"userPayoutId\" = 'undefined'", 1, 1),
        ("\"userPayoutId\" = 'N/A'", 1, 1),
        ("\"userPayoutId\" = 'null-7'", 1, 1),
        ("\"adminPayoutId\" = 'FINAL_PAYOUT_TEST'", 1, 1),
        ("\"adminPayoutId\" = 'SIMULATED-9'", 1, 1),
        ("\"adminPayoutId\" = '[object Object]'", 1, 1),
        ("\"userPayoutId\" = 'paid by hand 3 May'", 1, 1),
        ("\"adminPayoutId\" = ' Payoneer'", 1, 1),
    ],
)
def test_a_payout_is_made_for_both_sides(trial: Trial, change: str, unpaid: int, half: int) -> None:
    """Both ids and the mark; with one alone it is half-made. Only the user's is ever Payoneer's.

    What can't be an id is none.
    """
    trial.run(f"UPDATE sales SET {change} WHERE id = :id", id=_sale(trial))
    assert payouts.stored(trial.ask).unpaid == unpaid
    assert payouts.failed(trial.ask).half_made == half


def test_a_fresh_sale_is_still_in_flight(trial: Trial) -> None:
    """A sale may take an hour to be paid out."""
    change = """UPDATE sales SET "userPayoutId" = NULL, "createdAt" = :at WHERE id = :id"""
    trial.run(change, at=trial.ago(minutes=59), id=_sale(trial))
    assert (payouts.stored(trial.ask).unpaid, payouts.failed(trial.ask).half_made) == (0, 0)


def test_one_payout_id_for_both_sides_is_found(trial: Trial) -> None:
    """Twice at one sale is as wrong as at two, save the word that Payoneer's leave."""
    trial.run('UPDATE sales SET "userPayoutId" = "adminPayoutId" WHERE id = :id', id=_sale(trial))
    assert payouts.shared_ids(trial.ask).shared == 1
    trial.run("""UPDATE sales SET "userPayoutId" = 'payoneer'""")
    assert payouts.shared_ids(trial.ask).shared == 0


@pytest.mark.parametrize("side", ["admin", "user"])
@pytest.mark.parametrize(
    ("days", "change", "shared"),
    [
        (40, "status = status", 1),
        (40, "environment = 'elsewhere'", 0),
        (1, "\"orderId\" = 'TEST-1'", 1),
        (1, "environment = 'elsewhere'", 0),
    ],
)
@pytest.mark.parametrize("spelling", ["{}", "\u200b{} "])
def test_a_payout_id_is_shared_with_a_sale_of_any_age_in_its_environment(
    trial: Trial, side: str, days: int, change: str, shared: int, spelling: str
) -> None:
    """At either side, also with a stand-in; what is invisible around an id is no part of it."""
    sale = _sale(trial)
    id_ = trial.value('SELECT "adminPayoutId" FROM sales WHERE id = :id', id=sale)
    other = trial.value("SELECT min(id) FROM sales WHERE id <> :id", id=sale)
    trial.run(
        f"""UPDATE sales SET {change}, "createdAt" = :at, "{side}PayoutId" = :payout
            WHERE id = :id""",
        at=trial.ago(days=days),
        payout=spelling.format(id_),
        id=other,
    )
    found = payouts.shared_ids(trial.ask)
    assert found.shared == shared
    assert (f"{sale} has {id_}" in found.newest_shared) is bool(shared)


def test_a_payout_of_a_user_without_paypal_is_payoneers(trial: Trial) -> None:
    """It can't be looked up at PayPal, with any form of id."""
    trial.run("""UPDATE users SET "paypalPayoutEmail" = NULL, "payoneerPayoutEmail" = 'x@y.z'""")
    found = payouts.newest(trial.ask).payouts
    assert {(payout.role, payout.payoneer) for payout in found} == {
        ("admin", False),
        ("user", True),
    }


def test_a_payout_of_a_user_with_both_addresses_may_be_payoneers(trial: Trial) -> None:
    """Its id doesn't show which; PayPal is asked, and the platform's own is PayPal's."""
    trial.run("""UPDATE users SET "payoneerPayoutEmail" = 'x@y.z'""")
    found = payouts.newest(trial.ask).payouts
    assert {(payout.role, payout.payoneer, payout.or_payoneer) for payout in found} == {
        ("admin", False, False),
        ("user", False, True),
    }


def test_a_payout_that_was_retried_well_did_not_fail(trial: Trial) -> None:
    """The word stays, and says nothing beside both ids and the mark."""
    trial.run("UPDATE sales SET status = 'PAYOUT_FAILED' WHERE id = :id", id=_sale(trial))
    assert payouts.failed(trial.ask).newest_failed == ()
    trial.run('UPDATE sales SET "payoutExecuted" = false WHERE id = :id', id=_sale_of_failed(trial))
    assert payouts.failed(trial.ask).failed == 1


def _sale_of_failed(trial: Trial) -> int:
    return int(trial.value("SELECT id FROM sales WHERE status = 'PAYOUT_FAILED'"))


@pytest.mark.parametrize(
    ("change", "unpaid"),
    [
        ('"commissionAmount" = 0, "adminPayoutId" = NULL', 0),
        ('"netProfit" = -2, "userPayoutId" = NULL', 0),
        (
            (
                '"commissionAmount" = 0, "netProfit" = 0, "adminPayoutId" = NULL, '
                '"userPayoutId" = NULL, "payoutExecuted" = false'
            ),
            0,
        ),
        ('"commissionAmount" = 0, "userPayoutId" = NULL', 1),
        ('"commissionAmount" = 0, "adminPayoutId" = NULL, "payoutExecuted" = false', 1),
        ('"netProfit" = -2, "adminPayoutId" = NULL, "userPayoutId" = NULL', 1),
    ],
)
def test_only_what_is_owed_is_paid_out(trial: Trial, change: str, unpaid: int) -> None:
    """Without commission no admin payout is due, and without net profit no user payout."""
    trial.run(f"UPDATE sales SET {change} WHERE id = :id", id=_sale(trial))
    assert payouts.stored(trial.ask).unpaid == unpaid
    assert payouts.failed(trial.ask).half_made == 0


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ('"createdAt" = :old, "updatedAt" = :now', (0, 1, 0)),
        ('"createdAt" = :old, "updatedAt" = :old', (0, 0, 1)),
        ('"createdAt" = :now, "updatedAt" = :now', (1, 0, 0)),
        ('"createdAt" = :old, "updatedAt" = :now, "lastAttemptAt" = :old', (0, 0, 1)),
        ('"createdAt" = :old, "updatedAt" = :now, "lastAttemptAt" = :now', (0, 1, 0)),
        (
            (
                '"createdAt" = :old, "updatedAt" = :now, "lastAttemptAt" = :now, '
                '"fulfillRetryCount" = 1'
            ),
            (0, 0, 1),
        ),
        ('"createdAt" = :ahead, "updatedAt" = :ahead', (0, 1, 0)),
    ],
)
def test_no_update_makes_a_paid_order_young(
    trial: Trial, change: str, counts: tuple[int, int, int]
) -> None:
    """Its age counts from its creation; if it may have been paid just now, nothing is known."""
    before = orders.fulfilment(trial.ask)
    times = {"old": trial.ago(hours=9), "now": trial.ago(minutes=3), "ahead": trial.ago(hours=-50)}
    trial.run(
        f"""UPDATE orders SET status = 'PAID', "lastAttemptAt" = NULL, {change} WHERE id = :id"""
        if "lastAttemptAt" not in change
        else f"UPDATE orders SET status = 'PAID', {change} WHERE id = :id",
        id=_order(trial),
        **{name: time for name, time in times.items() if f":{name}" in change},
    )
    found = orders.fulfilment(trial.ask)
    assert found.in_flight - before.in_flight == counts[0]
    assert (found.unclear, found.unpurchased) == counts[1:]


def test_no_date_to_come_hides_a_purchase_or_a_payout(trial: Trial) -> None:
    """It would be in flight until that day; so nothing is known of it."""
    trial.run(
        """UPDATE orders SET status = 'PURCHASING', "lastAttemptAt" = :at WHERE id = :id""",
        id=_order(trial),
        at=trial.ago(hours=-50),
    )
    assert orders.fulfilment(trial.ask).unclear == 1
    before = payouts.stored(trial.ask)
    trial.run(
        """UPDATE sales SET "createdAt" = :at, "payoutExecuted" = false WHERE id = :id""",
        id=_sale(trial),
        at=trial.ago(hours=-50),
    )
    found = payouts.stored(trial.ask)
    assert (found.in_flight, found.dated_ahead) == (before.in_flight, 1)


def test_a_sale_dated_ahead_of_the_clock_proves_nothing(trial: Trial) -> None:
    """Neither a sale nor a profit nor a payout nor a cycle; a loss is one all the same."""
    on_sales: Any = test_sale
    on_profit: Any = test_profit
    on_payouts: Any = test_payout
    sale, settings = _sale(trial), Settings.from_environment({}, target="demo", dotenv={})
    before = sales.sales_of_orders(trial.ask), profit.net_profit(trial.ask)
    assert (before[0].dated_ahead, before[1].dated_ahead) == (0, 0)
    earlier = cycle.cycle(trial.ask).orders
    trial.run('UPDATE sales SET "createdAt" = :at WHERE id = :id', id=sale, at=trial.ago(days=-50))
    found, earned = sales.sales_of_orders(trial.ask), profit.net_profit(trial.ask)
    assert (found.with_sale, found.dated_ahead) == (before[0].with_sale - 1, 1)
    assert (found.without_sale, found.in_flight) == (0, before[0].in_flight)
    assert (earned.completed, earned.dated_ahead) == (before[1].completed, 1)
    assert earned.net_profit != before[1].net_profit
    assert cycle.cycle(trial.ask).orders == earlier - 1
    words = rf"^1 sales are dated ahead of the clock \(newest: {sale}\)"
    with pytest.raises(Blocked, match=words):
        on_sales.test_sale_for_every_purchased_order(found, settings, Mock())
    with pytest.raises(Blocked, match=words):
        on_sales.test_sales_link_to_orders(sales.links(trial.ask), Mock())
    with pytest.raises(Blocked, match=words):
        on_profit.test_completed_sales_have_positive_net_profit(earned, Mock())
    with pytest.raises(Blocked, match=words):
        on_payouts.test_payout_ids_stored(payouts.stored(trial.ask), Mock())
    trial.run('UPDATE sales SET "netProfit" = -1 WHERE id = :id', id=sale)
    with pytest.raises(AssertionError, match=r"^1 of "):
        on_profit.test_completed_sales_have_positive_net_profit(
            profit.net_profit(trial.ask), Mock()
        )


def test_a_sale_within_the_hour_that_clocks_differ_by_counts(trial: Trial) -> None:
    """The store's clock may be a little ahead of its database's."""
    at = trial.ago(minutes=-50)
    trial.run('UPDATE sales SET "createdAt" = :at WHERE id = :id', id=_sale(trial), at=at)
    assert sales.sales_of_orders(trial.ask).dated_ahead == 0
    assert profit.net_profit(trial.ask).dated_ahead == 0


@pytest.mark.parametrize("status", ["PAID", "PURCHASED"])
def test_an_order_dated_ahead_of_the_clock_proves_nothing(trial: Trial, status: str) -> None:
    """In any status that a paid order can have."""
    criteria: Any = test_order
    before = cycle.cycle(trial.ask).orders
    trial.run(
        'UPDATE orders SET status = :status, "createdAt" = :at WHERE id = :id',
        id=_order(trial),
        status=status,
        at=trial.ago(days=-50),
    )
    found = orders.fulfilment(trial.ask)
    assert (found.unclear, found.unpurchased) == (1, 0)
    assert cycle.cycle(trial.ask).orders == before - 1
    settings = Settings.from_environment({}, target="demo", dotenv={})
    with pytest.raises(Blocked, match="are dated ahead of the clock"):
        criteria.test_paid_orders_reach_purchased(found, settings, Mock())


def test_what_was_bought_outside_needs_no_id(trial: Trial) -> None:
    """It is named, is no missing id, and was touched by a person."""
    before = orders.supplier_ids(trial.ask)
    assert (before.without, before.bought_outside) == (0, 2)
    order = _order(trial)
    trial.run("""UPDATE orders SET "aliexpressOrderId" = ' Manual ' WHERE id = :id""", id=order)
    found = orders.supplier_ids(trial.ask)
    assert (found.without, found.bought_outside) == (0, 3)
    assert order in found.orders_bought_outside


def test_one_purchase_with_its_id_confirms_order(trial: Trial) -> None:
    """That every one has an id is stricter than the field's words, and a criterion of its own."""
    criteria: Any = test_order
    trial.run("""UPDATE orders SET "aliexpressOrderId" = 'TEST' WHERE id = :id""", id=_order(trial))
    settings = Settings.from_environment({}, target="demo", dotenv={})

    def judge() -> None:
        found, seen = orders.supplier_ids(trial.ask), orders.fulfilment(trial.ask)
        criteria.test_purchased_order_exists(found, seen, settings, Mock())

    judge()
    with pytest.raises(AssertionError, match=r"^1 of \d+ PURCHASED orders"):
        criteria.test_purchased_orders_have_supplier_ids(orders.supplier_ids(trial.ask), Mock())
    trial.run("""UPDATE orders SET "aliexpressOrderId" = 'TEST'""")
    with pytest.raises(AssertionError, match=r"^none of \d+ paid orders"):
        judge()


def test_what_was_bought_twice_is_found(trial: Trial) -> None:
    """Two attempts of one order, or two orders of one marketplace order and product."""
    first = orders.repeated(trial.ask)
    assert (first.trades_bought_twice, first.bought_twice) == (0, 0)
    assert first.compared > 300
    order = _order(trial)
    trial.run(
        """INSERT INTO purchase_attempt_logs ("orderId", provider, success)
           VALUES (:id, 'aliexpress', false), (:id, 'aliexpress', true)""",
        id=order,
    )
    assert orders.repeated(trial.ask).newest_orders == (order,)
    # An order of any age.
    old = trial.value('SELECT id FROM orders ORDER BY "createdAt" LIMIT 1 OFFSET 9')
    trial.run(
        """UPDATE orders o SET "paypalOrderId" = x."paypalOrderId", "productId" = x."productId",
             status = 'PURCHASED'
           FROM orders x WHERE x.id = :order AND o.id = :old""",
        order=order,
        old=old,
    )
    assert orders.repeated(trial.ask).trades_bought_twice == 1
    trial.run('UPDATE orders SET "productId" = 1 + "productId" WHERE id = :id', id=old)
    assert orders.repeated(trial.ask).trades_bought_twice == 0


_ATTEMPT = """INSERT INTO purchase_attempt_logs ("orderId", provider, success, "createdAt")
  SELECT :spelling || id, 'aliexpress', :success, :at FROM orders WHERE id = :id"""


@pytest.mark.parametrize("spelling", ["", " ", "\u200b"])
@pytest.mark.parametrize("age", ["of the window", "older"])
def test_a_second_purchase_of_the_window_is_found(trial: Trial, age: str, spelling: str) -> None:
    """The attempt is judged, however old its order is; what is invisible around an id is none."""
    id_ = _order(trial)
    if age == "older":
        id_ = trial.value(
            """SELECT o.id FROM orders o JOIN purchase_attempt_logs a ON a."orderId" = o.id
               WHERE a.success AND o.status = 'PURCHASED' AND o."createdAt" < :at
                 AND o."paypalOrderId" LIKE 'ebay:%' ORDER BY o."createdAt" DESC LIMIT 1""",
            at=trial.ago(days=31),
        )
    trial.run(_ATTEMPT, id=id_, spelling=spelling, success=False, at=trial.ago(days=1))
    assert orders.repeated(trial.ask).bought_twice == 0
    trial.run(_ATTEMPT, id=id_, spelling=spelling, success=True, at=trial.ago(days=1))
    found = orders.repeated(trial.ask)
    assert (found.bought_twice, found.newest_orders) == (1, (id_,))
    trial.run("UPDATE orders SET status = 'SIMULATED' WHERE id = :id", id=id_)
    assert orders.repeated(trial.ask).bought_twice == 0


def test_an_attempt_that_is_older_than_its_order_counts(trial: Trial) -> None:
    """Of the window's orders every attempt is compared, at each date that the log gives it."""
    id_ = _order(trial)
    trial.run(_ATTEMPT, id=id_, spelling="", success=True, at=trial.ago(days=50))
    assert orders.repeated(trial.ask).newest_orders == (id_,)


@pytest.mark.parametrize("days", [2, 45])
@pytest.mark.parametrize("status", ["CREATED", "REFUND_PENDING"])
def test_an_order_of_any_status_is_bought_once(trial: Trial, status: str, days: int) -> None:
    """Two purchases that succeeded are two, paid for or not; an empty window hides none."""
    criteria: Any = test_order
    id_ = _order(trial)
    trial.run(
        """UPDATE orders SET status = :status, "aliexpressOrderId" = NULL, "createdAt" = :at
           WHERE id = :id""",
        status=status,
        at=trial.ago(days=days),
        id=id_,
    )
    assert orders.repeated(trial.ask).bought_twice == 0
    trial.run(_ATTEMPT, id=id_, spelling="", success=True, at=trial.ago(days=1))
    found = orders.repeated(trial.ask)
    assert (found.bought_twice, found.newest_orders) == (1, (id_,))
    with pytest.raises(AssertionError, match=r"^1 orders were bought more than once"):
        criteria.test_orders_are_bought_once(replace(found, compared=0), Mock())


def test_what_was_bought_twice_for_an_order_that_is_gone_is_inconclusive(trial: Trial) -> None:
    """It may have been a stand-in, unless its id says that it was one."""
    criteria: Any = test_order
    attempt = """INSERT INTO purchase_attempt_logs ("orderId", provider, success, "createdAt")
                 VALUES (:id, 'aliexpress', true, :at)"""
    for id_ in ("cgone", "TEST_1"):
        trial.run(attempt, id=id_, at=trial.ago(days=1))
        trial.run(attempt, id=id_, at=trial.ago(days=40))
    trial.run(attempt, id="conce", at=trial.ago(days=1))
    found = orders.repeated(trial.ask)
    assert (found.bought_twice, found.gone_twice, found.orders_gone) == (0, 1, ("cgone",))
    with pytest.raises(Blocked, match=r"^1 orders that the store no longer has were bought"):
        criteria.test_orders_are_bought_once(found, Mock())


def test_what_was_bought_twice_before_the_window_is_not_judged(trial: Trial) -> None:
    """The window limits the attempts that are judged, and not those they are compared with."""
    old = trial.value(
        """SELECT id FROM orders WHERE status = 'PURCHASED' AND "createdAt" < :at
           AND "paypalOrderId" LIKE 'ebay:%' ORDER BY "createdAt" DESC LIMIT 1""",
        at=trial.ago(days=40),
    )
    for _ in range(2):
        trial.run(_ATTEMPT, id=old, spelling="", success=True, at=trial.ago(days=35))
    assert orders.repeated(trial.ask).bought_twice == 0


def test_what_isnt_paid_for_and_was_bought_is_no_order_no_sale_and_no_profit(
    trial: Trial,
) -> None:
    """By the order's status it was never paid for, and by its id it was bought: one is wrong."""
    on_orders: Any = test_order
    on_sales: Any = test_sale
    on_profit: Any = test_profit
    order, settings = _order(trial), Settings.from_environment({}, target="demo", dotenv={})
    assert orders.fulfilment(trial.ask).bought_unpaid == 0
    assert sales.links(trial.ask).unpaid == 0
    trial.run("UPDATE orders SET status = 'CREATED' WHERE id = :id", id=order)
    found = orders.fulfilment(trial.ask)
    assert (found.bought_unpaid, found.newest_bought_unpaid) == (1, (order,))
    with pytest.raises(Blocked, match="have a supplier's id and are not paid for yet"):
        on_orders.test_paid_orders_reach_purchased(found, settings, Mock())
    with pytest.raises(Blocked, match="are of an order that isn't paid for yet"):
        on_sales.test_sales_link_to_orders(sales.links(trial.ask), Mock())
    earned = profit.net_profit(trial.ask)
    assert (earned.unbought, earned.newest_unbought) == (1, (_sale(trial),))
    with pytest.raises(Blocked, match="never bought, or not paid for"):
        on_profit.test_completed_sales_have_positive_net_profit(earned, Mock())


@pytest.mark.parametrize("currency", [None, "", " \u200b"])
def test_a_cost_in_an_unknown_currency_proves_no_arithmetic(
    trial: Trial, currency: str | None
) -> None:
    """It may or may not bound the gross profit; what is wrong without it is wrong all the same."""
    criteria: Any = test_profit
    sale = _sale(trial)
    assert profit.arithmetic(trial.ask).cost_unclear == 0
    trial.run("ALTER TABLE products ALTER currency DROP NOT NULL")
    trial.run(
        """UPDATE products SET currency = :currency
           WHERE id = (SELECT "productId" FROM sales WHERE id = :id)""",
        currency=currency,
        id=sale,
    )
    found = profit.arithmetic(trial.ask)
    assert found.cost_unclear >= 1
    assert sale in found.newest_cost_unclear
    with pytest.raises(Blocked, match="a cost in a currency that is not known"):
        criteria.test_profit_adds_up(found, Mock())
    trial.run('UPDATE sales SET "netProfit" = "netProfit" + 1 WHERE id = :id', id=sale)
    with pytest.raises(AssertionError, match=r"^1 of "):
        criteria.test_profit_adds_up(profit.arithmetic(trial.ask), Mock())


def test_one_trade_as_two_sales_is_found(trial: Trial) -> None:
    """From either of them, unless one fell through, or it is another product of one cart."""
    sale = _sale(trial)
    trial.run(
        """UPDATE orders SET "paypalOrderId" = 'ebay:31-41592-65358' WHERE id = :id""",
        id=_order(trial),
    )
    number = trial.value("SELECT id FROM sales WHERE \"orderId\" LIKE '%-%' ORDER BY id LIMIT 1")
    trial.run("UPDATE sales SET \"orderId\" = '31-41592-65358' WHERE id = :id", id=number)
    assert sales.links(trial.ask).sold_twice == 0
    trial.run(
        """UPDATE sales SET "productId" = (SELECT "productId" FROM sales WHERE id = :sale)
           WHERE id = :id""",
        sale=sale,
        id=number,
    )
    found = sales.links(trial.ask)
    assert found.sold_twice == 2
    assert set(found.sales_of_one_trade) == {f"{sale} and {number}", f"{number} and {sale}"}
    # The number is the same if something is before it.
    for written in ("#31-41592-65358", " #31-41592-65358", "EB-31-41592-65358"):
        trial.run(
            'UPDATE sales SET "orderId" = :written WHERE id = :id', written=written, id=number
        )
        assert sales.links(trial.ask).sold_twice == 2
    trial.run("UPDATE sales SET status = 'REFUNDED' WHERE id = :id", id=number)
    assert sales.links(trial.ask).sold_twice == 0


@pytest.mark.parametrize("spelling", ["{}\n", "\u200b{}", " {} "])
@pytest.mark.parametrize("trade", ["5O190127TN364715T", "ebay:31-41592-65358"])
def test_one_order_as_two_sales_is_found(trial: Trial, trade: str, spelling: str) -> None:
    """What is invisible around an order's id is no part of it, nor is the sale's product."""
    sale, order = _sale(trial), _order(trial)
    trial.run('UPDATE orders SET "paypalOrderId" = :trade WHERE id = :id', trade=trade, id=order)
    other = trial.value(
        """SELECT id FROM sales WHERE environment = 'production' AND status = 'SHIPPED'
             AND "orderId" LIKE 'c%' AND "productId" <>
               (SELECT "productId" FROM sales WHERE id = :id)
           ORDER BY "createdAt" DESC LIMIT 1""",
        id=sale,
    )
    change = 'UPDATE sales SET "orderId" = :text WHERE id = :id'
    trial.run(change, text=spelling.format(order), id=other)
    found = sales.links(trial.ask)
    assert found.sold_twice == 2
    assert set(found.sales_of_one_trade) == {f"{sale} and {other}", f"{other} and {sale}"}
    # One that is older than the window is found by its exact text.
    trial.run('UPDATE sales SET "createdAt" = :at WHERE id = :id', at=trial.ago(days=40), id=sale)
    assert sales.links(trial.ask).sales_of_one_trade == (f"{other} and {sale}",)
    trial.run("UPDATE sales SET status = 'REFUNDED' WHERE id = :id", id=other)
    assert sales.links(trial.ask).sold_twice == 0


def test_a_sale_by_the_suppliers_number_is_its_orders(trial: Trial) -> None:
    """It passes as a marketplace's number; two orders with one supplier's id are not this."""
    sale, order = _sale(trial), _order(trial)
    number = trial.value('SELECT "aliexpressOrderId" FROM orders WHERE id = :id', id=order)
    by_number = trial.value(
        """SELECT id FROM sales WHERE "orderId" LIKE '%-%' AND environment = 'production'
           ORDER BY "createdAt" DESC LIMIT 1"""
    )
    assert sales.links(trial.ask).sold_twice == 0
    change = 'UPDATE sales SET "orderId" = :number WHERE id = :id'
    for written in (number, f"#{number}", f"{number}\u200b"):
        trial.run(change, number=written, id=by_number)
        found = sales.links(trial.ask)
        assert set(found.sales_of_one_trade) == {
            f"{sale} and {by_number}",
            f"{by_number} and {sale}",
        }
    trial.run("UPDATE sales SET status = 'CANCELLED' WHERE id = :id", id=by_number)
    trial.run(
        """UPDATE orders SET "aliexpressOrderId" = :number
           WHERE id IN (SELECT id FROM orders WHERE status = 'PURCHASED' LIMIT 9)""",
        number=number,
    )
    assert sales.links(trial.ask).sold_twice == 0


def test_the_same_number_twice_is_one_trade(trial: Trial) -> None:
    """Without any order, too."""
    numbers = trial.value(
        """SELECT array_agg(id) FROM (SELECT id FROM sales WHERE "orderId" LIKE '%-%'
           AND environment = 'production' AND "createdAt" >= :since ORDER BY id LIMIT 2) AS s""",
        since=trial.ago(days=30),
    )
    for id_, written in zip(numbers, ("31-41592-65358", "#31-41592-65358"), strict=True):
        trial.run(
            """UPDATE sales SET "orderId" = :written, status = 'SHIPPED',
               "productId" = (SELECT "productId" FROM sales WHERE id = :first) WHERE id = :id""",
            written=written,
            first=numbers[0],
            id=id_,
        )
    assert sales.links(trial.ask).sold_twice == 2


def test_white_space_is_no_part_of_a_sales_order(trial: Trial) -> None:
    """Its order, its links and its environment are the same."""
    before = (sales.sales_of_orders(trial.ask), sales.links(trial.ask))
    change = """UPDATE sales SET "orderId" = :text WHERE id = :id"""
    sale, order = _sale(trial), _order(trial)
    for text in (f"{order} ", f"\t{order}\u200b"):
        trial.run(change, text=text, id=sale)
        assert (sales.sales_of_orders(trial.ask), sales.links(trial.ask)) == before


@pytest.mark.parametrize(
    ("statement", "counts"),
    [
        ('UPDATE sales SET "marketplaceFee" = -1 WHERE id = :id', (1, 0)),
        ('UPDATE sales SET "aliexpressCost" = -1 WHERE id = :id', (1, 0)),
        (
            """UPDATE orders SET price = price + 0.05, "paypalOrderId" = 'X' WHERE id = :order""",
            (0, 0),
        ),
        (
            """UPDATE orders SET price = price + 0.06, "paypalOrderId" = 'X' WHERE id = :order""",
            (0, 1),
        ),
        ("""UPDATE orders SET currency = 'GBP', "paypalOrderId" = 'X' WHERE id = :order""", (0, 1)),
        (
            """UPDATE orders SET price = 1, currency = 'ARS', "paypalOrderId" = 'mercadolibre:1'
               WHERE id = :order""",
            (0, 0),
        ),
    ],
)
def test_a_sale_that_cant_be_is_found(
    trial: Trial, statement: str, counts: tuple[int, int]
) -> None:
    """No negative fee or cost; the order's price and currency, save for Mercado Libre."""
    sale, order = _sale(trial), _order(trial)
    trial.run(statement, **({"id": sale} if ":id" in statement else {"order": order}))
    found = profit.arithmetic(trial.ask)
    assert (found.negative, found.unlike_their_orders) == counts


@pytest.mark.parametrize("amount", ["-500", "NaN"])
@pytest.mark.parametrize("column", ["shippingCost", "importTax"])
def test_a_negative_shipping_or_tax_bounds_nothing(trial: Trial, column: str, amount: str) -> None:
    """It would let a gross profit above the price add up, so it can't be, whenever it was set."""
    sale = _sale(trial)
    change = f"""UPDATE products SET "{column}" = :amount, "updatedAt" = :at
                WHERE id = (SELECT "productId" FROM sales WHERE id = :id)"""
    for at in (trial.ago(days=90), trial.ago(minutes=1)):
        trial.run(change, id=sale, amount=Decimal(amount), at=at)
        found = profit.arithmetic(trial.ask)
        assert (found.negative > 0, sale in found.impossible) == (True, True)


@pytest.mark.parametrize("column", ["shippingCost", "importTax"])
def test_shipping_and_tax_bound_the_gross_profit(trial: Trial, column: str) -> None:
    """As the product has them, unless it was changed since the sale."""
    sale = _sale(trial)
    change = f"""UPDATE products SET "{column}" = 900, "updatedAt" = :at
                WHERE id = (SELECT "productId" FROM sales WHERE id = :id)"""
    trial.run(change, id=sale, at=trial.ago(days=90))
    assert sale in profit.arithmetic(trial.ask).newest_wrong
    trial.run(change, id=sale, at=trial.ago(minutes=1))
    assert profit.arithmetic(trial.ask).wrong == 0


@pytest.mark.parametrize(
    ("commission", "wrong"), [("0", 0), ("-0.33", 0), ("-3.33", 0), ("0.33", 1), ("-3.40", 1)]
)
@pytest.mark.parametrize("since", [90, 0])
def test_of_a_loss_any_part_may_be_the_commission(
    trial: Trial, since: int, commission: str, wrong: int
) -> None:
    """None of it, or as the rate has it; but none that is paid for a loss, or above it."""
    trial.run('UPDATE platform_config SET "updatedAt" = :at', at=trial.ago(days=since, seconds=1))
    trial.run(
        """UPDATE sales SET "grossProfit" = -3.33, "commissionAmount" = CAST(:part AS numeric),
             "netProfit" = -3.33 - CAST(:part AS numeric) WHERE id = :id""",
        part=commission,
        id=_sale(trial),
    )
    assert profit.arithmetic(trial.ask).wrong_commission == wrong


def test_an_older_sale_agrees_with_a_rate_of_its_time(trial: Trial) -> None:
    """Today's rate is for the sales since; the others share theirs with a sale beside them."""
    trial.run(
        'UPDATE platform_config SET "platformCommissionPct" = 25, "updatedAt" = :at',
        at=trial.ago(seconds=1),
    )
    found = profit.arithmetic(trial.ask)
    assert (found.wrong, found.of_earlier_rates) == (0, found.sales)
    change = """UPDATE sales SET "commissionAmount" = round("grossProfit" * 0.4, 2),
                "netProfit" = "grossProfit" - round("grossProfit" * 0.4, 2) WHERE id = :id"""
    trial.run(change, id=_sale(trial))
    assert profit.arithmetic(trial.ask).newest_wrong == (_sale(trial),)
    trial.run('UPDATE platform_config SET "updatedAt" = :at', at=trial.ago(days=90))
    assert profit.arithmetic(trial.ask).wrong > 100


_OLD_SALE = """UPDATE sales SET "grossProfit" = 4.90, "commissionAmount" = CAST(:part AS numeric),
               "netProfit" = 4.90 - CAST(:part AS numeric), currency = 'USD' WHERE id = :id"""


@pytest.mark.parametrize(
    ("part", "wrong"), [("0.49", 0), ("0.53", 0), ("0.70", 1), ("4.00", 1), ("-0.10", 1)]
)
def test_a_small_profit_is_held_to_the_rate_of_its_time(
    trial: Trial, part: str, wrong: int
) -> None:
    """Its own is known too badly to be another one's, but not too badly to be compared."""
    trial.run('UPDATE platform_config SET "updatedAt" = :at', at=trial.ago(seconds=1))
    trial.run(_OLD_SALE, part=part, id=_sale(trial))
    found = profit.arithmetic(trial.ask)
    assert (found.wrong_commission, found.rate_unclear) == (wrong, 0)


def _rate(trial: Trial, rate: str, where: str, **values: Any) -> int:
    return trial.run(
        f"""UPDATE sales SET "commissionAmount" = round("grossProfit" * {rate} / 100,
              CASE WHEN currency IN ('CLP', 'JPY', 'KRW', 'VND', 'IDR') THEN 0 ELSE 2 END),
            "netProfit" = "grossProfit" - round("grossProfit" * {rate} / 100,
              CASE WHEN currency IN ('CLP', 'JPY', 'KRW', 'VND', 'IDR') THEN 0 ELSE 2 END)
            WHERE {where}""",
        **values,
    )


def test_the_last_of_an_old_rate_is_unclear_and_not_wrong(trial: Trial) -> None:
    """Those that share its rate have left the window: the verdict doesn't depend on the day."""
    trial.run(
        'UPDATE platform_config SET "platformCommissionPct" = 12.5, "updatedAt" = :at',
        at=trial.ago(seconds=1),
    )
    _rate(trial, "12.5", '"createdAt" >= :since', since=trial.ago(days=31))
    assert profit.arithmetic(trial.ask).rate_unclear == 0
    oldest = trial.value(
        """SELECT s.id FROM sales s JOIN orders o ON o.id = s."orderId"
           WHERE s."createdAt" >= :since AND s.environment = 'production'
             AND s.status IN ('DELIVERED', 'COMPLETED', 'SHIPPED') AND o.status = 'PURCHASED'
             AND o."fulfillmentNotes" IS NULL ORDER BY s."createdAt" LIMIT 1""",
        since=trial.ago(days=30),
    )
    _rate(trial, "10", "id = :id", id=oldest)
    trial.run(
        """UPDATE sales SET environment = 'sandbox'
           WHERE "createdAt" < (SELECT "createdAt" FROM sales WHERE id = :id)""",
        id=oldest,
    )
    found = profit.arithmetic(trial.ask)
    assert (found.wrong, found.newest_rate_unclear) == (0, (oldest,))
    criteria: Any = test_profit
    with pytest.raises(Blocked, match="another commission rate than those after them"):
        criteria.test_profit_adds_up(found, Mock())
    trial.run('UPDATE platform_config SET "platformCommissionPct" = 10')
    assert profit.arithmetic(trial.ask).rate_unclear == 0


@pytest.mark.parametrize(
    ("statements", "broken"),
    [
        ((), False),
        (('UPDATE autopilot_cycle_logs SET "createdAt" = :now',), True),
        (
            (
                'UPDATE autopilot_cycle_logs SET "createdAt" = :then',
                "DELETE FROM system_configs",
            ),
            True,
        ),
        (("DELETE FROM autopilot_cycle_logs", "DELETE FROM system_configs"), False),
        (("UPDATE system_configs SET value = '{not json'",), False),
        (("UPDATE system_configs SET value = '[1]'",), False),
    ],
)
def test_a_failed_cycle_counts_until_one_succeeds(
    trial: Trial, statements: tuple[str, ...], broken: bool
) -> None:
    """A success is never logged: it is seen in the statistics, and in what cycles made."""
    for statement in statements:
        values = {"now": trial.ago(minutes=1), "then": trial.ago(hours=2, minutes=10)}
        used = {name: at for name, at in values.items() if f":{name}" in statement}
        trial.run(statement, **used)
    found = cycle.autopilot(trial.ask)
    assert bool(found.broken) is broken
    assert not found.unclear
    assert found.succeeded_at is not None


@pytest.mark.parametrize(
    "future",
    [
        """UPDATE system_configs
           SET value = '{"totalRuns": 5, "lastRunTimestamp": "2126-01-01T00:00:00Z"}'""",
        """UPDATE products SET "createdAt" = now() + interval '2 days' WHERE id = 1""",
        """UPDATE opportunities SET "createdAt" = now() + interval '2 days' WHERE id = 1""",
        """UPDATE marketplace_listings SET "publishedAt" = now() + interval '2 days'
           WHERE id = 1""",
    ],
)
def test_what_is_still_to_come_is_no_success(trial: Trial, future: str) -> None:
    """It would outlast every failure; a store's clock may be some minutes ahead."""
    assert trial.run(future) == 1
    change = 'UPDATE autopilot_cycle_logs SET "createdAt" = :at'
    trial.run(change, at=trial.ago(minutes=1))
    found = cycle.autopilot(trial.ask)
    assert found.broken
    trial.run('UPDATE products SET "createdAt" = :at WHERE id IN (1, 2)', at=trial.ago(minutes=-4))
    assert not cycle.autopilot(trial.ask).broken


def test_no_users_success_hides_another_ones_broken_cycle(trial: Trial) -> None:
    """What cycles made is their user's; whose cycle has ended last isn't stored."""
    failed = 'UPDATE autopilot_cycle_logs SET "createdAt" = :at WHERE "userId" = 1'
    trial.run(failed, at=trial.ago(minutes=9))
    trial.run('UPDATE products SET "createdAt" = :at WHERE id = 2', at=trial.ago(minutes=4))
    found = cycle.autopilot(trial.ask)
    assert [failure.user_id for failure in found.broken] == [1]
    assert found.succeeded_at is not None
    assert found.broken[0].at < found.succeeded_at
    # A cycle has ended since, and it may have been user 2's.
    trial.run(failed, at=trial.ago(hours=2, minutes=9))
    found = cycle.autopilot(trial.ask)
    assert (found.broken, [failure.user_id for failure in found.unclear]) == ((), [1])
    criteria: Any = test_autonomous
    settings = Settings.from_environment({}, target="demo", dotenv={})
    with pytest.raises(Blocked, match="may be that one, or another user's"):
        criteria.test_autopilot_cycle_succeeded(found, settings, trial.now, Mock())
    # A run may make nothing.
    _alone(trial, trial.ago(hours=3, minutes=6))
    assert [failure.user_id for failure in cycle.autopilot(trial.ask).unclear] == [1]
    # No one else has run cycles in the window, so it was user 1's.
    _one_user(trial)
    found = cycle.autopilot(trial.ask)
    assert (found.broken, found.unclear) == ((), ())
    # One that only failed has run them too.
    trial.run(
        """INSERT INTO autopilot_cycle_logs ("userId", "cycleId", stage, success, "createdAt")
           VALUES (2, 'x', 'full_cycle', false, :at)""",
        at=trial.ago(days=29),
    )
    assert 1 in {failure.user_id for failure in cycle.autopilot(trial.ask).unclear}


def _one_user(trial: Trial) -> None:
    """Let user 2's cycles have left nothing in the window."""
    trial.run('UPDATE autopilot_cycle_logs SET "userId" = 1')
    for table, column in (
        ("opportunities", "createdAt"),
        ("products", "createdAt"),
        ("marketplace_listings", "publishedAt"),
    ):
        trial.run(f'UPDATE {table} SET "{column}" = :at WHERE "userId" = 2', at=trial.ago(days=40))


def _alone(trial: Trial, failed_at: datetime) -> None:
    """Let nothing be made after a user's cycle failed."""
    trial.run('UPDATE autopilot_cycle_logs SET "createdAt" = :at WHERE "userId" = 1', at=failed_at)
    for table, column in (
        ("opportunities", "createdAt"),
        ("products", "createdAt"),
        ("marketplace_listings", "publishedAt"),
    ):
        trial.run(f'UPDATE {table} SET "{column}" = :at', at=trial.ago(days=3))


@pytest.mark.parametrize("minutes", [0, 4, 64])
def test_the_end_of_a_failed_cycle_is_no_success(trial: Trial, minutes: int) -> None:
    """The statistics are written after each cycle, by a clock that may be an hour ahead."""
    _alone(trial, trial.ago(hours=2, minutes=minutes))  # the last run ended two hours ago
    _one_user(trial)
    found = cycle.autopilot(trial.ask)
    assert (found.broken, [failure.user_id for failure in found.unclear]) == ((), [1])
    _alone(trial, trial.ago(hours=3, minutes=6))
    _one_user(trial)
    found = cycle.autopilot(trial.ask)
    assert (found.broken, found.unclear) == ((), ())


@pytest.mark.parametrize(
    ("stats", "broken", "unclear"),
    [
        ("'{not json'", False, True),
        ("'[1]'", False, True),
        ("""'{"totalRuns": 5, "lastRunTimestamp": "yesterday"}'""", False, True),
        ("'{\"notes\": \"' || repeat('x', 2000000) || '\"}'", False, True),
        (
            "regexp_replace(value, '}$', ', \"notes\": \"' || repeat('x', 30000) || '\"}')",
            False,
            False,
        ),
        ("""'{"totalRuns": 0}'""", True, False),
    ],
)
def test_statistics_that_cannot_be_read_leave_a_failure_open(
    trial: Trial, stats: str, broken: bool, unclear: bool
) -> None:
    """They may say that a cycle has succeeded since; however long they are, they are read."""
    _alone(trial, trial.ago(hours=3, minutes=6))
    _one_user(trial)
    trial.run(f"UPDATE system_configs SET value = {stats} WHERE key = 'autopilot_stats'")
    found = cycle.autopilot(trial.ask)
    assert (bool(found.broken), bool(found.unclear)) == (broken, unclear)


@pytest.mark.parametrize(
    ("trade", "paid"),
    [
        ("ebay:31-41592-65358", True),
        ("8BA12345CD678901E", True),
        ("ABCDEFGHJKLMNPQRS", True),
        ("undefined-7", False),
        ("ebay:undefined", False),
        ("amazon:null-1", False),
        ("NaN", False),
        ("ebay:", False),
        ("[object Object]", False),
        (" ", False),
    ],
)
def test_a_payment_has_a_number(trial: Trial, trade: str, paid: bool) -> None:
    """What a program writes for nothing is no sign that money was captured."""
    trial.run('UPDATE orders SET "paypalOrderId" = :trade', trade=trade)
    assert bool(cycle.cycle(trial.ask).captured) is paid


BLANK = ("\t{}", "{}\u00a0", "\u200b{}\ufeff", "\r\n {}\u2060")


@pytest.mark.parametrize("blank", BLANK)
def test_what_is_invisible_around_an_id_is_no_part_of_it(trial: Trial, blank: str) -> None:
    """It makes no id of two, no stand-in real, and no order another supplier's."""
    order, sale = _order(trial), _sale(trial)
    before = orders.supplier_ids(trial.ask)
    change = 'UPDATE orders SET "aliexpressOrderId" = :id WHERE id = :order'
    other = trial.value(
        """SELECT "aliexpressOrderId" FROM orders WHERE id <> :order AND status = 'PURCHASED'
             AND "aliexpressOrderId" ~ '^[0-9]{16}$' ORDER BY "createdAt" DESC LIMIT 1""",
        order=order,
    )
    trial.run(change, id=blank.format(other), order=order)
    assert orders.shared_supplier_ids(trial.ask).shared == 1
    assert orders.supplier_ids(trial.ask).with_supplier_id == before.with_supplier_id
    trial.run(change, id=blank.format("Manual"), order=order)
    assert orders.supplier_ids(trial.ask).bought_outside == before.bought_outside + 1
    trial.run("UPDATE orders SET supplier = :s WHERE id = :id", s=blank.format("AE"), id=order)
    more = orders.supplier_ids(trial.ask).other_suppliers
    trial.run(
        "UPDATE orders SET supplier = :s WHERE id = :id", s=blank.format("aliexpress"), id=order
    )
    assert orders.supplier_ids(trial.ask).other_suppliers == more - 1 == before.other_suppliers
    trial.run(
        'UPDATE sales SET "userPayoutId" = :id WHERE id = :sale',
        id=blank.format(trial.value('SELECT "adminPayoutId" FROM sales WHERE id = :id', id=sale)),
        sale=sale,
    )
    assert payouts.shared_ids(trial.ask).shared == 1
    trial.run(
        'UPDATE sales SET "userPayoutId" = :id WHERE id = :sale', id=blank.format(""), sale=sale
    )
    assert payouts.stored(trial.ask).newest_unpaid == (sale,)
    trial.run(
        'UPDATE orders SET "paypalOrderId" = :id WHERE id = :order',
        id=blank.format("TEST-1"),
        order=order,
    )
    assert orders.supplier_ids(trial.ask).stand_ins == before.stand_ins + 1


@pytest.mark.parametrize("status", ["REFUNDING", "paid", "PURCHASED "])
def test_an_order_of_an_unknown_status_is_not_left_out(trial: Trial, status: str) -> None:
    """It may have been paid for, and is named; stand-ins and what isn't paid for yet are not."""
    criteria: Any = test_order
    assert orders.fulfilment(trial.ask).unknown == 0
    trial.run("UPDATE orders SET status = :status WHERE id = :id", status=status, id=_order(trial))
    trial.run(
        "UPDATE orders SET status = :status WHERE \"paypalOrderId\" LIKE 'TEST%'", status=status
    )
    found = orders.fulfilment(trial.ask)
    assert (found.unknown, found.unknown_by_status) == (1, (f"{status} 1",))
    settings = Settings.from_environment({}, target="demo", dotenv={})
    with pytest.raises(Blocked, match=r"^1 orders have a status that the suite doesn't know"):
        criteria.test_paid_orders_reach_purchased(found, settings, Mock())


@pytest.mark.parametrize(
    "status",
    ["refund Jane Roe jane.roe@mail.example", "jane.roe@mail.example", "+15415550177", "a" * 41],
)
def test_words_in_place_of_a_status_are_not_shown(trial: Trial, status: str) -> None:
    """A person wrote them, and they may name anyone; that there is such a status is said."""
    trial.run("UPDATE orders SET status = :status WHERE id = :id", status=status, id=_order(trial))
    trial.run("UPDATE sales SET status = :status WHERE id = :id", status=status, id=_sale(trial))
    for found in (orders.fulfilment(trial.ask), profit.net_profit(trial.ask)):
        assert (found.unknown, found.unknown_by_status) == (1, (f"{MASK} 1",))


@pytest.mark.parametrize("status", ["completed", "CHARGEBACK", None])
def test_a_sale_of_an_unknown_status_proves_no_profit(trial: Trial, status: str | None) -> None:
    """It may be a completed one at a loss; a loss that is seen is one all the same."""
    criteria: Any = test_profit
    before = profit.net_profit(trial.ask)
    assert before.unknown == 0
    trial.run("ALTER TABLE sales ALTER status DROP NOT NULL")
    trial.run("UPDATE sales SET status = :status WHERE id = :id", status=status, id=_sale(trial))
    found = profit.net_profit(trial.ask)
    assert (found.unknown, found.unknown_by_status) == (1, (f"{status or 'NULL'} 1",))
    assert (found.completed, found.waiting) == (before.completed - 1, before.waiting)
    with pytest.raises(Blocked, match=r"^1 sales have a status that the suite doesn't know"):
        criteria.test_completed_sales_have_positive_net_profit(found, Mock())


@pytest.mark.parametrize(
    ("change", "unbought"),
    [
        ("\"aliexpressOrderId\" = NULL, status = 'FAILED'", 1),
        ('"aliexpressOrderId" = NULL', 1),
        ("\"aliexpressOrderId\" = 'SIMULATED_ORDER_ID'", 1),
        ("\"aliexpressOrderId\" = 'manual'", 0),
        ("\"aliexpressOrderId\" = NULL, supplier = 'cj'", 0),
    ],
)
def test_a_sale_of_what_was_never_bought_proves_no_profit(
    trial: Trial, change: str, unbought: int
) -> None:
    """Its cost isn't known, though it is completed and paid out; a loss is one all the same."""
    criteria: Any = test_profit
    before = profit.net_profit(trial.ask)
    trial.run(f"UPDATE orders SET {change} WHERE id = :id", id=_order(trial))
    found = profit.net_profit(trial.ask)
    assert (found.unbought, found.newest_unbought) == (unbought, (_sale(trial),) * unbought)
    assert (found.net_profit != before.net_profit) == bool(unbought)
    assert found.completed == before.completed
    if unbought:
        with pytest.raises(Blocked, match=r"^1 completed sales are of orders that were never"):
            criteria.test_completed_sales_have_positive_net_profit(found, Mock())
    trial.run('UPDATE sales SET "netProfit" = -1 WHERE id = :id', id=_sale(trial))
    assert profit.net_profit(trial.ask).without_profit == 1


@pytest.mark.parametrize(
    ("change", "twice", "unclear"),
    [
        ('"paypalOrderId" = :trade', 2, 0),
        ('"paypalOrderId" = upper(:trade)', 2, 0),
        ("\"paypalOrderId\" = :trade || '\u200b '", 2, 0),
        ("\"paypalOrderId\" = replace(:trade, ':', ': ')", 2, 0),
        ("\"paypalOrderId\" = replace(:trade, ':', ' :\u200b#')", 2, 0),
        ("\"paypalOrderId\" = replace(:trade, 'ebay:', 'EB-')", 2, 0),
        ("\"paypalOrderId\" = replace(:trade, 'ebay:', 'ebay:EBAYS')", 0, 0),
        ('"paypalOrderId" = :trade, "productId" = NULL', 0, 2),
        ('"paypalOrderId" = upper(:trade), "productId" = NULL', 0, 2),
        ('"paypalOrderId" = :trade, "productId" = "productId" + 1', 0, 0),
    ],
)
def test_no_spelling_and_no_gap_hides_a_double_purchase(
    trial: Trial, change: str, twice: int, unclear: int
) -> None:
    """A trade in another case or with white space; a cart has two products, both known."""
    criteria: Any = test_order
    order, trade = _order(trial), "ebay:31-41592-65358"
    other = trial.value(
        """SELECT id FROM orders WHERE id <> :id AND status = 'PURCHASED' AND supplier IS NULL
             AND "paypalOrderId" LIKE 'ebay:%' ORDER BY "createdAt" DESC LIMIT 1 OFFSET 3""",
        id=order,
    )
    trial.run('UPDATE orders SET "paypalOrderId" = :trade WHERE id = :id', trade=trade, id=order)
    trial.run(
        'UPDATE orders SET "productId" = (SELECT "productId" FROM orders WHERE id = :order) '
        "WHERE id = :id",
        order=order,
        id=other,
    )
    trial.run(f"UPDATE orders SET {change} WHERE id = :id", trade=trade, id=other)
    found = orders.repeated(trial.ask)
    assert (found.trades_bought_twice, found.trades_unclear) == (twice, unclear)
    if unclear:
        with pytest.raises(Blocked, match="the product is not known"):
            criteria.test_marketplace_orders_are_bought_once(found, Mock())


@pytest.mark.parametrize("column", ["userId", "productId"])
def test_a_sale_of_another_user_or_product_than_its_orders_is_found(
    trial: Trial, column: str
) -> None:
    """Which of the two is right isn't known."""
    criteria: Any = test_sale
    assert sales.links(trial.ask).unlike == 0
    trial.run(f'UPDATE orders SET "{column}" = NULL WHERE id = :id', id=_order(trial))
    assert sales.links(trial.ask).unlike == 0
    trial.run(f'UPDATE orders SET "{column}" = 7777 WHERE id = :id', id=_order(trial))
    found = sales.links(trial.ask)
    assert (found.unlike, found.newest_unlike) == (1, (_sale(trial),))
    with pytest.raises(Blocked, match="of another user or product than their order"):
        criteria.test_sales_link_to_orders(found, Mock())


@pytest.mark.parametrize(("minutes", "early"), [(59, 0), (61, 1), (14_400, 1)])
def test_a_sale_is_not_made_before_its_order(trial: Trial, minutes: int, early: int) -> None:
    """It follows the purchase; the clocks that date the two may differ by an hour."""
    criteria: Any = test_sale
    sale = _sale(trial)
    trial.run(
        """UPDATE sales s SET "createdAt" = o."createdAt" - make_interval(mins => :minutes)
           FROM orders o WHERE o.id = s."orderId" AND s.id = :id""",
        minutes=minutes,
        id=sale,
    )
    found = sales.links(trial.ask)
    assert (found.too_early, found.newest_too_early) == (early, (sale,) * early)
    if early:
        with pytest.raises(Blocked, match=r"^1 of \d+ sales are dated before their order"):
            criteria.test_sales_link_to_orders(found, Mock())


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ("status = status", True),
        ('"grossProfit" = 0', False),
        ('"grossProfit" = -4', False),
        ("status = 'REFUNDED'", False),
        ("environment = 'sandbox'", False),
        ("\"salePrice\" = 'NaN'", False),
    ],
)
def test_a_purchase_has_what_its_sale_brought_in(trial: Trial, change: str, known: bool) -> None:
    """Price less fee, if a profit is noted: the supplier can't have taken as much."""
    fresh, first, *rest = orders.newest_purchases(trial.ask).sample
    assert fresh.proceeds is None  # it is no sale yet
    assert first.proceeds
    trial.run(f'UPDATE sales SET {change} WHERE "orderId" = :id', id=first.order_id)
    same, found, *others = orders.newest_purchases(trial.ask).sample
    assert (same, found.order_id, others) == (fresh, first.order_id, rest)
    assert found.proceeds == (first.proceeds if known else None)
    left = trial.value(
        """SELECT "salePrice" - "marketplaceFee" || ' ' || currency FROM sales
           WHERE "orderId" = :id""",
        id=first.order_id,
    )
    assert not known or str(found.proceeds) == left


def test_a_payout_through_payoneer_outside_the_sample_is_counted(trial: Trial) -> None:
    """By its word in any case, or by its user, who has no address at PayPal."""
    assert payouts.newest(trial.ask).paid_through_payoneer == 0
    oldest = trial.value(
        """SELECT id FROM sales WHERE "payoutExecuted" AND "createdAt" > :at
           AND environment = 'production' ORDER BY "createdAt" LIMIT 1""",
        at=trial.ago(days=29),
    )
    trial.run("UPDATE sales SET \"userPayoutId\" = ' PAYONEER' WHERE id = :id", id=oldest)
    found = payouts.newest(trial.ask)
    assert found.paid_through_payoneer == 1
    assert oldest not in {payout.sale_id for payout in found.payouts}
    trial.run(
        """UPDATE users SET "paypalPayoutEmail" = NULL, "payoneerPayoutEmail" = 'x@y.z'
           WHERE id = 1"""
    )
    assert payouts.newest(trial.ask).paid_through_payoneer > 10


def test_a_row_of_scope_user_comes_before_the_users_own_global_one(trial: Trial) -> None:
    """A row of scope user comes before the user's own global one, even if it is older."""
    trial.run(
        """INSERT INTO api_credentials ("userId", "apiName", credentials, scope, "updatedAt")
           VALUES (1, 'aliexpress-dropshipping', 'x', 'global', :at)""",
        at=trial.ago(minutes=1),
    )
    chosen = oauth.stored_credentials(trial.ask, user_id=1).require()
    assert (chosen.row_id, chosen.owner, chosen.own) == (1, 1, True)
    rows = oauth.of_users(trial.ask, [1, 2, 9, None], api_name="aliexpress-dropshipping")
    assert {user: row.own for user, row in rows.items()} == {1: True, 2: True, 9: False}
    assert {user: row.owner for user, row in rows.items()} == {1: 1, 2: 2, 9: 1}


def test_what_is_looked_up_comes_with_its_sellers_access(trial: Trial) -> None:
    """Purchases, payouts and the orders that are traced, each with the rows of its sellers."""
    trial.run(
        """INSERT INTO api_credentials ("userId", "apiName", credentials, "updatedAt")
           VALUES (1, 'paypal', 'x', :at), (2, 'paypal', 'y', :at)""",
        at=trial.ago(days=1),
    )
    settings = Settings.from_environment({}, target="demo", dotenv={})
    names = ("newest_purchases", "newest_payouts", "traced_orders")
    found: dict[str, Any] = {
        name: read(trial.ask) for name, read in questions(names, settings).items()
    }
    purchases, made, traced = (found[name] for name in names)
    assert purchases.tokens.keys() == {purchase.user_id for purchase in purchases.sample}
    assert made.applications.keys() == {payout.user_id for payout in made.payouts} == {1, 2}
    sellers = {order.user_id for order in traced.cycle.candidates}
    assert traced.tokens.keys() == traced.applications.keys() == sellers


def test_the_users_own_credential_comes_before_a_global_one(trial: Trial) -> None:
    """And a global one before none; sandbox and inactive rows don't count."""
    trial.run("""UPDATE api_credentials SET scope = 'global' WHERE "userId" = 2""")
    assert oauth.stored_credentials(trial.ask, user_id=1).usable == 2
    own = oauth.stored_credentials(trial.ask, user_id=1).require()
    assert (own.row_id, own.own) == (1, True)
    trial.run('UPDATE api_credentials SET "isActive" = false WHERE id = 1')
    found = oauth.stored_credentials(trial.ask, user_id=1)
    assert (found.require().own, found.inactive, found.other_environment) == (False, 1, 1)
    assert found.require().owner == 2


@pytest.mark.parametrize(
    ("statement", "step"),
    [
        ("DELETE FROM opportunities", "found"),
        ("UPDATE opportunities SET title = title || '!'", "found"),
        ('UPDATE opportunities SET "userId" = 3 - "userId"', "found"),
        ('UPDATE opportunities SET "createdAt" = "createdAt" - interval \'2 days\'', "found"),
        ('UPDATE products SET "publishedAt" = NULL; DELETE FROM marketplace_listings', "published"),
        ('UPDATE orders SET "paypalOrderId" = NULL', "captured"),
        ("""UPDATE orders SET "aliexpressOrderId" = 'TEST'""", "purchased"),
        ('UPDATE orders SET "manualFulfillmentRequired" = true', "untouched"),
        ("UPDATE sales SET environment = 'sandbox'", "sold"),
        ("UPDATE sales SET status = 'REFUNDED'", "sold"),
        ('UPDATE sales SET "netProfit" = 0', "earned"),
        ('UPDATE sales SET "payoutExecuted" = false', "paid_out"),
    ],
)
def test_the_cycle_breaks_at_the_first_step_that_none_took(
    trial: Trial, statement: str, step: str
) -> None:
    """Each step counts only for orders that took those before it."""
    for command in statement.split("; "):
        trial.run(command)
    broken = cycle.cycle(trial.ask).breaks_at()
    assert broken is not None
    assert broken[0] == step


def test_green_steps_of_different_orders_make_no_cycle(trial: Trial) -> None:
    """Half the orders were captured, the other half sold: none went all the way."""
    trial.run("""UPDATE orders SET "paypalOrderId" = NULL WHERE id < 'ci'""")
    trial.run("""UPDATE sales SET environment = 'sandbox' WHERE "orderId" >= 'ci'""")
    found = cycle.cycle(trial.ask)
    assert found.paid_out == 0
    assert all(order.steps < len(cycle.STEPS) for order in found.candidates)
    assert found.captured > 50


def test_the_cycle_isnt_broken_at_a_step_that_may_have_been_taken(trial: Trial) -> None:
    """Of orders that are left out for their date, or their sale's, nothing is known."""
    trial.run('UPDATE sales SET "createdAt" = "createdAt" + interval \'50 days\'')
    found = cycle.cycle(trial.ask)
    assert (found.sold, found.dated_ahead > 100, found.any_purchased > 0) == (0, True, True)
    traced = TracedOrders(cycle=found, payouts=(), tokens={}, applications={})
    words = "are dated ahead of the clock, and no other order took this step: sale made"
    with pytest.raises(Blocked, match=words):
        traced.require_candidates()
    with pytest.raises(Blocked, match=words):
        traced.require_step("sold")
    trial.run("UPDATE sales SET environment = 'sandbox'")
    found = cycle.cycle(trial.ask)
    assert found.dated_ahead == 0
    traced = TracedOrders(cycle=found, payouts=(), tokens={}, applications={})
    with pytest.raises(AssertionError, match="sale made"):
        traced.require_candidates()


def test_a_cycle_that_isnt_looked_up_in_time_is_not_confirmed(trial: Trial) -> None:
    """Neither without the supplier's answer nor without PayPal's."""
    found = cycle.cycle(trial.ask).candidates[0]
    assert found.sale_id
    made = payouts.of_sales(trial.ask, [found.sale_id])
    supplier, paypal = Mock(), Mock()
    supplier.order.return_value = SupplierOrder(order_id="1", status="FINISH")
    settings = Settings.from_environment({}, target="demo", dotenv={})
    for looks, kind in ((0, OutOfTime), (1, Blocked)):
        clock = map(float, range(9)).__next__
        budget = Budget(timedelta(seconds=looks), clock=clock)
        with pytest.raises(kind, match=r"look-ups|were not looked up in time"):
            trace(
                [(found, made)],
                suppliers=Access(common=supplier, budget=budget),
                paypals=Access(common=paypal, budget=budget),
                settings=settings,
            )
        assert supplier.order.call_count == looks
    paypal.payout_batch.assert_not_called()


def test_a_cycle_with_another_ones_purchase_is_not_confirmed(trial: Trial) -> None:
    """The supplier made it long before the store's order, or long after the store's purchase."""
    found = cycle.cycle(trial.ask).candidates[0]
    supplier = Mock()
    settings = Settings.from_environment({}, target="demo", dotenv={})
    for days, words in ((0, ""), (400, "long before the store's own row"), (-3, "long after")):
        made = f"{trial.ago(days=days):%Y-%m-%d %H:%M:%S}"
        order = SupplierOrder(order_id="1", status="FINISH", gmt_create=made)
        supplier.order.return_value = order
        traced = trace(
            [(found, ())],
            suppliers=Access(common=supplier),
            paypals=Access(common=Mock()),
            settings=settings,
        )
        assert words in traced.open_end
        assert traced.misdated is bool(words)
        if words:
            with pytest.raises(Blocked, match=words) as caught:
                traced.require_settled()
            assert caught.value.reason.kind.value == "inconclusive"


def test_a_purchase_was_made_by_the_last_change_of_its_order(trial: Trial) -> None:
    """Its row has the supplier's id since then, or earlier; a date to come says nothing."""

    def found(updated: object) -> list[Any]:
        trial.run('UPDATE orders SET "updatedAt" = CAST(:at AS timestamp)', at=updated)
        return [*orders.newest_purchases(trial.ask).sample, *cycle.cycle(trial.ask).candidates]

    for updated, by in (
        (trial.ago(minutes=1), trial.ago(minutes=1)),
        (trial.ago(days=-9), trial.ago(hours=-1)),
        ("infinity", trial.ago(hours=-1)),
    ):
        assert {one.bought_by for one in found(updated)} == {by.replace(tzinfo=timezone.utc)}
    assert all(one.bought_by == one.ordered_at for one in found("-infinity"))
