"""Files that are whole or untouched: a temporary file beside the target, then a rename."""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

PRIVATE = 0o600
"""Mode of new files: they may hold operational detail."""


_SUFFIX = ".tmp"


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


def clear_leftovers(path: Path) -> None:
    """Remove the temporary files that a killed run left of the file at `path`."""
    path = Path(os.path.realpath(path))
    with contextlib.suppress(OSError):
        for leftover in path.parent.glob(f"{glob.escape(_prefix(path))}*{_SUFFIX}"):
            leftover.unlink()


def _prefix(path: Path) -> str:
    return f".{path.name}."
