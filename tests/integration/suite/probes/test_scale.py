"""The database criteria at scale: one statement each, by the store's indexes, a bounded answer.

What they cost on millions of rows is measured by hand (`benchmarks/`); here a store of 20,000
orders shows that they are built for it.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from datetime import datetime, timezone

import pytest
from sqlalchemy import Connection, create_engine, text

from benchmarks.store.filling import fill
from benchmarks.store.plans import reads
from benchmarks.store.psql import Psql
from benchmarks.store.questions import QUESTIONS
from benchmarks.store.recording import RecordedStatement, Recorder
from tests.acceptance.demo.postgres import Postgres, new_folder
from tests.acceptance.support.database.transaction import bound
from tests.acceptance.support.probes.questions import Scope
from tests.acceptance.support.settings import Settings

_ROWS = 20_000
_NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.utc)
_SETTINGS = Settings.from_environment({}, target="production", dotenv={})
_SCOPE = Scope(now=_NOW, settings=_SETTINGS)

_OF_NO_WINDOW = {
    *("oauth.stored_credentials", "oauth.of_users"),
    *("payouts.of_sales", "cycle.autopilot"),
}
_OVER_EVERYTHING = {
    "orders.shared_supplier_ids": ["orders"],
    "payouts.shared_ids": ["sales"],
    "orders.repeated": ["purchase_attempt_logs"],
    "questions.ahead": ["orders", "purchase_attempt_logs", "sales"],
}
_RECENT = "WHERE \"createdAt\" >= '2026-10-23 12:00'"
_SICK = {
    "orders.fulfilment": "UPDATE orders SET status = 'FAILED'",
    "orders.supplier_ids": "UPDATE orders SET \"aliexpressOrderId\" = 'SIMULATED_ORDER_ID'",
    "orders.stuck_in_purchasing": "UPDATE orders SET status = 'PURCHASING', supplier = NULL",
    "orders.shared_supplier_ids": (
        'UPDATE orders SET "aliexpressOrderId" = 8198352049851000 + abs(hashtext(id)) % 200'
    ),
    "sales.sales_of_orders": "DELETE FROM sales",
    "sales.links": "UPDATE sales SET \"orderId\" = 'lost' || id",
    "sales.environments": "UPDATE sales SET environment = 'sandbox'",
    "payouts.stored": 'UPDATE sales SET "userPayoutId" = NULL',
    "payouts.failed": "UPDATE sales SET status = 'PAYOUT_FAILED'",
    "payouts.shared_ids": 'UPDATE sales SET "userPayoutId" = "adminPayoutId"',
    "profit.net_profit": 'UPDATE sales SET "netProfit" = 0',
    "profit.arithmetic": 'UPDATE sales SET "commissionAmount" = 0',
}


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A PostgreSQL with a generated store."""
    folder = new_folder()
    try:
        server = Postgres(folder)
        try:
            server.create_database()
            fill(server.url(), rows=_ROWS, now=_NOW)
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def connection(server: Postgres) -> Iterator[Connection]:
    """A transaction of the store's owner that is rolled back."""
    url = server.url().split("&schema=")[0]
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
        connection.rollback()
    engine.dispose()


def _read(connection: Connection, name: str) -> RecordedStatement:
    recorder = Recorder(
        lambda statement, /, **given: dict(
            connection.execute(text(statement), given).mappings().one()
        )
    )
    QUESTIONS[name](bound(recorder, **_SCOPE.parameters()), _SETTINGS)
    return recorder.only()


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_one_statement_that_goes_by_the_stores_indexes(
    connection: Connection, name: str
) -> None:
    """The window is read by its index, joins by their keys; one scan for what all rows have."""
    query = _read(connection, name)
    lines = connection.execute(text(f"EXPLAIN {query.statement}"), query.parameters).scalars()
    plan = "\n".join(lines)
    scans = re.findall(r"Seq Scan on (orders|sales|purchase_attempt_logs)\b", plan)
    assert sorted(scans) == _OVER_EVERYTHING.get(name, [])
    if name not in _OF_NO_WINDOW:
        assert {"orders_createdAt_idx", "sales_createdAt_idx"} & set(reads(plan).indexes)


@pytest.mark.parametrize("name", _SICK)
def test_an_answer_is_bounded_however_many_offend(connection: Connection, name: str) -> None:
    """If all of the window's rows are wrong, they are counted and five of them are named."""
    before = max(_counts(_read(connection, name)))
    connection.execute(text(f"{_SICK[name]} {_RECENT}"))
    query = _read(connection, name)
    offending = [len(value) for key, value in query.row.items() if key.startswith("newest_")]
    assert before > 100
    assert max(_counts(query)[1:]) > 100
    assert sorted({0, *offending}) == [0, 5]
    assert all(len(value) <= 20 for value in query.row.values() if isinstance(value, list))


def _counts(query: RecordedStatement) -> list[int]:
    return [value for value in query.row.values() if isinstance(value, int)]


@pytest.mark.parametrize("name", QUESTIONS)
def test_psql_is_given_the_same_question(
    server: Postgres, connection: Connection, name: str
) -> None:
    """With the values in its text, a statement answers what it answers with bound ones."""
    query = _read(connection, name)
    with Psql(server.program("psql"), server.url().split("&schema=")[0]) as psql:
        statement = psql.literal(query)
        assert psql.seconds(statement) > 0
    row = connection.exec_driver_sql(statement.replace("%", "%%")).mappings().one()
    assert dict(row) == query.row


def test_a_statement_that_psql_refuses_is_reported(server: Postgres) -> None:
    """A statement that psql refuses is reported with the server's words, and has no time."""
    with (
        Psql(server.program("psql"), server.url().split("&schema=")[0]) as psql,
        pytest.raises(RuntimeError, match=r'psql failed: .*"nothing" does not exist'),
    ):
        psql.seconds("SELECT * FROM nothing")
