"""The disk, in one place for what is read and written while tests run.

A test may have another file system: pyfakefs puts other modules in the place of `os`, `io` and
`pathlib` in every module that has one, and a mock replaces a function such as `os.replace`. So the
functions are kept in an object, which pyfakefs doesn't look into, as they were when pytest loaded
the plugin. Both were tried. Paths are texts, since `pathlib` uses what the test has put in place.
"""

from __future__ import annotations

import contextlib
import os
from os import getpid


class _Disk:
    """The operating system's functions, as no test has changed them."""

    def __init__(self) -> None:
        self.stat = os.stat
        self.rename = os.replace
        self._open, self._close, self._unlink = os.open, os.close, os.unlink
        self._read, self._write, self._fstat = os.read, os.write, os.fstat
        self._truncate, self._flush = os.ftruncate, os.fsync
        binary = getattr(os, "O_BINARY", 0)
        self._reads = os.O_RDONLY | binary
        self._writes = os.O_WRONLY | os.O_CREAT | binary
        self._new, self._end, self._empty = os.O_EXCL, os.O_APPEND, os.O_TRUNC

    def exists(self, path: str) -> bool:
        """Return whether there is anything at a path."""
        try:
            self.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def read(self, path: str) -> bytes:
        """Return the bytes of a file."""
        handle = self._open(path, self._reads)
        try:
            pieces = []
            while piece := self._read(handle, 2**20):
                pieces.append(piece)
        finally:
            self._close(handle)
        return b"".join(pieces)

    def create(self, path: str) -> None:
        """Create an empty file; of several processes the kernel lets one do it.

        Raises:
            FileExistsError: there is one.
        """
        self._close(self._open(path, self._writes | self._new, 0o600))

    def append(self, path: str, content: bytes) -> None:
        """Append to a file and wait until it is on the disk; all of it, or nothing."""
        handle = self._open(path, self._writes | self._end, 0o600)
        try:
            before = self._fstat(handle).st_size
            try:
                self._write_all(handle, content)
                self._flush(handle)
            except BaseException:
                self._truncate(handle, before)
                raise
        finally:
            self._close(handle)

    def write(self, path: str, content: bytes) -> None:
        """Replace a file completely, or leave it as it was."""
        part = f"{path}.{getpid()}.part"
        try:
            handle = self._open(part, self._writes | self._empty, 0o600)
            try:
                self._write_all(handle, content)
            finally:
                self._close(handle)
            self.rename(part, path)
        except BaseException:
            with contextlib.suppress(OSError):
                self._unlink(part)
            raise

    def _write_all(self, handle: int, content: bytes) -> None:
        left = memoryview(content)
        while left:
            left = left[self._write(handle, left) :]


DISK = _Disk()
