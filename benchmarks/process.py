"""What a process costs, with its children."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of a process and its children.

    Attributes:
        cpu: seconds, user and system.
        wall: seconds.
        peak: KiB of the largest process.
    """

    cpu: float
    wall: float
    peak: int


def measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run a command, whose output is dropped, and return what it cost.

    Raises:
        RuntimeError: it didn't end with 0; the message has its errors.
    """
    began = time.perf_counter()
    process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    # Unlike Popen.wait, it gives the resources that the process and its children used.
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    # Popen has to know that the process was waited for already.
    process.returncode = os.waitstatus_to_exitcode(status)
    errors = ""
    if process.stderr is not None:
        errors = process.stderr.read().decode(errors="replace")
        process.stderr.close()
    if process.returncode != 0:
        msg = f"{' '.join(command)} in {folder} ended with {process.returncode}: {errors}"
        raise RuntimeError(msg)
    return Cost(cpu=used.ru_utime + used.ru_stime, wall=wall, peak=used.ru_maxrss)
