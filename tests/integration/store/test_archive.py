"""The archive keeps the record of each run in the history, byte for byte, on either database."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from pytest_prodstatus.store import ARCHIVE
from pytest_prodstatus.store.history import RECORD, ArchiveStore, HistoryStore
from pytest_prodstatus.store.statements import open_store
from tests.integration.store.conftest import Act
from tests.integration.store.runs import ran
from tests.unit.given import HOUR, NOW

TARGET = "production"


def keep(url: str, number: int, content: bytes = b"{}", **more: str) -> str:
    """Save a run and keep a record of it; return its id."""
    record = ran(number, **more)
    with HistoryStore.open(url, "store") as history:
        history.save(record)
    with ArchiveStore.open(url, "store") as archive:
        archive.keep(TARGET, record.run.id, content)
    return record.run.id


def kept(url: str, run: str, target: str = TARGET, project: str = "store") -> object:
    """Return what is kept of a run."""
    with ArchiveStore.open(url, project) as archive:
        return archive.files(target, run)


def test_a_record_is_kept_byte_for_byte(url: str) -> None:
    """Any bytes of a record are kept as they are, for its project and target alone."""
    content = bytes(range(256)) * 1_000
    run = keep(url, 1, content)
    assert kept(url, run) == {RECORD: content}
    assert kept(url, run, target="staging") is None
    assert kept(url, run, project="other") is None
    assert kept(url, "run-2") is None
    with ArchiveStore.open(url, "store") as archive:
        assert archive.targets(run) == [TARGET]
        assert archive.targets("run-2") == []


def test_it_is_compressed(url: str) -> None:
    """A kept record is compressed."""
    keep(url, 1, b'{"verdict": "CONFIRMED"}' * 10_000)
    with open_store(url, ARCHIVE).reading() as statements:
        (row,) = statements.rows("SELECT length(content) AS size FROM prodstatus_archive")
    assert row["size"] < 10_000


def test_a_run_that_is_saved_again_is_kept_once(url: str) -> None:
    """The newer record replaces the older one, and its attestations, which say nothing about it."""
    run = keep(url, 1, b"old")
    with ArchiveStore.open(url, "store") as archive:
        assert archive.attest(TARGET, run, b"old", {"status.intoto.json": b"signed"})
    assert kept(url, run) == {RECORD: b"old", "status.intoto.json": b"signed"}
    keep(url, 1, b"new")
    assert kept(url, run) == {RECORD: b"new"}


def test_an_attestation_is_kept_only_with_its_record(url: str) -> None:
    """One of other bytes, or of a run that isn't kept, would vouch for nothing here."""
    run = keep(url, 1, b"mine")
    with ArchiveStore.open(url, "store") as archive:
        assert not archive.attest(TARGET, run, b"another", {"status.intoto.json": b"x"})
        assert not archive.attest(TARGET, "run-2", b"mine", {"status.intoto.json": b"x"})
        assert archive.attest(TARGET, run, b"mine", {"status.intoto.json": b"1"})
        assert archive.attest(TARGET, run, b"mine", {"status.intoto.json": b"2"})
    assert kept(url, run) == {RECORD: b"mine", "status.intoto.json": b"2"}


def test_a_run_that_is_not_in_the_history_is_not_kept(url: str) -> None:
    """Another process may have deleted it meanwhile."""
    with ArchiveStore.open(url, "store") as archive:
        archive.keep(TARGET, "run-1", b"{}")
        assert archive.files(TARGET, "run-1") is None


def test_a_run_without_its_record(url: str) -> None:
    """The history may know a run whose record isn't kept: an older release saved it."""
    with HistoryStore.open(url, "store") as history:
        history.save(ran(1))
    assert kept(url, "run-1") == {}


def test_a_run_is_open_once_its_record_is_signed(url: str) -> None:
    """Until then the gate, which wants the signature, is closed; who isn't known is left alone."""
    made = ran(1)
    closed = replace(made, decision=made.decision.without_signature())
    with HistoryStore.open(url, "store") as history:
        history.save(closed)
        assert history.last_open(TARGET) is None
        history.note_open("staging", made.run.id)
        history.note_open(TARGET, "run-2")
        assert history.last_open(TARGET) is None
        history.note_open(TARGET, made.run.id)
        found = history.last_open(TARGET)
    assert found is not None
    assert found is not None
    assert found.run == made.run.id


@pytest.mark.parametrize("run", ["../x", "/etc/passwd", "x" * 5_000, "'; DROP TABLE x; --", ""])
def test_an_id_is_only_looked_up(url: str, run: str) -> None:
    """An id is only looked up: none becomes a path or a piece of SQL."""
    assert kept(url, run) is None


def test_a_broken_content_is_none(url: str) -> None:
    """Bytes that can't be unpacked aren't a record."""
    run = keep(url, 1)
    with open_store(url, ARCHIVE).writing() as statements:
        statements.change("UPDATE prodstatus_archive SET content = :content", {"content": b"x"})
    assert kept(url, run) == {RECORD: b""}


def runs_of(url: str) -> list[str]:
    """Return the ids of the runs in the history, the oldest first."""
    with HistoryStore.open(url, "store") as history:
        return [run.run for run in reversed(history.look_back(TARGET).runs)]


def test_old_runs_are_deleted_with_their_records(url: str) -> None:
    """Those that started before the instant, and none of another target or project."""
    for number in range(4):
        keep(url, number, release="v1")
    with HistoryStore.open(url, "other") as other:
        other.save(ran(0))
    with HistoryStore.open(url, "store") as history:
        history.save(ran(0, target="staging"))
        deleted = history.prune(TARGET, NOW + 2 * HOUR, last_of_release=False)
        assert deleted == 2
        assert history.prune(TARGET, NOW + 2 * HOUR, last_of_release=False) == 0
        assert len(history.look_back("staging").runs) == 1
    assert runs_of(url) == ["run-2", "run-3"]
    assert kept(url, "run-1") is None
    assert kept(url, "run-2") == {RECORD: b"{}"}
    with HistoryStore.open(url, "other") as other:
        assert len(other.look_back(TARGET).runs) == 1
    with open_store(url, ARCHIVE).reading() as statements:
        assert len(statements.rows("SELECT run_id FROM prodstatus_archive")) == 2


def test_the_last_run_of_each_release_is_never_deleted(url: str) -> None:
    """The last run of a release, and its last full run, are never deleted."""
    keep(url, 0, release="v1")
    keep(url, 1, release="v1")
    keep(url, 2, release="v1", shop="-")
    keep(url, 3, release="v1", shop="-")
    keep(url, 4, release="v2")
    with HistoryStore.open(url, "store") as history:
        history.save(ran(5, release=None))
        history.save(ran(6, release=None))
        assert history.prune(TARGET, NOW + 99 * HOUR, last_of_release=True) == 3
    assert runs_of(url) == ["run-1", "run-3", "run-4", "run-6"], "no release is none of them"


def test_the_last_open_run_is_never_deleted(url: str) -> None:
    """However old it is: what came after it is compared with it, and the last run shows its age."""
    for number, verdict in enumerate("CCFF"):
        with HistoryStore.open(url, "store") as history:
            history.save(ran(number, verdict))
    with HistoryStore.open(url, "store") as history:
        assert history.prune(TARGET, NOW + 99 * HOUR, last_of_release=False) == 2
        newest = history.last_open(TARGET)
        assert newest is not None
        assert newest.run == "run-1"
    assert runs_of(url) == ["run-1", "run-3"]


@pytest.mark.parametrize("release", ["v1", None])
def test_what_replaced_the_last_open_run_is_never_deleted(url: str, release: str | None) -> None:
    """The record of an open run that was put back is told from the last by the store alone."""
    later = ((1, "F", release), (2, "F", None), (3, "C", None), (4, "C", "v2"))
    with HistoryStore.open(url, "store") as history:
        history.save(ran(0, release=release))
        for number, verdict, name in later:
            history.save(ran(number, verdict, shop="B" if verdict == "C" else "C", release=name))
        before = history.newest(TARGET, release)
        assert before is not None
        history.prune(TARGET, NOW + 99 * HOUR, last_of_release=False)
        after = history.newest(TARGET, release)
        assert after is not None
        assert after.run == before.run != "run-0"


def test_the_last_open_run(url: str) -> None:
    """The newest run with an open gate, also of those before a run."""
    for number, verdict in enumerate("CCFC"):
        with HistoryStore.open(url, "store") as history:
            history.save(ran(number, verdict))
    with HistoryStore.open(url, "store") as history:
        newest = history.last_open(TARGET)
        assert newest is not None
        assert newest.run == "run-3"
        before = history.last_open(TARGET, ran(3))
        assert before is not None
        assert before.run == "run-1"
        assert history.last_open(TARGET, ran(0)) is None
        assert history.last_open("staging") is None


def test_flips_outlive_the_runs(url: str) -> None:
    """`since` is as before, although the run that began it is deleted."""
    for number, verdict in enumerate("CFF"):
        keep(url, number, api=verdict)
    with HistoryStore.open(url, "store") as history:
        before = {past.id: past.since for past in history.look_back(TARGET).stages}
        history.prune(TARGET, NOW + 2 * HOUR - timedelta(minutes=1), last_of_release=False)
        assert {past.id: past.since for past in history.look_back(TARGET).stages} == before


def test_killed_at_every_statement(sqlite_url: str, act: Act) -> None:
    """Killed at any statement or commit, the former record is kept or the new one, both whole."""
    file = Path(sqlite_url.removeprefix("sqlite:///"))
    run = keep(sqlite_url, 1, b"old" * 1_000)
    content, new = file.read_bytes(), "new" * 1_000
    former, latter = {RECORD: b"old" * 1_000}, {RECORD: new.encode()}
    ends = [0, 0]
    for first in range(1, 500, 10):
        files = {n: file.with_name(f"{n}.sqlite3") for n in range(first, first + 10)}
        for copy in files.values():
            copy.write_bytes(content)
        job = {"part": "keeps", "project": "store", "run": run, "content": new}
        results = act(
            *[{**job, "url": f"sqlite:///{copy}", "kill_at_call": n} for n, copy in files.items()]
        )
        for copy, result in zip(files.values(), results, strict=True):
            left = kept(f"sqlite:///{copy}", run)
            assert left in (former, latter)
            assert left == latter or ["kept", ""] not in result["steps_done"]
            ends[left == latter] += result["killed"]
            keep(f"sqlite:///{copy}", 1, new.encode())
            assert kept(f"sqlite:///{copy}", run) == latter
        if not results[-1]["killed"]:
            break
    assert not results[-1]["killed"], "the instants have no end"
    # Some died before the commit and some after it.
    assert ends[0] > 5
    assert ends[1] > 0
