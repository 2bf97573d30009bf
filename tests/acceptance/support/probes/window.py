"""The window's orders and sales, read once for all questions that are asked together.

Each question is a SELECT of one row over two common steps: `placed`, the window's orders, and
`sold`, its sales with their orders. So several questions make one statement, in which a row is
fetched once and the costly rules are applied to it once. The same question is also a statement by
itself: for a run that needs no other, and if the common statement can't be answered, since a table
is locked or lacks a column that only some of them need. A step has the columns that are needed.

A sale's order is nearly always in the window too, and an order's sale. So they are joined there,
and only the others are looked up by their key, in a LATERAL subquery that OFFSET 0 keeps apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from tests.acceptance.support.database.transaction import Row
from tests.acceptance.support.probes.rules import (
    bought_outside,
    by_hand,
    other_supplier,
    payout_id,
    stand_in_id,
    stand_in_order,
    supplier_id,
    trimmed,
)

# When an order was paid isn't stored, so a PAID one is as old as the order itself: any update would
# make it young. One that was made long ago may have been paid just now, if nothing shows that it
# had been paid before. A purchase under way is as old as its attempt.
_TOUCHED = """CASE WHEN o."manualFulfillmentRequired"
                   THEN GREATEST(o."lastAttemptAt", o."updatedAt", o."createdAt")
                   ELSE COALESCE(o."lastAttemptAt", o."updatedAt", o."createdAt") END"""

_OF_ORDERS: Mapping[str, str] = {
    "past_payment": "o.status = ANY(:past_payment)",
    "before_payment": "o.status = ANY(:before_payment)",
    "unknown": "(o.status = ANY(:past_payment) OR o.status = ANY(:before_payment)) IS NOT TRUE",
    "outside": bought_outside("o"),
    "by_hand": by_hand("o"),
    "other": other_supplier("o"),
    "stand_in": stand_in_order("o"),
    "due": f"""CASE o.status WHEN 'PAID' THEN o."createdAt" ELSE {_TOUCHED} END < :purchase_due""",
    # A date to come proves nothing in any status: an order would be in flight until then.
    "unclear": f"""o.status = 'PAID' AND o."createdAt" < :purchase_due
      AND {_TOUCHED} >= :purchase_due
      AND (o."fulfillRetryCount" = 0 OR o."manualFulfillmentRequired")
      OR o."createdAt" >= :soon OR o.status = 'PURCHASING' AND {_TOUCHED} >= :soon""",
    "attempted": """o.status <> 'PAID' OR o."lastAttemptAt" IS NOT NULL
      OR o."fulfillRetryCount" > 0""",
    # An order's purchase isn't dated; nothing happened to it since its last change, at least.
    "sale_due": 'GREATEST(o."updatedAt", o."lastAttemptAt", o."createdAt") < :sale_due',
    # But any update is a change: if the last attempt is over long ago, it may well be due. What a
    # person bought may be far younger than that attempt.
    "sale_unclear": f"""GREATEST(o."updatedAt", o."lastAttemptAt", o."createdAt") >= :sale_due
      AND COALESCE(o."lastAttemptAt", o."createdAt") < :attempt_sale_due AND NOT {by_hand("o")}
      OR GREATEST(o."updatedAt", o."lastAttemptAt", o."createdAt") >= :soon""",
    "created": 'o."createdAt"',
    "attempted_at": 'o."lastAttemptAt"',
    # The supplier's id was in the row when that was last changed. A date to come says nothing.
    "bought_by": 'LEAST(GREATEST(o."updatedAt", o."createdAt"), :soon)',
    "user_id": 'o."userId"',
    "product": 'o."productId"',
    "id": "o.id",
    "status": "o.status",
    "supplier_id": supplier_id("o"),
    "trade": 'o."paypalOrderId"',
    "price": "o.price",
    "currency": "o.currency",
}
"""The columns of an order. A column is found in a row by walking over those before it, and flags
are read most: so they come first, and texts last.
"""

_OF_SALES: Mapping[str, str] = {
    "in_environment": "s.environment = :environment",
    "fell_through": "s.status = ANY(:fallen_through)",
    "payout_due": 's."createdAt" < :payout_due',
    "dated_ahead": 's."createdAt" >= :soon',
    "executed": 'COALESCE(s."payoutExecuted", false)',
    "created": 's."createdAt"',
    "id": "s.id",
    "user_id": 's."userId"',
    "product": 's."productId"',
    "spelled": trimmed('s."orderId"') + ' <> s."orderId"',
    "reference": trimmed('s."orderId"'),
    "status": "s.status",
    "currency": "upper(btrim(s.currency))",
    "admin_payout": payout_id('s."adminPayoutId"'),
    "user_payout": payout_id('s."userPayoutId"'),
    "net": 's."netProfit"',
    "commission": 's."commissionAmount"',
    "gross": 's."grossProfit"',
    "price": 's."salePrice"',
    "cost": 's."aliexpressCost"',
    "fee": 's."marketplaceFee"',
}

_ORDERS_OF_SALES = {f"order_{name}": name for name in _OF_ORDERS}
"""Columns of `sold` that are its order's, NULL if there is none; the rest is in `_OF_SALES`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Question:
    """A question whose answer is one row, made of the window's rows.

    Attributes:
        name: how its columns are told apart from those of other questions.
        orders: the columns of `placed` that it needs.
        sales: those of `sold`. Every sale there has `is_real`: of the target's environment, and
            neither it nor its order a stand-in.
        steps: its own steps by name, in order; a name belongs to one question, or to one text.
        row: a SELECT that returns one row.
        columns: the names of that row's columns.
    """

    name: str
    orders: Sequence[str] = ()
    sales: Sequence[str] = ()
    steps: Mapping[str, str] = field(default_factory=dict)
    row: str
    columns: Sequence[str]

    @property
    def statement(self) -> str:
        """The question as a statement by itself."""
        return in_one_statement(self)


def sale_of(order: str, *columns: str) -> str:
    """Return the joins that give an order its sale in the target's environment, as `sale`.

    Args:
        order: the alias of a row of `placed`.
        columns: what is needed of the sale, beside its id; NULL if there is none.
    """
    names = ("id", *columns)
    either = ", ".join(f"CASE WHEN w.id IS NULL THEN e.{n} ELSE w.{n} END AS {n}" for n in names)
    return f"""
  LEFT JOIN sold w ON w.reference = {order}.id AND w.in_environment
  LEFT JOIN LATERAL (
    SELECT {_columns(_OF_SALES, set(names))} FROM sales s
    WHERE w.id IS NULL AND s."orderId" = {order}.id AND s.environment = :environment OFFSET 0
  ) AS e ON true
  CROSS JOIN LATERAL (SELECT {either}) AS sale"""


@cache
def in_one_statement(*questions: Question) -> str:
    """Return one statement that answers several questions in its one row; see `apart`."""
    steps = dict(_window(questions))
    for question in questions:
        for name, step in question.steps.items():
            if steps.setdefault(name, step) != step:
                msg = f"two questions define the step {name!r} differently: rename one of them"
                raise ValueError(msg)
    if len(questions) == 1:
        return f"{_with(steps)}\n{questions[0].row}"
    steps |= {f"{q.name}_row": f"AS MATERIALIZED ({q.row})" for q in questions}
    # Of a join of so many rows the planner would look for the best order.
    columns = (
        f'(SELECT {column} FROM {question.name}_row) AS "{question.name}.{column}"'
        for question in questions
        for column in question.columns
    )
    return f"{_with(steps)}\nSELECT {', '.join(columns)}"


def apart(row: Row, questions: Sequence[Question]) -> dict[str, Row]:
    """Return the row of each question by its own statement, out of their common row."""
    return {
        question.statement: {
            column: row[f"{question.name}.{column}"] for column in question.columns
        }
        for question in questions
    }


def _with(steps: Mapping[str, str]) -> str:
    return "WITH " + ", ".join(f"{name} {step}" for name, step in steps.items())


def _window(questions: Sequence[Question]) -> Iterator[tuple[str, str]]:
    """Yield the common steps, with the columns that the questions need."""
    sales = {column for question in questions for column in question.sales}
    orders = {column for question in questions for column in question.orders}
    if sales:
        of_orders = [name for name in _ORDERS_OF_SALES if name in sales | {"order_stand_in"}]
        orders |= {_ORDERS_OF_SALES[name] for name in of_orders}
    if orders:
        columns = _columns(_OF_ORDERS, orders | {"id"})
        yield (
            "placed",
            f'AS MATERIALIZED (SELECT {columns} FROM orders o WHERE o."createdAt" >= :since)',
        )
    if sales:
        yield "sold", _sold(sales, of_orders)


def _sold(sales: set[str], of_orders: Sequence[str]) -> str:
    own = _columns(_OF_SALES, sales - _ORDERS_OF_SALES.keys() - {"is_real"})
    orders = {_ORDERS_OF_SALES[name] for name in of_orders}
    theirs = ", ".join(f"{_of_order(_ORDERS_OF_SALES[name])} AS {name}" for name in of_orders)
    return f"""AS MATERIALIZED (
  SELECT s.environment = :environment AND NOT {stand_in_id('s."orderId"')}
           AND {_of_order("stand_in")} IS NOT TRUE AS is_real, {own}, {theirs}
  FROM sales s
  LEFT JOIN placed p ON p.id = s."orderId"
  LEFT JOIN LATERAL (
    SELECT {_columns(_OF_ORDERS, orders | {"id"})} FROM orders o
    WHERE p.id IS NULL AND o.id = {trimmed('s."orderId"')} OFFSET 0
  ) AS x ON true
  WHERE s."createdAt" >= :since
)"""


def _columns(expressions: Mapping[str, str], names: set[str]) -> str:
    return ", ".join(f"{text} AS {name}" for name, text in expressions.items() if name in names)


def _of_order(column: str) -> str:
    """Return a column of a sale's order, from the window or looked up."""
    return f"CASE WHEN p.id IS NULL THEN x.{column} ELSE p.{column} END"
