"""The schema's revisions: made whole by whoever comes first, and never by two."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from pytest_prodstatus.store import database
from pytest_prodstatus.store.address import HEAD, HISTORY, VERSION_TABLE, parse_address
from pytest_prodstatus.store.database import Database
from pytest_prodstatus.store.errors import JournalUnavailable, StateUnavailable
from pytest_prodstatus.store.history import History
from pytest_prodstatus.store.journal import Journal
from pytest_prodstatus.store.overrides import Overrides
from pytest_prodstatus.store.schema import metadata
from pytest_prodstatus.store.sqlite import NEW_STORE
from tests.integration.state.conftest import ROOT, Act
from tests.integration.state.new_store import new_store, schema_of
from tests.integration.state.purchases import NOON, SetClock, plan_at
from tests.integration.state.runs import ran


def found(url: str) -> int:
    """Return the revision at an address."""
    with Database(parse_address(url)).reading() as connection:
        return database.current_revision(connection)


def test_the_tables_are_those_that_statements_are_built_from(url: str) -> None:
    """Nothing that the revisions make differs from what the code takes the tables to be."""
    History.open(url, "store").close()
    with Database(parse_address(url)).reading() as connection:
        own = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        context = MigrationContext.configure(connection, opts=own)
        assert compare_metadata(context, metadata) == []


def test_a_new_file_is_what_the_revisions_make(tmp_path: Path) -> None:
    """What is shipped for a new SQLite file says the same as Alembic's steps, to the letter."""
    assert NEW_STORE.read_text(encoding="utf-8") == new_store()
    fast, slow = tmp_path / "fast.sqlite3", tmp_path / "slow.sqlite3"
    History.open(f"sqlite:///{fast}", "store").close()
    Journal.open(f"sqlite:///{slow}").close()
    History.open(f"sqlite:///{slow}", "store").close()
    assert schema_of(fast) == schema_of(slow)
    assert found(f"sqlite:///{fast}") == found(f"sqlite:///{slow}") == HEAD


def test_each_part_asks_for_what_it_needs(url: str) -> None:
    """The journal makes its own tables; the history, coming later, leaves its rows alone."""
    with Journal.open(url, clock=SetClock()) as journal:
        entry = journal.intend(plan_at(NOON))
        assert found(url) == 1
        History.open(url, "store").close()
        assert found(url) == HEAD == HISTORY.revision
        assert journal.entries() == (entry,)
        Overrides.open(url, "shop").close()
    assert found(url) == HEAD


def test_a_journal_from_before_there_were_revisions(url: str) -> None:
    """Tables without a version are revision 1: kept, and gone on from."""
    with Journal.open(url, clock=SetClock()) as journal:
        entry = journal.intend(plan_at(NOON))
    with Database(parse_address(url)).writing() as connection:
        connection.execute(text("DROP TABLE prodstatus_version"))
    with Journal.open(url) as journal:
        assert journal.entries() == (entry,)
    assert not has_table(url, VERSION_TABLE)  # nothing was needed, so nothing was written
    with History.open(url, "store") as history:
        history.save(ran(1))
    assert found(url) == HEAD
    with Journal.open(url) as journal:
        assert journal.entries() == (entry,)


def has_table(url: str, name: str) -> bool:
    """Return whether there is a table of this name at an address."""
    with Database(parse_address(url)).reading() as connection:
        return inspect(connection).has_table(name)


@pytest.mark.parametrize("newer", ["3", "a1b2"])
def test_a_newer_schema_is_refused(url: str, newer: str) -> None:
    """One sentence that says what to do, for every part; nothing is changed."""
    History.open(url, "store").close()
    with Database(parse_address(url)).writing() as connection:
        connection.execute(
            text("UPDATE prodstatus_version SET version_num = :newer"), {"newer": newer}
        )
    for part, refused in (
        (lambda: History.open(url, "store"), StateUnavailable),
        (lambda: Overrides.open(url, "shop"), StateUnavailable),
        (lambda: Journal.open(url), JournalUnavailable),
    ):
        with pytest.raises(refused, match=r"update pytest-prodstatus") as refusal:
            part()
        sentence = str(refusal.value)
        assert f"schema is {newer!r}" in sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")


def test_ten_processes_make_one_history(url: str, act: Act) -> None:
    """Ten that open a history which doesn't exist yet all find it whole, and so does a journal."""
    answers = act(*[{"url": url, "part": "history", "steps": []}] * 10)
    assert [answer["said"][-1][0] for answer in answers] == ["open"] * 10
    with History.open(url, "store") as history:
        history.save(ran(1))


def test_killed_while_it_is_brought_up_to_date(url: str, act: Act) -> None:
    """A journal is whole whenever its next revision was killed, and the next process does it."""
    with Journal.open(url, clock=SetClock()) as journal:
        entry = journal.intend(plan_at(NOON))
    kills = 0
    for instant in range(1, 500):
        (answer,) = act({"url": url, "part": "history", "steps": [], "kill_at": instant})
        if not answer["killed"]:
            break
        kills += 1
        with Journal.open(url) as journal:
            assert journal.entries() == (entry,)
        if found(url) == HEAD:  # killed after the commit
            continue
        assert not has_table(url, "prodstatus_run")
    assert answer["said"][-1][0] == "open"
    assert kills > 10
    with History.open(url, "store") as history:
        history.save(ran(1))


def test_a_current_schema_costs_no_migration_library(sqlite_url: str) -> None:
    """Where there is no step to do, Alembic isn't imported."""
    History.open(sqlite_url, "store").close()
    code = (
        "import sys; from pytest_prodstatus.store.history import History; "
        "from pytest_prodstatus.store.journal import Journal; "
        "History.open(sys.argv[1], 'store').close(); Journal.open(sys.argv[1]).close(); "
        "print('alembic' in sys.modules)"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, sqlite_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "False"
    assert Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_a_role_needs_no_right_to_create(postgres: str, postgres_url: str) -> None:
    """With the tables there, SELECT, INSERT and DELETE are enough for the history.

    Over a journal alone, a role that may not create says so in one sentence, and its journal works.
    """
    Journal.open(postgres_url).close()
    schema = postgres_url.rpartition("%3D")[2]
    role = f"ci_{uuid.uuid4().hex}"
    url = postgres_url.replace("//postgres:", f"//{role}:")
    grants = (
        f"GRANT USAGE ON SCHEMA {schema} TO {role};"
        f"GRANT SELECT, INSERT, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role};"
        f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}"
    )
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE {role} LOGIN; {grants}".encode())
        try:
            Journal.open(url).close()
            with pytest.raises(StateUnavailable, match="let this user write") as refusal:
                History.open(url, "store")
            assert "ordered" not in str(refusal.value)
            History.open(postgres_url, "store").close()
            admin.execute(grants.encode())
            with History.open(url, "store") as history:
                history.save(ran(1))
                history.save(ran(1, "F"))
                assert len(history.look_back("production").runs) == 1
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
