"""The spool: a later run removes what a killed one left; without a folder runs go on."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from pytest_prodstatus.spool import Spool

OTHER = """
import sys, time
from pytest_prodstatus.spool import Spool
ours = Spool()
ours.make()
print(ours.folder, flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, of this test alone."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def old(folder: Path) -> Path:
    """Make a folder look as if it hadn't changed for an hour."""
    changed = folder.stat().st_mtime - 3600
    os.utime(folder, (changed, changed))
    return folder


def test_the_folder_of_a_killed_run_is_removed_by_the_next(temporary: Path) -> None:
    """As long as its run lives, it stays, however old it is."""
    with subprocess.Popen([sys.executable, "-c", OTHER], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        folder = Path(process.stdout.readline().decode().strip())
        (folder / "evidence.jsonl").write_text("{}")
        ours = Spool()
        ours.make()
        old(folder)
        ours.close()
        assert folder.is_dir()
        process.send_signal(signal.SIGKILL)
    ours = Spool()
    ours.make()
    old(folder)
    ours.close()
    assert list(temporary.iterdir()) == []


def test_nothing_else_is_removed(temporary: Path) -> None:
    """No folder that just changed, that was never locked, that is a link or of another program."""
    for name, lock in (
        ("prodstatus-run-young", True),
        ("prodstatus-run-unlocked", False),
        ("prodstatus-demo-x", True),
        ("another", True),
    ):
        (temporary / name).mkdir()
        if lock:
            (temporary / name / ".prodstatus.lock").touch()
        if "young" not in name:
            old(temporary / name)
    (temporary / "prodstatus-run-link").symlink_to("another")
    before = {path.name for path in temporary.iterdir()}
    ours = Spool()
    ours.make()
    ours.close()
    assert {path.name for path in temporary.iterdir()} == before


def test_without_a_folder_for_temporary_files_there_is_no_spool(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run goes on: what it starts once, its process remembers by itself."""

    def no_place(prefix: str) -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    monkeypatch.setattr(tempfile, "mkdtemp", no_place)
    spool = Spool("")
    spool.make()
    assert (spool.folder, spool.shared) == (None, False)
    assert spool.claim("a.b")
    spool.append_evidence("a.b", "{}")
    spool.write_waiting("a.b", "for it")
    assert (spool.read_evidence("a.b"), spool.read_waiting("a.b")) == ([], "")
    spool.close()


@pytest.mark.parametrize("writable", [True, False])
def test_a_criterion_is_claimed_once(
    writable: bool, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that claimed it knows that without a folder, too."""
    if not writable:
        monkeypatch.setattr(tempfile, "tempdir", str(temporary / "nowhere"))
    spool = Spool()
    spool.make()
    assert not spool.is_claimed("shop.buy")
    assert spool.claim("shop.buy")
    assert spool.is_claimed("shop.buy")
    assert not spool.claim("shop.buy")
    spool.close()


def test_no_worker_claims_what_a_judged_run_left() -> None:
    """What it tried to claim then counts as claimed all the same."""
    judging = Spool()
    judging.make()
    worker = Spool(str(judging.folder))
    assert worker.claim("shop.a")
    judging.end_claims()
    assert not worker.claim("shop.b")
    assert judging.is_claimed("shop.a")
    assert not judging.is_claimed("shop.c")
    judging.close()


def test_what_can_t_be_noted_must_not_start(temporary: Path) -> None:
    """A claim that can't be written is an error, and the criterion doesn't count as started."""
    spool = Spool()
    spool.make()
    assert spool.folder is not None
    shutil.rmtree(spool.folder)
    with pytest.raises(FileNotFoundError):
        spool.claim("shop.buy")
    assert not spool.is_claimed("shop.buy")
    spool.close()


def test_what_else_can_t_be_written_is_left_out(temporary: Path) -> None:
    """A test that emptied the folder for temporary files isn't the system's failure."""
    spool = Spool()
    spool.make()
    assert spool.folder is not None
    shutil.rmtree(spool.folder)
    spool.append_evidence("shop.buy", "{}")
    spool.write_waiting("shop.buy", "for it")
    spool.end_claims()
    assert not spool.write_attachment("d1", b"x")
    assert (spool.read_evidence("shop.buy"), spool.read_waiting("shop.buy")) == ([], "")
    spool.close()


def test_a_line_of_evidence_is_written_completely_or_not_at_all(temporary: Path) -> None:
    """On a full disk a part of a line would spoil the next one."""
    resource = pytest.importorskip("resource")
    spool = Spool()
    spool.make()
    spool.append_evidence("shop.buy", '{"n": 1}')
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (12, hard))
    try:
        spool.append_evidence("shop.buy", '{"n": 2}')
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append_evidence("shop.buy", '{"n": 3}')
    assert spool.read_evidence("shop.buy") == ['{"n": 1}', '{"n": 3}']
    spool.close()


def test_a_mock_changes_nothing_on_the_disk(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a test puts in the place of Python's functions isn't called."""
    spool = Spool()
    spool.make()

    def refuse(*_: object, **__: object) -> None:
        raise RuntimeError

    with monkeypatch.context() as patched:
        for name in ("open", "write", "fsync", "replace", "stat", "close"):
            patched.setattr(os, name, refuse)
        assert spool.claim("shop.buy")
        spool.append_evidence("shop.buy", "{}")
        spool.write_waiting("shop.buy", "for it")
        assert spool.write_attachment("d1", b"x")
        found = spool.read_evidence("shop.buy"), spool.read_waiting("shop.buy")
        content = spool.read_attachment("d1")
    assert (found, content) == ((["{}"], "for it"), b"x")
    spool.close()
