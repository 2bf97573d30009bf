"""The run's spool: a private folder with what must survive a process that dies at any line.

It has the claims of criteria with side effects (each starts once a run), their evidence, what a
criterion waits for, and manifests, so that a run on one machine begins before its first test; also
the process ids of workers, to say how one died. No verdict depends on it: a worker on another
machine doesn't see it.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def worker_id(node: object) -> str:
    """Return the id of an xdist node's worker; "" if it isn't a node."""
    return str(getattr(getattr(node, "gateway", None), "id", ""))


class Spool:
    """The spool folder, made on first use by the process that owns the run.

    Attributes:
        shared: this worker uses its controller's folder.

    Args:
        folder: the controller's folder; None in the process that owns the run.
    """

    def __init__(self, folder: str | None = None) -> None:
        # The folder of a controller on another machine doesn't exist here.
        self.shared = folder is not None and Path(folder).is_dir()
        self._owner = None if self.shared else os.getpid()
        self._folder = Path(folder) if folder is not None and self.shared else None

    @property
    def folder(self) -> Path:
        """The folder; it is made if it doesn't exist yet."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="prodstatus-"))
        return self._folder

    def write_manifest(self, worker: str, text: str) -> None:
        """Leave a worker's manifest for the controller, if it sees this folder."""
        if not self.shared:
            return
        path = self.folder / f"manifest-{worker}.json"
        part = path.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(path)

    def read_manifest(self, worker: str) -> str | None:
        """Return a worker's manifest; None if it left none here."""
        try:
            return (self.folder / f"manifest-{worker}.json").read_text(encoding="utf-8")
        except OSError:
            return None

    def write_pid(self, worker: str) -> None:
        """Leave a worker's process id for the controller, if it sees this folder."""
        if self.shared:
            with contextlib.suppress(OSError):  # only the reason of a crash would say less
                (self.folder / f"pid-{worker}").write_text(str(os.getpid()), encoding="ascii")

    def read_pid(self, worker: str) -> int | None:
        """Return a worker's process id; None if it left none here."""
        try:
            return int((self.folder / f"pid-{worker}").read_text(encoding="ascii"))
        except (OSError, ValueError):
            return None

    def claim(self, criterion_id: str) -> bool:
        """Return whether this is the first start of the criterion in this run; atomic."""
        path = self.folder / f"started-{_name(criterion_id)}"
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        except FileExistsError:
            return False
        return True

    def append_evidence(self, criterion_id: str, line: str) -> None:
        """Write one line of evidence to disk before returning."""
        path = self.folder / f"evidence-{_name(criterion_id)}.jsonl"
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def read_evidence(self, criterion_id: str) -> list[str]:
        """Return the lines of evidence that were written."""
        path = self.folder / f"evidence-{_name(criterion_id)}.jsonl"
        try:
            return path.read_text(encoding="utf-8").splitlines()
        except OSError:
            return []

    def write_waiting(self, criterion_id: str, text: str) -> None:
        """Write what a criterion waits for, in place of what it wrote before."""
        path = self.folder / f"waiting-{_name(criterion_id)}.txt"
        part = path.with_suffix(".part")
        with contextlib.suppress(OSError):  # a criterion must not fail because of this
            part.write_text(text, encoding="utf-8", errors="backslashreplace")
            part.replace(path)

    def read_waiting(self, criterion_id: str) -> str:
        """Return what a criterion waits for; "" if it wrote nothing."""
        if self._folder is None:
            return ""
        path = self._folder / f"waiting-{_name(criterion_id)}.txt"
        try:
            return path.read_text(encoding="utf-8")
        except OSError:
            return ""

    def close(self) -> None:
        """Remove the folder if this process made it."""
        if self._folder is not None and self._owner == os.getpid():
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)


def _name(criterion_id: str) -> str:
    return hashlib.sha256(criterion_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
