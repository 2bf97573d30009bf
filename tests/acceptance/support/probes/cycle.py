"""The whole cycle: how far each order came, by the database, and how the autopilot's cycles end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.acceptance.support.clock import CLOCKS_DIFFER, from_column, read_instant
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of
from tests.acceptance.support.probes.window import Question, sale_of

# The steps in order; each counts only for orders that took every step before it. What precedes an
# order is aggregated once a product, never looked up order by order. An opportunity is a product's
# if both have one title, one user and one time: the store writes them in one cycle, in any order.
_OF_SALE = (
    *("fell_through", "net", "commission", "currency"),
    *("executed", "admin_payout", "user_payout"),
)
CYCLE = Question(
    name="cycle",
    orders=(
        *("created", "status", "product", "trade", "attempted_at", "bought_by", "past_payment"),
        *("supplier_id", "by_hand", "other", "stand_in"),
    ),
    sales=(
        *("id", "created", "reference", "in_environment", "dated_ahead"),
        *_OF_SALE,
    ),
    steps={
        "ordered": """AS NOT MATERIALIZED (
  SELECT * FROM placed WHERE past_payment AND NOT other AND NOT stand_in
)""",
        "ordered_products": """AS MATERIALIZED (
  SELECT DISTINCT product FROM ordered WHERE product IS NOT NULL
)""",
        "listed": """AS (
  SELECT l."productId" AS product, min(l."publishedAt") AS published_at
  FROM marketplace_listings l
  WHERE l."productId" IN (SELECT product FROM ordered_products)
  GROUP BY l."productId"
)""",
        "offered": """AS MATERIALIZED (
  SELECT p.id, p."userId" AS user_id, p.title, p."createdAt" AS created_at,
         LEAST(p."publishedAt", listed.published_at) AS published_at
  FROM products p LEFT JOIN listed ON listed.product = p.id
  WHERE p.id IN (SELECT product FROM ordered_products)
)""",
        "found": """AS (
  SELECT p.id, min(x."createdAt") AS found_at
  FROM offered p JOIN opportunities x
    ON x."userId" = p.user_id AND lower(btrim(x.title)) = lower(btrim(p.title))
  WHERE x."createdAt" BETWEEN p.created_at - interval '1 day' AND p.created_at + interval '1 hour'
  GROUP BY p.id
)""",
        "funnel": f"""AS MATERIALIZED (
  -- How many steps an order took before the first that it didn't take.
  SELECT t.*, array_position(
    ARRAY[found_at IS NOT NULL, made, COALESCE(published_at < ordered_at, false),
          COALESCE(trade !~* :no_payment AND trade ~ :payment, false),
          status = 'PURCHASED' AND supplier_id IS NOT NULL, NOT by_hand,
          sale_id IS NOT NULL AND NOT fell_through,
          COALESCE(net > 0 AND net <> 'NaN', false),
          COALESCE(executed AND user_payout IS NOT NULL
            AND (admin_payout IS NOT NULL OR commission <= 0), false), false],
    false) - 1 AS steps
  FROM (
    SELECT j.id, j.status, j.supplier_id, j.product, j.trade, j.attempted_at, j.by_hand,
           j.bought_by, j.created AS ordered_at, p.user_id, p.id IS NOT NULL AS made,
           found.found_at, p.created_at, p.published_at,
           sale.id AS sale_id, sale.created AS sold_at,
           j.created >= :soon OR sale.dated_ahead IS TRUE AS dated_ahead,
           {", ".join(f"sale.{name}" for name in _OF_SALE)}
    FROM ordered j
    LEFT JOIN offered p ON p.id = j.product
    LEFT JOIN found ON found.id = p.id
    {sale_of("j", "created", "dated_ahead", *_OF_SALE)}
  ) AS t
)""",
        # What is dated ahead of the clock proves no step, and none that is missing.
        "judged_funnel": "AS NOT MATERIALIZED (SELECT * FROM funnel WHERE NOT dated_ahead)",
        "furthest": """AS MATERIALIZED (
  SELECT * FROM judged_funnel ORDER BY steps DESC, ordered_at DESC, id LIMIT :cycle_sample
)""",
    },
    row="""
SELECT count(*) AS orders, count(*) FILTER (WHERE status = 'PURCHASED') AS any_purchased,
       count(*) FILTER (WHERE steps >= 1) AS found,
       count(*) FILTER (WHERE steps >= 2) AS made,
       count(*) FILTER (WHERE steps >= 3) AS published,
       count(*) FILTER (WHERE steps >= 4) AS captured,
       count(*) FILTER (WHERE steps >= 5) AS purchased,
       count(*) FILTER (WHERE steps >= 6) AS untouched,
       count(*) FILTER (WHERE steps >= 7) AS sold,
       count(*) FILTER (WHERE steps >= 8) AS earned,
       count(*) FILTER (WHERE steps >= 9) AS paid_out,
       (SELECT count(*) FROM funnel WHERE dated_ahead) AS dated_ahead,
       ARRAY(SELECT jsonb_build_array(id, steps, user_id, product, trade, supplier_id, sale_id,
               CAST(net AS text), currency)
             FROM furthest ORDER BY steps DESC, ordered_at DESC, id) AS candidates,
       ARRAY(SELECT ARRAY[found_at, created_at, published_at, ordered_at, attempted_at, sold_at,
                          bought_by]
             FROM furthest ORDER BY steps DESC, ordered_at DESC, id) AS times
FROM judged_funnel""",
    columns=(
        *("orders", "any_purchased", "found", "made", "published", "captured", "purchased"),
        *("untouched", "sold", "earned", "paid_out", "dated_ahead", "candidates", "times"),
    ),
)

# The store logs failures alone. That a cycle succeeded is seen in its statistics and in what it
# made, so a failure counts only if nothing has succeeded since. What cycles made is their user's:
# one user's success says nothing of another one's cycle. Whose run was the last isn't stored, and a
# run may make nothing: it may be that of any other user whose cycles have left something in the
# window. An instant that is still to come is no sign: it would outlast every failure.
_AUTOPILOT = """
WITH failures AS (
  SELECT a.id, a."userId" AS user_id, a."cycleId" AS cycle, a."createdAt" AS at
  FROM autopilot_cycle_logs a
  WHERE a.stage = 'full_cycle' AND a.success IS NOT TRUE AND a."createdAt" >= :since
), newest AS (
  SELECT DISTINCT ON (user_id) user_id, cycle, at
  FROM failures ORDER BY user_id, at DESC, id DESC
), made AS MATERIALIZED (
  SELECT "userId" AS user_id, 'opportunity' AS what, max("createdAt") AS at
  FROM opportunities WHERE "createdAt" < :soon GROUP BY "userId"
  UNION ALL
  SELECT "userId", 'product', max("createdAt")
  FROM products WHERE "createdAt" < :soon GROUP BY "userId"
  UNION ALL
  SELECT "userId", 'listing', max("publishedAt")
  FROM marketplace_listings WHERE "publishedAt" < :soon GROUP BY "userId"
), stalled AS (
  SELECT n.* FROM newest n
  WHERE NOT EXISTS (SELECT 1 FROM made m WHERE m.user_id = n.user_id AND m.at >= n.at)
)
SELECT (SELECT left(value, 1000000) FROM system_configs WHERE key = 'autopilot_stats') AS stats,
       (SELECT max(at) FROM made WHERE what = 'opportunity') AS newest_opportunity,
       (SELECT max(at) FROM made WHERE what = 'product') AS newest_product,
       (SELECT max(at) FROM made WHERE what = 'listing') AS newest_listing,
       (SELECT count(*) FROM failures) AS failures,
       ARRAY(SELECT jsonb_build_array(user_id, cycle) FROM stalled ORDER BY at DESC, user_id)
         AS stalled,
       ARRAY(SELECT at FROM stalled ORDER BY at DESC, user_id) AS stalled_at,
       ARRAY(SELECT EXISTS (SELECT 1 FROM made m WHERE m.user_id <> s.user_id AND m.at >= :since)
               OR EXISTS (SELECT 1 FROM failures f WHERE f.user_id <> s.user_id)
             FROM stalled s ORDER BY at DESC, user_id) AS others_run,
       CAST(:soon AS timestamp) AS soon
"""

# A run's end is written after each cycle, also after one that failed, and by the store's clock.
_OWN_END = timedelta(minutes=5) + CLOCKS_DIFFER

STEPS = (
    ("found", "product found by the trend search"),
    ("made", "product made"),
    ("published", "product published before the order"),
    ("captured", "payment captured"),
    ("purchased", "PURCHASED with a supplier id"),
    ("untouched", "bought without a manual touch"),
    ("sold", "sale made"),
    ("earned", "profit made"),
    ("paid_out", "every payout that is owed stored"),
)
"""The steps of the cycle that the database knows, in order: the field and its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One of the orders that came furthest, with what the database knows of each step.

    Attributes:
        order_id: the order.
        steps: how many of `STEPS` it took before the first that it didn't take.
        user_id: the seller.
        product_id: the product that was sold.
        trade: the checkout or the marketplace's order that paid for it.
        supplier_id: the supplier's order.
        sale_id: the sale.
        net: its net profit.
        currency: the net profit's.
        found_at … sold_at: when it took a step.
    """

    order_id: str
    steps: int
    user_id: int | None
    product_id: int | None
    trade: str | None
    supplier_id: str | None
    sale_id: int | None
    net: str | None
    currency: str | None
    found_at: datetime | None
    created_at: datetime | None
    published_at: datetime | None
    ordered_at: datetime | None
    attempted_at: datetime | None
    sold_at: datetime | None
    bought_by: datetime | None

    def took(self, step: str) -> bool:
        """Return whether it took a step of `STEPS`, and all before it."""
        return self.steps > [name for name, _ in STEPS].index(step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """How many of the window's paid orders took each step and all those before it.

    Attributes:
        orders: real orders past their payment, unless they or their sale are dated ahead of the
            clock.
        any_purchased: those that were PURCHASED, with or without the steps before.
        found … paid_out: as in `STEPS`.
        dated_ahead: orders that were left out since they or their sale are.
        candidates: those that came furthest, the newest first.
    """

    orders: int
    any_purchased: int
    found: int
    made: int
    published: int
    captured: int
    purchased: int
    untouched: int
    sold: int
    earned: int
    paid_out: int
    dated_ahead: int
    candidates: tuple[Candidate, ...]

    def funnel(self) -> dict[str, int]:
        """Return how many orders took each step, by the step's name in words."""
        return {name.replace("_", " "): getattr(self, name) for name, _ in STEPS}

    def breaks_at(self) -> tuple[str, str] | None:
        """Return the first step that no order took, and its words; None if one took them all."""
        return next((step for step in STEPS if not getattr(self, step[0])), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A user's newest full cycle that failed, after everything that cycles of that user made.

    `others_run`: whether the window has anything of another user's cycles.
    """

    user_id: int
    cycle: str
    at: datetime
    others_run: bool

    @property
    def words(self) -> str:
        """The failure, for a sentence."""
        return f"the full cycle {self.cycle} of user {self.user_id}, {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, slots=True, kw_only=True)
class Autopilot:
    """The newest signs that a cycle of the autopilot succeeded, and the failures after them.

    Attributes:
        total_runs: as the autopilot counts them, of all users; None if it has no statistics that
            can be read.
        last_run: the end of the last of them.
        unreadable: whether there are statistics that can't be read.
        newest_opportunity, newest_product, newest_listing: what cycles made, of any age.
        failures: full cycles of the window that failed, by the store's log.
        stalled: of each user, the newest of them, unless that user's cycles made something since.
    """

    total_runs: int | None
    last_run: datetime | None
    unreadable: bool
    newest_opportunity: datetime | None
    newest_product: datetime | None
    newest_listing: datetime | None
    failures: int
    stalled: tuple[Failure, ...] = field(repr=False)

    @property
    def succeeded_at(self) -> datetime | None:
        """The newest sign of a success."""
        signs = (self.last_run, self.newest_opportunity, self.newest_product, self.newest_listing)
        return max(filter(None, signs), default=None)

    @property
    def broken(self) -> tuple[Failure, ...]:
        """The failures that are newer than every sign of a success of their user."""
        if self.unreadable:
            return ()
        last = self.last_run
        return tuple(failure for failure in self.stalled if last is None or failure.at > last)

    @property
    def unclear(self) -> tuple[Failure, ...]:
        """Those after which a cycle has ended that may have been itself, or another user's."""
        return tuple(
            failure
            for failure in self.stalled
            if failure not in self.broken and (failure.others_run or self._is_own(failure))
        )

    def _is_own(self, failure: Failure) -> bool:
        """Return whether the last run may be the cycle that failed."""
        return self.last_run is None or self.last_run - failure.at <= _OWN_END


def cycle(ask: Ask) -> Cycle:
    """Return how far the window's orders came, and those that came furthest."""
    row = fields_of(ask(CYCLE.statement))
    times = row.pop("times")
    candidates = zip(row.pop("candidates"), times, strict=True)
    return Cycle(**row, candidates=tuple(_candidate(*pair) for pair in candidates))


def autopilot(ask: Ask) -> Autopilot:
    """Return the signs of the autopilot's cycles."""
    row = fields_of(ask(_AUTOPILOT))
    stats = _stats(row.pop("stats"), before=row.pop("soon"))
    failures = zip(row.pop("stalled"), row.pop("stalled_at"), row.pop("others_run"), strict=True)
    stalled = tuple(
        Failure(user_id=user, cycle=cycle_id, at=from_column(at), others_run=others)
        for (user, cycle_id), at, others in failures
    )
    return Autopilot(**row, **stats, stalled=stalled)


def _stats(text: str | None, *, before: datetime) -> dict[str, Any]:
    """Return what the autopilot's statistics tell; nothing of text that can't be read.

    Args:
        text: the row's value.
        before: a run that ended later is none.
    """
    try:
        found = json.loads(text or "")
    except (ValueError, RecursionError):
        found = None
    stats = found if isinstance(found, dict) else {}
    runs, last = stats.get("totalRuns"), stats.get("lastRunTimestamp")
    ended = read_instant(last)
    unreadable = text is not None and (not stats or (bool(runs) and ended is None))
    if ended is not None and ended >= before:
        ended = None
    counted = isinstance(runs, int) and not isinstance(runs, bool)
    return {
        "total_runs": runs if counted else None,
        "last_run": ended if runs else None,
        "unreadable": unreadable,
    }


def _candidate(values: list[Any], times: list[datetime | None]) -> Candidate:
    order_id, steps, user_id, product, trade, supplier, sale_id, net, currency = values
    found_at, created_at, published_at, ordered_at, attempted_at, sold_at, bought_by = (
        None if at is None else from_column(at) for at in times
    )
    return Candidate(
        order_id=order_id,
        steps=steps,
        user_id=user_id,
        product_id=product,
        trade=trade,
        supplier_id=supplier,
        sale_id=sale_id,
        net=net,
        currency=currency,
        found_at=found_at,
        created_at=created_at,
        published_at=published_at,
        ordered_at=ordered_at,
        attempted_at=attempted_at,
        sold_at=sold_at,
        bought_by=bought_by,
    )
