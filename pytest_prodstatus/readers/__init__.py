"""Readers: text and files of people and projects → the model. Here is how each reads a file.

A name in a project may be anything: a pipe without a writer never ends, a device never does
either, and a file may be larger than the memory. Everything that this package reads and didn't
write itself in the same process is read by `read_file`, which refuses what isn't a file.
"""

from __future__ import annotations

import errno
import os
import select
import stat
import sys
from pathlib import Path

LIMIT = 256 * 2**20
"""The bytes of the largest file that is read; a record of 100,000 criteria is a fifth of it."""

SETTINGS_LIMIT = 4 * 2**20
"""The same for a file that a person writes: a configuration, a `.env`."""

PATIENCE_S = 0.5
"""How long the writer of a pipe may take to begin or to go on."""

_ROUND_S = 0.05
"""How long one look at a pipe waits."""

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)
# Without O_NONBLOCK, opening a pipe would wait for its writer. Without the last two, a terminal
# would become this process's own, and Windows would translate line ends.
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)


class DocumentError(ValueError):
    """A status document that can't be updated; the message is one sentence without its name.

    Here rather than beside the reader of Markdown, which few runs need and which is slow to import.
    """


def read_file(path: Path, *, limit: int = LIMIT) -> bytes:
    """Return the bytes of a file.

    A pipe is read if someone writes it now, as the mounted `.env` of a secrets manager is.

    Args:
        path: the file, or a link to it.
        limit: the most bytes that it may have.

    Raises:
        OSError: it can't be read: it isn't there (FileNotFoundError), it is a folder, a device or
            a socket, no one writes the pipe, or it is too large. Its `strerror` says so.
    """
    # First by its name, since to open a device can do something to it.
    _check(path.stat(), path, limit)
    handle = os.open(path, _FLAGS)
    try:
        # Once more by its handle: another file may have its name by now.
        found = os.fstat(handle)
        _check(found, path, limit)
        if stat.S_ISFIFO(found.st_mode):
            return _read_pipe(handle, path, limit)
        with os.fdopen(os.dup(handle), "rb") as file:
            # One byte more tells a file that grew meanwhile, or whose size is 0 as in /proc.
            content = file.read(limit + 1)
    finally:
        os.close(handle)
    # Opened as here, without waiting, some of the kernel's files give None instead of an error.
    if content is None:
        raise OSError(errno.EAGAIN, "it has nothing to read now", str(path))
    return _bounded(content, path, limit)


def read_text(path: Path, *, limit: int = LIMIT, errors: str = "strict") -> str:
    """Return the text of a file in UTF-8; each line ends with a line feed alone.

    Raises:
        OSError: as `read_file`.
        UnicodeDecodeError: it isn't UTF-8.
    """
    text = read_file(path, limit=limit).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def _check(found: os.stat_result, path: Path, limit: int) -> None:
    """Refuse what is neither a file nor a pipe, and a file that is too large.

    Raises:
        OSError: it is refused.
    """
    for is_kind, name in _KINDS:
        if is_kind(found.st_mode):
            number = errno.EISDIR if name == "a folder" else errno.EINVAL
            raise OSError(number, f"it is {name}, not a file", str(path))
    if found.st_size > limit:
        raise _too_large(path, limit)


def _bounded(content: bytes, path: Path, limit: int) -> bytes:
    """Return the content, or raise OSError if it has more than `limit` bytes."""
    if len(content) > limit:
        raise _too_large(path, limit)
    return content


def _too_large(path: Path, limit: int) -> OSError:
    return OSError(errno.EFBIG, f"it has more than {limit // 2**20} MB", str(path))


if sys.platform == "win32":

    def _read_pipe(handle: int, path: Path, limit: int) -> bytes:  # noqa: ARG001
        raise OSError(errno.EINVAL, "it is a pipe, not a file", str(path))

else:

    def _read_pipe(handle: int, path: Path, limit: int) -> bytes:
        """Return what is written into a pipe until its writer closes it.

        Raises:
            OSError: nothing came for `PATIENCE_S`, or it is more than `limit` bytes.
        """
        pieces: list[bytes] = []
        size = rounds = 0
        # By rounds instead of a clock, which a test may have stopped.
        while rounds < PATIENCE_S / _ROUND_S:
            ready = select.select([handle], [], [], _ROUND_S)[0]
            piece = os.read(handle, 2**16) if ready else b""
            if piece:
                rounds = 0
                size += len(piece)
                pieces.append(piece)
                if size > limit:
                    raise _too_large(path, limit)
            elif pieces and ready:
                return b"".join(pieces)  # ready, but without a byte: the writer has closed it
            else:
                rounds += 1
                if ready:  # on some systems, a pipe that has no writer yet looks as if it had ended
                    select.select([], [], [], _ROUND_S)
        raise OSError(errno.ETIMEDOUT, "it is a pipe, and no one writes it", str(path))
