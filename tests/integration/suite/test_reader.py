"""The role that the documentation gives the operators reads what the criteria need, and no more."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tests.acceptance.demo.loading import READER
from tests.acceptance.demo.store import Store
from tests.acceptance.support.database.transaction import Row, bound
from tests.acceptance.support.probes.questions import NAMES, Scope, ahead, questions
from tests.acceptance.support.settings import Settings
from tests.integration.suite.databases import connected

_ROOT = Path(__file__).parents[3]
_PEOPLE = ("customerName", "customerEmail", "shippingAddress", "buyerEmail", "email", "username")


def _documented() -> str:
    page = (_ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    (sql,) = re.findall(r"^```sql\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    return str(sql)


@pytest.fixture
def owner(running_store: Store) -> Iterator[Connection]:
    """The store's owner, in a transaction that is rolled back."""
    with connected(running_store.owner_url) as connection:
        yield connection
        connection.rollback()


def _statements(connection: Connection, store: Store) -> list[tuple[str, dict[str, object]]]:
    """Ask every question in the connection as it stands; return its statements and their values."""
    seen: list[tuple[str, dict[str, object]]] = []

    def ask(statement: str, /, **values: object) -> Row:
        seen.append((statement, values))
        return dict(connection.execute(text(statement), values).mappings().one())

    settings = Settings.from_environment(store.environment, target="demo", dotenv={})
    parameters = Scope(now=store.world.now, settings=settings).parameters()
    ahead(bound(ask, **parameters), NAMES)
    for reading in questions(NAMES, settings).values():
        reading(bound(ask, **parameters))
    return seen


def test_the_documented_role_answers_every_question(
    running_store: Store, owner: Connection
) -> None:
    """It is made from the document's own text, and every statement is run as that role."""
    sql = _documented().replace(READER, "made_from_the_document")
    owner.exec_driver_sql(sql.replace("%", "%%"))
    owner.execute(text("SET ROLE made_from_the_document"))
    assert len(_statements(owner, running_store)) == 25


def test_the_demo_is_judged_through_the_documented_role() -> None:
    """Its own script is the document's, so that every run of the demo is one through that role."""
    script = _ROOT / "tests" / "acceptance" / "demo" / "reader.sql"
    assert script.read_text(encoding="utf-8") == _documented()


def test_the_role_reads_no_column_too_many(running_store: Store, owner: Connection) -> None:
    """Take any one of its columns away, and some statement is refused."""
    statements = _statements(owner, running_store)
    granted = owner.execute(
        text(
            """SELECT table_name, column_name FROM information_schema.column_privileges
            WHERE grantee = :reader"""
        ),
        {"reader": READER},
    ).all()
    assert len(granted) > 50
    assert not {column for _, column in granted} & set(_PEOPLE)
    superfluous = [
        f"{table}.{column}"
        for table, column in granted
        if not _is_needed(owner, table, column, statements)
    ]
    assert superfluous == []


def _is_needed(
    owner: Connection,
    table: str,
    column: str,
    statements: list[tuple[str, dict[str, object]]],
) -> bool:
    """Return whether a statement is refused without the column; put the right back."""
    savepoint = owner.begin_nested()
    owner.execute(text(f'REVOKE SELECT ("{column}") ON {table} FROM {READER}'))
    owner.execute(text(f"SET LOCAL ROLE {READER}"))
    try:
        for statement, values in statements:
            if f'"{column}"' in statement or re.search(rf"\b{column}\b", statement):
                owner.execute(text(f"EXPLAIN {statement}"), values)
    except Exception as error:
        if "permission denied" not in str(error):
            raise
        return True
    finally:
        savepoint.rollback()
    return False
