"""The first process creates the schema's revisions completely, and no two do at once."""

from __future__ import annotations

import subprocess
import sys
import uuid
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from pytest_prodstatus.store import (
    ARCHIVE,
    HEAD,
    HISTORY,
    JOURNAL,
    NOTICES,
    JournalUnavailable,
    StateUnavailable,
    database,
)
from pytest_prodstatus.store.database import Database, parse_address
from pytest_prodstatus.store.history import ArchiveStore, HistoryStore
from pytest_prodstatus.store.journal import Journal
from pytest_prodstatus.store.notices import NoticeStore
from pytest_prodstatus.store.overrides import Overrides
from pytest_prodstatus.store.schema import metadata
from pytest_prodstatus.store.statements import NEW_STORE
from tests.integration.store.conftest import ROOT, Act
from tests.integration.store.new_store import new_store, schema_of
from tests.integration.store.plans import NOON, SetClock, plan_at
from tests.integration.store.runs import ran


def found(url: str) -> int:
    """Return the schema's revision at an address."""
    with Database(parse_address(url)).reading() as connection:
        return database.current_revision(connection)


def test_the_tables_are_those_that_statements_are_built_from(url: str) -> None:
    """The tables that the revisions make are those from which the code builds its statements."""
    Journal.open(url).close()
    with Database(parse_address(url)).reading() as connection:
        own = {"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        context = MigrationContext.configure(connection, opts=own)
        assert compare_metadata(context, metadata) == []


def test_a_new_file_is_what_the_revisions_make(tmp_path: Path) -> None:
    """The shipped schema of a new SQLite file equals that of Alembic's steps, to the letter."""
    assert NEW_STORE.read_text(encoding="utf-8") == new_store()
    fast, slow = tmp_path / "fast.sqlite3", tmp_path / "slow.sqlite3"
    HistoryStore.open(f"sqlite:///{fast}", "store").close()
    with closing(Database(parse_address(f"sqlite:///{slow}"), NOTICES)) as newest:
        newest.prepare()
    assert schema_of(fast) == schema_of(slow)
    assert found(f"sqlite:///{fast}") == found(f"sqlite:///{slow}") == HEAD


def test_each_part_asks_for_what_it_needs(url: str) -> None:
    """The history makes its own tables; the journal, coming later, leaves its rows alone.

    A new SQLite file is made whole at once, since its user may create any table.
    """
    with HistoryStore.open(url, "store") as history:
        history.save(ran(1))
        made = HEAD if url.startswith("sqlite") else HISTORY.revision
        assert found(url) == made
        Overrides.open(url, "shop").close()
        assert found(url) == made
        with Journal.open(url, clock=SetClock()) as journal:
            action = journal.intend(plan_at(NOON))
            assert found(url) == (HEAD if url.startswith("sqlite") else JOURNAL.revision)
            assert len(history.look_back("production").runs) == 1
            assert journal.actions() == (action,)
        ArchiveStore.open(url, "store").close()
        assert found(url) == (HEAD if url.startswith("sqlite") else ARCHIVE.revision)
        NoticeStore.open(url, "store").close()
        assert found(url) == HEAD == NOTICES.revision
        assert len(history.look_back("production").runs) == 1
    assert not has_table(url, "prodstatus_claim_former")  # it would hold nothing


def has_table(url: str, name: str) -> bool:
    """Return whether there is a table of this name at an address."""
    with Database(parse_address(url)).reading() as connection:
        return inspect(connection).has_table(name)


@pytest.mark.parametrize("newer", [str(HEAD + 1), "a1b2"])
def test_a_newer_schema_is_refused(url: str, newer: str) -> None:
    """Each part refuses a newer schema in one sentence with the remedy, and changes nothing."""
    HistoryStore.open(url, "store").close()
    with Database(parse_address(url)).writing() as connection:
        connection.execute(
            text("UPDATE prodstatus_version SET version_num = :newer"), {"newer": newer}
        )
    for part, refused in (
        (lambda: HistoryStore.open(url, "store"), StateUnavailable),
        (lambda: Overrides.open(url, "shop"), StateUnavailable),
        (lambda: ArchiveStore.open(url, "store"), StateUnavailable),
        (lambda: Journal.open(url), JournalUnavailable),
    ):
        with pytest.raises(refused, match=r"update pytest-prodstatus") as violation:
            part()
        sentence = str(violation.value)
        assert f"schema is {newer!r}" in sentence
        assert "\n" not in sentence
        assert sentence.endswith(".")


def test_ten_processes_make_one_history(url: str, act: Act) -> None:
    """Ten processes that open a new history all find it whole, and so does a journal."""
    answers = act(*[{"url": url, "part": "history", "steps": []}] * 10)
    assert [answer["steps_done"][-1][0] for answer in answers] == ["open"] * 10
    with HistoryStore.open(url, "store") as history:
        history.save(ran(1))


def test_a_current_schema_costs_no_migration_library(sqlite_url: str) -> None:
    """If the schema is new enough, Alembic isn't imported."""
    Journal.open(sqlite_url).close()
    code = (
        "import sys; from pytest_prodstatus.store.history import HistoryStore; "
        "from pytest_prodstatus.store.journal import Journal; "
        "HistoryStore.open(sys.argv[1], 'store').close(); Journal.open(sys.argv[1]).close(); "
        "print('alembic' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sqlite_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "False"
    assert Path(sqlite_url.removeprefix("sqlite:///")).exists()


def test_a_role_needs_no_right_to_create(postgres: str, postgres_url: str) -> None:
    """If the tables exist, SELECT, INSERT and DELETE are enough for the history.

    If a store has only a history, a role that may not create is refused the journal in one
    sentence, and can use the history.
    """
    HistoryStore.open(postgres_url, "store").close()
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
            with pytest.raises(JournalUnavailable, match="let this user write") as violation:
                Journal.open(url)
            assert str(violation.value).endswith("until then no real action may be started.")
            with HistoryStore.open(url, "store") as history:
                history.save(ran(1))
                history.save(ran(1, "F"))
                assert len(history.look_back("production").runs) == 1
            Journal.open(postgres_url).close()
            admin.execute(grants.encode())
            with Journal.open(url, clock=SetClock()) as journal:
                journal.sent(journal.intend(plan_at(NOON)))
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
