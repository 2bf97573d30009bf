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
    _sick(
        "unknown-expiry",
        "the credential doesn't say when it ends",
        sickness.unknown_expiry,
        oauth=_B,
        autonomous=_B,
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
        "sandbox-only",
        "real orders whose sales are all sandbox ones",
        sickness.sandbox_only,
        **_from("sale", _F) | {"autonomous": _F},
    ),
    _sick("missing-sale", "a purchase without sale", sickness.missing_sale, **_from("sale", _F)),
    _sick("dangling-sale", "a sale of no order", sickness.dangling_sale, **_from("sale", _F)),
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
        "profit-does-not-add-up",
        "a net profit that doesn't follow from the gross profit",
        sickness.profit_does_not_add_up,
        **_from("profit", _F),
    ),
    _sick(
        "no-completed-sale",
        "sales, none delivered yet",
        sickness.no_completed_sale,
        **_from("profit", _B),
    ),
    _sick("payout-failed", "a failed payout", sickness.payout_failed, **_from("payout", _F)),
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
