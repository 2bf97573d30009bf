"""Payouts: set up, made in full, made once. PayPal's own view is in `settlement`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from tests.acceptance.support.clock import read_instant
from tests.acceptance.support.credentials import StoredCredential
from tests.acceptance.support.database.transaction import Ask, Row
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import carried, looked_for, payout_id, real_sales
from tests.acceptance.support.probes.window import Question

_ADMIN = """(SELECT NULLIF(btrim("adminPaypalEmail", :blank), '')
             FROM platform_config ORDER BY id LIMIT 1)"""

# Nothing is paid out if there is nothing to pay: no commission, or no net profit.
_OWED_ADMIN, _OWED_USER = "(commission <= 0) IS NOT TRUE", "(net <= 0) IS NOT TRUE"
_OWED = ("commission", "net", "admin_payout", "user_payout", "executed")
# Only the user's payout can be Payoneer's; for the platform's that word is no payout's id.
_ADMIN_MADE = "(strpos(lower(admin_payout), 'payoneer') = 0) IS TRUE"
_PAID = f"""(({_ADMIN_MADE} OR NOT {_OWED_ADMIN})
    AND (user_payout IS NOT NULL OR NOT {_OWED_USER})
    AND (executed OR NOT {_OWED_ADMIN} AND NOT {_OWED_USER}))"""
# One of the payouts that are owed was made, and the other wasn't.
_HALF = f"""(payout_due AND {_OWED_ADMIN} AND {_OWED_USER}
    AND {_ADMIN_MADE} <> (user_payout IS NOT NULL))"""

# Sales that are paid out: those that fell through are not.
_SOLD = "FROM sold WHERE is_real AND NOT fell_through"
_OF_SOLD = ("id", "created", "fell_through", "is_real")

CONFIGURED = Question(
    name="payout_setup",
    sales=("user_id", "fell_through", "is_real"),
    steps={
        "receivers": f"""AS MATERIALIZED (
  SELECT x.user_id, NULLIF(btrim(u."paypalPayoutEmail", :blank), '') IS NOT NULL AS paypal,
         NULLIF(btrim(u."payoneerPayoutEmail", :blank), '') IS NOT NULL AS payoneer
  FROM (SELECT DISTINCT user_id {_SOLD}) AS x LEFT JOIN users u ON u.id = x.user_id
)"""
    },
    row=f"""
SELECT {_ADMIN} IS NOT NULL AS admin_configured, count(*) AS sellers,
       count(*) FILTER (WHERE paypal) AS by_paypal,
       count(*) FILTER (WHERE payoneer AND NOT paypal) AS by_payoneer,
       ARRAY(SELECT user_id FROM receivers WHERE NOT paypal AND NOT payoneer
             ORDER BY user_id LIMIT 5) AS users_without_address
FROM receivers""",
    columns=(
        "admin_configured",
        "sellers",
        "by_paypal",
        "by_payoneer",
        "users_without_address",
    ),
)

STORED = Question(
    name="stored_payouts",
    sales=(*_OF_SOLD, *_OWED, "payout_due", "dated_ahead"),
    steps={
        "stored": f"""AS MATERIALIZED (
  SELECT id, created, payout_due AS due, dated_ahead,
         {_OWED_ADMIN} OR {_OWED_USER} AS owed, {_PAID} AS paid
  {_SOLD}
)"""
    },
    row="""
SELECT count(*) AS sales, count(*) FILTER (WHERE NOT owed) AS nothing_owed,
       count(*) FILTER (WHERE paid AND NOT dated_ahead) AS paid_out,
       count(*) FILTER (WHERE NOT paid AND NOT due AND NOT dated_ahead) AS in_flight,
       count(*) FILTER (WHERE dated_ahead) AS dated_ahead,
       ARRAY(SELECT id FROM stored WHERE dated_ahead ORDER BY created DESC, id LIMIT 5)
         AS newest_dated_ahead,
       count(*) FILTER (WHERE NOT paid AND due) AS unpaid,
       ARRAY(SELECT id FROM stored WHERE NOT paid AND due ORDER BY created DESC, id LIMIT 5)
         AS newest_unpaid,
       ARRAY(SELECT id FROM stored WHERE paid AND NOT dated_ahead
             ORDER BY created DESC, id LIMIT 5) AS newest
FROM stored""",
    columns=(
        "sales",
        "nothing_owed",
        "paid_out",
        "in_flight",
        "dated_ahead",
        "newest_dated_ahead",
        "unpaid",
        "newest_unpaid",
        "newest",
    ),
)

FAILED = Question(
    name="failed_payouts",
    sales=(*_OF_SOLD, *_OWED, "payout_due", "status"),
    steps={
        # A retry that worked leaves the word, with both ids and the mark.
        "failed": f"""AS MATERIALIZED (
  SELECT id, created, status, {_HALF} AS half
  {_SOLD} AND (
    status IN ('PAYOUT_FAILED', 'PAYOUT_SKIPPED_INSUFFICIENT_FUNDS') AND NOT {_PAID} OR {_HALF})
)"""
    },
    row=f"""
SELECT counted.*,
       (SELECT count(*) FROM failed WHERE status = 'PAYOUT_FAILED') AS failed,
       (SELECT count(*) FROM failed WHERE status = 'PAYOUT_SKIPPED_INSUFFICIENT_FUNDS')
         AS skipped_for_funds,
       (SELECT count(*) FROM failed WHERE half) AS half_made,
       ARRAY(SELECT id FROM failed ORDER BY created DESC, id LIMIT 5) AS newest_failed
FROM (
  SELECT count(*) AS sales, count(*) FILTER (WHERE payout_due) AS due {_SOLD}
) AS counted""",
    columns=("sales", "due", "failed", "skipped_for_funds", "half_made", "newest_failed"),
)


# The window's ids against those of every sale there ever was: the store has no index of them, so
# one scan for both sides, by as many processes as the server allows. Ids that stand twice within
# the window are found there, so that the scan hands over next to nothing.
_BY_ADMIN, _BY_USER = (carried(f's."{side}PayoutId"', "made_as") for side in ("admin", "user"))
SHARED = Question(
    name="shared_payouts",
    sales=("id", "created", "is_real", "in_environment", "admin_payout", "user_payout"),
    steps={
        # Of the whole environment, since a stand-in's id may be a real sale's too.
        "made_in_window": """AS MATERIALIZED (
  SELECT payout, count(*) AS n, count(*) FILTER (WHERE is_real) AS real
  FROM (
    SELECT is_real, unnest(ARRAY[admin_payout, user_payout]) AS payout FROM sold
    WHERE in_environment
  ) AS side
  WHERE payout IS NOT NULL AND lower(payout) <> 'payoneer'
  GROUP BY payout HAVING count(*) FILTER (WHERE is_real) > 0
)""",
        "made_as": looked_for("payout", "made_in_window"),
        "made_before": f"""AS MATERIALIZED (
  SELECT unnest(ARRAY[by_admin.payout, by_user.payout]) AS payout
  FROM sales s
  LEFT JOIN {_BY_ADMIN.ids} AS by_admin (payout) ON by_admin.payout = {_BY_ADMIN.bare}
  LEFT JOIN {_BY_USER.ids} AS by_user (payout) ON by_user.payout = {_BY_USER.bare}
  WHERE s."createdAt" < :since AND s.environment = :environment
    AND ({_BY_ADMIN.possible} OR {_BY_USER.possible})
    AND (by_admin.payout IS NOT NULL OR by_user.payout IS NOT NULL)
)""",
        "made_twice": """AS MATERIALIZED (
  SELECT payout FROM made_in_window WHERE n > 1
  UNION
  SELECT payout FROM made_before WHERE payout IS NOT NULL
)""",
        "made": """AS NOT MATERIALIZED (
  SELECT sale, created, payout FROM (
    SELECT id AS sale, created, unnest(ARRAY[admin_payout, user_payout]) AS payout
    FROM sold WHERE is_real
  ) AS side
  WHERE payout IN (SELECT payout FROM made_twice)
)""",
    },
    row="""
SELECT (SELECT COALESCE(sum(real), 0)::bigint FROM made_in_window) AS payouts,
       (SELECT count(*) FROM made_twice) AS shared,
       ARRAY(SELECT sale || ' has ' || payout FROM made
             ORDER BY created DESC, sale, payout LIMIT 5) AS newest_shared""",
    columns=("payouts", "shared", "newest_shared"),
)

# A payout that can't be looked up at PayPal: by its word, or since its user has no address there.
_BY_PAYONEER = """user_payout IS NOT NULL AND (
    strpos(lower(user_payout), 'payoneer') > 0 OR user_id IN (
      SELECT u.id FROM users u
      WHERE btrim(u."payoneerPayoutEmail", :blank) <> ''
        AND COALESCE(btrim(u."paypalPayoutEmail", :blank), '') = ''))"""

_TO_LOOK_UP = """jsonb_build_array(
  c.id, c.currency, CAST(c.commission AS text), CAST(c.net AS text),
  c.admin_payout, c.user_payout, NULLIF(btrim(u."paypalPayoutEmail", :blank), ''),
  NULLIF(btrim(u."payoneerPayoutEmail", :blank), '') IS NOT NULL, c.user_id, c.created)"""

NEWEST = Question(
    name="newest_payouts",
    sales=(*_OF_SOLD, *_OWED, "payout_due", "user_id", "currency"),
    steps={
        "chosen": f"""AS MATERIALIZED (
  SELECT * {_SOLD} AND payout_due AND (admin_payout IS NOT NULL OR user_payout IS NOT NULL)
  ORDER BY created DESC, id LIMIT :payout_sample
)"""
    },
    row=f"""
SELECT counted.*, {_ADMIN} AS admin_receiver,
       ARRAY(SELECT {_TO_LOOK_UP} FROM chosen c LEFT JOIN users u ON u.id = c.user_id
             ORDER BY c.created DESC, c.id) AS chosen
FROM (
  SELECT count(*) AS sales, count(*) FILTER (WHERE payout_due AND {_PAID}) AS paid_out,
         count(*) FILTER (WHERE payout_due AND {_BY_PAYONEER}) AS by_payoneer {_SOLD}
) AS counted""",
    columns=("sales", "paid_out", "by_payoneer", "admin_receiver", "chosen"),
)

_OF_ONE = f"""s.id, s."createdAt" AS created, s."userId" AS user_id,
    upper(btrim(s.currency)) AS currency, s."commissionAmount" AS commission,
    s."netProfit" AS net, {payout_id('s."adminPayoutId"')} AS admin_payout,
    {payout_id('s."userPayoutId"')} AS user_payout"""

# By their keys.
_OF_SALES = f"""
WITH chosen AS (
  {real_sales(_OF_ONE)}
    AND s.status <> ALL(:fallen_through) AND s.id = ANY(CAST(:sales AS int[]))
)
SELECT {_ADMIN} AS admin_receiver,
       ARRAY(SELECT {_TO_LOOK_UP} FROM chosen c LEFT JOIN users u ON u.id = c.user_id
             WHERE c.admin_payout IS NOT NULL OR c.user_payout IS NOT NULL
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

    A sale that isn't yet due is in flight. One that is dated ahead of the clock is counted apart,
    paid out or not; one without commission and net profit owes nothing.
    `newest…` hold at most five sale ids.
    """

    sales: int
    nothing_owed: int
    paid_out: int
    in_flight: int
    dated_ahead: int
    newest_dated_ahead: tuple[int, ...]
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
        or_payoneer: whether it may have been: its user has an address there as well.
        sold_at: when the sale was made.
    """

    sale_id: int
    role: str
    batch_id: str
    amount: Decimal | None
    currency: str | None
    receiver: str | None = field(repr=False)
    payoneer: bool
    or_payoneer: bool = False
    user_id: int | None = None
    sold_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoutSample:
    """How many sales are paid out, and the payouts of the newest of them.

    `paid_through_payoneer` counts the user payouts of all of them that PayPal can't know.
    `applications` is the row of each seller's PayPal application, once that was read too.
    """

    sales: int
    paid_out: int
    paid_through_payoneer: int
    payouts: tuple[Payout, ...] = field(repr=False)
    applications: Mapping[int, StoredCredential] = field(repr=False, default_factory=dict)


def setup(ask: Ask) -> PayoutSetup:
    """Return whether the store and every user with sales in the window can be paid."""
    return PayoutSetup(**fields_of(ask(CONFIGURED.statement)))


def stored(ask: Ask) -> StoredPayouts:
    """Return which of the window's sales are paid out."""
    return StoredPayouts(**fields_of(ask(STORED.statement)))


def failed(ask: Ask) -> FailedPayouts:
    """Return which payouts of the window's sales failed or are half-made."""
    return FailedPayouts(**fields_of(ask(FAILED.statement)))


def shared_ids(ask: Ask) -> SharedPayouts:
    """Return which payout ids of the window stand at two sales, or twice at one."""
    return SharedPayouts(**fields_of(ask(SHARED.statement)))


def newest(ask: Ask) -> PayoutSample:
    """Return the payouts of the newest sales that are due, to be looked up."""
    row = ask(NEWEST.statement)
    return PayoutSample(
        sales=row["sales"],
        paid_out=row["paid_out"],
        paid_through_payoneer=row["by_payoneer"],
        payouts=_payouts(row),
    )


def of_sales(ask: Ask, sale_ids: list[int]) -> tuple[Payout, ...]:
    """Return the payouts of the sales given, to be looked up."""
    return _payouts(ask(_OF_SALES, sales=sale_ids))


def _payouts(row: Row) -> tuple[Payout, ...]:
    return tuple(
        payout for sale in row["chosen"] for payout in _of_sale(sale, row["admin_receiver"])
    )


def _of_sale(sale: list[object], admin_receiver: str | None) -> list[Payout]:
    sale_id, currency, commission, net, admin_id, user_payout, receiver, has_payoneer = sale[:8]
    seller, created = sale[8:]
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
            or_payoneer=role == "user" and has_payoneer is True,
            user_id=None if seller is None else int(str(seller)),
            sold_at=read_instant(created),
        )
        for role, (batch_id, amount, to) in ids.items()
        if batch_id is not None
    ]
