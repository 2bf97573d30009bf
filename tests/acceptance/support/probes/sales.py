"""Sales: one for every purchased order, each linked, each in the target's environment."""

from __future__ import annotations

from dataclasses import dataclass

from tests.acceptance.support.clock import CLOCKS_DIFFER
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import trade_number
from tests.acceptance.support.probes.window import Question, sale_of

# One trade as two sales: by the order's id in two spellings, by the marketplace's number (an order
# has it in "paypalOrderId") or by the supplier's. A marketplace's number with several products is a
# cart, whose products are sold one by one. Within the window each way to write a number is found; a
# sale that is older is looked up by its exact text.
_PREFIXES = "ebay:,mercadolibre:,amazon:,"
_TWIN = f"""
  SELECT t.id FROM sales t
  WHERE t.environment = :environment AND t.status <> ALL(:fallen_through) AND t.id <> j.id
    AND (t."productId" = j.product OR t."orderId" = j.order_id)
    AND t."orderId" = ANY(
      SELECT unnest(ARRAY[j.number, '#' || j.number, CASE WHEN j.spelled THEN j.order_id END])
      UNION ALL
      SELECT x.id FROM orders x
      WHERE j.order_id IS NULL AND x."paypalOrderId" = ANY(
        SELECT prefix || written
        FROM unnest(string_to_array('{_PREFIXES}', ',')) AS prefix,
             unnest(ARRAY[j.reference, j.number, '#' || j.number]) AS written))
  LIMIT 1
"""

MISSING = Question(
    name="sales_of_orders",
    orders=("created", "status", "stand_in", "other", "sale_due", "sale_unclear"),
    sales=("id", "reference", "in_environment", "dated_ahead"),
    steps={
        "purchased": f"""AS MATERIALIZED (
  SELECT o.id, o.created, o.stand_in, o.other, o.sale_due AS due, o.sale_unclear AS unclear,
         sale.id AS sale, sale.dated_ahead
  FROM placed o {sale_of("o", "dated_ahead")}
  WHERE o.status = 'PURCHASED'
)"""
    },
    row="""
SELECT counted.*,
       ARRAY(SELECT id FROM purchased WHERE NOT stand_in AND sale IS NULL AND due
             ORDER BY created DESC, id LIMIT 5) AS newest_without_sale,
       ARRAY(SELECT id FROM purchased WHERE NOT stand_in AND sale IS NULL AND unclear
             ORDER BY created DESC, id LIMIT 5) AS unclear_orders,
       ARRAY(SELECT sale FROM purchased WHERE NOT stand_in AND dated_ahead
             ORDER BY created DESC, id LIMIT 5) AS newest_dated_ahead
FROM (
  SELECT count(*) FILTER (WHERE NOT stand_in) AS purchased,
         count(*) FILTER (WHERE NOT stand_in AND other) AS other_suppliers,
         count(*) FILTER (WHERE stand_in) AS stand_ins,
         count(*) FILTER (WHERE NOT stand_in AND sale IS NOT NULL AND dated_ahead IS NOT TRUE)
           AS with_sale,
         count(*) FILTER (WHERE NOT stand_in AND dated_ahead) AS dated_ahead,
         count(*) FILTER (WHERE NOT stand_in AND sale IS NULL AND NOT due AND NOT unclear)
           AS in_flight,
         count(*) FILTER (WHERE NOT stand_in AND sale IS NULL AND unclear) AS unclear,
         count(*) FILTER (WHERE NOT stand_in AND sale IS NULL AND due) AS without_sale
  FROM purchased
) AS counted""",
    columns=(
        "purchased",
        "other_suppliers",
        "stand_ins",
        "with_sale",
        "dated_ahead",
        "newest_dated_ahead",
        "in_flight",
        "unclear",
        "without_sale",
        "newest_without_sale",
        "unclear_orders",
    ),
)

LINKS = Question(
    name="sale_links",
    sales=(
        *("id", "created", "fell_through", "reference", "is_real"),
        *("user_id", "product", "order_id", "order_trade", "order_user_id", "order_product"),
        *("dated_ahead", "order_before_payment", "order_supplier_id", "order_created"),
        "spelled",
    ),
    steps={
        "linked": f"""AS MATERIALIZED (
  SELECT id, created, reference, product, order_id, NOT fell_through AS live,
         order_id IS NULL AND reference ~ :marketplace_number AS from_marketplace,
         user_id <> order_user_id OR product <> order_product AS unlike,
         dated_ahead, order_before_payment AS unpaid, order_supplier_id AS supplier_id, spelled,
         created < order_created - interval '{CLOCKS_DIFFER}' AS too_early,
         CASE WHEN strpos(order_trade, ':') > 0 THEN NULLIF({trade_number("order_trade")}, '')
              WHEN order_id IS NULL AND reference ~ :marketplace_number
              THEN {trade_number("reference")} END AS number
  FROM sold WHERE is_real
)""",
        "live": "AS NOT MATERIALIZED (SELECT * FROM linked WHERE live)",
        "numbers": """AS MATERIALIZED (
  SELECT number, product, min(id) AS first, max(id) AS last FROM live
  WHERE number IS NOT NULL GROUP BY number, product HAVING count(*) > 1
)""",
        # A sale whose order is spelled in another way, or that has the supplier's number instead.
        "astray": """AS MATERIALIZED (
  SELECT id, created, order_id, CASE WHEN order_id IS NULL THEN number END AS supplier_id
  FROM live WHERE spelled OR order_id IS NULL
)""",
        "sold_twice": f"""AS MATERIALIZED (
  SELECT id, min(created) AS created, min(twin) AS twin
  FROM (
    SELECT j.id, j.created, CASE WHEN n.first = j.id THEN n.last ELSE n.first END AS twin
    FROM live j JOIN numbers n ON n.number = j.number AND n.product = j.product
    UNION ALL
    SELECT pair.id, pair.created, pair.twin
    FROM (
      SELECT a.id AS one, a.created AS at, b.id AS other, b.created AS other_at
      FROM astray a JOIN live b ON b.order_id = a.order_id AND b.id <> a.id
      UNION ALL
      SELECT a.id, a.created, b.id, b.created
      FROM astray a JOIN live b ON b.supplier_id = a.supplier_id AND b.order_id IS NOT NULL
    ) AS x
    CROSS JOIN LATERAL (VALUES (one, at, other), (other, other_at, one)) AS pair (id, created, twin)
    UNION ALL
    SELECT j.id, j.created, twin.id AS twin
    FROM live j CROSS JOIN LATERAL ({_TWIN}) AS twin
    WHERE j.number IS NOT NULL OR j.order_id IS NULL OR j.spelled
  ) AS pairs
  GROUP BY id
)""",
    },
    row="""
SELECT counted.*,
       ARRAY(SELECT id FROM linked WHERE order_id IS NULL AND from_marketplace IS NOT TRUE
             ORDER BY created DESC, id LIMIT 5) AS newest_dangling,
       ARRAY(SELECT id FROM linked WHERE unlike ORDER BY created DESC, id LIMIT 5)
         AS newest_unlike,
       ARRAY(SELECT id FROM linked WHERE dated_ahead ORDER BY created DESC, id LIMIT 5)
         AS newest_dated_ahead,
       ARRAY(SELECT id FROM linked WHERE unpaid ORDER BY created DESC, id LIMIT 5)
         AS newest_unpaid,
       ARRAY(SELECT id FROM linked WHERE too_early ORDER BY created DESC, id LIMIT 5)
         AS newest_too_early,
       ARRAY(SELECT id FROM linked ORDER BY created DESC, id LIMIT 5) AS newest,
       (SELECT count(*) FROM sold_twice) AS sold_twice,
       ARRAY(SELECT id || ' and ' || twin FROM sold_twice ORDER BY created DESC, id LIMIT 5)
         AS sales_of_one_trade
FROM (
  SELECT count(*) AS sales, count(*) FILTER (WHERE order_id IS NOT NULL) AS linked,
         count(*) FILTER (WHERE from_marketplace) AS marketplace_numbers,
         count(*) FILTER (WHERE unlike) AS unlike,
         count(*) FILTER (WHERE dated_ahead) AS dated_ahead,
         count(*) FILTER (WHERE unpaid) AS unpaid,
         count(*) FILTER (WHERE too_early) AS too_early,
         count(*) FILTER (WHERE order_id IS NULL AND from_marketplace IS NOT TRUE) AS dangling
  FROM linked
) AS counted""",
    columns=(
        "sales",
        "linked",
        "marketplace_numbers",
        "dangling",
        "newest_dangling",
        "unlike",
        "newest_unlike",
        "dated_ahead",
        "newest_dated_ahead",
        "unpaid",
        "newest_unpaid",
        "too_early",
        "newest_too_early",
        "newest",
        "sold_twice",
        "sales_of_one_trade",
    ),
)

MISPLACED = Question(
    name="sale_environments",
    sales=(
        "id",
        "created",
        "in_environment",
        "order_status",
        "order_stand_in",
        "order_supplier_id",
        "order_outside",
    ),
    steps={
        "misplaced": """AS MATERIALIZED (
  SELECT id, created FROM sold
  WHERE in_environment IS NOT TRUE AND order_status = 'PURCHASED' AND NOT order_stand_in
    AND (order_supplier_id IS NOT NULL OR order_outside)
)"""
    },
    row="""
SELECT counted.*,
       (SELECT count(*) FROM misplaced) AS misplaced,
       ARRAY(SELECT id FROM misplaced ORDER BY created DESC, id LIMIT 5) AS newest_misplaced
FROM (
  SELECT count(*) FILTER (WHERE in_environment) AS in_environment,
         count(*) FILTER (WHERE in_environment IS NOT TRUE) AS elsewhere
  FROM sold
) AS counted""",
    columns=("in_environment", "elsewhere", "misplaced", "newest_misplaced"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesOfOrders:
    """Which of the window's PURCHASED orders became a sale (at most five ids of those that didn't).

    Attributes:
        purchased: real orders, also those of suppliers other than AliExpress.
        other_suppliers: how many of them are these.
        stand_ins: orders that were left out as stand-ins.
        with_sale: those with a sale in the target's environment.
        dated_ahead: those whose sale is dated ahead of the clock.
        newest_dated_ahead: at most five ids of these sales.
        in_flight: changed a moment ago, so they may still become one.
        unclear: changed a moment ago, but last tried long ago (when they were bought isn't stored),
            or dated ahead of the clock.
        without_sale: the others.
        newest_without_sale: at most five order ids.
        unclear_orders: at most five of their ids.
    """

    purchased: int
    other_suppliers: int
    stand_ins: int
    with_sale: int
    dated_ahead: int
    newest_dated_ahead: tuple[int, ...]
    in_flight: int
    unclear: int
    without_sale: int
    newest_without_sale: tuple[str, ...]
    unclear_orders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SaleLinks:
    """What the window's real sales link to: an order, a marketplace's own number, or nothing.

    `unlike` counts the sales of another user or product than their order's, `unpaid` those whose
    order isn't paid for yet, by its status, and `too_early` those that are older than their order.
    `sold_twice` counts those whose trade another sale has too; at most five are named, as "sale
    and sale".
    """

    sales: int
    linked: int
    marketplace_numbers: int
    dangling: int
    newest_dangling: tuple[int, ...]
    unlike: int
    newest_unlike: tuple[int, ...]
    dated_ahead: int
    newest_dated_ahead: tuple[int, ...]
    unpaid: int
    newest_unpaid: tuple[int, ...]
    too_early: int
    newest_too_early: tuple[int, ...]
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
    return SalesOfOrders(**fields_of(ask(MISSING.statement)))


def links(ask: Ask) -> SaleLinks:
    """Return what the window's real sales link to."""
    return SaleLinks(**fields_of(ask(LINKS.statement)))


def environments(ask: Ask) -> SaleEnvironments:
    """Return which sales of really purchased orders are in another environment."""
    return SaleEnvironments(**fields_of(ask(MISPLACED.statement)))
