"""A run never hangs at the database: if an answer never comes, it is BLOCKED in time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from sqlalchemy import text

from pytest_prodstatus import Blocked
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.snapshot import Snapshot
from tests.acceptance.support.database.transaction import Ask, Reading, tables_of
from tests.integration.store.proxy import Proxy
from tests.integration.suite.databases import connected, opened

BUDGET = timedelta(seconds=0.6)
SLACK_S = 5.0
"""What a loaded machine may add."""


@pytest.fixture
def proxy(running_store: Store) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the running store, and the URL that goes through it."""
    url = running_store.environment["DATABASE_URL"]
    query = parse_qs(urlsplit(url).query)
    port = query.get("port", [urlsplit(url).port or 5432])[0]
    with closing(Proxy(f"{query['host'][0]}/.s.PGSQL.{port}")) as made:
        user = urlsplit(url).netloc.rpartition("@")[0]
        yield made, f"postgresql://{user}@127.0.0.1:{made.port}/store?schema=public"


def blocked_in_time(call: Callable[[], object]) -> str:
    """Return the reason of a call that has to be BLOCKED, timeout, within the budget."""
    started = time.monotonic()
    with pytest.raises(Blocked) as caught:
        call()
    assert time.monotonic() - started < BUDGET.total_seconds() + SLACK_S
    assert caught.value.reason.kind.value == "timeout", caught.value.reason.text
    return caught.value.reason.text


def counting(statement: str = "SELECT 1 AS n") -> Reading:
    """Return a question of one statement."""
    return lambda ask: ask(statement)["n"]


def snapshot_of(database: Database, **questions: Reading) -> Snapshot:
    """Return a snapshot that notes nothing."""
    return Snapshot(database, questions, parameters=lambda _: {}, note=lambda _: None)


def test_a_proxy_that_falls_silent_between_two_questions(proxy: tuple[Proxy, str]) -> None:
    """What was read before stays, the rest is BLOCKED, and the run goes on."""
    network, url = proxy

    def falls_silent(ask: Ask) -> object:
        network.silent.set()
        return ask("SELECT 2 AS n")["n"]

    with opened(url, budget=BUDGET) as database:
        snapshot = snapshot_of(database, first=counting(), second=falls_silent, third=counting())
        blocked_in_time(lambda: snapshot.answer("second"))
        assert snapshot.answer("first") == 1
        reason = blocked_in_time(lambda: snapshot.answer("third"))
    assert "did not answer within 0.6 s, all questions together" in reason


def test_a_proxy_that_falls_silent_on_an_open_connection(proxy: tuple[Proxy, str]) -> None:
    """A connection that was used before is watched as well; when it speaks again, so do we."""
    network, url = proxy
    with opened(url, budget=BUDGET) as database:
        assert database.ask("SELECT 1 AS n")["n"] == 1
        network.silent.set()
        blocked_in_time(lambda: database.ask("SELECT 1 AS n"))
        network.silent.clear()
        assert database.ask("SELECT 1 AS n")["n"] == 1


@pytest.fixture
def deaf() -> Iterator[int]:
    """A port at which connections wait to be accepted, and a further one isn't even answered."""
    with closing(socket.socket()) as listener, contextlib.ExitStack() as waiting:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(4):
            client = waiting.enter_context(closing(socket.socket()))
            client.setblocking(False)
            client.connect_ex(address)
        time.sleep(0.1)
        yield address[1]


def test_a_proxy_that_never_says_anything(proxy: tuple[Proxy, str]) -> None:
    """Connecting is within the budget, too, for any limit of its own."""
    network, url = proxy
    network.silent.set()
    with opened(url, budget=BUDGET, connect_timeout=timedelta(seconds=30)) as database:
        snapshot = snapshot_of(database, first=counting(), second=counting())
        blocked_in_time(lambda: snapshot.answer("first"))
        blocked_in_time(lambda: snapshot.answer("second"))


def test_a_host_that_swallows_what_opens_a_connection(deaf: int) -> None:
    """With several hosts, each of which has the limit of connecting for itself."""
    ports = ",".join([str(deaf)] * 3)
    url = f"postgresql://u:p@/store?host=127.0.0.1,127.0.0.1,127.0.0.1&port={ports}"
    with opened(url, budget=BUDGET, connect_timeout=timedelta(seconds=30)) as database:
        blocked_in_time(lambda: database.ask("SELECT 1 AS n"))


def test_a_name_that_is_looked_up_for_ever(
    running_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that connecting does is waited for; a connection made too late is closed."""
    made: list[psycopg.Connection] = []
    connect = psycopg.connect

    def late(*args: object, **parameters: object) -> psycopg.Connection:
        time.sleep(BUDGET.total_seconds() + 0.3)
        made.append(connect(*args, **parameters))  # type: ignore[arg-type]
        return made[0]

    monkeypatch.setattr(psycopg, "connect", late)
    with opened(running_store.environment["DATABASE_URL"], budget=BUDGET) as database:
        blocked_in_time(lambda: database.ask("SELECT 1 AS n"))
    end = time.monotonic() + SLACK_S
    while not (made and made[0].closed) and time.monotonic() < end:
        time.sleep(0.02)
    assert made[0].closed


def test_all_questions_together_have_an_end(running_store: Store) -> None:
    """Each within its own limit, a hundred of them would take as long as a hundred limits."""
    slow = counting("SELECT 1 AS n, pg_sleep(0.25)")
    questions = {f"question{number}": slow for number in range(8)}
    with opened(running_store.environment["DATABASE_URL"], budget=BUDGET) as database:
        snapshot = snapshot_of(database, **questions)
        blocked_in_time(lambda: snapshot.answer("question7"))
        assert snapshot.answer("question0") == 1


def test_the_server_is_told_that_nobody_waits_longer(running_store: Store) -> None:
    """Its own limit is within the budget, so that it doesn't work on for nobody."""
    with opened(running_store.environment["DATABASE_URL"], budget=BUDGET) as database:
        row = database.ask("SELECT current_setting('statement_timeout') AS n")
    assert row["n"] == "600ms"


@pytest.mark.parametrize("mode", ["ACCESS EXCLUSIVE", "queued"])
def test_a_locked_table_is_waited_for_once(running_store: Store, mode: str) -> None:
    """Its other questions are BLOCKED at once, also if the lock itself still waits."""
    on_sales = counting("SELECT count(*) AS n FROM sales")
    questions: dict[str, Reading] = {f"sales{number}": on_sales for number in range(11)}
    questions["joined"] = counting("SELECT count(*) AS n FROM users u JOIN sales s ON true")
    questions["users"] = counting("SELECT count(*) AS n FROM users")
    wait = timedelta(milliseconds=300)
    url = running_store.environment["DATABASE_URL"]
    with connected(running_store.owner_url) as owner, connected(running_store.owner_url) as other:
        if mode == "queued":
            owner.execute(text("SELECT count(*) FROM sales"))
            queue = threading.Thread(target=_lock, args=(other,), daemon=True)
            queue.start()
            time.sleep(0.2)
        else:
            owner.execute(text("LOCK TABLE sales"))
        with opened(url, lock_timeout=wait) as database:
            snapshot = snapshot_of(database, **questions)
            started = time.monotonic()
            assert isinstance(snapshot.answer("users"), int)
            took = time.monotonic() - started
        owner.rollback()
        if mode == "queued":
            queue.join(10)
            other.rollback()
    assert took < 2 * wait.total_seconds() + 1.5
    for number, name in enumerate(("sales0", "sales1", "sales10", "joined")):
        with pytest.raises(Blocked) as caught:
            snapshot.answer(name)
        assert caught.value.reason.kind.value == "timeout"
        assert ("sales in the database" in caught.value.reason.text) == bool(number)


def _lock(connection: object) -> None:
    connection.execute(text("LOCK TABLE sales"))  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        ('SELECT 1 FROM sales s LEFT JOIN "orders" o ON true', {"sales", "orders"}),
        ("WITH real AS (SELECT 1 FROM sales) SELECT 1 FROM real", {"sales"}),
        ("WITH real AS MATERIALIZED (SELECT 1 FROM sales) SELECT 1 FROM real", {"sales"}),
        ("SELECT 1 FROM unnest(ARRAY[1]) JOIN users ON true", {"users"}),
        ("SELECT 1", set()),
    ],
)
def test_the_tables_of_a_statement(statement: str, tables: set[str]) -> None:
    """Those that it reads, not what it names itself."""
    assert tables_of(statement) == tables
