"""Orders: whether what was paid for was bought, and with which supplier ids.

Orders of another supplier are outside these criteria and counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.acceptance.support.credentials import StoredCredential
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import (
    bought_outside,
    by_hand,
    other_supplier,
    stand_in_order,
    supplier_id,
)

# When an order was paid isn't stored, so a PAID one is as old as the order itself: any update would
# make it young. One that was made long ago may have been paid just now, if nothing shows that it
# had been paid before. A purchase under way is as old as its attempt.
_TOUCHED = """CASE WHEN o."manualFulfillmentRequired"
                   THEN GREATEST(o."lastAttemptAt", o."updatedAt", o."createdAt")
                   ELSE COALESCE(o."lastAttemptAt", o."updatedAt", o."createdAt") END"""
_DUE = f"""CASE o.status WHEN 'PAID' THEN o."createdAt" ELSE {_TOUCHED} END < :purchase_due"""
_UNCLEAR = f"""o.status = 'PAID' AND o."createdAt" < :purchase_due AND {_TOUCHED} >= :purchase_due
           AND (o."fulfillRetryCount" = 0 OR o."manualFulfillmentRequired")"""

_JUDGED = f"""
WITH seen AS MATERIALIZED (
  SELECT o.id, o.status, o."createdAt" AS created, o."userId" AS user_id,
         {supplier_id("o")} AS supplier_id, {bought_outside("o")} AS outside,
         {_DUE} AS due, {_UNCLEAR} AS unclear,
         o.status <> 'PAID' OR o."lastAttemptAt" IS NOT NULL OR o."fulfillRetryCount" > 0
           AS attempted,
         {by_hand("o")} AS by_hand, {other_supplier("o")} AS other,
         {stand_in_order("o")} AS stand_in
  FROM orders o
  WHERE o."createdAt" >= :since AND o.status = ANY(:past_payment)
), judged AS (
  SELECT * FROM seen WHERE NOT stand_in AND NOT other
)
"""

_LEFT_OUT = """
       (SELECT count(*) FROM seen WHERE stand_in) AS stand_ins,
       (SELECT count(*) FROM seen WHERE other AND NOT stand_in) AS other_suppliers
"""

_FULFILMENT = f"""{_JUDGED}, unpurchased AS (
  SELECT * FROM judged
  WHERE CASE WHEN status IN ('PAID', 'PURCHASING') THEN due AND NOT unclear
             ELSE status <> 'PURCHASED' END
)
SELECT (SELECT count(*) FROM judged) AS paid,
       (SELECT count(*) FROM judged WHERE attempted) AS attempted,
       (SELECT count(*) FROM judged WHERE status IN ('PAID', 'PURCHASING') AND NOT due)
         AS in_flight,
       (SELECT count(*) FROM judged WHERE unclear) AS unclear,
       ARRAY(SELECT id FROM judged WHERE unclear ORDER BY created DESC, id LIMIT 5)
         AS unclear_orders,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED') AS purchased,
       (SELECT count(*) FROM unpurchased) AS unpurchased,
       ARRAY(SELECT status || ' ' || count(*) FROM unpurchased GROUP BY status ORDER BY status)
         AS unpurchased_by_status,
       ARRAY(SELECT id FROM unpurchased ORDER BY created DESC, id LIMIT 5) AS newest_unpurchased,
{_LEFT_OUT}"""

_SUPPLIER_IDS = f"""{_JUDGED}
SELECT (SELECT count(*) FROM judged) AS paid,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED') AS purchased,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NOT NULL)
         AS with_supplier_id,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NOT NULL
             ORDER BY created DESC, id LIMIT 5) AS newest,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED' AND outside) AS bought_outside,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND outside
             ORDER BY created DESC, id LIMIT 5) AS orders_bought_outside,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NULL
          AND NOT outside) AS without,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NULL
             AND NOT outside ORDER BY created DESC, id LIMIT 5) AS newest_without,
{_LEFT_OUT}"""

_STUCK = f"""{_JUDGED}
SELECT (SELECT count(*) FROM judged) AS paid,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASING' AND NOT due) AS in_flight,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASING' AND due) AS stuck,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASING' AND due
             ORDER BY created DESC, id LIMIT 5) AS newest_stuck
"""

# The window's ids against those of every order there ever was: no index has them, so one scan. Only
# orders whose id occurs more than once are checked for being real.
_SHARED = f"""
WITH judged AS MATERIALIZED (
  SELECT o.id, o."createdAt" AS created, {supplier_id("o")} AS supplier_id
  FROM orders o
  WHERE o."createdAt" >= :since AND o."aliexpressOrderId" IS NOT NULL
    AND NOT {other_supplier("o")} AND NOT {stand_in_order("o")}
), carried AS (
  SELECT o.id, btrim(o."aliexpressOrderId") AS supplier_id,
         count(*) OVER (PARTITION BY btrim(o."aliexpressOrderId")) AS holders
  FROM orders o
  WHERE btrim(o."aliexpressOrderId") IN (SELECT supplier_id FROM judged)
), twice AS (
  SELECT h.supplier_id
  FROM carried h CROSS JOIN LATERAL (
    SELECT {other_supplier("o")} OR {stand_in_order("o")} AS left_out
    FROM orders o WHERE o.id = h.id OFFSET 0
  ) AS o
  WHERE h.holders > 1 AND NOT o.left_out
  GROUP BY h.supplier_id HAVING count(*) > 1
), shared AS (
  SELECT id, created, supplier_id FROM judged WHERE supplier_id IN (SELECT supplier_id FROM twice)
)
SELECT (SELECT count(*) FROM judged WHERE supplier_id IS NOT NULL) AS with_supplier_id,
       (SELECT count(*) FROM twice) AS shared,
       ARRAY(SELECT id || ' has ' || supplier_id FROM shared ORDER BY created DESC, id LIMIT 5)
         AS newest_shared
"""

# What a purchase is compared with is looked up by its key: orders of any age, and every attempt.
_BOUGHT = f"""(o.status = 'PURCHASED' OR {supplier_id("o")} IS NOT NULL)"""
_REPEATED = f"""
WITH judged AS MATERIALIZED (
  SELECT o.id, o."createdAt" AS created, o."paypalOrderId" AS trade, o."productId" AS product,
         {_BOUGHT} AS bought
  FROM orders o
  WHERE o."createdAt" >= :since AND o.status = ANY(:past_payment) AND NOT {stand_in_order("o")}
), counted AS (
  SELECT j.id, j.created, j.trade, j.bought, twin.id AS twin, attempt.successes
  FROM judged j
  LEFT JOIN LATERAL (
    SELECT o.id FROM orders o
    WHERE j.bought AND o."paypalOrderId" = j.trade AND o."productId" = j.product AND o.id <> j.id
      AND btrim(j.trade) <> '' AND {_BOUGHT} AND NOT {stand_in_order("o")}
    ORDER BY o.id LIMIT 1
  ) AS twin ON true
  CROSS JOIN LATERAL (
    SELECT count(*) AS successes FROM purchase_attempt_logs a
    WHERE a."orderId" = j.id AND a.success OFFSET 0
  ) AS attempt
)
SELECT (SELECT count(*) FROM counted WHERE bought) AS compared,
       (SELECT count(*) FROM counted WHERE twin IS NOT NULL) AS trades_bought_twice,
       ARRAY(SELECT id || ' and ' || twin || ' of ' || trade FROM counted WHERE twin IS NOT NULL
             ORDER BY created DESC, id LIMIT 5) AS newest_trades,
       (SELECT count(*) FROM counted WHERE successes > 0) AS logged,
       (SELECT count(*) FROM counted WHERE successes > 1) AS bought_twice,
       ARRAY(SELECT id FROM counted WHERE successes > 1 ORDER BY created DESC, id LIMIT 5)
         AS newest_orders
"""

_TO_LOOK_UP = f"""{_JUDGED}
SELECT (SELECT count(*) FROM judged WHERE status = 'PURCHASED') AS purchased,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED' AND by_hand) AS bought_by_hand,
       ARRAY(SELECT jsonb_build_array(id, supplier_id, by_hand, user_id)
             FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NOT NULL
             ORDER BY by_hand, created DESC, id LIMIT :sample) AS sample
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """How far the window's paid orders came.

    Attributes:
        paid: real orders that were paid for, in any status since.
        attempted: those that fulfilment has touched.
        in_flight: PAID or PURCHASING, and not yet due.
        unclear: PAID, made long ago, and changed just now: when they were paid isn't stored.
        unclear_orders: at most five of their ids.
        purchased: PURCHASED, with or without a supplier id.
        unpurchased: failed, in the manual queue, or overdue.
        unpurchased_by_status: the same by status, as "FAILED 2".
        newest_unpurchased: at most five order ids.
        stand_ins: orders that were left out as stand-ins.
        other_suppliers: orders that were left out as another supplier's.
    """

    paid: int
    attempted: int
    in_flight: int
    unclear: int
    unclear_orders: tuple[str, ...]
    purchased: int
    unpurchased: int
    unpurchased_by_status: tuple[str, ...]
    newest_unpurchased: tuple[str, ...]
    stand_ins: int
    other_suppliers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierIds:
    """Which of the window's PURCHASED orders have a real AliExpress id (five ids of each kind).

    Orders that were bought outside of the store, by its own words, need none and prove nothing.
    """

    paid: int
    purchased: int
    with_supplier_id: int
    newest: tuple[str, ...]
    bought_outside: int
    orders_bought_outside: tuple[str, ...]
    without: int
    newest_without: tuple[str, ...]
    stand_ins: int
    other_suppliers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stuck:
    """Orders that are being purchased: within the grace, and for longer (at most five ids)."""

    paid: int
    in_flight: int
    stuck: int
    newest_stuck: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedIds:
    """Supplier ids of the window that another order has too; at most five, as "order has id"."""

    with_supplier_id: int
    shared: int
    newest_shared: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeated:
    """What was bought twice: a marketplace's order by two orders, or one order by two attempts.

    Attributes:
        compared: real orders that are PURCHASED or have a supplier's id, from any supplier.
        trades_bought_twice: those whose marketplace order and product another one has too.
        newest_trades: at most five, as "order and order of marketplace order".
        logged: real orders with an attempt that succeeded.
        bought_twice: those with two or more.
        newest_orders: at most five of their ids.
    """

    compared: int
    trades_bought_twice: int
    newest_trades: tuple[str, ...]
    logged: int
    bought_twice: int
    newest_orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A PURCHASED order, the supplier's id for it, its seller, and whether a person bought it."""

    order_id: str
    supplier_id: str
    by_hand: bool
    user_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """PURCHASED orders and the newest of them, those that were bought by hand last.

    `tokens` is the row of each seller's credential at the supplier, once that was read too.
    """

    purchased: int
    bought_by_hand: int
    sample: tuple[Purchase, ...]
    tokens: Mapping[int, StoredCredential] = field(repr=False, default_factory=dict)


def fulfilment(ask: Ask) -> Fulfilment:
    """Return how far the window's paid orders came."""
    return Fulfilment(**fields_of(ask(_FULFILMENT)))


def supplier_ids(ask: Ask) -> SupplierIds:
    """Return which PURCHASED orders of the window have a real AliExpress id."""
    return SupplierIds(**fields_of(ask(_SUPPLIER_IDS)))


def stuck_in_purchasing(ask: Ask) -> Stuck:
    """Return which orders of the window are PURCHASING for longer than the grace."""
    return Stuck(**fields_of(ask(_STUCK)))


def shared_supplier_ids(ask: Ask) -> SharedIds:
    """Return which supplier ids of the window belong to more than one order."""
    return SharedIds(**fields_of(ask(_SHARED)))


def repeated(ask: Ask) -> Repeated:
    """Return what of the window was bought twice."""
    return Repeated(**fields_of(ask(_REPEATED)))


def newest_purchases(ask: Ask, *, sample: int) -> Purchases:
    """Return the window's newest PURCHASED orders with real supplier ids."""
    row = ask(_TO_LOOK_UP, sample=sample)
    chosen = tuple(
        Purchase(order_id=order_id, supplier_id=supplier, by_hand=hand, user_id=user_id)
        for order_id, supplier, hand, user_id in row["sample"]
    )
    return Purchases(
        purchased=row["purchased"],
        bought_by_hand=row["bought_by_hand"],
        sample=chosen,
    )
