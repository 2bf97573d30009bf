"""The lock of a folder, within one process; what other processes see is tested with real ones."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from pytest_prodstatus.writers import files
from pytest_prodstatus.writers.files import NAME, FolderInUse, FolderLock

OTHER = """
import sys
from pathlib import Path
from pytest_prodstatus.writers.files import FolderInUse, FolderLock
try:
    FolderLock(Path(sys.argv[1]), "the other").acquire()
except FolderInUse as error:
    print(error)
else:
    print("free")
"""


def another(folder: Path) -> str:
    """Return what another process is told when it wants the folder."""
    command = [sys.executable, "-c", OTHER, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_folder_is_held_until_it_is_released(tmp_path: Path) -> None:
    """Another process is told who has it; afterwards it is free, and no file stays."""
    ours = FolderLock(tmp_path / "a" / "b", "run r1 (process 7)")
    ours.acquire()
    ours.acquire()
    path = tmp_path / "a" / "b" / NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    told = another(tmp_path / "a" / "b")
    assert told == (
        f"{tmp_path / 'a' / 'b'}: run r1 (process 7) is writing this folder; wait for it to end, "
        "or name another folder"
    )
    ours.release()
    ours.release()
    assert not (tmp_path / "a" / "b").exists()


def test_what_lies_in_a_folder_stays(tmp_path: Path) -> None:
    """Only a folder that was made for nothing is taken away."""
    (tmp_path / "status.json").write_text("{}")
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    ours.release()
    assert another(tmp_path) == "free"
    assert {path.name for path in tmp_path.iterdir()} - {NAME} == {"status.json"}


def test_a_file_of_a_run_that_died_is_no_obstacle(tmp_path: Path) -> None:
    """Not the file is the lock, but the kernel's word for it."""
    (tmp_path / NAME).write_text("run r0 (process 1)")
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    assert "us is writing" in another(tmp_path)
    ours.release()


def test_a_file_that_was_taken_away_meanwhile_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that ends while we open its file leaves us a lock on a file that nobody can see."""
    really = files._lock
    calls: list[int] = []

    def taken(handle: int) -> None:
        really(handle)
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / NAME).unlink()

    monkeypatch.setattr(files, "_lock", taken)
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    assert len(calls) == 2
    assert "us is writing" in another(tmp_path)
    ours.release()


@pytest.mark.parametrize("number", [38, 37, 95])
def test_a_file_system_without_locks_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """There a run goes on as if it were alone; nothing leaks."""

    def unknown(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "_lock", unknown)
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    ours.release()


def test_a_holder_that_left_no_name_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk it could not write who it is."""
    monkeypatch.setattr(files, "_lock", _held)
    with pytest.raises(FolderInUse, match=f"{tmp_path}: another run is writing this folder"):
        FolderLock(tmp_path, "us").acquire()


def _held(_handle: int) -> None:
    raise BlockingIOError(11, "held")


def test_a_folder_that_can_t_be_made_has_no_lock(tmp_path: Path) -> None:
    """What can't be written is said by whoever writes it."""
    (tmp_path / "f").write_text("no folder")
    ours = FolderLock(tmp_path / "f", "us")
    ours.acquire()
    ours.release()
    assert (tmp_path / "f").read_text() == "no folder"
