"""STATION STATUS: does it answer, and can its times be believed?"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from acceptance.client import Client
from pytest_prodstatus import Evidence

pytestmark = pytest.mark.stage("station")


def test_answers_with_the_right_time(station: Client, evidence: Evidence) -> None:
    """The station answers, and its clock is right."""
    about = station.about()
    off = abs(datetime.now(timezone.utc) - about.clock)
    evidence(station=about.station, release=about.release, clock=about.clock)
    assert off < timedelta(seconds=10), f"its clock is {off.seconds} s off"
