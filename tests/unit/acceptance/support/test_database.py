"""The database is asked read-only, within bounds, and what it can't answer is BLOCKED."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import create_engine, text

from pytest_prodstatus import Blocked
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.secrets import Secret


@contextmanager
def _database(url: str, **bounds: timedelta) -> Iterator[Database]:
    database = Database(Secret(url), run_id="run-1", **bounds)
    try:
        yield database
    finally:
        database.close()


@pytest.fixture
def owner(running_store: Store) -> Iterator[Database]:
    """The database as a role that could write, were it let."""
    assert running_store.owner_url
    with _database(running_store.owner_url) as database:
        yield database


def _blocked(call: Callable[[], object]) -> tuple[str, str]:
    with pytest.raises(Blocked) as caught:
        call()
    return caught.value.reason.kind.value, caught.value.reason.text


def test_the_session_is_what_it_promises(owner: Database) -> None:
    """Read-only, one snapshot, bounded, named, in UTC and in the schema of the URL."""
    row = owner.ask(
        """SELECT current_setting('transaction_read_only') AS ro,
        current_setting('transaction_isolation') AS level,
        current_setting('statement_timeout') AS statement,
        current_setting('lock_timeout') AS lock,
        current_setting('idle_in_transaction_session_timeout') AS idle,
        current_setting('application_name') AS name, current_setting('TimeZone') AS zone,
        current_setting('search_path') AS path, current_setting('jit') AS jit"""
    )
    assert row == {
        "ro": "on",
        "level": "repeatable read",
        "statement": "1min",
        "lock": "5s",
        "idle": "1min",
        "name": "prodstatus/run-1",
        "zone": "UTC",
        "path": "public",
        "jit": "off",
    }


@pytest.mark.parametrize(
    "statement",
    [
        "WITH gone AS (DELETE FROM sales RETURNING id) SELECT count(*) AS n FROM gone",
        "SELECT nextval('sales_id_seq') AS n",
        "SELECT id AS n FROM users LIMIT 1 FOR UPDATE",
        "SELECT set_config('transaction_read_only', 'off', true) AS n",
    ],
)
def test_nothing_can_be_written_even_by_the_owner(owner: Database, statement: str) -> None:
    """The transaction itself refuses it, and it can't be switched back."""
    kind, reason = _blocked(lambda: owner.ask(statement))
    assert kind == "inconclusive"
    assert "25006" in reason or "25001" in reason
    assert owner.ask("SELECT count(*) > 100 AS there FROM sales")["there"] is True


def test_the_connection_is_given_back_after_each_statement(
    owner: Database, running_store: Store
) -> None:
    """One connection a process, and none in a transaction between two questions."""
    owner.ask("SELECT 1 AS one")
    owner.ask("SELECT 2 AS two")
    engine = create_engine(
        str(running_store.owner_url).replace("postgresql:", "postgresql+psycopg:").split("&")[0]
    )
    with engine.connect() as connection:
        states = connection.execute(
            text(
                """SELECT state FROM pg_stat_activity WHERE pid <> pg_backend_pid()
                AND query LIKE 'ROLLBACK%' AND backend_type = 'client backend'"""
            )
        ).scalars()
        assert set(states) == {"idle"}
    engine.dispose()


def test_a_slow_statement_is_a_timeout(running_store: Store) -> None:
    """It says nothing about the store."""
    url = running_store.environment["DATABASE_URL"]
    with _database(url, statement_timeout=timedelta(milliseconds=50)) as database:
        kind, reason = _blocked(lambda: database.ask("SELECT pg_sleep(5) AS slept"))
    assert kind == "timeout"
    assert "57014" in reason


def test_a_locked_table_is_a_timeout(running_store: Store) -> None:
    """A question that waits for a migration is not answered."""
    owner = str(running_store.owner_url).replace("postgresql:", "postgresql+psycopg:").split("&")[0]
    engine = create_engine(owner)
    with engine.connect() as connection:
        connection.execute(text("LOCK TABLE sales"))
        url = running_store.environment["DATABASE_URL"]
        with _database(url, lock_timeout=timedelta(milliseconds=50)) as database:
            kind, reason = _blocked(lambda: database.ask("SELECT count(*) FROM sales"))
        connection.rollback()
    engine.dispose()
    assert kind == "timeout"
    assert "55P03" in reason


@pytest.mark.parametrize(
    ("statement", "lacks"),
    [
        ("SELECT 1 FROM nowhere", "the table 'nowhere'"),
        ('SELECT s."netGain" FROM sales s', "the column 's.netGain'"),
        ('SELECT "netGain" FROM sales', "the column 'netGain'"),
    ],
)
def test_a_schema_that_lacks_something_is_named(
    owner: Database, statement: str, lacks: str
) -> None:
    """A table or column that isn't there is no verdict about the store."""
    assert _blocked(lambda: owner.ask(statement)) == (
        "inconclusive",
        f"this store's schema lacks {lacks}",
    )


def test_a_role_that_may_not_read_is_a_matter_of_configuration(running_store: Store) -> None:
    """The reader of the demo has just SELECT, and on few columns of the store's tables."""
    with _database(running_store.environment["DATABASE_URL"]) as database:
        kind, reason = _blocked(lambda: database.ask("SELECT rolpassword FROM pg_authid"))
    assert (kind, "pg_authid" in reason) == ("missing-config", True)


def test_a_database_that_is_not_there_is_a_wrong_url(running_store: Store) -> None:
    """The server answers, so the URL has to be corrected."""
    url = running_store.environment["DATABASE_URL"].replace("/store?", "/stroe?")
    with _database(url) as database:
        kind, reason = _blocked(lambda: database.ask("SELECT 1"))
    assert (kind, "no such database" in reason) == ("missing-config", True)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    """Host and port, never the password."""
    with _database("postgresql://reader:hunter2secret@127.0.0.1:1/store") as database:
        kind, reason = _blocked(lambda: database.ask("SELECT 1"))
    assert kind == "provider-unavailable"
    assert "127.0.0.1:1" in reason
    assert "hunter2" not in reason
