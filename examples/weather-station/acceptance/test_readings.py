"""READINGS STATUS: do all sensors report?"""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from acceptance.client import Client
from pytest_prodstatus import Evidence

pytestmark = pytest.mark.stage("readings")

SENSORS = {"temperature", "wind", "air"}
LATELY_S = 600


def test_every_sensor_reported_lately(station: Client, evidence: Evidence) -> None:
    """Every sensor has reported within ten minutes."""
    taken = station.readings()
    evidence(sensors=len(taken), oldest=min(taken.values(), default="none"))
    assert taken.keys() >= SENSORS, f"no reading of {', '.join(sorted(SENSORS - taken.keys()))}"
    longest = (datetime.now(timezone.utc) - min(taken.values())).total_seconds()
    assert longest <= LATELY_S, f"a sensor has been silent for {longest / 60:.0f} minutes"
