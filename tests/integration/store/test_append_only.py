"""Nothing written into the journal is ever changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError

from pytest_prodstatus.store.database import parse_address
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import CRITERION, NOON, TARGET, SetClock, plan_at


@pytest.fixture
def statements() -> Iterator[list[str]]:
    """Every statement that any engine of this process sends while the test runs."""
    seen: list[str] = []

    def see(_c: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement.strip())

    event.listen(Engine, "before_cursor_execute", see)
    yield seen
    event.remove(Engine, "before_cursor_execute", see)


def test_the_journal_only_selects_and_inserts(url: str, statements: list[str]) -> None:
    """From opening to resolution, rejection and a new claim, no statement changes a row."""
    clock = SetClock()
    with Journal.open(url, clock=clock) as journal:
        statements.clear()
        journal.rejected(journal.sent(journal.intend(plan_at(NOON))), "no stock")
        open_end = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut")
        journal.resolve(open_end.id, state="CONFIRMED", receipts=["1"], who="Ana", how="seen")
        clock.advance(days=1)
        journal.confirmed(journal.sent(journal.intend(plan_at(clock.now))), ["2"], "ok")
        journal.latest_confirmed(CRITERION, TARGET, project="shop", since=NOON - timedelta(days=30))
        journal.actions()

    verbs = {statement.split()[0].upper() for statement in statements}
    assert verbs == {"SELECT", "INSERT"} | ({"BEGIN"} if "sqlite" in url else set())
    assert not [statement for statement in statements if "ON CONFLICT" in statement.upper()]


def test_a_person_at_a_prompt_cant_change_it(url: str) -> None:
    """The tables themselves refuse UPDATE, DELETE and TRUNCATE."""
    with Journal.open(url, clock=SetClock()) as journal:
        kept = journal.intend(plan_at(NOON))
    engine = create_engine(parse_address(url))
    attacks = [
        "UPDATE prodstatus_action SET key = '2020-01-01'",
        "UPDATE prodstatus_action_event SET state = 'REJECTED'",
        "DELETE FROM prodstatus_action_event",
        "DELETE FROM prodstatus_action",
    ]
    if "postgresql" in url:
        attacks.append("TRUNCATE prodstatus_action, prodstatus_action_event")
    for attack in attacks:
        with engine.connect() as connection, pytest.raises(DBAPIError, match="append-only"):
            connection.execute(text(attack))
    engine.dispose()

    with Journal.open(url) as journal:
        assert journal.actions() == (kept,)
