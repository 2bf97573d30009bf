"""Describe the machine of a measurement in one line."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

_CPU = Path("/proc/cpuinfo")


def machine() -> str:
    """Return the kind of processor, the cores, the memory and Python's version."""
    # On Linux platform.processor() is mostly empty or only the architecture.
    cpu = platform.processor() or platform.machine()
    if _CPU.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", _CPU.read_text(), re.MULTILINE)
        cpu = found[1] if found else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}"
    )
