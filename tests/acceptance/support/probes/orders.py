"""Orders: whether what was paid for was bought, and with which supplier ids.

Orders of another supplier are outside these criteria and counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import (
    by_hand,
    other_supplier,
    stand_in_order,
    supplier_id,
)

# When an order became payable isn't stored. One that was retried has failed at least once, so its
# age counts; otherwise the last thing that happened to it does.
_SINCE = """CASE WHEN o."fulfillRetryCount" > 0 THEN o."createdAt"
                 ELSE COALESCE(o."lastAttemptAt", o."updatedAt", o."createdAt") END"""

_JUDGED = f"""
WITH seen AS MATERIALIZED (
  SELECT o.id, o.status, o."createdAt" AS created, {supplier_id("o")} AS supplier_id,
         {_SINCE} < :purchase_due AS due,
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
  WHERE CASE WHEN status IN ('PAID', 'PURCHASING') THEN due ELSE status <> 'PURCHASED' END
)
SELECT (SELECT count(*) FROM judged) AS paid,
       (SELECT count(*) FROM judged WHERE attempted) AS attempted,
       (SELECT count(*) FROM judged WHERE status IN ('PAID', 'PURCHASING') AND NOT due)
         AS in_flight,
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
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NULL) AS without,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NULL
             ORDER BY created DESC, id LIMIT 5) AS newest_without,
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

_TO_LOOK_UP = f"""{_JUDGED}
SELECT (SELECT count(*) FROM judged WHERE status = 'PURCHASED') AS purchased,
       (SELECT count(*) FROM judged WHERE status = 'PURCHASED' AND by_hand) AS bought_by_hand,
       ARRAY(SELECT jsonb_build_array(id, supplier_id, by_hand)
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
    purchased: int
    unpurchased: int
    unpurchased_by_status: tuple[str, ...]
    newest_unpurchased: tuple[str, ...]
    stand_ins: int
    other_suppliers: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierIds:
    """Which of the window's PURCHASED orders have a real AliExpress id (five ids of each kind)."""

    paid: int
    purchased: int
    with_supplier_id: int
    newest: tuple[str, ...]
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
class Purchase:
    """A PURCHASED order, the supplier's id for it, and whether a person bought it."""

    order_id: str
    supplier_id: str
    by_hand: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """PURCHASED orders and the newest of them, those that were bought by hand last."""

    purchased: int
    bought_by_hand: int
    sample: tuple[Purchase, ...]


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


def newest_purchases(ask: Ask, *, sample: int) -> Purchases:
    """Return the window's newest PURCHASED orders with real supplier ids."""
    row = ask(_TO_LOOK_UP, sample=sample)
    chosen = tuple(
        Purchase(order_id=order_id, supplier_id=supplier, by_hand=hand)
        for order_id, supplier, hand in row["sample"]
    )
    return Purchases(
        purchased=row["purchased"], bought_by_hand=row["bought_by_hand"], sample=chosen
    )
