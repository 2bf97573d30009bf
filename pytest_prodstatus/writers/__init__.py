"""Writers: the model → text in each form. Here is how they write a file: atomically, or not at all.

A file is written under a temporary name beside the target, then renamed. The folder's lock is a
record lock (`fcntl`) on a file in it, so that only one run at a time writes it. The kernel releases
it when the process ends in any way, and a forked process doesn't inherit it, so a lock is never
stale. It's no lock against the process that has it, so this module knows the locks of its own. If
the file system doesn't support locks, the folder isn't locked.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import io
import os
import stat
import sys
from collections.abc import Iterable
from pathlib import Path
from weakref import WeakSet

from pytest_prodstatus.disk import DISK

NAME = ".prodstatus.lock"
"""The file in a folder that carries its lock."""

_SUFFIX = ".tmp"
_LOCKED = (errno.EACCES, errno.EAGAIN, errno.EDEADLK)
_NO_NEIGHBOUR = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors of a folder in which no file can be made, so that only the file itself can be written."""
_NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)


def append_lines(path: Path, text: str) -> None:
    """Append lines to a file that others append to as well, after a line break if one is missing.

    Raises:
        OSError: it can't be read or written.
    """
    content = text.encode("utf-8", "backslashreplace")
    with path.open("ab") as file:
        # Else the first line would be the end of someone's last one.
        if content and file.seekable() and file.tell():
            with path.open("rb") as last:
                last.seek(-1, os.SEEK_END)
                content = content if last.read() == b"\n" else b"\n" + content
        file.write(content)


def write_atomically(
    path: Path, content: bytes | Iterable[bytes], *, through_link: bool = False
) -> None:
    """Replace a file completely, or leave it as it was.

    An existing file keeps its mode; a new one gets the umask's. A file that can't be replaced,
    since it is mounted by itself or its folder can't be written, is written in place.

    Args:
        path: the file; its folder is made if it is missing.
        content: the bytes, or pieces of them.
        through_link: replace a link's target, and keep the link, which a person may have made;
            otherwise the link itself is replaced.

    Raises:
        OSError: the folder can't be made or written, the disk is full, or `path` isn't a regular
            file.
    """
    if through_link:
        path = Path(os.path.realpath(path))
    else:
        path = Path(os.path.realpath(path.parent), path.name)
    found = _state_of(path)
    if found is not None and not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        # A rename would put a plain file in place of a device or a pipe.
        raise OSError(errno.EINVAL, "not a regular file", str(path))
    exists = found is not None and stat.S_ISREG(found.st_mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    pieces = (content,) if isinstance(content, bytes) else content
    try:
        handle, temporary = _new_beside(path)
    except OSError as error:
        if exists and error.errno in _NO_NEIGHBOUR:
            _write_in_place(path, b"".join(pieces))
            return
        raise
    try:
        with os.fdopen(handle, "wb") as file:
            file.writelines(pieces)
            file.flush()
            # Before the rename: after a power failure the name must not lead to an empty file.
            os.fsync(file.fileno())
        if found is not None and exists:
            temporary.chmod(stat.S_IMODE(found.st_mode))
        try:
            # Else a mock of `os.replace` that a test never stopped would leave the old content.
            DISK.rename(temporary, path)
        except OSError as error:
            if not exists or error.errno != errno.EBUSY:
                raise
            _write_in_place(path, temporary.read_bytes())  # a mount point can't be renamed over
            temporary.unlink()
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _state_of(path: Path) -> os.stat_result | None:
    """Return the state of a file or a link itself; None if there is neither."""
    try:
        return path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None


def _new_beside(path: Path) -> tuple[int, Path]:
    """Create a file with a new name in the folder of `path`, with the umask's mode."""
    while True:
        # tempfile's functions make every file private, and only they could change that.
        temporary = path.with_name(f"{_prefix(path)}{os.urandom(4).hex()}{_SUFFIX}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _NOT_FOLLOWED | getattr(os, "O_BINARY", 0)
        with contextlib.suppress(FileExistsError):
            return os.open(temporary, flags, 0o666), temporary


def _write_in_place(path: Path, content: bytes) -> None:
    """Write over a file's content; if that fails, write the old content back."""
    handle = os.open(path, os.O_RDWR | _NOT_FOLLOWED | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "r+b", buffering=0) as file:
        old = file.read()
        try:
            _overwrite(file, content)
        except BaseException:
            with contextlib.suppress(OSError):
                _overwrite(file, old)
            raise


def _overwrite(file: io.FileIO, content: bytes) -> None:
    """Replace the content of an open file, and wait until it is on the disk."""
    file.seek(0)
    left = memoryview(content)
    while left:  # unbuffered, a write may take only a part
        left = left[file.write(left) :]
    file.truncate()
    os.fsync(file.fileno())


def remove(path: Path) -> bool:
    """Remove a file or a link; return whether there was one.

    Anything else stays, such as a device or a pipe that was named as an output.

    Raises:
        OSError: it can't be removed.
    """
    found = _state_of(path)
    if found is None or not (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode)):
        return False
    path.unlink(missing_ok=True)
    return True


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
    """Return how the temporary names for a file begin."""
    return f".{path.name}."


class FolderInUse(Exception):  # noqa: N818  a state of the folder, not an error in it
    """Another run is writing this folder; the message is one sentence."""


_OWN: WeakSet[FolderLock] = WeakSet()
"""The locks of this process: pytest that runs in a test of pytest is in one process with it."""


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
        self._state: os.stat_result | None = None
        self._made = False

    @property
    def locked(self) -> bool:
        """Whether this object has the lock."""
        return self._handle is not None

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    def acquire(self) -> None:
        """Take the lock, unless this object has it already.

        A folder that can't be written isn't locked.

        Raises:
            FolderInUse: another process has the lock, or another lock of this process.
        """
        for own in _OWN:
            # Asked first: to close a file drops every lock that its process has on it.
            if own is not self and own.locked and _same_file(own._folder, self._folder):
                raise FolderInUse(self._in_use(own._holder))
        with contextlib.suppress(OSError):
            self._made = self._made or not self._folder.exists()
            self._folder.mkdir(parents=True, exist_ok=True)
            while self._handle is None:
                self._handle = self._open_locked(self._folder / NAME)
                _OWN.add(self)

    def _open_locked(self, path: Path) -> int | None:
        """Open and lock the file; None if the run that had the lock removed the file meanwhile."""
        if path.is_symlink():
            path.unlink()  # planted, since nothing here makes one: the file is written
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT | _NOT_FOLLOWED, 0o666)
        except PermissionError:
            # Another user's: it can be locked as a reader, unless its run still has its lock.
            handle = os.open(path, os.O_RDONLY | _NOT_FOLLOWED)
        try:
            self._lock_file(handle)
            # Else the lock is on a file that another run has removed, and a third may lock its own.
            self._state = os.fstat(handle)
            if os.path.samestat(self._state, path.stat()):
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
        """Lock an open file; raise FolderInUse if another process has the lock."""
        try:
            _lock(handle)
        except OSError as error:
            if error.errno not in _LOCKED:
                raise
            holder = os.read(handle, 200).decode("utf-8", "replace").strip() or "another run"
            raise FolderInUse(self._in_use(holder)) from None

    def _in_use(self, holder: str) -> str:
        """Return what to do about a folder that something else has locked."""
        return (
            f"{self._folder}: {holder} is writing this folder; wait for it to end, or name another "
            "folder"
        )

    def release(self) -> None:
        """Release the lock and remove its file, and the folder if it was made for nothing."""
        if self._handle is None or self._state is None:
            return
        with contextlib.suppress(OSError):
            # Before the lock is released: a run that opened the file meanwhile sees that it went.
            (self._folder / NAME).unlink()
        handle, self._handle = self._handle, None
        with contextlib.suppress(OSError):
            # A test may have closed it; then its number may be another file's by now.
            if os.path.samestat(os.fstat(handle), self._state):
                os.close(handle)
        if self._made:
            with contextlib.suppress(OSError):
                self._folder.rmdir()


def _same_file(a: Path, b: Path) -> bool:
    try:
        return a.samefile(b)
    except OSError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int) -> None:
        """Lock an open file without waiting."""
        # Far behind the text in it: on Windows no other process can read a locked region.
        os.lseek(handle, 10_000, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        os.lseek(handle, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(handle: int) -> None:
        """Lock an open file without waiting; as a reader if it was opened as one."""
        reads = fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        fcntl.lockf(handle, (fcntl.LOCK_SH if reads else fcntl.LOCK_EX) | fcntl.LOCK_NB)
