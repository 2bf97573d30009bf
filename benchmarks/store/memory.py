"""The most memory that this process has held."""

from __future__ import annotations

import re
import resource
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


def peak() -> float:
    """Return the peak of the resident memory, in MB (10**6 bytes).

    Linux tells it per program; `ru_maxrss`, the way elsewhere, counts from before the program was
    loaded, when it still was its parent's copy. Source: proc(5), VmHWM; getrusage(2).
    """
    if _STATUS.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB", _STATUS.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) * 1_024 / 1e6
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size * (1 if sys.platform == "darwin" else 1_024) / 1e6
