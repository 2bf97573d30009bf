"""Sales: one for every purchased order, each linked, each in the target's environment."""

from __future__ import annotations

from dataclasses import dataclass

from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import (
    bought_outside,
    other_supplier,
    real_sales,
    stand_in_order,
    supplier_id,
)

# One trade as two sales: one by the order's id, one by the number that the marketplace gave it. An
# order has that number in "paypalOrderId", as `ebay:12-34567-89012`.
_NUMBER = """CASE WHEN strpos(x."paypalOrderId", ':') > 0
                  THEN btrim(substr(x."paypalOrderId", strpos(x."paypalOrderId", ':') + 1)) END"""
_PREFIXES = "ebay:,mercadolibre:,amazon:,"
_TWIN = f"""
  SELECT t.id FROM sales t
  WHERE t.environment = :environment AND t.status <> ALL(:fallen_through) AND t.id <> j.id
    AND t."orderId" = ANY(
      SELECT {_NUMBER} FROM orders x WHERE x.id = j.order_id
      UNION ALL
      SELECT x.id FROM orders x
      WHERE j.order_id IS NULL AND x."paypalOrderId" = ANY(
        SELECT prefix || btrim(j.reference)
        FROM unnest(string_to_array('{_PREFIXES}', ',')) AS prefix))
  LIMIT 1
"""

# An order's purchase isn't dated; nothing happened to it since its last change, at least.
_MISSING = f"""
WITH seen AS MATERIALIZED (
  SELECT o.id, o."createdAt" AS created, s.id AS sale,
         {stand_in_order("o")} AS stand_in, {other_supplier("o")} AS other,
         GREATEST(o."updatedAt", o."lastAttemptAt", o."createdAt") < :sale_due AS due
  FROM orders o
  LEFT JOIN LATERAL (
    SELECT s.id FROM sales s
    WHERE s."orderId" = o.id AND s.environment = :environment OFFSET 0
  ) AS s ON true
  WHERE o."createdAt" >= :since AND o.status = 'PURCHASED'
), purchased AS (
  SELECT * FROM seen WHERE NOT stand_in
)
SELECT (SELECT count(*) FROM purchased) AS purchased,
       (SELECT count(*) FROM purchased WHERE other) AS other_suppliers,
       (SELECT count(*) FROM seen WHERE stand_in) AS stand_ins,
       (SELECT count(*) FROM purchased WHERE sale IS NOT NULL) AS with_sale,
       (SELECT count(*) FROM purchased WHERE sale IS NULL AND NOT due) AS in_flight,
       (SELECT count(*) FROM purchased WHERE sale IS NULL AND due) AS without_sale,
       ARRAY(SELECT id FROM purchased WHERE sale IS NULL AND due
             ORDER BY created DESC, id LIMIT 5) AS newest_without_sale
"""

_LINKS = f"""
WITH judged AS (
  {
    real_sales('''s.id, s."createdAt" AS created, s.status, s."orderId" AS reference,
    o.id AS order_id,
    o.id IS NULL AND s."orderId" ~ :marketplace_number AS from_marketplace''')
}
), twice AS (
  SELECT j.id, j.created, twin.id AS twin
  FROM judged j CROSS JOIN LATERAL ({_TWIN}) AS twin
  WHERE j.status <> ALL(:fallen_through)
)
SELECT (SELECT count(*) FROM judged) AS sales,
       (SELECT count(*) FROM judged WHERE order_id IS NOT NULL) AS linked,
       (SELECT count(*) FROM judged WHERE from_marketplace) AS marketplace_numbers,
       (SELECT count(*) FROM judged WHERE order_id IS NULL AND from_marketplace IS NOT TRUE)
         AS dangling,
       ARRAY(SELECT id FROM judged WHERE order_id IS NULL AND from_marketplace IS NOT TRUE
             ORDER BY created DESC, id LIMIT 5) AS newest_dangling,
       ARRAY(SELECT id FROM judged ORDER BY created DESC, id LIMIT 5) AS newest,
       (SELECT count(*) FROM twice) AS sold_twice,
       ARRAY(SELECT id || ' and ' || twin FROM twice ORDER BY created DESC, id LIMIT 5)
         AS sales_of_one_trade
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
    SELECT o.status = 'PURCHASED' AND NOT {stand_in_order("o")}
        AND ({supplier_id("o")} IS NOT NULL OR {bought_outside("o")}) AS is_real
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

    Attributes:
        purchased: real orders, also those of suppliers other than AliExpress.
        other_suppliers: how many of them are these.
        stand_ins: orders that were left out as stand-ins.
        with_sale: those with a sale in the target's environment.
        in_flight: changed a moment ago, so they may still become one.
        without_sale: the others.
        newest_without_sale: at most five order ids.
    """

    purchased: int
    other_suppliers: int
    stand_ins: int
    with_sale: int
    in_flight: int
    without_sale: int
    newest_without_sale: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleLinks:
    """What the window's real sales link to: an order, a marketplace's own number, or nothing.

    `sold_twice` counts the sales whose trade another sale has too; at most five are named, as
    "sale and sale".
    """

    sales: int
    linked: int
    marketplace_numbers: int
    dangling: int
    newest_dangling: tuple[int, ...]
    newest: tuple[int, ...]
    sold_twice: int
    sales_of_one_trade: tuple[str, ...]


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
