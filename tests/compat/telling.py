"""What the command says, at once, since what it runs speaks in between."""

from __future__ import annotations

import sys
from collections.abc import Iterable


def tell(*lines: str) -> None:
    """Say each line."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def tell_packages(names: Iterable[str]) -> None:
    """Say on one line what an environment holds."""
    tell("with " + ", ".join(sorted(name for name in names if "==" in name)))
