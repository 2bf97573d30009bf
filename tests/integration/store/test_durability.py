"""What is written is on the disk, and what can't be written says so in one sentence."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event, text

from pytest_prodstatus.store import JournalUnavailable, database
from pytest_prodstatus.store.database import Database, parse_address
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.conftest import ROOT, Act
from tests.integration.store.plans import NOON, SetClock, plan_at

NOBODY = 65534
MANY = 200  # claims, more than the first pages of a file hold
CLAIM_WITHIN_A_LIMIT = """
import resource
import sys
from pytest_prodstatus.store import JournalError
from pytest_prodstatus.store.journal import Journal
from tests.integration.store.plans import NOON, SetClock, plan_at
try:
    with Journal.open(sys.argv[1], clock=SetClock()) as journal:
        print(len(journal.actions()), flush=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (2048, 2048))
        journal.intend(plan_at(NOON, criterion="payment.second"))
except JournalError as error:
    print(error)
"""


@contextmanager
def _listening(name: str, listener: Any) -> Iterator[None]:
    event.listen(Engine, name, listener)
    try:
        yield
    finally:
        event.remove(Engine, name, listener)


def _one_sentence(error: BaseException | str) -> str:
    sentence = str(error).strip()
    assert "\n" not in sentence
    assert sentence.endswith("until then no real action may be started.")
    return sentence


def test_sqlite_waits_for_the_disk(sqlite_url: str) -> None:
    """SQLite syncs file and folder (EXTRA) with a rollback journal, and waits for a lock."""
    Journal.open(sqlite_url).close()
    store = Database(parse_address(sqlite_url))
    with store.writing() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert settings == {
        "journal_mode": "delete",
        "synchronous": 3,
        "busy_timeout": 30_000,
        "foreign_keys": 1,
    }


def test_a_journal_in_wal_mode_is_brought_back(sqlite_url: str) -> None:
    """Even if the file was set to WAL, the journal's own durability settings are used."""
    Journal.open(sqlite_url).close()
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with Database(parse_address(sqlite_url)).writing() as own:
        assert own.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"


def test_postgresql_waits_for_the_disk(postgres_url: str) -> None:
    """A commit waits for the disk even if the role's default is off, at READ COMMITTED."""
    lazy = f"{postgres_url}%20-csynchronous_commit%3Doff"
    lazy += "%20-cdefault_transaction_isolation%3Dserializable"
    Journal.open(lazy).close()
    with Database(parse_address(lazy)).writing() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "on"
        assert connection.execute(text("SHOW transaction_isolation")).scalar() == "read committed"

    strict = f"{postgres_url}%20-csynchronous_commit%3Dremote_apply"
    with Database(parse_address(strict)).writing() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar() == "remote_apply"


def test_the_file_is_for_its_owner_alone(sqlite_url: str) -> None:
    """A new folder is 0700 and a new file 0600, with any umask; old ones keep their mode."""
    path = Path(sqlite_url.removeprefix("sqlite:///"))
    before = os.umask(0)
    try:
        Journal.open(sqlite_url).close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in path.parent.iterdir()] == [path.name]

    path.chmod(0o640)
    Journal.open(sqlite_url).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.skipif(os.name == "nt", reason="folders have no write bit")
def test_a_read_only_folder_can_be_read_and_not_claimed_in(act: Act) -> None:
    """An existing journal opens and lists its actions; a claim and a new journal are refused."""
    whom_mode_bits_hold_for = {"uid": NOBODY} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory() as name:  # not tmp_path: others can't look into that one
        folder = Path(name)
        url = f"sqlite:///{folder / 'old.sqlite3'}"
        with Journal.open(url, clock=SetClock()) as journal:
            action = journal.intend(plan_at(NOON))
        (folder / "old.sqlite3").chmod(0o644)
        folder.chmod(0o555)
        jobs: list[dict[str, Any]] = [
            {"url": url, "steps": ["read", "sent"], "action": action.id},
            {"url": f"sqlite:///{folder / 'new.sqlite3'}", "steps": []},
        ]
        old, new = act(*[{**job, **whom_mode_bits_hold_for} for job in jobs])
        folder.chmod(0o755)

    assert [word for word, _ in old["steps_done"]] == [
        "started",
        "open",
        "read",
        "JournalUnavailable",
    ]
    assert [word for word, _ in new["steps_done"]] == ["started", "JournalUnavailable"]
    for result in (old, new):
        assert "let this user write to it" in _one_sentence(result["steps_done"][-1][1])


def test_a_full_disk_leaves_nothing_half_written(sqlite_url: str) -> None:
    """A claim that doesn't fit on the disk isn't made; with space again the day can be claimed."""

    def no_space(connection: sqlite3.Connection, _record: object) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite makes it the present size

    with Journal.open(sqlite_url, clock=SetClock()) as journal:
        with _listening("connect", no_space), pytest.raises(JournalUnavailable) as violation:
            _claim_many(journal)
        assert "full): free some space" in _one_sentence(violation.value)

        kept = journal.actions(limit=1000)
        claimed = len(kept)
        assert 0 < claimed < MANY
        assert all(len(action.events) == 1 for action in kept)
        assert journal.intend(plan_at(NOON, criterion=f"payment.c{claimed}")).attempt == 1


def _claim_many(journal: Journal) -> None:
    for number in range(MANY):
        journal.intend(plan_at(NOON, criterion=f"payment.c{number}"))


@pytest.mark.skipif(os.name == "nt", reason="no resource limits")
def test_a_write_the_system_refuses_is_one_sentence(sqlite_url: str) -> None:
    """A claim that the kernel refuses half-way (a file-size limit) is refused in one sentence."""
    with Journal.open(sqlite_url, clock=SetClock()) as journal:
        journal.intend(plan_at(NOON))
    done = subprocess.run(
        [sys.executable, "-c", CLAIM_WITHIN_A_LIMIT, sqlite_url],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    seen, violation = done.stdout.splitlines()
    assert seen == "1"
    assert "that disk" in _one_sentence(violation)
    with Journal.open(sqlite_url) as journal:
        assert len(journal.actions()) == 1


def test_a_lock_that_is_never_given_back_is_one_sentence(
    sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another program's lock is waited for, but not for ever."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.05)
    with Journal.open(sqlite_url, clock=SetClock()) as journal:
        with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(JournalUnavailable, match="locked") as violation:
                journal.intend(plan_at(NOON))
            _one_sentence(violation.value)
        assert journal.intend(plan_at(NOON)).attempt == 1


def test_a_file_that_is_no_journal_is_left_alone(tmp_path: Path) -> None:
    """A URL that names the wrong file doesn't cost that file a byte."""
    path = tmp_path / "letter.txt"
    path.write_text("Dear reader, " * 200)
    with pytest.raises(JournalUnavailable, match="journal's own file") as violation:
        Journal.open(f"sqlite:///{path}")
    _one_sentence(violation.value)
    assert path.read_text() == "Dear reader, " * 200


def test_a_server_that_is_away_is_one_sentence_without_the_password(tmp_path: Path) -> None:
    """The sentence names the database and never the password."""
    url = f"postgresql://buyer:correct-horse@/store?host={tmp_path}&password=battery-staple"
    with pytest.raises(JournalUnavailable) as violation:
        Journal.open(url)
    sentence = _one_sentence(violation.value)
    assert "postgresql+psycopg://buyer:***@/store" in sentence
    assert "correct-horse" not in sentence
    assert "battery-staple" not in sentence


def test_a_server_lost_at_commit_is_no_claim(postgres: str, postgres_url: str) -> None:
    """A connection that dies at the commit raises, so nothing is sent; the journal stays whole."""
    with Journal.open(postgres_url, clock=SetClock()) as journal:

        def cut(connection: Any) -> None:
            pid = connection.connection.dbapi_connection.info.backend_pid
            with psycopg.connect(postgres, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))

        with _listening("commit", cut), pytest.raises(JournalUnavailable) as violation:
            journal.intend(plan_at(NOON))
        _one_sentence(violation.value)
        assert journal.actions() == ()
        assert journal.intend(plan_at(NOON)).attempt == 1


def test_a_role_needs_only_select_and_insert(postgres: str, postgres_url: str) -> None:
    """If the tables exist, no other right is needed; SELECT alone is enough to read."""
    with Journal.open(postgres_url, clock=SetClock()) as journal:
        journal.intend(plan_at(NOON))
    schema = postgres_url.rpartition("%3D")[2]
    role = f"buyer_{uuid.uuid4().hex}"
    url = postgres_url.replace("//postgres:", f"//{role}:")
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute(
            f"CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA {schema} TO {role};"
            f"GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}".encode()
        )
        try:
            with Journal.open(url, clock=SetClock()) as journal:
                assert len(journal.actions()) == 1
                with pytest.raises(JournalUnavailable, match="let this user write") as violation:
                    journal.intend(plan_at(NOON, target="staging"))
                _one_sentence(violation.value)
                admin.execute(
                    f"GRANT INSERT ON ALL TABLES IN SCHEMA {schema} TO {role};"
                    f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}".encode()
                )
                journal.sent(journal.intend(plan_at(NOON, target="staging")))
        finally:
            admin.execute(f"DROP OWNED BY {role}; DROP ROLE {role}".encode())
