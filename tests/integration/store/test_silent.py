"""A journal behind a proxy that stops forwarding holds no run up: its operations end in time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from urllib.parse import quote

import pytest
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import event

from pytest_prodstatus.store import JournalUnavailable, database
from pytest_prodstatus.store.action import State
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import NOON, SetClock, plan_at
from tests.integration.store.proxy import Proxy


@pytest.fixture
def network(postgres_url: str) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server, and the journal's address through it."""
    parts = {name: str(value) for name, value in conninfo_to_dict(postgres_url).items()}
    with closing(Proxy(f"{parts['host']}/.s.PGSQL.{parts.get('port', '5432')}")) as proxy:
        place = f"{parts['user']}@127.0.0.1:{proxy.port}/{parts['dbname']}"
        yield proxy, f"postgresql://{place}?options={quote(parts['options'], safe='')}"


def test_a_silent_proxy_ends_an_operation_in_time(
    network: tuple[Proxy, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one sentence, nothing is written, and the action blocks and goes on as ever."""
    proxy, url = network
    with Journal.open(url, clock=SetClock()) as journal:
        action = journal.intend(plan_at(NOON))
        monkeypatch.setattr(database, "OPERATION_TIMEOUT_S", 0.5)
        engine = journal._database._engine

        def fall_silent(_connection: object) -> None:
            proxy.silent.set()

        event.listen(engine, "begin", fall_silent)
        started = time.monotonic()
        with pytest.raises(JournalUnavailable, match="could not be written") as caught:
            journal.sent(action)
        assert time.monotonic() - started < 10
        assert "\n" not in str(caught.value)
        event.remove(engine, "begin", fall_silent)
        proxy.silent.clear()
        monkeypatch.undo()
        assert journal.action(action.id).state is State.INTENT
        assert journal.sent(action).state is State.SENT
