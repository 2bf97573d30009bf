"""A journal of purchases, as releases before the generic journal wrote it, can still be used.

`former/` holds dumps of stores that such a release made, on SQLite and on PostgreSQL (by
`sqlite3.Connection.iterdump` and by `pg_dump --inserts`, without its schema's name): a CONFIRMED
purchase, a day with a REJECTED and a later resolved attempt, one left at each of INTENT, SENT and
UNKNOWN, an unpaid and a REJECTED one. Each of them has a target of its own.
"""

from __future__ import annotations

import sqlite3
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import text

from pytest_prodstatus.store import (
    JOURNAL,
    Claimed,
    JournalUnavailable,
    Unresolved,
    database,
    prepare_file,
)
from pytest_prodstatus.store.action import Action, Key, Limit, State
from pytest_prodstatus.store.database import Database, parse_address
from pytest_prodstatus.store.history import HistoryStore
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.conftest import Act
from tests.integration.store.plans import EVERY, SetClock, plan_at
from tests.integration.store.runs import ran

CRITERION = "placeorder.real-order-placed"
DAY = datetime(2026, 3, 31, 13, tzinfo=timezone.utc)
"""The day of the newest claims."""
LEFT = {"left-at-intent": "INTENT", "left-at-sent": "SENT", "left-at-unknown": "UNKNOWN"}
DUMPS = Path(__file__).with_name("former")


@pytest.fixture
def former(url: str) -> str:
    """The address of a journal that an older release wrote."""
    make(url)
    return url


def make(url: str) -> None:
    """Make the former store at an address that doesn't have one."""
    if url.startswith("sqlite"):
        file = Path(url.removeprefix("sqlite:///"))
        prepare_file(file)
        with sqlite3.connect(file) as connection:
            connection.executescript((DUMPS / "sqlite.sql").read_text(encoding="utf-8"))
        connection.close()
        return
    with psycopg.connect(url) as server:
        server.execute((DUMPS / "postgresql.sql").read_bytes())


def actions(url: str) -> tuple[Action, ...]:
    """Return all actions, the oldest first."""
    with Journal.open(url) as journal:
        return journal.actions()[::-1]


def revision(url: str) -> int:
    """Return the schema's revision at an address."""
    with Database(parse_address(url)).reading() as connection:
        return database.current_revision(connection)


def test_each_purchase_is_an_action_with_details(former: str) -> None:
    """Numbers, attempts, instants and ids are kept; price and cap become a limit."""
    first, rejected, resolved, *_ = found = actions(former)
    assert [action.id for action in found] == list(range(1, 9))
    assert {action.target: str(action.state) for action in found[3:]} == {
        **LEFT,
        "unpaid": "CONFIRMED",
        "rejected": "REJECTED",
    }
    assert (first.criterion, first.project, first.target) == (CRITERION, "", "production")
    assert first.key == Key(period="day", name="2026-03-10")
    assert first.claimed_at == datetime(2026, 3, 10, 12, 0, 0, 123_456, tzinfo=timezone.utc)
    assert first.expires_at == first.claimed_at + timedelta(minutes=10)
    assert (first.armed_by, first.payload_digest) == ("release job 7", "0f1e" * 16)
    price = Limit(name="price", amount=Decimal("17.90"), maximum=Decimal("25.00"), unit="USD")
    assert first.limits == (price,)
    assert first.details == {
        "mode": "paid",
        "route": "direct",
        "out_order_id": "ps-20260310-1-b04989e83953",
    }
    assert [str(event.state) for event in first.events] == ["INTENT", "SENT", "CONFIRMED"]
    assert first.events[-1].note == "request_id 2101f05f"
    assert first.receipts == ("8198352049851315", "8198352049851316")
    assert str(rejected.limits[0].amount) == "17.900"
    assert (resolved.attempt, resolved.armed_by, resolved.receipts) == (2, "Zoë O'Hara", ("77",))
    assert (resolved.events[-1].who, resolved.events[-1].resolution) == ("Ana Ruiz", True)


@pytest.mark.parametrize("target", LEFT)
def test_what_was_left_open_blocks_until_it_is_resolved(former: str, target: str) -> None:
    """An open purchase is Claimed on its day and Unresolved on any other, until it is resolved."""
    plan = plan_at(DAY, criterion=CRITERION, target=target)
    tomorrow = plan_at(DAY + timedelta(days=1), criterion=CRITERION, target=target)
    clock = SetClock(DAY)
    with Journal.open(former, clock=clock) as journal:
        (left,) = journal.unsettled(target=target)
        with pytest.raises(Claimed, match=f"resolve {left.id}`"):
            journal.intend(plan)
        clock.advance(days=1)
        with pytest.raises(Unresolved, match=f"action {left.id} .* stands at {LEFT[target]}"):
            journal.intend(tomorrow)
        settled = journal.resolve(left.id, state="REJECTED", who="Ana", how="not on the list")
        assert settled.events[:-1] == left.events
        assert journal.intend(tomorrow).attempt == 1


def test_a_bought_day_stays_taken_and_a_rejected_one_free(former: str) -> None:
    """A day with a purchase stays taken, and a day with a REJECTED attempt stays free."""
    with Journal.open(former, clock=SetClock(DAY)) as journal:
        with pytest.raises(Claimed, match="tomorrow"):
            journal.intend(plan_at(DAY, criterion=CRITERION, target="unpaid"))
        assert journal.intend(plan_at(DAY, criterion=CRITERION, target="rejected")).attempt == 2
        paid = {"mode": "paid"}
        since = DAY - timedelta(days=30)
        newest = journal.latest_confirmed(
            CRITERION, "production", project="any", since=since, details=paid
        )
        assert newest is not None
        assert newest.id == 3
        assert (
            journal.latest_confirmed(CRITERION, "unpaid", project="any", since=since, details=paid)
            is None
        )


def test_an_intent_of_before_can_still_be_sent(former: str) -> None:
    """An INTENT keeps its details and its day, and can be sent; new numbers follow the old ones."""
    clock = SetClock(datetime(2026, 3, 31, 12, 5, tzinfo=timezone.utc))
    with Journal.open(former, clock=clock) as journal:
        (left,) = journal.unsettled(target="left-at-intent")
        sent = journal.sent(left)
        assert journal.confirmed(sent, ["8198"]).state is State.CONFIRMED
        clock.advance(days=1)
        assert journal.intend(plan_at(clock.now, criterion=CRITERION, target="new")).id == 9


def test_the_former_tables_are_kept_and_closed(former: str) -> None:
    """A process of the former release that has them open can claim nothing; nothing is lost."""
    assert len(actions(former)) == 8
    with Database(parse_address(former)).reading() as connection:
        kept = "SELECT count(*) FROM prodstatus_claim_event_former"
        assert connection.execute(text(kept)).scalar() == 29
    store = Database(parse_address(former))
    insert = text("INSERT INTO prodstatus_claim (id) VALUES (9)")
    with pytest.raises(JournalUnavailable), store.writing() as connection:
        connection.execute(insert)


def test_tables_without_a_version_are_the_first_revision(former: str) -> None:
    """A store without a version table is revision 1, the journal of purchases alone."""
    with Database(parse_address(former)).writing() as connection:
        connection.execute(text("DROP TABLE prodstatus_version"))
    assert revision(former) == 1
    with HistoryStore.open(former, "store") as history:
        history.save(ran(1))
    assert revision(former) == 2
    assert len(actions(former)) == 8
    assert revision(former) == JOURNAL.revision


def test_ten_processes_bring_it_up_to_date(former: str, act: Act) -> None:
    """Ten processes that open it at one instant find every action once."""
    results = act(*[{"url": former, "steps": []}] * 10)
    assert [result["steps_done"][-1][0] for result in results] == ["open"] * 10
    assert [action.id for action in actions(former)] == list(range(1, 9))


def test_killed_while_it_is_brought_up_to_date(former: str, act: Act) -> None:
    """At any instant the store is as before or as after, and the next process completes it."""
    kills = 0
    for instant in range(1, 500, EVERY):
        (result,) = act({"url": former, "steps": [], "kill_at": instant})
        if not result["killed"]:
            break
        kills += 1
        if revision(former) == JOURNAL.revision:
            break
        assert revision(former) == 1
    assert kills > 20 // EVERY
    assert [action.id for action in actions(former)] == list(range(1, 9))
