"""Nothing is judged through a connection that was not seen to refuse a write."""

from __future__ import annotations

import shutil
import signal
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from pytest_prodstatus import Blocked
from tests.acceptance.demo import postgres
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.connection import Database
from tests.unit.acceptance.databases import connected, opened, sabotage

_XIDS = "SELECT CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text)"


def _reason(database: Database) -> tuple[str, str]:
    with pytest.raises(Blocked) as caught:
        database.ask("SELECT 1 AS one")
    return caught.value.reason.kind.value, caught.value.reason.text


@pytest.mark.parametrize("options", ["", "&options=-c%20default_transaction_read_only%3Doff"])
def test_the_owner_is_refused_by_the_transaction(running_store: Store, options: str) -> None:
    """Also where the URL says that transactions may write: each begins as READ ONLY."""
    with opened(f"{running_store.owner_url}{options}") as database:
        assert database.ask("SELECT 1 AS one") == {"one": 1}


def test_a_transaction_that_may_write_is_found_out(running_store: Store) -> None:
    """Every question is BLOCKED, again and again, and nothing is left behind: no number is used."""
    with connected(running_store.owner_url) as other, opened(running_store.owner_url) as database:
        before = other.execute(text(_XIDS)).scalar_one()
        other.rollback()
        sabotage(database)
        for _ in range(3):
            kind, reason = _reason(database)
            assert (kind, reason.partition(":")[0]) == ("missing-config", "connection is writable")
        assert other.execute(text(_XIDS)).scalar_one() == before


def test_a_role_that_can_only_select_is_refused_by_its_rights(running_store: Store) -> None:
    """Where the transaction would let it write, the role may not: 42501."""
    with opened(running_store.environment["DATABASE_URL"]) as database:
        sabotage(database)
        assert database.ask("SELECT current_setting('transaction_read_only') AS ro") == {
            "ro": "off"
        }


def test_a_role_whose_transactions_are_read_only_is_refused_by_that(running_store: Store) -> None:
    """The documented role's own default stands where READ ONLY is dropped on the way."""
    with opened(running_store.environment["DATABASE_URL"]) as database:
        sabotage(database, read_only=None)
        assert database.ask("SELECT current_setting('transaction_read_only') AS ro") == {"ro": "on"}


@pytest.mark.parametrize(
    ("right", "table"),
    [
        ("INSERT", "sales"),
        ("DELETE", "sales"),
        ("TRUNCATE", "products"),
        ('UPDATE ("updatedAt")', "users"),
        ('UPDATE ("updatedAt")', "orders"),
    ],
)
def test_a_right_to_write_any_table_is_found_out(
    running_store: Store, right: str, table: str
) -> None:
    """The attempt is at one table; a role that may write another is no reader either."""
    reader = running_store.environment["DATABASE_URL"]
    role = reader.partition("//")[2].partition(":")[0]
    with connected(running_store.owner_url) as owner:
        owner.execute(text(f"GRANT {right} ON {table} TO {role}"))
        owner.commit()
        try:
            with opened(reader) as database:
                sabotage(database)
                kind, reason = _reason(database)
            with opened(reader) as database:
                assert database.ask("SELECT 1 AS one") == {"one": 1}
        finally:
            owner.execute(text(f"REVOKE {right} ON {table} FROM {role}"))
            owner.commit()
    assert (kind, "connection is writable" in reason, table in reason) == (
        "missing-config",
        True,
        True,
    )


def test_a_proof_that_could_not_be_made_is_none(running_store: Store) -> None:
    """A table that is locked answers with a time-out, which is not a refusal of the write."""
    with connected(running_store.owner_url) as owner:
        owner.execute(text("LOCK TABLE orders"))
        bound = timedelta(milliseconds=50)
        with opened(running_store.owner_url, lock_timeout=bound) as database:
            assert _reason(database)[0] == "timeout"
            owner.rollback()
            assert database.ask("SELECT 1 AS one") == {"one": 1}


def test_a_schema_without_orders_is_named(running_store: Store) -> None:
    """Where there is nothing to try it on, the store's schema is what lacks."""
    with opened(str(running_store.owner_url).replace("schema=public", "schema=empty")) as database:
        assert _reason(database) == (
            "inconclusive",
            "this store's schema lacks the table 'orders'",
        )


def _answers(url: str) -> bool:
    try:
        with connected(url):
            return True
    except OperationalError:  # it has yet to replay what there is
        return False


@pytest.fixture
def standby(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server in recovery that answers questions, with a table of orders."""
    monkeypatch.setitem(postgres._OPTIONS, "wal_level", "replica")
    folder = postgres.new_folder()
    server = postgres.Postgres(folder)
    try:
        server.create_database()
        with connected(server.url()) as connection:
            connection.execute(text("CREATE TABLE orders (id text)"))
            connection.commit()
        server._server.send_signal(signal.SIGINT)
        server._server.wait(20)
        Path(folder / "data" / "standby.signal").touch()
        server._server = server._start()
        deadline = time.monotonic() + 30
        while not _answers(server.url()) and time.monotonic() < deadline:
            time.sleep(0.05)
        yield server.url()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_hot_standby_refuses_whatever_the_transaction_says(standby: str) -> None:
    """A replica is as good a place to ask as the primary, and can't be written at all."""
    with opened(standby) as database:
        sabotage(database, read_only=None)
        assert database.ask("SELECT pg_is_in_recovery() AS standby") == {"standby": True}
