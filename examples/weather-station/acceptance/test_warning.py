"""WARNING STATUS: would a storm warning be seen?"""

from __future__ import annotations

import pytest

from acceptance.client import Client
from pytest_prodstatus import Eventually, Evidence


# It acts on the world, so it starts at most once in a run, even if a plugin reruns tests.
@pytest.mark.stage("warning", side_effects=True)
@pytest.mark.usefixtures("may_warn")
def test_test_warning_is_on_the_board(
    station: Client, evidence: Evidence, eventually: Eventually, prodstatus_run_id: str
) -> None:
    """A test warning stands on the board within two seconds."""
    number = station.warn(f"TEST {prodstatus_run_id}, no danger")
    evidence(warning=number)
    shown = eventually(
        lambda: station.shown(number),
        within="2s",
        what=f"warning {number} is on the board",
        otherwise="failed",
    )
    evidence(shown=shown)
