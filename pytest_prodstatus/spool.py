"""The run's spool: a private folder with what must survive a process that dies at any line.

It has the claims of criteria with side effects (each starts once a run), their evidence, what a
criterion waits for, the process ids of workers, to say how one died, and the content of
attachments, so that it isn't sent. No CONFIRMED depends on it: a worker on another machine doesn't
see it, and there is none if no folder for temporary files can be written.

It is made before the first test, which may change where temporary files lie. What a test does to
the disk then, or to Python's functions for it, changes no verdict: what can't be written is left
out. But a criterion with side effects whose claim can't be written must not start.

A run that is killed leaves its folder behind; a later run of the same user removes it. The folder's
lock, which the kernel releases, says whether its run is alive.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from itertools import islice
from os import getpid
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_prodstatus.disk import DISK

if TYPE_CHECKING:
    from pytest_prodstatus.writers import FolderLock

_PREFIX = "prodstatus-run-"
_JUDGED = "judged"
_YOUNG_S = 60
"""A folder that changed so recently may be of a run that hasn't locked it yet."""
_LOOKED_AT = 10_000
_REMOVED = 50
"""How many names a run looks at among the temporary files, and how many folders it removes."""


def worker_id(node: object) -> str:
    """Return the id of an xdist node's worker; "" if it isn't a node."""
    return str(getattr(getattr(node, "gateway", None), "id", ""))


class Spool:
    """The spool folder, made by the process that owns the run.

    Attributes:
        folder: its path; None if it isn't made, or no place for it can be written.
        shared: this worker uses its controller's folder.
        reaches: the process that judges sees what is written here.

    Args:
        folder: the controller's folder; None in the process that owns the run.
    """

    def __init__(self, folder: str | None = None) -> None:
        # The folder of a controller on another machine doesn't exist here.
        self.shared = bool(folder) and Path(str(folder)).is_dir()
        self.reaches = self.shared or folder is None
        self.folder = Path(str(folder)) if self.shared else None
        self._owner = getpid() if folder is None else None
        self._lock: FolderLock | None = None
        self._claimed: set[str] = set()

    def make(self) -> None:
        """Make the folder, if this process owns the run and hasn't made it: before any test."""
        if self.folder is not None or self._owner != getpid():
            return
        try:
            self.folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        except OSError:
            return
        # Not above, since a run without criteria needs no folder.
        from pytest_prodstatus.writers import FolderLock

        self._lock = FolderLock(self.folder, f"process {os.getpid()}")
        self._lock.acquire()

    def _path(self, name: str) -> str:
        """Return the path of a file in the folder."""
        return f"{self.folder}/{name}"

    def write_pid(self, worker: str) -> None:
        """Leave a worker's process id for the controller, if it sees this folder."""
        if self.shared:  # without it, only the reason of a crash says less
            self._write(f"pid-{worker}", str(getpid()).encode("ascii"))

    def read_pid(self, worker: str) -> int | None:
        """Return a worker's process id; None if it left none here."""
        text = self._read(f"pid-{worker}")
        return int(text) if text and text.isdecimal() else None

    def claim(self, criterion_id: str) -> bool:
        """Return whether this is the first start of the criterion in this run; atomic.

        Without a folder, only this process is known.

        Raises:
            OSError: the start can't be written down, so it must not be.
        """
        if criterion_id in self._claimed:
            return False
        if self.folder is not None:
            try:
                DISK.create(self._path(f"started-{_name(criterion_id)}"))
            except FileExistsError:
                return False
        self._claimed.add(criterion_id)
        # Only now: what starts before the end of the claims is seen by the process that judges.
        return self.folder is None or not DISK.exists(self._path(_JUDGED))

    def end_claims(self) -> None:
        """Let nothing start from now on: a worker may go on for a while after an interrupt."""
        self._write(_JUDGED, b"")

    def is_claimed(self, criterion_id: str) -> bool:
        """Return whether the criterion has started in this run, as far as this process sees."""
        if criterion_id in self._claimed or self.folder is None:
            return criterion_id in self._claimed
        return DISK.exists(self._path(f"started-{_name(criterion_id)}"))

    def append_evidence(self, criterion_id: str, line: str) -> None:
        """Write one line of evidence to disk before returning, if that is possible."""
        if self.folder is not None:
            path = self._path(f"evidence-{_name(criterion_id)}.jsonl")
            with contextlib.suppress(Exception):
                DISK.append(path, f"{line}\n".encode())

    def read_evidence(self, criterion_id: str) -> list[str]:
        """Return the lines of evidence that were written."""
        return self._read(f"evidence-{_name(criterion_id)}.jsonl").splitlines()

    def write_attachment(self, digest: str, content: bytes) -> bool:
        """Keep the content of an attachment for the end of the run; return whether that worked."""
        return self._write(f"attached-{digest}", content)

    def read_attachment(self, digest: str) -> bytes | None:
        """Return the content of an attachment; None if it isn't here."""
        return self._bytes(f"attached-{digest}")

    def write_waiting(self, criterion_id: str, text: str) -> None:
        """Write what a criterion waits for, in place of what it wrote before."""
        content = text.encode("utf-8", "backslashreplace")
        self._write(f"waiting-{_name(criterion_id)}.txt", content)

    def read_waiting(self, criterion_id: str) -> str:
        """Return what a criterion waits for; "" if it wrote nothing."""
        return self._read(f"waiting-{_name(criterion_id)}.txt")

    def _write(self, name: str, content: bytes) -> bool:
        """Write a file in the folder; return whether that worked.

        No failure of it is the criterion's: a full disk, or a hook of Python's audit that raises.
        """
        if self.folder is None:
            return False
        try:
            DISK.write(self._path(name), content)
        except Exception:  # noqa: BLE001  an audit hook may raise anything
            return False
        return True

    def _bytes(self, name: str) -> bytes | None:
        """Return the content of a file in the folder; None if there is none."""
        if self.folder is None:
            return None
        try:
            return DISK.read(self._path(name))
        except OSError:
            return None

    def _read(self, name: str) -> str:
        """Return the text of a file in the folder; "" if there is none."""
        return (self._bytes(name) or b"").decode("utf-8")

    def close(self) -> None:
        """Remove the folder if this process made it, and those of runs that were killed."""
        # A forked child has the folder too, and must not remove it.
        if self.folder is None or self._owner != getpid():
            return
        with contextlib.suppress(OSError):
            dead = islice(_folders_of_dead_runs(self.folder), _REMOVED)
            for folder in [*dead, self.folder]:
                shutil.rmtree(folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.release()


def _folders_of_dead_runs(own: Path) -> Iterator[Path]:
    """Yield folders beside `own` that killed runs of this user left, each while it is locked."""
    from pytest_prodstatus.writers import NAME, FolderInUse, FolderLock

    now = own.stat()
    with os.scandir(own.parent) as entries:
        for entry in islice(entries, _LOOKED_AT):
            if not entry.name.startswith(_PREFIX) or not entry.is_dir(follow_symlinks=False):
                continue
            found = entry.stat(follow_symlinks=False)
            folder = Path(entry.path)
            if (
                found.st_uid != now.st_uid
                or now.st_mtime - found.st_mtime < _YOUNG_S
                or not (folder / NAME).is_file()
            ):
                continue
            lock = FolderLock(folder, f"process {os.getpid()}")
            try:
                lock.acquire()
            except FolderInUse:
                continue
            if lock.locked:
                yield folder
            lock.release()


def _name(criterion_id: str) -> str:
    """Return a name for files of a criterion: an id may have any character and length."""
    return hashlib.sha256(criterion_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
