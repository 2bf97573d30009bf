"""Payouts: set up, made in full, made once. PayPal's own view is in `settlement`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.acceptance.support.credentials import StoredCredential
from tests.acceptance.support.database.transaction import Ask, Row
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import real_sales

_ADMIN = """(SELECT NULLIF(btrim("adminPaypalEmail"), '')
             FROM platform_config ORDER BY id LIMIT 1)"""

# Nothing is paid out if there is nothing to pay: no commission, or no net profit.
_SOLD = f"""
  {
    real_sales('''s.id, s."createdAt" AS created, s.status, s."userId" AS user_id, s.currency,
    s."commissionAmount" AS commission, s."netProfit" AS net,
    NULLIF(btrim(s."adminPayoutId"), '') AS admin_payout,
    NULLIF(btrim(s."userPayoutId"), '') AS user_payout,
    (s."commissionAmount" <= 0) IS NOT TRUE AS owed_admin,
    (s."netProfit" <= 0) IS NOT TRUE AS owed_user,
    COALESCE(s."payoutExecuted", false) AS executed, s."createdAt" < :payout_due AS due''')
}
    AND s.status <> ALL(:fallen_through)"""

_PAID = """(admin_payout IS NOT NULL OR NOT owed_admin)
    AND (user_payout IS NOT NULL OR NOT owed_user)
    AND (executed OR NOT owed_admin AND NOT owed_user)"""
# One of the payouts that are owed was made, and the other wasn't.
_HALF = """due AND owed_admin AND owed_user AND (admin_payout IS NULL) <> (user_payout IS NULL)"""

_CONFIGURED = f"""
WITH sellers AS (
  SELECT DISTINCT user_id FROM ({_SOLD}) AS sold
), receivers AS (
  SELECT x.user_id, NULLIF(btrim(u."paypalPayoutEmail"), '') IS NOT NULL AS paypal,
         NULLIF(btrim(u."payoneerPayoutEmail"), '') IS NOT NULL AS payoneer
  FROM sellers x LEFT JOIN users u ON u.id = x.user_id
)
SELECT {_ADMIN} IS NOT NULL AS admin_configured,
       (SELECT count(*) FROM receivers) AS sellers,
       (SELECT count(*) FROM receivers WHERE paypal) AS by_paypal,
       (SELECT count(*) FROM receivers WHERE payoneer AND NOT paypal) AS by_payoneer,
       ARRAY(SELECT user_id FROM receivers WHERE NOT paypal AND NOT payoneer
             ORDER BY user_id LIMIT 5) AS users_without_address
"""

_STORED = f"""
WITH judged AS ({_SOLD}), paid AS (
  SELECT id, created, due, owed_admin OR owed_user AS owed, {_PAID} AS paid
  FROM judged
)
SELECT (SELECT count(*) FROM paid) AS sales,
       (SELECT count(*) FROM paid WHERE NOT owed) AS nothing_owed,
       (SELECT count(*) FROM paid WHERE paid) AS paid_out,
       (SELECT count(*) FROM paid WHERE NOT paid AND NOT due) AS in_flight,
       (SELECT count(*) FROM paid WHERE NOT paid AND due) AS unpaid,
       ARRAY(SELECT id FROM paid WHERE NOT paid AND due ORDER BY created DESC, id LIMIT 5)
         AS newest_unpaid,
       ARRAY(SELECT id FROM paid WHERE paid ORDER BY created DESC, id LIMIT 5) AS newest
"""

_FAILED = f"""
WITH judged AS ({_SOLD}), failed AS (
  -- A retry that worked leaves the word, with both ids and the mark.
  SELECT id, created, status, {_HALF} AS half
  FROM judged
  WHERE (status IN ('PAYOUT_FAILED', 'PAYOUT_SKIPPED_INSUFFICIENT_FUNDS') AND NOT ({_PAID}))
     OR ({_HALF})
)
SELECT (SELECT count(*) FROM judged) AS sales,
       (SELECT count(*) FROM judged WHERE due) AS due,
       (SELECT count(*) FROM failed WHERE status = 'PAYOUT_FAILED') AS failed,
       (SELECT count(*) FROM failed WHERE status = 'PAYOUT_SKIPPED_INSUFFICIENT_FUNDS')
         AS skipped_for_funds,
       (SELECT count(*) FROM failed WHERE half) AS half_made,
       ARRAY(SELECT id FROM failed ORDER BY created DESC, id LIMIT 5) AS newest_failed
"""

# The window's ids against those of every sale there ever was: no index has them, so one scan.
_SHARED = f"""
WITH judged AS MATERIALIZED (
  SELECT sold.id AS sale, sold.created, btrim(made.payout) AS payout
  FROM ({
    real_sales('''s.id, s."createdAt" AS created,
    s."adminPayoutId" AS admin_payout, s."userPayoutId" AS user_payout''')
}) AS sold
  CROSS JOIN LATERAL (VALUES (admin_payout), (user_payout)) AS made(payout)
  WHERE btrim(made.payout) <> '' AND lower(btrim(made.payout)) <> 'payoneer'
), twice AS (
  SELECT btrim(made.payout) AS payout
  FROM sales s
  CROSS JOIN LATERAL (VALUES (s."adminPayoutId"), (s."userPayoutId")) AS made(payout)
  WHERE s.environment = :environment AND btrim(made.payout) IN (SELECT payout FROM judged)
  GROUP BY btrim(made.payout) HAVING count(*) > 1
), shared AS (
  SELECT sale, created, payout FROM judged WHERE payout IN (SELECT payout FROM twice)
)
SELECT (SELECT count(*) FROM judged) AS payouts,
       (SELECT count(*) FROM twice) AS shared,
       ARRAY(SELECT sale || ' has ' || payout FROM shared
             ORDER BY created DESC, sale, payout LIMIT 5) AS newest_shared
"""

_TO_LOOK_UP = f"""
WITH judged AS ({_SOLD}), chosen AS (
  SELECT * FROM judged
  WHERE (admin_payout IS NOT NULL OR user_payout IS NOT NULL)
    AND CASE WHEN CAST(:sales AS int[]) IS NULL THEN due ELSE id = ANY(CAST(:sales AS int[])) END
  ORDER BY created DESC, id LIMIT :sample
)
SELECT (SELECT count(*) FROM judged) AS sales,
       (SELECT count(*) FROM judged WHERE due AND {_PAID}) AS paid_out,
       {_ADMIN} AS admin_receiver,
       ARRAY(
         SELECT jsonb_build_array(
           c.id, upper(btrim(c.currency)), CAST(c.commission AS text), CAST(c.net AS text),
           c.admin_payout, c.user_payout, NULLIF(btrim(u."paypalPayoutEmail"), ''),
           NULLIF(btrim(u."payoneerPayoutEmail"), '') IS NOT NULL, c.user_id)
         FROM chosen c LEFT JOIN users u ON u.id = c.user_id
         ORDER BY c.created DESC, c.id) AS chosen
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutSetup:
    """Whether there is an address for every payout (at most five users without one)."""

    admin_configured: bool
    sellers: int
    by_paypal: int
    by_payoneer: int
    users_without_address: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPayouts:
    """Which of the window's sales have every payout id that is owed and are marked as paid out.

    A sale that isn't yet due is in flight; one without commission and net profit owes nothing.
    `newest…` hold at most five sale ids.
    """

    sales: int
    nothing_owed: int
    paid_out: int
    in_flight: int
    unpaid: int
    newest_unpaid: tuple[int, ...]
    newest: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedPayouts:
    """Payouts that failed, were skipped for want of funds, or were made for one side only."""

    sales: int
    due: int
    failed: int
    skipped_for_funds: int
    half_made: int
    newest_failed: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedPayouts:
    """Payout ids of the window that stand twice; at most five, as "sale has id"."""

    payouts: int
    shared: int
    newest_shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Payout:
    """One payout as the store has it.

    Attributes:
        sale_id: the sale it pays out.
        user_id: the seller, who may have an own PayPal application.
        role: "admin" (the commission) or "user" (the net profit).
        batch_id: its id; PayPal's, unless `payoneer`.
        amount: what it should be, None if the store holds no number.
        currency: the sale's.
        receiver: the address configured now; a person's, so not in the repr.
        payoneer: whether it was made through Payoneer, which can't be looked up.
    """

    sale_id: int
    role: str
    batch_id: str
    amount: Decimal | None
    currency: str | None
    receiver: str | None = field(repr=False)
    payoneer: bool
    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutSample:
    """How many sales are paid out, and the payouts of the newest of them.

    `applications` is the row of each seller's PayPal application, once that was read too.
    """

    sales: int
    paid_out: int
    payouts: tuple[Payout, ...] = field(repr=False)
    applications: Mapping[int, StoredCredential] = field(repr=False, default_factory=dict)


def setup(ask: Ask) -> PayoutSetup:
    """Return whether the store and every user with sales in the window can be paid."""
    return PayoutSetup(**fields_of(ask(_CONFIGURED)))


def stored(ask: Ask) -> StoredPayouts:
    """Return which of the window's sales are paid out."""
    return StoredPayouts(**fields_of(ask(_STORED)))


def failed(ask: Ask) -> FailedPayouts:
    """Return which payouts of the window's sales failed or are half-made."""
    return FailedPayouts(**fields_of(ask(_FAILED)))


def shared_ids(ask: Ask) -> SharedPayouts:
    """Return which payout ids of the window stand at two sales, or twice at one."""
    return SharedPayouts(**fields_of(ask(_SHARED)))


def newest(ask: Ask, *, sample: int) -> PayoutSample:
    """Return the payouts of the newest sales that are due, to be looked up."""
    return _sample(ask(_TO_LOOK_UP, sample=sample, sales=None))


def of_sales(ask: Ask, sale_ids: list[int]) -> PayoutSample:
    """Return the payouts of the sales given, to be looked up."""
    return _sample(ask(_TO_LOOK_UP, sample=len(sale_ids), sales=sale_ids))


def _sample(row: Row) -> PayoutSample:
    found = tuple(
        payout for sale in row["chosen"] for payout in _of_sale(sale, row["admin_receiver"])
    )
    return PayoutSample(
        sales=row["sales"],
        paid_out=row["paid_out"],
        payouts=found,
    )


def _of_sale(sale: list[object], admin_receiver: str | None) -> list[Payout]:
    sale_id, currency, commission, net, admin_id, user_payout, receiver, has_payoneer, seller = sale
    ids = {"admin": (admin_id, commission, admin_receiver), "user": (user_payout, net, receiver)}
    return [
        Payout(
            sale_id=int(str(sale_id)),
            role=role,
            batch_id=str(batch_id),
            amount=None if amount in (None, "NaN") else Decimal(str(amount)),
            currency=None if currency is None else str(currency),
            receiver=None if to is None else str(to),
            payoneer=role == "user"
            and ("payoneer" in str(batch_id).lower() or (to is None and has_payoneer is True)),
            user_id=None if seller is None else int(str(seller)),
        )
        for role, (batch_id, amount, to) in ids.items()
        if batch_id is not None
    ]
