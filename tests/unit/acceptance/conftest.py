"""A running demo store for the tests of probes and database, and a trial that leaves no trace."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from pytest_prodstatus import Blocked
from tests.acceptance.demo.store import Store
from tests.acceptance.support.clock import to_column
from tests.acceptance.support.database.transaction import Ask, bound
from tests.acceptance.support.probes.questions import Scope
from tests.acceptance.support.settings import Settings
from tests.unit.acceptance.providers import supplier
from tests.unit.acceptance.purchases import ARMED, Bench


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Fail a test that ends as BLOCKED without expecting it: pytest would take it for a skip."""
    try:
        return (yield)
    except Blocked as blocked:
        msg = f"it ended as BLOCKED: {blocked.reason.text}"
        raise AssertionError(msg) from blocked


@pytest.fixture(scope="session")
def running_store() -> Iterator[Store]:
    """A healthy demo store, one for all tests."""
    with Store("healthy") as store:
        yield store


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A transaction of the store's owner: only its own `ask` sees what it changes."""

    connection: Connection
    ask: Ask
    now: datetime

    def run(self, statement: str, **values: Any) -> int:
        """Change something and return how many rows were changed."""
        return self.connection.execute(text(statement), values).rowcount

    def value(self, statement: str, **values: Any) -> Any:
        """Return one value."""
        return self.connection.execute(text(statement), values).scalar_one()

    def ago(self, **span: float) -> datetime:
        """Return an instant before now, as a column holds it."""
        return to_column(self.now - timedelta(**span))


@pytest.fixture
def trial(running_store: Store) -> Iterator[Trial]:
    """A transaction on the healthy store that is rolled back."""
    settings = Settings.from_environment(running_store.environment, target="demo", dotenv={})
    assert running_store.owner_url
    url = running_store.owner_url.replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url.split("&schema")[0])
    with engine.connect() as connection:

        def ask(statement: str, /, **values: object) -> Any:
            return dict(connection.execute(text(statement), values).mappings().one())

        # The seed's own instant: nothing in flight has come due since.
        scope = Scope(now=running_store.world.now, settings=settings)
        given = bound(ask, **scope.parameters())
        yield Trial(connection=connection, ask=given, now=running_store.world.now)
        connection.rollback()
    engine.dispose()


@pytest.fixture
def variables() -> Callable[..., Settings]:
    """Make settings out of variables, for a target."""

    def make(target: str = "production", **values: str) -> Settings:
        return Settings.from_environment(values, target=target, dotenv={})

    return make


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A purchase that would go through: 12.50 and 1.99 of delivery, within 25.00 USD."""
    with supplier() as (state, url, clock):
        state.add_product("1005001234567890", "A lamp", price="12.50")
        yield Bench(
            state=state,
            url=url,
            clock=clock,
            journal_url=f"sqlite:///{tmp_path / 'journal' / 'state.sqlite3'}",
            variables=dict(ARMED),
            conditions=tuple,
        )
