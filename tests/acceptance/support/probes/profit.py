"""Profit: what completed sales earned, and whether the store's arithmetic holds."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_prodstatus import Money
from tests.acceptance.support.database.transaction import Ask
from tests.acceptance.support.probes.facts import fields_of, monies
from tests.acceptance.support.probes.rules import real_sales

# NaN is above every number to PostgreSQL, and a numeric column can hold it.
_NET = f"""
WITH judged AS (
  {
    real_sales('''s.id, s."createdAt" AS created, s."netProfit" AS net,
    upper(btrim(s.currency)) AS currency,
    COALESCE(s."netProfit" > 0 AND s."netProfit" <> 'NaN', false) AS earned''')
}
    AND s.status = ANY(:completed)
)
SELECT (SELECT count(*) FROM judged) AS completed,
       ARRAY(SELECT sum(net) || ' ' || currency FROM judged
             WHERE currency IS NOT NULL AND net <> 'NaN'
             GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 20) AS net_profit,
       ARRAY(SELECT id FROM judged WHERE earned ORDER BY created DESC, id LIMIT 5) AS newest,
       (SELECT count(*) FROM judged WHERE NOT earned) AS without_profit,
       ARRAY(SELECT id FROM judged WHERE NOT earned ORDER BY created DESC, id LIMIT 5)
         AS newest_without_profit
"""

_ARITHMETIC = f"""
WITH config AS (
  SELECT COALESCE(
    (SELECT "platformCommissionPct" FROM platform_config ORDER BY id LIMIT 1), 10) AS pct
), sold AS (
  {
    real_sales('''s.id, s."createdAt" AS created, s.status, s."productId" AS product,
    upper(btrim(s.currency)) AS currency, s."grossProfit" AS gross,
    s."commissionAmount" AS commission, s."netProfit" AS net,
    s."salePrice" - s."aliexpressCost" - s."marketplaceFee" AS at_most''')
}
    AND s.status <> ALL(:fallen_through)
), judged AS (
  SELECT x.*, x.status = ANY(:completed) AS completed,
         CASE WHEN x.currency = ANY(:no_minor_unit) THEN 0 ELSE 2 END AS digits,
         upper(btrim(p.currency)) = x.currency AS one_currency
  FROM sold x LEFT JOIN products p ON p.id = x.product
), wrong AS (
  SELECT j.id, j.created,
         NOT COALESCE(abs(j.commission - round(j.gross * c.pct / 100, j.digits)) <= 0.05, false)
           AS commission,
         NOT COALESCE(abs(j.net - round(j.gross - j.commission, j.digits)) <= 0.05, false) AS net,
         j.one_currency IS TRUE AND NOT COALESCE(j.gross <= j.at_most + 0.05, false) AS gross
  FROM judged j CROSS JOIN config c
)
SELECT (SELECT count(*) FROM judged) AS sales,
       (SELECT count(*) FROM judged WHERE completed) AS completed,
       (SELECT CAST(round(pct, 2) AS text) FROM config) AS commission_percent,
       ARRAY(SELECT sum(commission) || ' ' || currency FROM judged
             WHERE currency IS NOT NULL AND commission <> 'NaN'
             GROUP BY currency ORDER BY count(*) DESC, currency LIMIT 20) AS commission,
       (SELECT count(*) FROM wrong WHERE gross) AS wrong_gross,
       (SELECT count(*) FROM wrong WHERE commission) AS wrong_commission,
       (SELECT count(*) FROM wrong WHERE net) AS wrong_net,
       (SELECT count(*) FROM wrong WHERE gross OR commission OR net) AS wrong,
       ARRAY(SELECT id FROM wrong WHERE gross OR commission OR net
             ORDER BY created DESC, id LIMIT 5) AS newest_wrong
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetProfit:
    """What the window's completed sales earned, per currency, and which earned nothing."""

    completed: int
    net_profit: tuple[Money, ...]
    newest: tuple[int, ...]
    without_profit: int
    newest_without_profit: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    """Whether commission and profit follow from the gross profit, to 0.05 of a unit.

    Attributes:
        sales: real sales of the window that didn't fall through.
        completed: those that are delivered or completed.
        commission_percent: the present value in platform_config.
        commission: the commissions, per currency.
        wrong_gross: gross profit above price less cost less fee, if both currencies are one.
        wrong_commission: not that percentage of the gross profit, rounded to the minor unit.
        wrong_net: not gross profit less commission, rounded to the minor unit.
        wrong: sales with any of these.
        newest_wrong: at most five sale ids.
    """

    sales: int
    completed: int
    commission_percent: str
    commission: tuple[Money, ...]
    wrong_gross: int
    wrong_commission: int
    wrong_net: int
    wrong: int
    newest_wrong: tuple[int, ...]


def net_profit(ask: Ask) -> NetProfit:
    """Return what the window's completed sales earned."""
    row = fields_of(ask(_NET))
    return NetProfit(**{**row, "net_profit": monies(row["net_profit"])})


def arithmetic(ask: Ask) -> Arithmetic:
    """Return whether the window's sales add up."""
    row = fields_of(ask(_ARITHMETIC))
    return Arithmetic(**{**row, "commission": monies(row["commission"])})
