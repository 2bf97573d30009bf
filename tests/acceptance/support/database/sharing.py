"""The answers of the worker that comes first, for the other workers of one machine.

They lie in a file of the folder that the workers of a run share, written once no transaction is
open any more. It can be read only by them: its mode is 0600, and it is encrypted with a key that
the controller sends them and nobody writes down. So it is also the run's own: what lay there
before, or what a killed run leaves behind, can't be read.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

_NONCE = 12
_PAUSE_SECONDS = 0.05
_HANDING_OVER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Answers by their questions' names, as of one instant; None if there was no database."""

    at: datetime | None
    answers: Mapping[str, object]


class Sharing:
    """A place for the answers of one run.

    Args:
        folder: the workers' own.
        run_id: the run.
        key: 32 bytes that only its processes have.
        budget: how long asking may take at most; a worker waits as long for another one that asks,
            and a moment more for what it leaves.
    """

    def __init__(self, folder: Path, run_id: str, key: bytes, *, budget: timedelta) -> None:
        name = re.sub(r"[^A-Za-z0-9.-]", "_", run_id)
        self._file = folder / f"answers-{name}"
        self._lock = folder / f"answers-{name}.lock"
        self._key = key
        self._patience = (budget + _HANDING_OVER).total_seconds()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let one process ask at a time; one that has waited long enough asks as well.

        The operating system gives the lock back if its process dies.
        """
        try:
            import fcntl
        except ImportError:  # Windows: each worker asks for itself
            yield
            return
        descriptor = os.open(self._lock, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            end = time.monotonic() + self._patience
            while time.monotonic() < end:
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                time.sleep(_PAUSE_SECONDS)
            yield
        finally:
            os.close(descriptor)

    def read(self) -> Shared | None:
        """Return what another worker wrote; None if there is nothing that can be read."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            content = self._file.read_bytes()
            text = AESGCM(self._key).decrypt(content[:_NONCE], content[_NONCE:], None)
        except (OSError, InvalidTag, ValueError):
            return None
        # Only a process with the key can have written it, so that unpickling it is safe.
        found = pickle.loads(text)
        assert isinstance(found, Shared)
        return found

    def write(self, shared: Shared) -> None:
        """Leave the answers for the other workers; if that fails, they ask for themselves."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(_NONCE)
        content = nonce + AESGCM(self._key).encrypt(nonce, pickle.dumps(shared), None)
        fresh = self._file.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            descriptor = os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
            fresh.replace(self._file)
