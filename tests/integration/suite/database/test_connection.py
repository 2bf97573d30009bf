"""The database is read only after it refused a write; a question without an answer is BLOCKED."""

from __future__ import annotations

import re
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from pytest_prodstatus import Blocked
from tests.acceptance.demo import postgres
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database import connection
from tests.acceptance.support.database.connection import Database
from tests.integration.suite.databases import connected, opened, sabotage

_XIDS = "SELECT CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text)"


@pytest.fixture
def owner(running_store: Store) -> Iterator[Database]:
    """The database as a role that could write, were it let."""
    with opened(running_store.owner_url) as database:
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
        current_setting('search_path') AS path, current_setting('jit') AS jit,
        current_setting('row_security') AS policies,
        current_setting('client_encoding') AS encoding,
        current_setting('standard_conforming_strings') AS plain"""
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
        "policies": "off",
        "encoding": "UTF8",
        "plain": "on",
    }


@pytest.mark.parametrize(
    "parameter", ["client_encoding=LATIN1", "options=-c%20standard_conforming_strings%3Doff"]
)
def test_text_is_the_same_to_every_role_and_machine(
    running_store: Store, monkeypatch: pytest.MonkeyPatch, parameter: str
) -> None:
    """Neither another encoding nor backslashes that escape change what a statement says."""
    monkeypatch.setenv("PGCLIENTENCODING", "SQL_ASCII")
    words = '\\" \u200b\u2713'
    with opened(f"{running_store.owner_url}&{parameter}") as database:
        assert database.ask(f"SELECT '{words}' AS text")["text"] == words
        assert database.ask("SELECT CAST(:words AS text) AS text", words=words)["text"] == words


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_a_database_in_another_encoding_is_none_of_a_store(
    running_store: Store, encoding: str
) -> None:
    """BLOCKED, not a traceback: what it holds can't be compared with what is meant."""
    name = f"in_{encoding.lower()}"
    assert running_store.owner_url
    url = running_store.owner_url.replace(f"/{postgres.DATABASE}?", f"/{name}?")
    assert url != running_store.owner_url
    with connected(running_store.owner_url) as maker:
        owner = maker.execution_options(isolation_level="AUTOCOMMIT")
        made = f"ENCODING '{encoding}' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'"
        owner.execute(text(f"CREATE DATABASE {name} {made}"))
        try:
            with opened(url) as database:
                kind, words = _blocked(lambda: database.ask("SELECT 1 AS n"))
        finally:
            owner.execute(text(f"DROP DATABASE {name}"))
    assert (kind, f"is in {encoding}" in words) == ("missing-config", True)


@pytest.mark.parametrize(
    "moment", ["20000-01-01 07:08:09", "infinity", "-infinity", "0044-03-15 BC"]
)
def test_a_value_that_python_has_none_for_is_not_an_outage(owner: Database, moment: str) -> None:
    """It is named by its kind, and isn't quoted: it is part of a row."""
    statement = f"SELECT CAST('{moment}' AS timestamp) AS moment"
    kind, words = _blocked(lambda: owner.ask(statement))
    assert kind == "inconclusive"
    assert re.search(r"can't be read: timestamp too (large|small)$", words)


def test_a_server_that_lacks_resources_is_not_an_outage(running_store: Store) -> None:
    """The remedy is about what it lacks, and not about its address."""
    limits = "options=-c%20temp_file_limit%3D64kB%20-c%20work_mem%3D64kB"
    statement = (
        "SELECT count(*) AS n FROM (SELECT g FROM generate_series(1, 99999) g ORDER BY -g) s"
    )
    with (
        opened(f"{running_store.owner_url}&{limits}") as database,
        pytest.raises(Blocked) as caught,
    ):
        database.ask(statement)
    reason = caught.value.reason
    assert (reason.kind.value, "53400" in reason.text) == ("provider-unavailable", True)
    assert "can't be reached" not in reason.text
    assert "DATABASE_URL, more of what" in str(reason.remedy)


@pytest.mark.parametrize(("given", "idle"), [("", "10"), ("&keepalives_idle=77", "77")])
def test_a_peer_that_is_gone_is_noticed(running_store: Store, given: str, idle: str) -> None:
    """Connecting and each silence have an end on this side; what the URL sets stays."""
    with opened(f"{running_store.environment['DATABASE_URL']}{given}") as database:
        database.ask("SELECT 1 AS n")
        assert database._driver is not None
        found = database._driver.info.get_parameters()
    expected = {
        "connect_timeout": "10",
        "keepalives_idle": idle,
        "keepalives_interval": "5",
        "keepalives_count": "3",
        "tcp_user_timeout": "30000",
    }
    assert {name: found.get(name) for name in expected} == expected


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
    """A slow statement is BLOCKED, timeout: it proves nothing about the store."""
    url = running_store.environment["DATABASE_URL"]
    with opened(url, statement_timeout=timedelta(milliseconds=50)) as database:
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
        with opened(url, lock_timeout=timedelta(milliseconds=50)) as database:
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
    """A table or column that isn't there gives no verdict about the store."""
    assert _blocked(lambda: owner.ask(statement)) == (
        "inconclusive",
        f"this store's schema lacks {lacks}",
    )


def test_a_role_that_may_not_read_is_a_matter_of_configuration(running_store: Store) -> None:
    """The reader of the demo has just SELECT, and on few columns of the store's tables."""
    with opened(running_store.environment["DATABASE_URL"]) as database:
        kind, reason = _blocked(lambda: database.ask("SELECT rolpassword FROM pg_authid"))
    assert (kind, "pg_authid" in reason) == ("missing-config", True)


def test_a_database_that_is_not_there_is_a_wrong_url(running_store: Store) -> None:
    """The server answers, so the URL has to be corrected."""
    url = running_store.environment["DATABASE_URL"].replace("/store?", "/stroe?")
    with opened(url) as database:
        kind, reason = _blocked(lambda: database.ask("SELECT 1"))
    assert (kind, "database does not exist" in reason) == ("missing-config", True)


def test_an_unreachable_server_is_named_without_its_password() -> None:
    """An unreachable server is named by host and port, without the password."""
    with opened("postgresql://reader:hunter2secret@127.0.0.1:1/store") as database:
        kind, reason = _blocked(lambda: database.ask("SELECT 1"))
    assert kind == "provider-unavailable"
    assert "127.0.0.1:1" in reason
    assert "hunter2" not in reason


def _reason(database: Database) -> tuple[str, str]:
    return _blocked(lambda: database.ask("SELECT 1 AS one"))


@pytest.mark.parametrize("options", ["", "&options=-c%20default_transaction_read_only%3Doff"])
def test_the_owner_is_refused_by_the_transaction(running_store: Store, options: str) -> None:
    """Even the tables' owner can't write, since each transaction begins as READ ONLY."""
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
    """If the transaction would let it write, the role may not: 42501."""
    with opened(running_store.environment["DATABASE_URL"]) as database:
        sabotage(database)
        assert database.ask("SELECT current_setting('transaction_read_only') AS ro") == {
            "ro": "off"
        }


def test_a_role_whose_transactions_are_read_only_is_refused_by_that(running_store: Store) -> None:
    """The documented role's own default stands if a pooler drops READ ONLY."""
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
    """The attempt is at one table; a role that may write another isn't a reader either."""
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
    """Without the table to try it on, the reason is the missing schema."""
    with opened(str(running_store.owner_url).replace("schema=public", "schema=empty")) as database:
        assert _reason(database) == (
            "inconclusive",
            "this store's schema lacks the table 'orders'",
        )


def _accepts_connections(url: str) -> bool:
    try:
        with connected(url):
            return True
    except OperationalError:  # it has yet to replay what there is
        return False


@pytest.fixture
def standby(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[signal.Signals], str]]:
    """Makes a server in recovery that answers questions, with a table of orders.

    It is given how its primary ends: SIGINT leaves it nothing to replay, SIGQUIT every transaction.
    """
    for name, value in (("wal_level", "replica"), ("synchronous_commit", "on")):
        monkeypatch.setitem(postgres._OPTIONS, name, value)
    folder = postgres.new_folder()
    server = postgres.Postgres(folder)

    def make(end: signal.Signals) -> str:
        server._server.send_signal(end)
        server._server.wait(20)
        Path(folder / "data" / "standby.signal").touch()
        server._server = server._start()
        deadline = time.monotonic() + 30
        while not _accepts_connections(server.url()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return server.url()

    try:
        server.create_database()
        with connected(server.url()) as connection:
            connection.execute(text("CREATE TABLE orders (id text)"))
            connection.commit()
        yield make
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def test_a_hot_standby_refuses_whatever_the_transaction_says(
    standby: Callable[[signal.Signals], str],
) -> None:
    """A replica that follows serves as well as the primary, and can't be written at all.

    What was due is so at the instant of its last transaction: what came next isn't replayed yet.
    """
    with opened(standby(signal.SIGQUIT)) as database:
        sabotage(database, read_only=None)
        with database.transaction() as transaction:
            row = transaction.ask(
                """SELECT pg_is_in_recovery() AS standby, statement_timestamp() AS now,
                pg_last_xact_replay_timestamp() AS replayed"""
            )
            assert row["standby"] is True
            assert transaction.at == row["replayed"] < row["now"]


def test_a_replica_that_is_behind_is_no_witness(
    standby: Callable[[signal.Signals], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it shows was so once: the reason has both instants, and a primary may just be quiet."""
    url = standby(signal.SIGQUIT)
    monkeypatch.setattr(connection, "_LONGEST_LAG", timedelta(milliseconds=1))
    with opened(url) as database, pytest.raises(Blocked) as caught:
        database.ask("SELECT 1 AS one")
    reason = caught.value.reason
    assert reason.kind.value == "inconclusive"
    assert len(re.findall(r"\d\d:\d\d:\d\d\+00:00", reason.text)) == 2
    assert "quiet" in str(reason.remedy)


def test_a_replica_that_replayed_nothing_is_no_witness(
    standby: Callable[[signal.Signals], str],
) -> None:
    """How far it is behind isn't known."""
    with opened(standby(signal.SIGINT)) as database:
        kind, reason = _reason(database)
    assert (kind, "hasn't replayed any transaction" in reason) == ("inconclusive", True)


@pytest.fixture
def policies(running_store: Store) -> Iterator[Callable[[str], None]]:
    """Switches row-level security on for a table of the store's, until the test ends."""
    tables = []
    with connected(running_store.owner_url) as owner:

        def switch_on(table: str) -> None:
            tables.append(table)
            owner.execute(text(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"))
            owner.execute(text(f"CREATE POLICY own ON {table} USING (id IS NULL)"))
            owner.commit()

        yield switch_on
        for table in tables:
            owner.execute(text(f"DROP POLICY own ON {table}"))
            owner.execute(text(f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY"))
        owner.commit()


@pytest.mark.parametrize("table", ["sales", "orders", "api_credentials"])
def test_rows_that_a_policy_may_hide_are_not_left_out(
    running_store: Store, policies: Callable[[str], None], table: str
) -> None:
    """PostgreSQL would leave them out silently: what isn't seen is neither right nor missing."""
    policies(table)
    reader = running_store.environment["DATABASE_URL"]
    with opened(reader) as database, pytest.raises(Blocked) as caught:
        database.ask(f"SELECT count(id) AS n FROM {table}")
    reason = caught.value.reason
    assert (reason.kind.value, f'"{table}"' in reason.text) == ("missing-config", True)
    assert reason.text.startswith("row-level security may hide rows")
    assert "BYPASSRLS" in str(reason.remedy)


def test_a_policy_is_no_write(running_store: Store, policies: Callable[[str], None]) -> None:
    """A role that may write and is refused by a policy isn't taken for one that can write."""
    policies("orders")
    with connected(running_store.owner_url) as owner:
        owner.execute(text("ALTER TABLE orders FORCE ROW LEVEL SECURITY"))
        owner.execute(text("CREATE ROLE subject LOGIN"))
        owner.execute(text("GRANT SELECT, UPDATE ON orders TO subject"))
        owner.commit()
        try:
            url = str(running_store.owner_url)
            role = url.partition("//")[2].partition(":")[0]
            with opened(url.replace(f"//{role}:", "//subject:")) as database:
                kind, reason = _reason(database)
        finally:
            owner.execute(text("ALTER TABLE orders NO FORCE ROW LEVEL SECURITY"))
            owner.execute(text("DROP OWNED BY subject"))
            owner.execute(text("DROP ROLE subject"))
            owner.commit()
    assert (kind, reason.partition(" may ")[0]) == ("missing-config", "row-level security")


def test_a_role_above_the_policies_sees_every_row(
    running_store: Store, policies: Callable[[str], None]
) -> None:
    """The tables' owner is one; where there is no policy, the reader is too."""
    policies("sales")
    with opened(running_store.owner_url) as database:
        assert database.ask("SELECT count(*) > 100 AS there FROM sales")["there"] is True
    with opened(running_store.environment["DATABASE_URL"]) as database:
        assert database.ask("SELECT count(id) > 100 AS there FROM orders")["there"] is True
