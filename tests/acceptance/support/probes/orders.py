"""Orders: whether what was paid for was bought, and with which supplier ids.

Orders of another supplier are outside these criteria and counted apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pytest_prodstatus import Money
from tests.acceptance.support.clock import read_instant
from tests.acceptance.support.credentials import StoredCredential
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.fields import money
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.rules import (
    carried,
    looked_for,
    other_supplier,
    shown_status,
    stand_in_id,
    stand_in_order,
    supplier_id,
    trade_number,
    trimmed,
)
from tests.acceptance.support.probes.window import Question, sale_of

# Paid orders of AliExpress that are no stand-ins.
_JUDGED = {
    "judged": """AS NOT MATERIALIZED (
  SELECT * FROM placed WHERE past_payment AND NOT stand_in AND NOT other
)"""
}
_OF_JUDGED = ("created", "status", "past_payment", "stand_in", "other")

FULFILMENT = Question(
    name="fulfilment",
    orders=(
        *(*_OF_JUDGED, "due", "unclear", "attempted", "unknown"),
        *("before_payment", "supplier_id"),
    ),
    steps=_JUDGED
    | {
        "unknown_orders": f"""AS (
  SELECT {shown_status("status")} AS status FROM placed
  WHERE unknown AND NOT stand_in AND NOT other
)""",
        "unpaid": """AS MATERIALIZED (
  SELECT id, created FROM placed
  WHERE before_payment AND supplier_id IS NOT NULL AND NOT stand_in AND NOT other
)""",
        "unpurchased": """AS MATERIALIZED (
  SELECT id, created, status FROM judged
  WHERE CASE WHEN status IN ('PAID', 'PURCHASING') THEN due AND NOT unclear
             ELSE status <> 'PURCHASED' END
)""",
    },
    row="""
SELECT counted.*,
       ARRAY(SELECT id FROM judged WHERE unclear ORDER BY created DESC, id LIMIT 5)
         AS unclear_orders,
       (SELECT count(*) FROM unpurchased) AS unpurchased,
       ARRAY(SELECT status || ' ' || count(*) FROM unpurchased GROUP BY status ORDER BY status)
         AS unpurchased_by_status,
       ARRAY(SELECT id FROM unpurchased ORDER BY created DESC, id LIMIT 5) AS newest_unpurchased,
       (SELECT count(*) FROM unpaid) AS bought_unpaid,
       ARRAY(SELECT id FROM unpaid ORDER BY created DESC, id LIMIT 5) AS newest_bought_unpaid,
       (SELECT count(*) FROM unknown_orders) AS unknown,
       ARRAY(SELECT status || ' ' || count(*) FROM unknown_orders
             GROUP BY status ORDER BY count(*) DESC, status LIMIT 5) AS unknown_by_status
FROM (
  SELECT count(*) FILTER (WHERE judged) AS paid,
         count(*) FILTER (WHERE judged AND attempted) AS attempted,
         count(*) FILTER (WHERE judged AND status IN ('PAID', 'PURCHASING') AND NOT due
                          AND NOT unclear) AS in_flight,
         count(*) FILTER (WHERE judged AND unclear) AS unclear,
         count(*) FILTER (WHERE judged AND status = 'PURCHASED') AS purchased,
         count(*) FILTER (WHERE stand_in) AS stand_ins,
         count(*) FILTER (WHERE other AND NOT stand_in) AS other_suppliers
  FROM (SELECT *, NOT stand_in AND NOT other AS judged FROM placed WHERE past_payment) AS seen
) AS counted""",
    columns=(
        "paid",
        "attempted",
        "in_flight",
        "unclear",
        "unclear_orders",
        "purchased",
        "unpurchased",
        "unpurchased_by_status",
        "newest_unpurchased",
        "bought_unpaid",
        "newest_bought_unpaid",
        "unknown",
        "unknown_by_status",
        "stand_ins",
        "other_suppliers",
    ),
)

SUPPLIER_IDS = Question(
    name="supplier_ids",
    orders=(*_OF_JUDGED, "supplier_id", "outside"),
    steps=_JUDGED,
    row="""
SELECT counted.*,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NOT NULL
             ORDER BY created DESC, id LIMIT 5) AS newest,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND outside
             ORDER BY created DESC, id LIMIT 5) AS orders_bought_outside,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NULL
             AND NOT outside ORDER BY created DESC, id LIMIT 5) AS newest_without
FROM (
  SELECT count(*) FILTER (WHERE judged) AS paid,
         count(*) FILTER (WHERE purchased) AS purchased,
         count(*) FILTER (WHERE purchased AND supplier_id IS NOT NULL) AS with_supplier_id,
         count(*) FILTER (WHERE purchased AND outside) AS bought_outside,
         count(*) FILTER (WHERE purchased AND supplier_id IS NULL AND NOT outside) AS without,
         count(*) FILTER (WHERE stand_in) AS stand_ins,
         count(*) FILTER (WHERE other AND NOT stand_in) AS other_suppliers
  FROM (
    SELECT *, NOT stand_in AND NOT other AS judged,
           NOT stand_in AND NOT other AND status = 'PURCHASED' AS purchased
    FROM placed WHERE past_payment
  ) AS seen
) AS counted""",
    columns=(
        "paid",
        "purchased",
        "with_supplier_id",
        "newest",
        "bought_outside",
        "orders_bought_outside",
        "without",
        "newest_without",
        "stand_ins",
        "other_suppliers",
    ),
)

STUCK = Question(
    name="stuck_orders",
    orders=(*_OF_JUDGED, "due"),
    steps=_JUDGED,
    row="""
SELECT counted.*,
       ARRAY(SELECT id FROM judged WHERE status = 'PURCHASING' AND due
             ORDER BY created DESC, id LIMIT 5) AS newest_stuck
FROM (
  SELECT count(*) AS paid,
         count(*) FILTER (WHERE status = 'PURCHASING' AND NOT due) AS in_flight,
         count(*) FILTER (WHERE status = 'PURCHASING' AND due) AS stuck
  FROM judged
) AS counted""",
    columns=("paid", "in_flight", "stuck", "newest_stuck"),
)

# The window's ids against those of every order there ever was: the store has no index of them, so
# one scan, by as many processes as the server allows. Only orders whose id occurs more than once
# are checked for being real.
_CARRIED = carried('o."aliexpressOrderId"', "ordered_as")
SHARED = Question(
    name="shared_supplier_ids",
    orders=("created", "supplier_id", "stand_in", "other"),
    steps={
        "identified": """AS NOT MATERIALIZED (
  SELECT id, created, supplier_id FROM placed
  WHERE supplier_id IS NOT NULL AND NOT other AND NOT stand_in
)""",
        "ordered_as": looked_for("supplier_id", "identified"),
        "carried": f"""AS MATERIALIZED (
  SELECT o.id, wanted.value AS supplier_id
  FROM orders o JOIN {_CARRIED.ids} AS wanted (value)
    ON {_CARRIED.possible} AND {_CARRIED.bare} = wanted.value
)""",
        "carried_twice": f"""AS MATERIALIZED (
  SELECT c.supplier_id
  FROM (
    SELECT supplier_id FROM carried GROUP BY supplier_id HAVING count(*) > 1
  ) AS several
  JOIN carried c USING (supplier_id)
  CROSS JOIN LATERAL (
    SELECT {other_supplier("o")} OR {stand_in_order("o")} AS left_out
    FROM orders o WHERE o.id = c.id OFFSET 0
  ) AS o
  WHERE NOT o.left_out
  GROUP BY c.supplier_id HAVING count(*) > 1
)""",
    },
    row="""
SELECT (SELECT count(*) FROM identified) AS with_supplier_id,
       (SELECT count(*) FROM carried_twice) AS shared,
       ARRAY(SELECT id || ' has ' || supplier_id FROM identified
             WHERE supplier_id IN (SELECT supplier_id FROM carried_twice)
             ORDER BY created DESC, id LIMIT 5) AS newest_shared""",
    columns=("with_supplier_id", "shared", "newest_shared"),
)

# What a purchase is compared with is looked up by its key: orders of any age, and every attempt. It
# is looked up for all purchases at once, in the order of the index, which spares most of the work.
# The window's attempts are scanned once, since the store has no index of their dates: for orders
# that are older than the window, and for ids with something invisible around them.
# A trade that is written in two ways is found within the window, where both are read anyway. If a
# product isn't known, the same trade may be a cart, or bought twice.
# No status says that an order was bought once: one that isn't paid for yet, or of a status that
# isn't known, counts too. Of an order whose row is gone it isn't known if it was a stand-in.
_ATTEMPTED = trimmed('a."orderId"')
REPEATED = Question(
    name="repeated",
    orders=("created", "status", "trade", "product", "supplier_id", "stand_in"),
    steps={
        "buying": f"""AS MATERIALIZED (
  SELECT id, created, trade, product, bought,
         CASE WHEN bought THEN NULLIF({trade_number("trade")}, '') END AS trade_key
  FROM (
    SELECT *, status = 'PURCHASED' OR supplier_id IS NOT NULL AS bought
    FROM placed WHERE NOT stand_in
  ) AS seen
)""",
        "trades": """AS MATERIALIZED (
  SELECT trade_key, product, count(*) AS n, min(id) AS first, max(id) AS last
  FROM buying WHERE trade_key IS NOT NULL GROUP BY trade_key, product
)""",
        "traded_twice": """AS MATERIALIZED (
  SELECT * FROM trades WHERE n > 1 AND product IS NOT NULL
)""",
        "perhaps_twice": """AS MATERIALIZED (
  SELECT trade_key FROM trades
  WHERE trade_key IN (SELECT trade_key FROM trades WHERE product IS NULL)
  GROUP BY trade_key HAVING sum(n) > 1
)""",
        # Most trades are traded once: the index alone tells it.
        "traded_again": """AS MATERIALIZED (
  SELECT o."paypalOrderId" AS trade FROM orders o
  WHERE o."paypalOrderId" = ANY(
    CAST((SELECT array_agg(trade) FROM buying WHERE trade_key IS NOT NULL) AS text[]))
  GROUP BY o."paypalOrderId" HAVING count(*) > 1
)""",
        "logged": """AS MATERIALIZED (
  SELECT x."orderId" AS id, count(*) AS exact FROM purchase_attempt_logs x
  WHERE x."orderId" = ANY(CAST((SELECT array_agg(id) FROM buying) AS text[])) AND x.success
  GROUP BY x."orderId"
)""",
        "attempted": f"""AS MATERIALIZED (
  SELECT a.id, count(*) FILTER (WHERE a.spelled) AS spelled
  FROM (
    SELECT {_ATTEMPTED} AS id, {_ATTEMPTED} <> a."orderId" AS spelled
    FROM purchase_attempt_logs a WHERE a.success AND a."createdAt" >= :since
  ) AS a LEFT JOIN placed p ON p.id = a.id
  WHERE p.id IS NULL OR a.spelled
  GROUP BY a.id
)""",
        "older": f"""AS MATERIALIZED (
  SELECT a.id, o.created, o.id IS NULL AS gone, a.spelled + attempt.exact AS successes
  FROM attempted a
  LEFT JOIN LATERAL (
    SELECT o.id, o."createdAt" AS created,
           o."createdAt" < :since AND NOT {stand_in_order("o")} AS judged
    FROM orders o WHERE o.id = a.id OFFSET 0
  ) AS o ON true
  CROSS JOIN LATERAL (
    SELECT count(*) AS exact FROM purchase_attempt_logs x
    WHERE x."orderId" = a.id AND x.success OFFSET 0
  ) AS attempt
  WHERE CASE WHEN o.id IS NULL THEN NOT {stand_in_id("a.id")} ELSE o.judged END
)""",
        "compared": f"""AS MATERIALIZED (
  SELECT j.id, j.created, j.trade, j.bought,
         COALESCE(l.exact, 0) + COALESCE(a.spelled, 0) AS successes,
         COALESCE(twin.id, CASE WHEN w.first = j.id THEN w.last ELSE w.first END) AS twin,
         twin.perhaps OR j.trade_key IN (SELECT trade_key FROM perhaps_twice) AS perhaps
  FROM buying j
  LEFT JOIN traded_twice w ON w.trade_key = j.trade_key AND w.product = j.product
  LEFT JOIN traded_again r ON r.trade = j.trade
  CROSS JOIN LATERAL (
    SELECT min(o.id) FILTER (WHERE o."productId" = j.product) AS id,
           count(*) FILTER (WHERE (o."productId" = j.product) IS NULL) > 0 AS perhaps
    FROM orders o
    WHERE r.trade IS NOT NULL AND j.trade_key IS NOT NULL
      AND o."paypalOrderId" = j.trade AND o.id <> j.id
      AND (o."productId" = j.product) IS NOT FALSE
      AND (o.status = 'PURCHASED' OR {supplier_id("o")} IS NOT NULL)
      AND NOT {stand_in_order("o")}
    OFFSET 0
  ) AS twin
  LEFT JOIN logged l ON l.id = j.id
  LEFT JOIN attempted a ON a.id = j.id
)""",
        "attempted_twice": """AS MATERIALIZED (
  SELECT id, created FROM compared WHERE successes > 1
  UNION ALL
  SELECT id, created FROM older WHERE successes > 1 AND NOT gone
)""",
        "gone_twice": """AS NOT MATERIALIZED (
  SELECT id FROM older WHERE successes > 1 AND gone
)""",
    },
    row="""
SELECT counted.*,
       ARRAY(SELECT id || ' and ' || twin || ' of ' || trade FROM compared WHERE twin IS NOT NULL
             ORDER BY created DESC, id LIMIT 5) AS newest_trades,
       ARRAY(SELECT id || ' of ' || trade FROM compared WHERE twin IS NULL AND perhaps
             ORDER BY created DESC, id LIMIT 5) AS unclear_trades,
       (SELECT count(*) FROM attempted_twice) AS bought_twice,
       ARRAY(SELECT id FROM attempted_twice ORDER BY created DESC, id LIMIT 5) AS newest_orders,
       (SELECT count(*) FROM gone_twice) AS gone_twice,
       ARRAY(SELECT id FROM gone_twice ORDER BY id LIMIT 5) AS orders_gone
FROM (
  SELECT count(*) FILTER (WHERE bought) AS compared,
         count(*) FILTER (WHERE twin IS NOT NULL) AS trades_bought_twice,
         count(*) FILTER (WHERE twin IS NULL AND perhaps) AS trades_unclear,
         count(*) FILTER (WHERE successes > 0) AS logged
  FROM compared
) AS counted""",
    columns=(
        "compared",
        "trades_bought_twice",
        "newest_trades",
        "trades_unclear",
        "unclear_trades",
        "logged",
        "bought_twice",
        "newest_orders",
        "gone_twice",
        "orders_gone",
    ),
)

# A sale brought its price less the fee in. More can't have been taken by the supplier if it has a
# gross profit.
_MONEY = ("gross", "price", "fee", "currency")
PURCHASES = Question(
    name="newest_purchases",
    orders=(*_OF_JUDGED, "user_id", "supplier_id", "by_hand", "bought_by"),
    sales=("id", "reference", "in_environment", "fell_through", *_MONEY),
    steps=_JUDGED
    | {
        "sampled": """AS MATERIALIZED (
  SELECT * FROM judged WHERE status = 'PURCHASED' AND supplier_id IS NOT NULL
  ORDER BY by_hand, created DESC, id LIMIT :supplier_sample
)"""
    },
    row=f"""
SELECT counted.*,
       ARRAY(SELECT jsonb_build_array(j.id, j.supplier_id, j.by_hand, j.user_id, j.created,
                j.bought_by,
               CASE WHEN sale.gross > 0 AND NOT sale.fell_through
                    THEN CAST(sale.price - sale.fee AS text) END, sale.currency)
             FROM sampled j {sale_of("j", "fell_through", *_MONEY)}
             ORDER BY j.by_hand, j.created DESC, j.id) AS sample
FROM (
  SELECT count(*) AS purchased, count(*) FILTER (WHERE by_hand) AS bought_by_hand
  FROM judged WHERE status = 'PURCHASED'
) AS counted""",
    columns=("purchased", "bought_by_hand", "sample"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fulfilment:
    """How far the window's paid orders came.

    Attributes:
        paid: real orders that were paid for, in any status since.
        attempted: those that fulfilment has touched.
        in_flight: PAID or PURCHASING, and not yet due.
        unclear: PAID, made long ago, and changed just now (when they were paid isn't stored); or,
            in any status, dated ahead of the clock.
        unclear_orders: at most five of their ids.
        purchased: PURCHASED, with or without a supplier id.
        unpurchased: failed, in the manual queue, or overdue.
        unpurchased_by_status: the same by status, as "FAILED 2".
        newest_unpurchased: at most five order ids.
        bought_unpaid: orders with a supplier's id that aren't paid for yet, by their status.
        newest_bought_unpaid: at most five of their ids.
        unknown: orders whose status is none that the store is known to have.
        unknown_by_status: the same by status, as "REFUNDING 2", the five most frequent.
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
    bought_unpaid: int
    newest_bought_unpaid: tuple[str, ...]
    unknown: int
    unknown_by_status: tuple[str, ...]
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
        trades_unclear: those whose marketplace order another one has too, and of one of the two
            the product isn't known.
        unclear_trades: at most five, as "order of marketplace order".
        logged: real orders with an attempt that succeeded.
        bought_twice: those with two or more, in any status, and older ones with two or more of
            which one is of the window.
        newest_orders: at most five of their ids.
        gone_twice: ids with two or more, of which one is of the window, and without any order.
        orders_gone: at most five of them.
    """

    compared: int
    trades_bought_twice: int
    newest_trades: tuple[str, ...]
    trades_unclear: int
    unclear_trades: tuple[str, ...]
    logged: int
    bought_twice: int
    newest_orders: tuple[str, ...]
    gone_twice: int
    orders_gone: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """A PURCHASED order: the supplier's id, if a person bought it, its seller and its dates.

    It was made at `ordered_at`, and the store had bought it by `bought_by`.

    `proceeds`: what its sale brought in less the fee, if the store notes a gross profit.
    """

    order_id: str
    supplier_id: str
    by_hand: bool
    user_id: int | None = None
    ordered_at: datetime | None = None
    bought_by: datetime | None = None
    proceeds: Money | None = None


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
    return Fulfilment(**fields_of(ask(FULFILMENT.statement)))


def supplier_ids(ask: Ask) -> SupplierIds:
    """Return which PURCHASED orders of the window have a real AliExpress id."""
    return SupplierIds(**fields_of(ask(SUPPLIER_IDS.statement)))


def stuck_in_purchasing(ask: Ask) -> Stuck:
    """Return which orders of the window are PURCHASING for longer than the grace."""
    return Stuck(**fields_of(ask(STUCK.statement)))


def shared_supplier_ids(ask: Ask) -> SharedIds:
    """Return which supplier ids of the window belong to more than one order."""
    return SharedIds(**fields_of(ask(SHARED.statement)))


def repeated(ask: Ask) -> Repeated:
    """Return what of the window was bought twice."""
    return Repeated(**fields_of(ask(REPEATED.statement)))


def newest_purchases(ask: Ask) -> Purchases:
    """Return the window's newest PURCHASED orders with real supplier ids."""
    row = ask(PURCHASES.statement)
    chosen = tuple(
        Purchase(
            order_id=order_id,
            supplier_id=supplier,
            by_hand=hand,
            user_id=user_id,
            ordered_at=read_instant(created),
            bought_by=read_instant(bought_by),
            proceeds=money(proceeds, currency),
        )
        for order_id, supplier, hand, user_id, created, bought_by, proceeds, currency in row[
            "sample"
        ]
    )
    return Purchases(
        purchased=row["purchased"],
        bought_by_hand=row["bought_by_hand"],
        sample=chosen,
    )
