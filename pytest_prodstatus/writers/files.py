"""Files that are whole or untouched, in a folder that one run at a time writes.

A file is written under a temporary name beside the target, then renamed. The folder is kept by a
record lock of the operating system on a file in it. The kernel gives it back when the process dies,
however it dies, and a process that was forked from ours doesn't hold it, so no lock is ever stale.
If a file system knows no locks, there is none.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path

PRIVATE = 0o600
"""Mode of new files: they may hold operational detail."""

NAME = ".prodstatus.lock"
"""The file by which a folder is locked."""

_SUFFIX = ".tmp"
_LOCKED = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace the file at `path` by `content`, whole or in pieces, or leave it as it was.

    A link is followed and stays a link; an existing file keeps its mode, a new one is private.

    Raises:
        OSError: the folder can't be made or written, the disk is full, or `path` is no file.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        # A rename would put a plain file in place of a device or a pipe.
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    mode = path.stat().st_mode & 0o7777 if path.exists() else PRIVATE
    handle, name = tempfile.mkstemp(prefix=_prefix(path), suffix=_SUFFIX, dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def unwritten(path: Path, error: OSError) -> str:
    """Return in words that a file can't be written, and why."""
    return f"{path} can't be written ({error.strerror or error})"


def clear_leftovers(path: Path) -> None:
    """Remove the temporary files that a killed run left of the file at `path`."""
    path = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        for leftover in path.parent.glob(f"{glob.escape(_prefix(path))}*{_SUFFIX}"):
            leftover.unlink()


def _prefix(path: Path) -> str:
    return f".{path.name}."


class FolderInUse(Exception):  # noqa: N818  it says what is, not what failed
    """Another run writes this folder; the message is one sentence."""


class FolderLock:
    """The lock of one folder.

    Args:
        folder: what is written; made where it isn't there.
        holder: who we are, for the other run to read; one line.
    """

    def __init__(self, folder: Path, holder: str) -> None:
        self._folder = folder
        self._holder = holder
        self._handle: int | None = None
        self._made = False

    def acquire(self) -> None:
        """Take the lock, unless this object has it; a folder that can't be written has none.

        Raises:
            FolderInUse: another process has it.
        """
        with contextlib.suppress(OSError):
            self._made = self._made or not self._folder.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            while self._handle is None:
                self._handle = self._opened(self._folder / NAME)

    def _opened(self, path: Path) -> int | None:
        """Return the locked file; None where the run that had it took it away meanwhile."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            self._lock(handle)
            if os.path.samestat(os.fstat(handle), path.stat()):
                with contextlib.suppress(OSError):  # a full disk
                    os.truncate(handle, 0)
                    os.write(handle, self._holder.encode("utf-8", "backslashreplace"))
                return handle
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)
        return None

    def _lock(self, handle: int) -> None:
        try:
            _lock(handle)
        except OSError as error:
            if error.errno not in _LOCKED:
                raise
            holder = os.read(handle, 200).decode("utf-8", "replace").strip() or "another run"
            msg = (
                f"{self._folder}: {holder} is writing this folder; wait for it to end, or name "
                "another folder"
            )
            raise FolderInUse(msg) from None

    def release(self) -> None:
        """Give the lock back, and take away its file and a folder that was made for nothing."""
        if self._handle is None:
            return
        with contextlib.suppress(OSError):
            # Before it is given back: who opened it meanwhile sees that it has gone.
            (self._folder / NAME).unlink()
        os.close(self._handle)
        self._handle = None
        if self._made:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        # Far behind what is written, since Windows keeps others from reading what is locked.
        os.lseek(handle, 10_000, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
