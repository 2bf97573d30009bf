"""Profit: what completed sales earned, and whether the store's arithmetic holds."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_prodstatus import Money
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of, monies
from tests.acceptance.support.probes.rules import shown_status
from tests.acceptance.support.probes.window import Question

# NaN is above every number to PostgreSQL, and a numeric column can hold it. What an order cost that
# was never bought isn't known, so its sale earned nothing that is known.
NET = Question(
    name="net_profit",
    sales=(
        *("id", "created", "status", "fell_through", "currency", "net", "is_real", "dated_ahead"),
        *("order_id", "order_supplier_id", "order_outside", "order_other", "order_before_payment"),
    ),
    steps={
        "completed": """AS MATERIALIZED (
  SELECT id, created, net, currency, dated_ahead,
         COALESCE(net > 0 AND net <> 'NaN', false) AS earned,
         order_id IS NOT NULL AND (order_before_payment IS TRUE
           OR order_supplier_id IS NULL AND NOT order_outside AND NOT order_other) AS unbought
  FROM sold WHERE is_real AND NOT fell_through AND status = ANY(:completed)
)""",
        "unknown_sales": f"""AS (
  SELECT {shown_status("status")} AS status FROM sold
  WHERE is_real
    AND (status = ANY(:completed) OR status = ANY(:under_way) OR fell_through) IS NOT TRUE
)""",
    },
    row="""
SELECT count(*) AS completed,
       (SELECT count(*) FROM sold
        WHERE is_real AND status = ANY(:under_way)) AS waiting,
       ARRAY(SELECT sum(net) || ' ' || currency FROM completed
             WHERE currency IS NOT NULL AND net <> 'NaN' AND NOT unbought AND NOT dated_ahead
             GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 20) AS net_profit,
       ARRAY(SELECT id FROM completed WHERE earned AND NOT unbought AND NOT dated_ahead
             ORDER BY created DESC, id LIMIT 5) AS newest,
       count(*) FILTER (WHERE NOT earned) AS without_profit,
       ARRAY(SELECT id FROM completed WHERE NOT earned ORDER BY created DESC, id LIMIT 5)
         AS newest_without_profit,
       count(*) FILTER (WHERE unbought) AS unbought,
       ARRAY(SELECT id FROM completed WHERE unbought ORDER BY created DESC, id LIMIT 5)
         AS newest_unbought,
       count(*) FILTER (WHERE dated_ahead) AS dated_ahead,
       ARRAY(SELECT id FROM completed WHERE dated_ahead ORDER BY created DESC, id LIMIT 5)
         AS newest_dated_ahead,
       (SELECT count(*) FROM unknown_sales) AS unknown,
       ARRAY(SELECT status || ' ' || count(*) FROM unknown_sales
             GROUP BY status ORDER BY count(*) DESC, status LIMIT 5) AS unknown_by_status
FROM completed""",
    columns=(
        "completed",
        "waiting",
        "net_profit",
        "newest",
        "without_profit",
        "newest_without_profit",
        "unbought",
        "newest_unbought",
        "dated_ahead",
        "newest_dated_ahead",
        "unknown",
        "unknown_by_status",
    ),
)

# A sale is compared with today's rate if it was made since the configuration was last changed. An
# older one must agree with some rate: its own is known to within `tolerance`, and a sale beside it
# in time shares it. Small profits tell no rate, so they are no neighbours, but have some. If none
# is before it in the window, those outside of it may share its rate: unless it is today's, it isn't
# known what it should be (NULL).
#
# The gross profit has a lower bound too if its cost is in its currency, and shipping and tax are
# known: the product has both, and wasn't changed since. Products are refreshed all the time, and
# what one cost then isn't stored. Of such a sale it is seen if nothing was subtracted, though the
# product has shipping or tax: a doubt. In any currency a cost leaves less than price less fee.
_PRECISE = "2"  # percentage points
ARITHMETIC = Question(
    name="arithmetic",
    sales=(
        *("id", "created", "fell_through", "is_real", "product", "currency"),
        *("price", "cost", "fee", "gross", "commission", "net"),
        *("order_trade", "order_price", "order_currency"),
    ),
    steps={
        "config": """AS (
  SELECT "platformCommissionPct" AS pct, "updatedAt" AS since
  FROM platform_config ORDER BY id LIMIT 1
)""",
        "rate": """AS MATERIALIZED (
  SELECT COALESCE((SELECT pct FROM config), 10) AS pct, (SELECT since FROM config) AS since
)""",
        "calculated": """AS MATERIALIZED (
  SELECT x.id, x.created, x.currency, x.price, x.cost, x.fee, x.gross, x.commission, x.net,
         unit.digits, unit.tolerance, x.created >= r.since OR r.since IS NULL AS of_today,
         costs.*, NULLIF(btrim(p.currency, :blank), '') IS NULL AS cost_unclear,
         LEAST(p."shippingCost", p."importTax") < 0
           OR 'NaN' IN (p."shippingCost", p."importTax") AS extra_impossible,
         CASE WHEN paid.counts THEN x.order_price END AS paid,
         CASE WHEN paid.counts THEN upper(btrim(x.order_currency)) END AS paid_in
  FROM sold x CROSS JOIN rate r
  CROSS JOIN LATERAL (
    SELECT CASE WHEN x.currency = ANY(:no_minor_unit) THEN 0 ELSE 2 END AS digits,
           CASE WHEN x.currency = ANY(:no_minor_unit) THEN 1 ELSE 0.05 END AS tolerance
  ) AS unit
  CROSS JOIN LATERAL (
    SELECT (lower(left(x.order_trade, 13)) = 'mercadolibre:') IS NOT TRUE AS counts
  ) AS paid
  LEFT JOIN products p ON p.id = x.product
  CROSS JOIN LATERAL (
    -- Shipping and tax as the product has them now.
    SELECT upper(btrim(p.currency)) = x.currency AS one_currency,
           p."updatedAt" <= x.created AS kept,
           p."shippingCost" + p."importTax" IS NOT NULL AS extra_known,
           COALESCE(p."shippingCost", 0) + COALESCE(p."importTax", 0) AS extra,
           x.price - x.fee - x.cost AS left_over
  ) AS costs
  WHERE x.is_real AND NOT x.fell_through
)""",
        "doubtful": """AS MATERIALIZED (
  SELECT id, created FROM calculated
  WHERE one_currency AND CASE
    WHEN kept THEN NOT extra_known AND gross < left_over - extra - tolerance
    ELSE gross >= left_over - tolerance AND extra > 2 * tolerance END
)""",
        "implied": """AS (
  SELECT id, created, (commission - tolerance) * 100 / gross AS low,
         (commission + tolerance) * 100 / gross AS high
  FROM calculated
  WHERE gross > 0 AND gross <> 'NaN' AND commission <> 'NaN' AND NOT of_today
)""",
        "dated": f"""AS MATERIALIZED (
  SELECT *, high - low <= {_PRECISE} AS precise,
         count(*) FILTER (WHERE high - low <= {_PRECISE}) OVER (ORDER BY created, id) AS nth
  FROM implied
)""",
        "beside": """AS (
  SELECT i.id, i.low, i.high, b.low AS low_before, b.high AS high_before,
         a.low AS low_after, a.high AS high_after
  FROM dated i
  LEFT JOIN dated b ON b.precise AND b.nth = i.nth - CASE WHEN i.precise THEN 1 ELSE 0 END
  LEFT JOIN dated a ON a.precise AND a.nth = i.nth + 1
)""",
        "agreed": """AS MATERIALIZED (
  SELECT x.*, CASE
    WHEN x.of_today OR COALESCE(x.gross, 0) <= 0 THEN COALESCE(
      abs(x.commission - round(x.gross * r.pct / 100, x.digits)) <= x.tolerance
        OR x.gross <= 0 AND x.commission BETWEEN x.gross AND 0, false)
    WHEN b.high < 0 OR b.low > 100 OR b.id IS NULL THEN false
    WHEN b.low <= b.high_before AND b.low_before <= b.high
      OR b.low <= b.high_after AND b.low_after <= b.high THEN true
    WHEN b.low_before IS NOT NULL THEN false
    WHEN r.pct BETWEEN b.low AND b.high THEN true
    END AS agrees
  FROM calculated x CROSS JOIN rate r LEFT JOIN beside b ON b.id = x.id
)""",
        "wrong": """AS MATERIALIZED (
  SELECT * FROM (
    SELECT j.id, j.created, j.agrees IS FALSE AS commission,
           NOT COALESCE(abs(j.net - round(j.gross - j.commission, j.digits)) <= j.tolerance, false)
             AS net,
           NOT COALESCE(CASE
             WHEN j.one_currency THEN j.gross <= j.tolerance + j.left_over
               - CASE WHEN j.kept THEN j.extra ELSE 0 END
             WHEN j.cost > 0 THEN j.gross < j.price - j.fee
             ELSE j.gross <= j.tolerance + j.price - j.fee END, false)
             OR j.one_currency AND j.kept AND j.extra_known
               AND j.gross < j.left_over - j.extra - j.tolerance AS gross,
           NOT COALESCE(j.cost >= 0 AND j.fee >= 0 AND j.cost <> 'NaN' AND j.fee <> 'NaN', false)
             OR j.extra_impossible IS TRUE AS negative,
           j.paid IS NOT NULL AND (abs(j.price - j.paid) <= j.tolerance) IS NOT TRUE
             OR j.paid_in IS NOT NULL AND j.paid_in IS DISTINCT FROM j.currency AS unlike
    FROM agreed j
  ) AS judged
  WHERE gross OR commission OR net OR negative OR unlike
)""",
    },
    row="""
SELECT counted.*,
       (SELECT CAST(round(pct, 2) AS text) FROM rate) AS commission_percent,
       ARRAY(SELECT sum(commission) || ' ' || currency FROM calculated
             WHERE currency IS NOT NULL AND commission <> 'NaN'
             GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 20) AS commission,
       ARRAY(SELECT id FROM wrong WHERE gross OR commission OR net
             ORDER BY created DESC, id LIMIT 5) AS newest_wrong,
       (SELECT count(*) FROM calculated WHERE cost_unclear) AS cost_unclear,
       ARRAY(SELECT id FROM calculated WHERE cost_unclear ORDER BY created DESC, id LIMIT 5)
         AS newest_cost_unclear,
       (SELECT count(*) FROM doubtful) AS gross_unclear,
       ARRAY(SELECT id FROM doubtful ORDER BY created DESC, id LIMIT 5) AS newest_gross_unclear,
       (SELECT count(*) FROM calculated
        WHERE (one_currency AND kept AND extra_known) IS NOT TRUE) AS bounded_above_alone,
       (SELECT count(*) FROM agreed WHERE agrees IS NULL) AS rate_unclear,
       ARRAY(SELECT id FROM agreed WHERE agrees IS NULL ORDER BY created DESC, id LIMIT 5)
         AS newest_rate_unclear,
       ARRAY(SELECT id FROM wrong WHERE negative OR unlike
             ORDER BY created DESC, id LIMIT 5) AS impossible
FROM (
  SELECT (SELECT count(*) FROM calculated) AS sales,
         (SELECT count(*) FROM calculated WHERE NOT of_today) AS of_earlier_rates,
         count(*) FILTER (WHERE gross) AS wrong_gross,
         count(*) FILTER (WHERE commission) AS wrong_commission,
         count(*) FILTER (WHERE net) AS wrong_net,
         count(*) FILTER (WHERE gross OR commission OR net) AS wrong,
         count(*) FILTER (WHERE negative) AS negative,
         count(*) FILTER (WHERE unlike) AS unlike_their_orders
  FROM wrong
) AS counted""",
    columns=(
        "sales",
        "commission_percent",
        "of_earlier_rates",
        "commission",
        "wrong_gross",
        "wrong_commission",
        "wrong_net",
        "wrong",
        "newest_wrong",
        "cost_unclear",
        "newest_cost_unclear",
        "gross_unclear",
        "newest_gross_unclear",
        "bounded_above_alone",
        "rate_unclear",
        "newest_rate_unclear",
        "negative",
        "unlike_their_orders",
        "impossible",
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class NetProfit:
    """What the window's completed sales earned, per currency, and which earned nothing.

    `waiting` counts real sales that aren't completed: only a person marks them as delivered.
    `unbought` counts those that are, though their order has no supplier's id and wasn't bought
    outside of the store, or isn't paid for yet, by its status; `dated_ahead` those that are dated
    ahead of the clock. What both earned is not in the sums. `unknown` counts sales of a status
    that the store isn't known to have.
    """

    net_profit: tuple[Money, ...]
    completed: int
    waiting: int
    newest: tuple[int, ...]
    without_profit: int
    newest_without_profit: tuple[int, ...]
    unbought: int
    newest_unbought: tuple[int, ...]
    dated_ahead: int
    newest_dated_ahead: tuple[int, ...]
    unknown: int
    unknown_by_status: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """Whether commission and profit follow from the gross profit, and from what can be.

    They follow to 0.05 of a unit, or to one unit if the currency has no smaller one.

    Attributes:
        sales: real sales of the window that didn't fall through.
        commission_percent: the present value in platform_config.
        of_earlier_rates: sales older than that value, which agree with a rate of their time.
        commission: the commissions, per currency.
        wrong_gross: gross profit that isn't, in one currency, price less fee, cost, shipping and
            import tax; or, in two, isn't below price less fee.
        wrong_commission: not the rate's part of the gross profit, rounded to the minor unit.
        wrong_net: not gross profit less commission, rounded to the minor unit.
        wrong: sales with any of these.
        newest_wrong: at most five sale ids.
        cost_unclear: sales whose product has no currency, which their cost is in.
        newest_cost_unclear: at most five of their ids.
        gross_unclear: sales of which it isn't known what had to be subtracted: less is left, and
            the product lacks shipping or tax; or neither was subtracted, and it was changed since.
        newest_gross_unclear: at most five of their ids.
        bounded_above_alone: sales whose gross profit has no lower bound: their cost is in another
            currency, or the product lacks shipping or tax, or was changed since.
        rate_unclear: sales of an earlier rate that only sales before the window could share.
        newest_rate_unclear: at most five of their ids.
        negative: sales with a negative cost or fee, shipping and import tax included.
        unlike_their_orders: sales of another price or currency than their order's.
        impossible: at most five ids of these two.
    """

    sales: int
    commission_percent: str
    of_earlier_rates: int
    commission: tuple[Money, ...]
    wrong_gross: int
    wrong_commission: int
    wrong_net: int
    wrong: int
    newest_wrong: tuple[int, ...]
    cost_unclear: int
    newest_cost_unclear: tuple[int, ...]
    gross_unclear: int
    newest_gross_unclear: tuple[int, ...]
    bounded_above_alone: int
    rate_unclear: int
    newest_rate_unclear: tuple[int, ...]
    negative: int
    unlike_their_orders: int
    impossible: tuple[int, ...]


def net_profit(ask: Ask) -> NetProfit:
    """Return what the window's completed sales earned."""
    row = fields_of(ask(NET.statement))
    return NetProfit(**{**row, "net_profit": monies(row["net_profit"])})


def arithmetic(ask: Ask) -> Arithmetic:
    """Return whether the window's sales add up."""
    row = fields_of(ask(ARITHMETIC.statement))
    return Arithmetic(**{**row, "commission": monies(row["commission"])})
