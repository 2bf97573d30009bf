"""Files are whole or untouched."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_prodstatus.writers.files import PRIVATE, write_atomically


def test_a_new_file_is_private_and_its_folder_is_made(tmp_path: Path) -> None:
    """It may hold operational detail."""
    path = tmp_path / "a" / "b" / "status.json"
    write_atomically(path, b"x")
    assert path.read_bytes() == b"x"
    assert stat.S_IMODE(path.stat().st_mode) == PRIVATE


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o664, 0o400])
def test_an_existing_file_keeps_its_mode(tmp_path: Path, mode: int) -> None:
    """Whoever could read it still can."""
    path = tmp_path / "f"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_atomically(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    """The document is written where it lies, also through two links or to a new file."""
    real = tmp_path / "docs" / "real.md"
    real.parent.mkdir()
    real.write_bytes(b"old")
    (tmp_path / "one").symlink_to(real)
    (tmp_path / "two").symlink_to("one")
    write_atomically(tmp_path / "two", b"new")
    assert real.read_bytes() == b"new"
    assert (tmp_path / "one").is_symlink()
    assert (tmp_path / "two").is_symlink()
    (tmp_path / "dangling").symlink_to("docs/new.md")
    write_atomically(tmp_path / "dangling", b"made")
    assert (tmp_path / "docs" / "new.md").read_bytes() == b"made"


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
        (Path, "replace", errno.EACCES),
        (Path, "chmod", errno.EPERM),
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
    """A full disk or a failing rename: the old content stays, and nothing lies about."""
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
    """Ctrl-C in the middle is no different."""
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
    """A real one: the limit on the size of files."""
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


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    """A folder, a pipe or a device stays one."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    folder = tmp_path / "folder"
    folder.mkdir()
    for path in (pipe, folder, Path(os.devnull)):
        with pytest.raises(OSError, match="not a regular file"):
            write_atomically(path, b"x")
    assert pipe.is_fifo()
    assert Path(os.devnull).is_char_device()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["folder", "pipe"]


def test_a_folder_that_can_t_be_made(tmp_path: Path) -> None:
    """A file where a folder is needed is an OSError like any other."""
    (tmp_path / "f").write_bytes(b"old")
    with pytest.raises(OSError, match=r"File exists|Not a directory"):
        write_atomically(tmp_path / "f" / "g", b"x")
    assert (tmp_path / "f").read_bytes() == b"old"
