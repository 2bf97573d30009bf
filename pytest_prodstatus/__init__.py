"""Production status that was seen to hold.

The names below are all that is public for test code, besides `pytest_prodstatus.journal`. Each is
imported on first use, so that a command that only reads records doesn't import pytest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_prodstatus.blocking import Blocked, blocked
    from pytest_prodstatus.counting import answered, counts_as_assertion
    from pytest_prodstatus.fixtures import (
        Dates,
        Endpoints,
        Eventually,
        Evidence,
        Secrets,
        Snapshots,
        Waits,
        target_of,
    )
    from pytest_prodstatus.model.evidence import EvidenceError, Money

__version__ = "0.2.0"

__all__ = [
    "Blocked",
    "Dates",
    "Endpoints",
    "Eventually",
    "Evidence",
    "EvidenceError",
    "Money",
    "Secrets",
    "Snapshots",
    "Waits",
    "__version__",
    "answered",
    "blocked",
    "counts_as_assertion",
    "target_of",
]

_HOME = {
    "Blocked": "pytest_prodstatus.blocking",
    "Dates": "pytest_prodstatus.fixtures",
    "Endpoints": "pytest_prodstatus.fixtures",
    "Eventually": "pytest_prodstatus.fixtures",
    "Evidence": "pytest_prodstatus.fixtures",
    "Secrets": "pytest_prodstatus.fixtures",
    "Snapshots": "pytest_prodstatus.fixtures",
    "Waits": "pytest_prodstatus.fixtures",
    "EvidenceError": "pytest_prodstatus.model.evidence",
    "Money": "pytest_prodstatus.model.evidence",
    "answered": "pytest_prodstatus.counting",
    "blocked": "pytest_prodstatus.blocking",
    "counts_as_assertion": "pytest_prodstatus.counting",
    "target_of": "pytest_prodstatus.fixtures",
}


if not TYPE_CHECKING:  # or a type checker would take any name for a public one

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            msg = f"module {__name__!r} has no attribute {name!r}"
            raise AttributeError(msg)
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
