"""The peak of this process's memory."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak() -> float:
    """Return the peak of the resident memory, in MB (10**6 bytes).

    On Linux it comes from VmHWM, which counts only this program. `ru_maxrss`, used elsewhere, also
    counts the time between fork and exec, when the process was a copy of its parent. Source:
    proc(5), VmHWM; getrusage(2).
    """
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1_024 / 1e6
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1_024) / 1e6
