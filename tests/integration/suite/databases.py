"""Databases for tests: opened with planted bounds, and what an engine that may write looks like."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from sqlalchemy import Connection, create_engine, event

from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.secrets import Secret


@contextmanager
def opened(url: str | None, **bounds: timedelta) -> Iterator[Database]:
    """Open a database as the suite does."""
    assert url
    database = Database(Secret(url), run_id="run-1", **bounds)
    try:
        yield database
    finally:
        database.close()


def sabotage(database: Database, *, read_only: bool | None = False) -> None:
    """Let its transactions begin as READ WRITE; None: as a proxy would that drops READ ONLY."""

    def begin(connection: Connection) -> None:
        driver: psycopg.Connection = connection.connection.dbapi_connection  # type: ignore[assignment]
        driver.read_only = read_only

    event.listen(database._engine, "begin", begin)


@contextmanager
def connected(url: str | None) -> Iterator[Connection]:
    """Connect as another user of the same database."""
    assert url
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:").split("&schema")[0])
    with engine.connect() as connection:
        yield connection
    engine.dispose()
