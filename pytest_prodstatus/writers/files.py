"""Atomic writing of files, and a lock for the folder, so that only one run at a time writes it.

A file is written under a temporary name beside the target, then renamed. The folder's lock is a
record lock (`fcntl`) on a file in it. The kernel releases it when the process ends in any way, and
a forked process doesn't inherit it, so a lock is never stale. If the file system doesn't support
locks, the folder isn't locked.
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
"""Mode of new files, which may contain operational details."""

NAME = ".prodstatus.lock"
"""The file in a folder that carries its lock."""

_SUFFIX = ".tmp"
_LOCKED = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)


def write_atomically(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Replace a file completely, or leave it as it was.

    A symbolic link stays one: its target is replaced. An existing file keeps its mode; a new one
    is readable by its owner alone.

    Args:
        path: the file; its folder is made if it is missing.
        content: the bytes, or pieces of them.

    Raises:
        OSError: the folder can't be made or written, the disk is full, or `path` isn't a regular
            file.
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
            # Before the rename: after a power failure the name must not lead to an empty file.
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def write_failure(path: Path, error: OSError) -> str:
    """Return a sentence that says that a file can't be written, and why."""
    return f"{path} can't be written ({error.strerror or error})"


def clear_leftovers(path: Path) -> None:
    """Remove the temporary files of `path` that a killed run left behind."""
    path = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        for leftover in path.parent.glob(f"{glob.escape(_prefix(path))}*{_SUFFIX}"):
            leftover.unlink()


def _prefix(path: Path) -> str:
    return f".{path.name}."


class FolderInUse(Exception):  # noqa: N818  a state of the folder, not an error in it
    """Another run is writing this folder; the message is one sentence."""


class FolderLock:
    """A lock on one folder.

    Args:
        folder: the folder; made if it is missing.
        holder: one line that describes this run, for the message that another run prints.
    """

    def __init__(self, folder: Path, holder: str) -> None:
        self._folder = folder
        self._holder = holder
        self._handle: int | None = None
        self._made = False

    def acquire(self) -> None:
        """Take the lock, unless this object has it already.

        A folder that can't be written isn't locked.

        Raises:
            FolderInUse: another process has the lock.
        """
        with contextlib.suppress(OSError):
            self._made = self._made or not self._folder.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            while self._handle is None:
                self._handle = self._open_locked(self._folder / NAME)

    def _open_locked(self, path: Path) -> int | None:
        """Open and lock the file; None if the run that had the lock removed the file meanwhile."""
        handle = os.open(path, os.O_RDWR | os.O_CREAT, PRIVATE)
        try:
            self._lock_file(handle)
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

    def _lock_file(self, handle: int) -> None:
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
        """Release the lock and remove its file, and the folder if it was made for nothing."""
        if self._handle is None:
            return
        with contextlib.suppress(OSError):
            # Before the lock is released: a run that opened the file meanwhile sees that it went.
            (self._folder / NAME).unlink()
        os.close(self._handle)
        self._handle = None
        if self._made:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        # Far behind the text in it: on Windows no other process can read a locked region.
        os.lseek(handle, 10_000, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int) -> None:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
