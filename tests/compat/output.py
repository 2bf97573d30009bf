"""Output of the matrix's command, flushed so that it stays in order with that of its processes."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def write_lines(*lines: str) -> None:
    """Write lines to standard output and flush it."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def write_packages(names: Iterable[str]) -> None:
    """Write an environment's packages on one line."""
    # `uv pip freeze` also lists the plugin, by its folder and without a version.
    write_lines("with " + ", ".join(sorted(name for name in names if "==" in name)))
