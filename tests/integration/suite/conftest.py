"""A running demo store for the tests of probes and database, and a trial that leaves no trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, create_engine, text

from tests.acceptance.demo.store import Store
from tests.acceptance.support.clock import to_column
from tests.acceptance.support.database.transaction import Ask, bound
from tests.acceptance.support.probes.questions import Scope
from tests.acceptance.support.settings import Settings

# What holds for the suite's unit tests holds here too.
from tests.unit.acceptance.conftest import (
    bench,
    empty_journal,
    pytest_runtest_call,
    variables,
)
from tests.unit.conftest import _no_state_of_a_person

__all__ = [
    "_no_state_of_a_person",
    "bench",
    "empty_journal",
    "pytest_runtest_call",
    "variables",
]


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
