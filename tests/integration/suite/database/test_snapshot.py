"""All criteria of a process see the store as of one instant, and none holds a connection open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from sqlalchemy import text

from pytest_prodstatus import Blocked
from tests.acceptance.demo.store import Store
from tests.acceptance.support.clock import to_column
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.snapshot import Snapshot
from tests.acceptance.support.database.transaction import Ask, Reading
from tests.integration.suite.databases import connected, opened, sabotage

_SESSIONS = """
SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'prodstatus/%'
"""


@pytest.fixture
def owner(running_store: Store) -> Iterator[Database]:
    """The store's database, with bounds that a test can wait for."""
    bound = timedelta(milliseconds=300)
    with opened(running_store.owner_url, statement_timeout=bound) as database:
        yield database


def _snapshot(database: Database, **readings: Reading) -> tuple[Snapshot, list[datetime]]:
    noted: list[datetime] = []

    def given(at: datetime) -> dict[str, object]:
        return {"one": 1, "at": to_column(at)}

    return Snapshot(database, readings, parameters=given, note=noted.append), noted


def _of(statement: str) -> Reading:
    return lambda ask: ask(statement)["n"]


def _kind(answer: Callable[[], object]) -> str:
    with pytest.raises(Blocked) as caught:
        answer()
    return caught.value.reason.kind.value


def test_what_changes_between_two_questions_is_not_seen(
    owner: Database, running_store: Store
) -> None:
    """A row that is committed while the questions are read belongs to the next run."""
    users = _of("SELECT count(*) AS n FROM users")

    def change(ask: Ask) -> object:
        with connected(running_store.owner_url) as other:
            other.execute(
                text(
                    """INSERT INTO users (username, email, "updatedAt")
                       VALUES ('late', 'late@store.example', now())"""
                )
            )
            other.commit()
        return users(ask)

    snapshot, _ = _snapshot(owner, before=users, changed=change, after=users)
    try:
        found = {snapshot.answer(name) for name in ("after", "changed", "before")}
        assert len(found) == 1
        assert owner.ask("SELECT count(*) AS n FROM users")["n"] == found.pop() + 1
    finally:
        with connected(running_store.owner_url) as other:
            other.execute(text("DELETE FROM users WHERE username = 'late'"))
            other.commit()


def test_everything_is_read_at_the_first_answer_and_noted_once(owner: Database) -> None:
    """One transaction, in which each question is read once, at an instant of the server's."""
    names: list[str] = []

    def reading(name: str) -> Reading:
        def read(ask: Ask) -> object:
            names.append(name)
            return ask("SELECT CAST(pg_backend_pid() AS text) || :one AS n")["n"]

        return read

    snapshot, noted = _snapshot(owner, first=reading("first"), second=reading("second"))
    assert (names, noted) == ([], [])
    before = datetime.now(timezone.utc) - timedelta(seconds=1)
    answers = [snapshot.answer(name) for name in ("second", "first", "second")]
    assert len(set(answers)) == 1
    assert names == ["first", "second"]
    assert len(noted) == 1
    assert before < noted[0] < datetime.now(timezone.utc) + timedelta(seconds=1)


def test_what_is_due_is_so_by_the_server_s_clock(owner: Database) -> None:
    """It dated the rows; this machine's may be minutes off."""
    snapshot, noted = _snapshot(owner, age=_of("SELECT CAST(:at AS timestamp) AS n"))
    assert snapshot.answer("age") == to_column(noted[0])


def test_no_connection_is_open_once_the_answers_are_there(
    owner: Database, running_store: Store
) -> None:
    """During the later calls to providers the server has no session of ours, not even idle."""
    with connected(running_store.owner_url) as other:

        def sessions(ask: Ask) -> object:
            return other.execute(text(_SESSIONS)).scalar_one()

        snapshot, _ = _snapshot(owner, sessions=sessions)
        assert snapshot.answer("sessions") == 1
        assert other.execute(text("SELECT pg_sleep(0.1), pg_stat_clear_snapshot()"))
        assert other.execute(text(_SESSIONS)).scalar_one() == 0


def test_a_question_that_fails_blocks_itself_alone(owner: Database) -> None:
    """A time-out, a missing column or a mistake of ours ends each criterion that needs it."""

    def mistaken(ask: Ask) -> object:
        return ask("SELECT 1 AS n")["m"]

    snapshot, noted = _snapshot(
        owner,
        slow=_of("SELECT pg_sleep(5), 1 AS n"),
        drifted=_of('SELECT "netGain" AS n FROM sales'),
        mistaken=mistaken,
        sound=_of("SELECT 7 AS n"),
    )
    assert snapshot.answer("sound") == 7
    for _ in range(2):
        assert _kind(lambda: snapshot.answer("slow")) == "timeout"
        assert _kind(lambda: snapshot.answer("drifted")) == "inconclusive"
        with pytest.raises(KeyError, match="m"):
            snapshot.answer("mistaken")
    assert len(noted) == 1


def test_a_lost_connection_keeps_what_was_read_before(
    owner: Database, running_store: Store
) -> None:
    """The snapshot went with it, so that the rest is BLOCKED and not read at another instant."""

    def killed(ask: Ask) -> object:
        pid = ask("SELECT pg_backend_pid() AS pid")["pid"]
        with connected(running_store.owner_url) as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        return ask("SELECT 1 AS n")["n"]

    question = _of("SELECT 1 AS n")
    snapshot, noted = _snapshot(
        owner, before=question, killed=killed, after=question, last=question
    )
    assert snapshot.answer("before") == 1
    for name in ("killed", "after", "last"):
        assert _kind(partial(snapshot.answer, name)) == "provider-unavailable"
    assert len(noted) == 1


def test_without_a_database_every_question_is_blocked_after_one_try() -> None:
    """The reason is the same for all, and nothing is noted."""
    with opened("postgresql://reader@127.0.0.1:1/store") as database:
        question = _of("SELECT 1 AS n")
        snapshot, noted = _snapshot(database, first=question, second=question)
        for name in ("first", "second", "first"):
            assert _kind(partial(snapshot.answer, name)) == "provider-unavailable"
    assert noted == []


def test_a_connection_that_may_write_answers_nothing(owner: Database) -> None:
    """No query is read through a connection that may write."""
    asks: list[Ask] = []
    sabotage(owner)
    snapshot, noted = _snapshot(owner, first=asks.append, second=asks.append)
    for name in ("first", "second"):
        with pytest.raises(Blocked, match="connection is writable"):
            snapshot.answer(name)
    assert (asks, noted) == ([], [])


def test_an_interrupt_is_no_answer(owner: Database) -> None:
    """A person who stops the run stops it here too."""

    def interrupted(ask: Ask) -> object:
        raise KeyboardInterrupt

    snapshot, _ = _snapshot(owner, interrupted=interrupted)
    with pytest.raises(KeyboardInterrupt):
        snapshot.answer("interrupted")
