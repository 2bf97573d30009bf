"""The sick stores: what is wrong with each, and the verdicts that the suite must give.

One table is both the documentation and the test. Verdicts are those of a run that isn't armed, so
that placeorder is BLOCKED in all of them; a stage that isn't named is as in the healthy store.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.acceptance.demo import sickness
from tests.acceptance.demo.seed import empty, healthy
from tests.acceptance.demo.world import World

STAGES = (
    "oauth",
    "placeorder",
    "order",
    "sale",
    "payout",
    "profit",
    "autonomous",
    "generating-profit",
    "final",
)
_HEALTHY = dict.fromkeys(STAGES, "CONFIRMED") | {"placeorder": "BLOCKED", "final": "BLOCKED"}
_C, _F, _B = "CONFIRMED", "FAILED", "BLOCKED"
_CHAIN = ("sale", "payout", "profit", "autonomous")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One store.

    Attributes:
        name: as `--demo-scenario` takes it.
        description: what is wrong with it, in a few words.
        build: makes it at an instant.
        expected: the verdict of every stage, unarmed.
    """

    name: str
    description: str
    build: Callable[[datetime], World]
    expected: Mapping[str, str]


def _sick(
    name: str, description: str, change: Callable[[World], None], **verdicts: str
) -> Scenario:
    def build(now: datetime) -> World:
        world = healthy(now)
        change(world)
        return world

    return _scenario(name, description, build, **verdicts)


def _scenario(
    name: str, description: str, build: Callable[[datetime], World], **verdicts: str
) -> Scenario:
    named = {stage.replace("_", "-"): verdict for stage, verdict in verdicts.items()}
    expected = _HEALTHY | named
    expected["final"] = _F if _F in expected.values() else _B
    return Scenario(name=name, description=description, build=build, expected=expected)


def _from(stage: str, verdict: str, *, profit: str | None = None) -> dict[str, str]:
    """Return the verdicts when one stage isn't CONFIRMED and those that require it are BLOCKED."""
    chain = {"sale": ("payout", "profit", "autonomous"), "order": _CHAIN}.get(
        stage, ("autonomous",)
    )
    return dict.fromkeys(chain, _B) | {stage: verdict, "generating_profit": profit or verdict}


# Without the supplier's answers nothing that was bought can be confirmed.
_NO_SUPPLIER = _from("order", _B)
_NOTHING = _NO_SUPPLIER | {"oauth": _B}

_ALL = (
    _scenario("healthy", "every criterion holds", healthy),
    _sick("unusual", "most of what is unusual and well below, in one store", sickness.unusual),
    _scenario("empty-store", "set up, and no trade yet", empty, **_from("order", _B)),
    _sick(
        "no-credentials",
        "no AliExpress credential for the user",
        sickness.no_credentials,
        **_NO_SUPPLIER,
        oauth=_F,
    ),
    _sick(
        "oauth-not-completed",
        "a credential without an access token",
        sickness.oauth_not_completed,
        **_NOTHING,
    ),
    _sick("wrong-key", "another ENCRYPTION_KEY", sickness.wrong_key, **_NO_SUPPLIER, oauth=_F),
    _sick(
        "expired-token",
        "the access token ended an hour ago",
        sickness.expired_token,
        **_NO_SUPPLIER,
        oauth=_F,
    ),
    _sick("unknown-expiry", "the credential doesn't say when it ends", sickness.unknown_expiry),
    _sick(
        "plain-credential",
        "a credential of plain JSON, which the store can't read",
        sickness.plain_credential,
        **_NO_SUPPLIER,
        oauth=_F,
    ),
    _sick(
        "own-credential-first",
        "the user's own credential is expired, and a newer global one is good",
        sickness.own_credential_first,
        oauth=_F,
        autonomous=_B,
    ),
    _sick("global-credential", "a global credential alone", sickness.global_credential),
    _sick(
        "credential-of-environment",
        "no credential row, and a token in the environment",
        sickness.credential_of_environment,
    ),
    _sick(
        "salt-with-spaces",
        "an ENCRYPTION_SALT with white space around it",
        sickness.salt_with_spaces,
    ),
    _sick(
        "few-permissions",
        "an application that may only look orders up and place them",
        sickness.few_permissions,
    ),
    _sick(
        "seller-token-rejected",
        "another seller's own token is refused",
        sickness.seller_token_rejected,
        **_NO_SUPPLIER,
    ),
    _sick(
        "test-orders",
        "orders of the store's own test tools",
        sickness.only_test_orders,
        **_from("order", _B),
    ),
    _sick(
        "token-rejected",
        "the supplier refuses a token that looks good",
        sickness.token_rejected,
        **_NO_SUPPLIER,
        oauth=_F,
    ),
    _sick("supplier-down", "AliExpress answers 503", sickness.supplier_down, **_NOTHING),
    _sick("no-paid-orders", "orders, none paid", sickness.no_paid_orders, **_from("order", _B)),
    _sick(
        "fulfilment-not-run",
        "paid orders that nothing has tried to buy",
        sickness.fulfilment_not_run,
        **_from("order", _B),
    ),
    _sick(
        "paid-order-touched",
        "an order of yesterday, PAID, and changed five minutes ago",
        sickness.paid_order_touched,
        **_from("order", _B),
    ),
    _sick(
        "paid-order-forgotten",
        "an order of yesterday, PAID, that nothing tried to buy",
        sickness.paid_order_forgotten,
        **_from("order", _F),
    ),
    _sick(
        "paid-order-failing",
        "an order of yesterday, PAID, that failed twice, the last time five minutes ago",
        sickness.paid_order_failing,
        **_from("order", _F),
    ),
    _sick(
        "manual-queue",
        "an order of yesterday from the manual queue that is being bought now",
        sickness.manual_queue,
    ),
    _sick(
        "bought-outside",
        "orders bought outside of the store, in its own words",
        sickness.bought_outside,
    ),
    _sick(
        "one-simulated-id",
        "one purchase of many with TEST_SIMULATED",
        sickness.one_simulated_id,
        **_from("order", _F),
    ),
    _sick(
        "bought-twice",
        "an order with two purchase attempts that succeeded",
        sickness.bought_twice,
        **_from("order", _F),
    ),
    _sick(
        "marketplace-order-bought-twice",
        "two orders of one marketplace order and product",
        sickness.marketplace_order_bought_twice,
        **_from("order", _F),
    ),
    _sick(
        "stuck-purchasing",
        "an order that has been PURCHASING for three hours",
        sickness.stuck_purchasing,
        **_from("order", _F),
    ),
    _sick(
        "simulated-order-ids",
        "purchases with SIMULATED_ORDER_ID",
        sickness.simulated_order_ids,
        **_from("order", _F) | {"autonomous": _F},
    ),
    _sick(
        "duplicate-supplier-id",
        "two orders with one supplier id",
        sickness.duplicate_supplier_id,
        **_from("order", _F),
    ),
    _sick(
        "unknown-to-supplier",
        "a purchase that the supplier does not know",
        sickness.unknown_to_supplier,
        **_from("order", _F),
    ),
    _sick(
        "sandbox-only",
        "real orders whose sales are all sandbox ones",
        sickness.sandbox_only,
        **_from("sale", _F) | {"autonomous": _F},
    ),
    _sick("missing-sale", "a purchase without sale", sickness.missing_sale, **_from("sale", _F)),
    _sick(
        "missing-sale-touched",
        "a purchase without sale, tried long ago and changed three minutes ago",
        sickness.missing_sale_touched,
        **_from("sale", _B),
    ),
    _sick("dangling-sale", "a sale of no order", sickness.dangling_sale, **_from("sale", _F)),
    _sick(
        "trade-sold-twice",
        "one trade as two sales, by its order and by the marketplace's number",
        sickness.trade_sold_twice,
        **_from("sale", _F),
    ),
    _sick(
        "cart",
        "one marketplace order of two products, sold one by one",
        sickness.cart,
    ),
    _sick(
        "excluded-from-proof",
        "every order excluded from commercial proof",
        sickness.excluded_from_proof,
        **_from("order", _B),
    ),
    _sick(
        "negative-profit",
        "a completed sale at a loss",
        sickness.negative_profit,
        **_from("profit", _F),
    ),
    _sick(
        "no-profit-at-all",
        "every sale at a loss",
        sickness.no_profit_at_all,
        **(_from("profit", _F) | {"payout": _F, "autonomous": _F}),
    ),
    _sick(
        "profit-does-not-add-up",
        "a net profit that doesn't follow from the gross profit",
        sickness.profit_does_not_add_up,
        **_from("profit", _F),
    ),
    _sick(
        "negative-fee", "a sale with a negative fee", sickness.negative_fee, **_from("profit", _F)
    ),
    _sick(
        "price-of-another-order",
        "a sale of another price than its order's",
        sickness.price_of_another_order,
        **_from("profit", _F),
    ),
    _sick(
        "currency-of-another-order",
        "a sale in another currency than its order's",
        sickness.currency_of_another_order,
        **_from("profit", _F),
    ),
    _sick(
        "shipping-left-out",
        "a gross profit from which shipping and import tax weren't subtracted",
        sickness.shipping_left_out,
        **_from("profit", _F),
    ),
    _sick("no-commission", "a commission of 0 %", sickness.no_commission),
    _sick(
        "commission-changed",
        "another commission rate since last week",
        sickness.commission_changed,
    ),
    _sick(
        "commission-of-no-time",
        "the same, and an older sale of a rate that no sale beside it has",
        sickness.commission_of_no_time,
        **_from("profit", _F),
    ),
    _sick(
        "currencies-without-cents",
        "sales in VND, IDR, CLP and KRW",
        sickness.currencies_without_cents,
    ),
    _sick("refunded", "refunded and returned sales without payouts", sickness.refunded),
    _sick(
        "no-completed-sale",
        "sales, none delivered yet",
        sickness.no_completed_sale,
        **_from("profit", _B),
    ),
    _sick("payout-failed", "a failed payout", sickness.payout_failed, **_from("payout", _F)),
    _sick("payout-retried", "a payout that failed and was retried well", sickness.payout_retried),
    _sick("own-paypal", "a seller with an own PayPal application", sickness.own_paypal),
    _sick(
        "own-paypal-unusable",
        "a seller whose own PayPal application is refused",
        sickness.own_paypal_unusable,
        **_from("payout", _B),
    ),
    _sick(
        "nothing-paid-out",
        "sales, and no payout of any",
        sickness.nothing_paid_out,
        **(_from("payout", _F) | {"autonomous": _F}),
    ),
    _sick("payout-half", "a payout to one side only", sickness.payout_half, **_from("payout", _F)),
    _sick(
        "payout-twice", "one payout id at two sales", sickness.payout_twice, **_from("payout", _F)
    ),
    _sick(
        "payout-unclaimed",
        "a batch of SUCCESS with an UNCLAIMED item",
        sickness.payout_unclaimed,
        **_from("payout", _B),
    ),
    _sick(
        "payout-wrong-amount",
        "a payout of another amount than the sale's",
        sickness.payout_wrong_amount,
        **_from("payout", _F),
    ),
    _sick(
        "payout-wrong-receiver",
        "a payout to an address that was never configured",
        sickness.payout_wrong_receiver,
        **_from("payout", _F),
    ),
    _sick(
        "paypal-not-configured",
        "no PayPal application",
        sickness.paypal_not_configured,
        **_from("payout", _B),
    ),
    _sick(
        "paypal-without-payouts",
        "a PayPal application that may not make payouts",
        sickness.paypal_without_payouts,
        **_from("payout", _F),
    ),
    _sick("paypal-down", "PayPal answers 503", sickness.paypal_down, **_from("payout", _B)),
    _sick(
        "manual-purchase",
        "every purchase made by hand",
        sickness.manual_purchase,
        autonomous=_F,
        generating_profit=_F,
    ),
    _sick(
        "broken-cycle", "the newest autopilot cycle failed", sickness.broken_cycle, autonomous=_F
    ),
    _sick(
        "trend-of-another-product",
        "opportunities of other products alone",
        sickness.trend_of_another_product,
        autonomous=_F,
    ),
    _sick(
        "product-after-order",
        "products that were made after their orders",
        sickness.product_after_order,
        autonomous=_F,
    ),
    _sick(
        "never-published",
        "products that were never published",
        sickness.never_published,
        autonomous=_F,
    ),
    _sick(
        "payments-not-captured",
        "orders without a captured payment",
        sickness.payments_not_captured,
        **(_from("order", _F) | dict.fromkeys(_CHAIN, _F)),
    ),
    _sick(
        "first-product",
        "one opportunity, written just after its product",
        sickness.first_product,
    ),
    _sick(
        "schema-drift",
        "a sales table without netProfit",
        sickness.schema_drift,
        profit=_B,
        payout=_B,
        autonomous=_B,
        generating_profit=_B,
    ),
    _sick("database-down", "no database", sickness.database_down, **_NOTHING),
    _sick("slow-database", "statements time out", sickness.slow_database, **_NOTHING),
)

SCENARIOS: Mapping[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
"""Every scenario by its name."""
