"""The whole cycle: orders for which every step is in the database, and the autopilot's own log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.acceptance.support.clock import from_column
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import (
    by_hand,
    other_supplier,
    stand_in_order,
    supplier_id,
)

# The steps in order; each counts only for orders that took every step before it. What precedes an
# order is aggregated once a user or product, never looked up order by order.
_CYCLE = f"""
WITH judged AS MATERIALIZED (
  SELECT o.id, o."createdAt" AS ordered_at, o.status, o."productId" AS product,
         NULLIF(btrim(o."paypalOrderId"), '') IS NOT NULL AS captured,
         {supplier_id("o")} AS supplier_id, {by_hand("o")} AS by_hand
  FROM orders o
  WHERE o."createdAt" >= :since AND o.status = ANY(:past_payment)
    AND NOT {other_supplier("o")} AND NOT {stand_in_order("o")}
), listed AS (
  SELECT l."productId" AS product, min(l."publishedAt") AS published_at
  FROM marketplace_listings l
  WHERE l."productId" IN (SELECT product FROM judged)
  GROUP BY l."productId"
), product AS (
  SELECT p.id, p."userId" AS user_id, p."createdAt" AS created_at,
         LEAST(p."publishedAt", listed.published_at) AS published_at
  FROM products p LEFT JOIN listed ON listed.product = p.id
  WHERE p.id IN (SELECT product FROM judged)
), found AS (
  SELECT user_id, min(found_at) AS found_at
  FROM (
    SELECT u.user_id, (
      SELECT a."createdAt" FROM autopilot_cycle_logs a
      WHERE a."userId" = u.user_id AND a.stage IN ('trends', 'opportunity') AND a.success
      ORDER BY a."createdAt" LIMIT 1) AS found_at
    FROM (SELECT DISTINCT user_id FROM product) AS u
    UNION ALL
    SELECT x."userId", min(x."createdAt") FROM opportunities x
    WHERE x."userId" IN (SELECT user_id FROM product)
    GROUP BY x."userId"
  ) AS sources
  GROUP BY user_id
), traced AS (
  SELECT j.id, j.status, j.supplier_id, found.found_at, p.created_at, p.published_at, j.ordered_at,
         s.id AS sale_id, s."createdAt" AS sold_at, s."completedAt" AS completed_at,
         s."netProfit" AS net, upper(btrim(s.currency)) AS currency,
         NOT j.by_hand AS untouched,
         COALESCE(found.found_at <= p.created_at, false) AS found,
         COALESCE(p.published_at < j.ordered_at, false) AS published,
         j.captured,
         j.status = 'PURCHASED' AND j.supplier_id IS NOT NULL AS purchased,
         s.id IS NOT NULL AS sold,
         COALESCE(s.status = ANY(:completed), false) AS completed,
         COALESCE(s."netProfit" > 0 AND s."netProfit" <> 'NaN', false) AS earned,
         COALESCE(s."payoutExecuted" AND btrim(s."adminPayoutId") <> ''
           AND btrim(s."userPayoutId") <> '', false) AS paid_out
  FROM judged j
  LEFT JOIN product p ON p.id = j.product
  LEFT JOIN found ON found.user_id = p.user_id
  LEFT JOIN LATERAL (
    SELECT s.id, s.status, s.currency, s."createdAt", s."completedAt", s."netProfit",
           s."payoutExecuted", s."adminPayoutId", s."userPayoutId"
    FROM sales s WHERE s."orderId" = j.id AND s.environment = :environment OFFSET 0
  ) AS s ON true
), funnel AS (
  -- How many steps an order took before the first that it didn't take.
  SELECT *, array_position(
    ARRAY[found, published, captured, purchased, untouched, sold, completed, earned, paid_out,
          false], false) - 1 AS steps
  FROM traced
)
SELECT count(*) AS orders, count(*) FILTER (WHERE status = 'PURCHASED') AS any_purchased,
       count(*) FILTER (WHERE steps >= 1) AS found,
       count(*) FILTER (WHERE steps >= 2) AS published,
       count(*) FILTER (WHERE steps >= 3) AS captured,
       count(*) FILTER (WHERE steps >= 4) AS purchased,
       count(*) FILTER (WHERE steps >= 5) AS untouched,
       count(*) FILTER (WHERE steps >= 6) AS sold,
       count(*) FILTER (WHERE steps >= 7) AS completed,
       count(*) FILTER (WHERE steps >= 8) AS earned,
       count(*) FILTER (WHERE steps >= 9) AS paid_out,
       ARRAY(SELECT jsonb_build_array(id, supplier_id, sale_id, CAST(net AS text), currency)
             FROM funnel WHERE steps = 9 ORDER BY ordered_at DESC, id LIMIT :sample) AS candidates,
       ARRAY(SELECT ARRAY[found_at, created_at, published_at, ordered_at, sold_at, completed_at]
             FROM funnel WHERE steps = 9 ORDER BY ordered_at DESC, id LIMIT :sample) AS times
FROM funnel
"""

_AUTOPILOT = """
WITH cycles AS (
  SELECT a.id, a."cycleId" AS cycle, a.success IS TRUE AS success, a."createdAt" AS at
  FROM autopilot_cycle_logs a
  WHERE a.stage = 'full_cycle' AND a."createdAt" >= :since
), newest AS (
  SELECT * FROM cycles ORDER BY at DESC, id DESC LIMIT 1
)
SELECT (SELECT count(*) FROM cycles) AS cycles,
       (SELECT count(*) FROM cycles WHERE success) AS succeeded,
       (SELECT cycle FROM newest) AS newest_cycle,
       (SELECT success FROM newest) AS newest_succeeded,
       (SELECT at FROM newest) AS newest_at
"""

STEPS = (
    ("found", "product found by the trend search"),
    ("published", "product published before the order"),
    ("captured", "payment captured"),
    ("purchased", "PURCHASED with a supplier id"),
    ("untouched", "bought without a manual touch"),
    ("sold", "sale made"),
    ("completed", "sale delivered or completed"),
    ("earned", "profit made"),
    ("paid_out", "both payouts stored"),
)
"""The steps of the cycle that the database knows, in order: the field and its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """An order that took every step in the database, with the times of the steps."""

    order_id: str
    supplier_id: str
    sale_id: int
    net: str
    currency: str
    found_at: datetime
    created_at: datetime
    published_at: datetime
    ordered_at: datetime
    sold_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """How many of the window's paid orders took each step and all those before it.

    Attributes:
        orders: real orders past their payment.
        any_purchased: those that were PURCHASED, with or without the steps before.
        found … paid_out: as in `STEPS`.
        candidates: the newest orders that took all of them.
    """

    orders: int
    any_purchased: int
    found: int
    published: int
    captured: int
    purchased: int
    untouched: int
    sold: int
    completed: int
    earned: int
    paid_out: int
    candidates: tuple[Candidate, ...]

    def funnel(self) -> dict[str, int]:
        """Return how many orders took each step, by the step's name."""
        return {name: getattr(self, name) for name, _ in STEPS}

    def breaks_at(self) -> tuple[str, str] | None:
        """Return the first step that no order took, and its words; None if one took them all."""
        return next((step for step in STEPS if not getattr(self, step[0])), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Autopilot:
    """The window's full cycles by the autopilot's own log, and how the newest of them ended."""

    cycles: int
    succeeded: int
    newest_cycle: str | None
    newest_succeeded: bool | None
    newest_at: datetime | None


def cycle(ask: Ask, *, sample: int) -> Cycle:
    """Return how far the window's orders came, and the newest that came all the way."""
    row = fields_of(ask(_CYCLE, sample=sample))
    times = row.pop("times")
    candidates = zip(row.pop("candidates"), times, strict=True)
    return Cycle(**row, candidates=tuple(_candidate(*pair) for pair in candidates))


def autopilot(ask: Ask) -> Autopilot:
    """Return what the autopilot logged of its full cycles."""
    return Autopilot(**fields_of(ask(_AUTOPILOT)))


def _candidate(ids: list[object], times: list[datetime | None]) -> Candidate:
    order_id, supplier, sale_id, net, currency = ids
    found_at, created_at, published_at, ordered_at, sold_at, completed_at = times
    # Each step before the sale's completion is dated, or the order would not be a candidate.
    assert found_at
    assert created_at
    assert published_at
    assert ordered_at
    assert sold_at
    return Candidate(
        order_id=str(order_id),
        supplier_id=str(supplier),
        sale_id=int(str(sale_id)),
        net=str(net),
        currency=str(currency),
        found_at=from_column(found_at),
        created_at=from_column(created_at),
        published_at=from_column(published_at),
        ordered_at=from_column(ordered_at),
        sold_at=from_column(sold_at),
        completed_at=from_column(completed_at),
    )
