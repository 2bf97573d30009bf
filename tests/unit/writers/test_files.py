"""Files are written atomically, and a folder can be locked."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_prodstatus import writers
from pytest_prodstatus.disk import DISK
from pytest_prodstatus.writers import NAME, FolderInUse, FolderLock, remove, write_atomically


@pytest.fixture
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    """The process's umask: the test's parameter."""
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.parametrize("umask", [0o077, 0o022, 0o002], indirect=True)
def test_a_new_file_has_the_mode_of_the_umask_and_its_folder_is_made(
    tmp_path: Path, umask: int
) -> None:
    """A web server or a person of the same group can read it, if the umask lets them."""
    path = tmp_path / "a" / "b" / "status.json"
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o664, 0o400])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    """A file keeps its mode, so everyone who could read it still can."""
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_that_a_person_may_have_made_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    """The link's target is written, also through two links or to a new file."""
    real = tmp_path / "docs" / "real.md"
    real.parent.mkdir()
    real.write_bytes(b"old")
    (tmp_path / "one").symlink_to(real)
    (tmp_path / "two").symlink_to("one")
    write_atomically(tmp_path / "two", b"new", through_link=True)
    assert real.read_bytes() == b"new"
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "two").is_symlink()
    (tmp_path / "dangling").symlink_to("docs/new.md")
    write_atomically(tmp_path / "dangling", b"made", through_link=True)
    assert (tmp_path / "docs" / "new.md").read_bytes() == b"made"


@pytest.mark.parametrize("name", ["victim", "missing", "folder", "."])
def test_a_planted_link_is_replaced(tmp_path: Path, name: str) -> None:
    """A planted link is replaced, and what it leads to is left alone."""
    (tmp_path / "victim").write_bytes(b"another's")
    (tmp_path / "folder").mkdir()
    path = tmp_path / "reports" / "status.json"
    path.parent.mkdir()
    path.symlink_to(f"../{name}")
    write_atomically(path, b"new")
    assert (path.read_bytes(), path.is_symlink()) == (b"new", False)
    assert (tmp_path / "victim").read_bytes() == b"another's"
    assert not (tmp_path / "missing").exists()
    assert not list((tmp_path / "folder").iterdir())


@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (DISK, "rename", errno.EBUSY),
        (writers, "_new_beside", errno.EROFS),
        (writers, "_new_beside", errno.EACCES),
    ],
)
@pytest.mark.parametrize("content", [b"a longer content", b"short"])
def test_a_file_that_can_t_be_replaced_is_written_in_place(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    number: int,
    content: bytes,
) -> None:
    """It is mounted by itself into a container, or it may be written and its folder not."""
    path = tmp_path / "f"
    path.write_bytes(b"old content")
    before = path.stat().st_ino
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(number))
        write_atomically(path, iter([content]))
        with pytest.raises(OSError, match=os.strerror(number)):
            write_atomically(tmp_path / "new", b"x")
    assert (path.read_bytes(), path.stat().st_ino) == (content, before)
    assert list(tmp_path.iterdir()) == [path]


def test_what_can_t_be_written_in_place_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's text isn't lost if the disk is full."""
    path = tmp_path / "f"
    path.write_bytes(b"a person's text")
    really, calls = os.fsync, []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:  # after the temporary file's
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really(handle)

    with monkeypatch.context() as patched:
        patched.setattr(DISK, "rename", failing(errno.EBUSY))
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
            write_atomically(path, b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"a person's text"]


def failing(number: int) -> Callable[..., object]:
    """Return a function that fails as a full disk or a lost permission does."""

    def fail(*_args: object, **_more: object) -> object:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize(
    ("owner", "name", "number"),
    [
        (os, "fsync", errno.ENOSPC),
        (DISK, "rename", errno.EACCES),
        (os, "fdopen", errno.EIO),
    ],
)
def test_a_failure_leaves_what_there_was(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: object,
    name: str,
    number: int,
    existing: bool,
) -> None:
    """On a full disk or a failing rename the old content stays, without leftovers."""
    path = tmp_path / "f"
    if existing:
        path.write_bytes(b"old")
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, failing(number))
        with pytest.raises(OSError, match=os.strerror(number)):
            write_atomically(path, b"new")
    assert [p.name for p in tmp_path.iterdir()] == (["f"] if existing else [])
    assert not existing or path.read_bytes() == b"old"


def test_an_interrupt_leaves_what_there_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the middle of a write leaves the old content."""
    path = tmp_path / "f"
    path.write_bytes(b"old")

    def interrupt(_handle: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", interrupt)
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, b"new")
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_a_full_disk(tmp_path: Path) -> None:
    """A disk that is really full (by a limit on file sizes) costs no old content."""
    resource = pytest.importorskip("resource")
    signal = pytest.importorskip("signal")
    path = tmp_path / "f"
    path.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            write_atomically(path, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_what_is_no_file_stays(tmp_path: Path) -> None:
    """A folder, a pipe or a device is never replaced by a file, and never removed."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (pipe, folder, Path(os.devnull)):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomically(path, b"x")
        assert not remove(path)
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_folder_that_can_t_be_made(tmp_path: Path) -> None:
    """A file in place of the folder raises an OSError like any other failure."""
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        write_atomically(tmp_path / "f" / "g", b"x")
    assert (tmp_path / "f").read_bytes() == b"old"


OTHER = """
import sys
from pathlib import Path
from pytest_prodstatus.writers import FolderInUse, FolderLock
try:
    FolderLock(Path(sys.argv[1]), "the other").acquire()
except FolderInUse as error:
    print(error)
else:
    print("free")
"""


ONLY_READS = """
import os
opened = os.open
def only_reads(path, flags, mode=0):
    if flags & os.O_RDWR:
        raise PermissionError(13, "another user's")
    return opened(path, flags, mode)
os.open = only_reads
"""


def another(folder: Path, prelude: str = "") -> str:
    """Return the message that another process gets when it locks the folder."""
    command = [sys.executable, "-c", prelude + OTHER, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_a_folder_is_held_until_it_is_released(tmp_path: Path) -> None:
    """Another process gets the holder's name; later the folder is free and has no lock file."""
    ours = FolderLock(tmp_path / "a" / "b", "run r1 (process 7)")
    ours.acquire()
    ours.acquire()
    message = another(tmp_path / "a" / "b")
    assert message == (
        f"{tmp_path / 'a' / 'b'}: run r1 (process 7) is writing this folder; wait for it to end, "
        "or name another folder"
    )
    ours.release()
    ours.release()
    assert not (tmp_path / "a" / "b").exists()


def test_a_handle_that_a_test_closed_is_another_file_s(tmp_path: Path) -> None:
    """A test may close every descriptor: then the lock's number may have been given again."""
    ours = FolderLock(tmp_path, "us")
    lowest = os.open(os.devnull, os.O_RDONLY)
    os.close(lowest)
    ours.acquire()
    os.close(lowest)  # the kernel gave the lock the lowest number that was free
    with (tmp_path / "another").open("w") as file:
        assert file.fileno() == lowest
        ours.release()
        file.write("still open")
    assert (tmp_path / "another").read_text() == "still open"
    ours.release()


def test_one_process_holds_a_folder_once(tmp_path: Path) -> None:
    """A second lock in the process that has one is refused, and the first one still holds."""
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    with pytest.raises(FolderInUse, match="us is writing this folder; wait for it to end"):
        FolderLock(tmp_path / "." / "", "a run in the run").acquire()
    assert "us is writing" in another(tmp_path)
    ours.release()
    later = FolderLock(tmp_path, "later")
    later.acquire()
    later.release()


def test_what_lies_in_a_folder_stays(tmp_path: Path) -> None:
    """A folder is removed only if it was made for nothing."""
    (tmp_path / "status.json").write_text("{}")
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    ours.release()
    assert another(tmp_path) == "free"
    assert {path.name for path in tmp_path.iterdir()} - {NAME} == {"status.json"}


def test_a_file_of_a_run_that_died_is_no_obstacle(tmp_path: Path) -> None:
    """A leftover file locks nothing, because the lock is the kernel's."""
    (tmp_path / NAME).write_text("run r0 (process 1)")
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    assert "us is writing" in another(tmp_path)
    ours.release()


def test_a_planted_link_in_place_of_the_lock_is_removed(tmp_path: Path) -> None:
    """The file that it leads to keeps its content."""
    victim = tmp_path / "victim"
    victim.write_text("another's")
    folder = tmp_path / "reports"
    folder.mkdir()
    (folder / NAME).symlink_to(victim)
    ours = FolderLock(folder, "us")
    ours.acquire()
    assert "us is writing" in another(folder)
    ours.release()
    assert victim.read_text() == "another's"


def test_the_run_of_another_user_is_noticed(tmp_path: Path) -> None:
    """Its lock's file can only be read, and that is enough to find it locked, or free."""
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    assert "us is writing" in another(tmp_path, prelude=ONLY_READS)
    ours.release()
    (tmp_path / NAME).write_text("a run that was killed")
    assert another(tmp_path, prelude=ONLY_READS) == "free"


def test_a_file_that_was_taken_away_meanwhile_is_opened_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a run ends while its lock file is opened, the lock on the removed file doesn't count."""
    really = writers._lock
    calls: list[int] = []

    def taken(handle: int) -> None:
        really(handle)
        calls.append(handle)
        if len(calls) == 1:
            (tmp_path / NAME).unlink()

    monkeypatch.setattr(writers, "_lock", taken)
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    assert len(calls) == 2
    assert "us is writing" in another(tmp_path)
    ours.release()


@pytest.mark.parametrize("number", [38, 37, 95])
def test_a_file_system_without_locks_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Without locks the run goes on, and no file handle leaks."""

    def unknown(_handle: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(writers, "_lock", unknown)
    ours = FolderLock(tmp_path, "us")
    ours.acquire()
    ours.release()


def test_a_holder_that_left_no_name_is_another_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A holder that couldn't write its name, as on a full disk, is called another run."""
    monkeypatch.setattr(writers, "_lock", _locked)
    with pytest.raises(FolderInUse, match=f"{tmp_path}: another run is writing this folder"):
        FolderLock(tmp_path, "us").acquire()


def _locked(_handle: int) -> None:
    raise BlockingIOError(11, "held")


def test_a_folder_that_can_t_be_made_has_no_lock(tmp_path: Path) -> None:
    """A folder that can't be made isn't locked; writing into it reports the error."""
    (tmp_path / "f").write_text("no folder")
    ours = FolderLock(tmp_path / "f", "us")
    ours.acquire()
    ours.release()
    assert (tmp_path / "f").read_text() == "no folder"
