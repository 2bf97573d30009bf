"""Sales: one for every purchased order, each linked, each in the target's environment."""

from __future__ import annotations

from dataclasses import dataclass

from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import real_sales, stand_in_order, supplier_id

# An order's purchase isn't dated; nothing happened to it since its last change, at least.
_MISSING = f"""
WITH purchased AS (
  SELECT o.id, o."createdAt" AS created, s.id AS sale,
         GREATEST(o."updatedAt", o."lastAttemptAt", o."createdAt") < :sale_due AS due
  FROM orders o
  LEFT JOIN LATERAL (
    SELECT s.id FROM sales s
    WHERE s."orderId" = o.id AND s.environment = :environment OFFSET 0
  ) AS s ON true
  WHERE o."createdAt" >= :since AND o.status = 'PURCHASED' AND NOT {stand_in_order("o")}
)
SELECT (SELECT count(*) FROM purchased) AS purchased,
       (SELECT count(*) FROM purchased WHERE sale IS NOT NULL) AS with_sale,
       (SELECT count(*) FROM purchased WHERE sale IS NULL AND NOT due) AS in_flight,
       (SELECT count(*) FROM purchased WHERE sale IS NULL AND due) AS without_sale,
       ARRAY(SELECT id FROM purchased WHERE sale IS NULL AND due
             ORDER BY created DESC, id LIMIT 5) AS newest_without_sale
"""

_LINKS = f"""
WITH judged AS (
  {
    real_sales('''s.id, s."createdAt" AS created, o.id AS order_id,
    o.id IS NULL AND s."orderId" ~ :marketplace_number AS from_marketplace''')
}
)
SELECT (SELECT count(*) FROM judged) AS sales,
       (SELECT count(*) FROM judged WHERE order_id IS NOT NULL) AS linked,
       (SELECT count(*) FROM judged WHERE from_marketplace) AS marketplace_numbers,
       (SELECT count(*) FROM judged WHERE order_id IS NULL AND from_marketplace IS NOT TRUE)
         AS dangling,
       ARRAY(SELECT id FROM judged WHERE order_id IS NULL AND from_marketplace IS NOT TRUE
             ORDER BY created DESC, id LIMIT 5) AS newest_dangling,
       ARRAY(SELECT id FROM judged ORDER BY created DESC, id LIMIT 5) AS newest
"""

_MISPLACED = f"""
WITH seen AS (
  SELECT s.id, s."createdAt" AS created, s."orderId" AS order_id,
         s.environment = :environment AS placed
  FROM sales s
  WHERE s."createdAt" >= :since
), misplaced AS (
  SELECT x.id, x.created
  FROM seen x CROSS JOIN LATERAL (
    SELECT o.status = 'PURCHASED' AND {supplier_id("o")} IS NOT NULL AND NOT {stand_in_order("o")}
      AS is_real
    FROM orders o WHERE o.id = x.order_id OFFSET 0
  ) AS o
  WHERE x.placed IS NOT TRUE AND o.is_real
)
SELECT (SELECT count(*) FROM seen WHERE placed) AS in_environment,
       (SELECT count(*) FROM seen WHERE placed IS NOT TRUE) AS elsewhere,
       (SELECT count(*) FROM misplaced) AS misplaced,
       ARRAY(SELECT id FROM misplaced ORDER BY created DESC, id LIMIT 5) AS newest_misplaced
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOfOrders:
    """Which of the window's PURCHASED orders became a sale (at most five ids of those that didn't).

    Orders that were changed a moment ago may still become one: they are in flight.
    """

    purchased: int
    with_sale: int
    in_flight: int
    without_sale: int
    newest_without_sale: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleLinks:
    """What the window's real sales link to: an order, a marketplace's own number, or nothing."""

    sales: int
    linked: int
    marketplace_numbers: int
    dangling: int
    newest_dangling: tuple[int, ...]
    newest: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleEnvironments:
    """The environments of the window's sales; misplaced ones belong to a really purchased order."""

    in_environment: int
    elsewhere: int
    misplaced: int
    newest_misplaced: tuple[int, ...]


def sales_of_orders(ask: Ask) -> SalesOfOrders:
    """Return which PURCHASED orders of the window have a sale in the target's environment."""
    return SalesOfOrders(**fields_of(ask(_MISSING)))


def links(ask: Ask) -> SaleLinks:
    """Return what the window's real sales link to."""
    return SaleLinks(**fields_of(ask(_LINKS)))


def environments(ask: Ask) -> SaleEnvironments:
    """Return which sales of really purchased orders are in another environment."""
    return SaleEnvironments(**fields_of(ask(_MISPLACED)))
