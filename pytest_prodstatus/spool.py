"""The run's spool: a private folder through which the processes of one run tell each other.

It holds manifests, the claims of criteria with side effects (each starts once a run, in whichever
process), their evidence, which has to outlive a process that dies on the next line, and what a
criterion waits for.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from pathlib import Path


def worker_id(node: object) -> str:
    """Return the id of the worker that an xdist node stands for; "" for none."""
    return str(getattr(getattr(node, "gateway", None), "id", ""))


class Spool:
    """The spool folder, made on first use by the process that owns the run."""

    def __init__(self, folder: Path | None = None) -> None:
        self._owner = os.getpid() if folder is None else None
        self._folder = folder

    @property
    def folder(self) -> Path:
        """The folder, which exists."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="prodstatus-"))
        return self._folder

    def write_manifest(self, worker: str, text: str) -> None:
        """Leave a worker's manifest for the controller."""
        whole = self.folder / f"manifest-{worker}.json"
        part = whole.with_suffix(".part")
        part.write_text(text, encoding="utf-8")
        part.replace(whole)

    def read_manifest(self, worker: str) -> str | None:
        """Return a worker's manifest, or None where it left none."""
        try:
            return (self.folder / f"manifest-{worker}.json").read_text(encoding="utf-8")
        except OSError:
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

    def tell_waiting(self, criterion_id: str, text: str) -> None:
        """Leave word of what a criterion waits for; the last word counts."""
        whole = self.folder / f"waiting-{_name(criterion_id)}.txt"
        part = whole.with_suffix(".part")
        with contextlib.suppress(OSError):  # no criterion shall fail because nobody could be told
            part.write_text(text, encoding="utf-8", errors="backslashreplace")
            part.replace(whole)

    def read_waiting(self, criterion_id: str) -> str:
        """Return what a criterion waits for; "" where it didn't say."""
        if self._folder is None:
            return ""
        path = self._folder / f"waiting-{_name(criterion_id)}.txt"
        try:
            return path.read_text(encoding="utf-8")
        except OSError:
            return ""

    def close(self) -> None:
        """Remove the folder, where this process made it."""
        if self._folder is not None and self._owner == os.getpid():
            with contextlib.suppress(OSError):
                shutil.rmtree(self._folder)


def _name(criterion_id: str) -> str:
    return hashlib.sha256(criterion_id.encode("utf-8", "surrogatepass")).hexdigest()[:32]
