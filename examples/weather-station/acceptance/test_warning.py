"""WARNING STATUS: would a storm warning be seen?"""

from __future__ import annotations

import time

import pytest

from acceptance.client import Client
from pytest_prodstatus import Evidence, Waits

WITHIN_S = 2


# It acts on the world, so it starts at most once in a run, even if a plugin reruns tests.
@pytest.mark.stage("warning", side_effects=True)
@pytest.mark.usefixtures("may_warn")
def test_test_warning_is_on_the_board(
    station: Client, evidence: Evidence, prodstatus_waiting: Waits, prodstatus_run_id: str
) -> None:
    """A test warning stands on the board within two seconds."""
    number = station.warn(f"TEST {prodstatus_run_id}, no danger")
    evidence(warning=number)
    prodstatus_waiting(f"warning {number} on the board", budget=WITHIN_S)
    end = time.monotonic() + WITHIN_S
    while (shown := station.shown(number)) is None and time.monotonic() < end:
        time.sleep(0.1)
    assert shown, f"the station took warning {number}, and the board doesn't show it"
    evidence(shown=shown)
