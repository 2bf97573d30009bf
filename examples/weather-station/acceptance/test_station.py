"""STATION STATUS: does the judged release answer, and can its times be believed?"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from acceptance.client import Client
from pytest_prodstatus import Evidence, blocked

pytestmark = pytest.mark.stage("station")


def test_answers_with_the_right_time(station: Client, evidence: Evidence) -> None:
    """The station answers, and its clock is right."""
    about = station.about()
    off = abs(datetime.now(timezone.utc) - about.clock)
    evidence(station=about.station, release=about.release, clock=about.clock)
    assert off < timedelta(seconds=10), f"its clock is {off.seconds} s off"


def test_judged_release_answers(
    station: Client, evidence: Evidence, prodstatus_subject: str | None
) -> None:
    """The release that is judged is the one that answers."""
    if not prodstatus_subject:
        blocked(
            "no release was named",
            kind="missing-config",
            remedy="set PRODSTATUS_SUBJECT to the release that should be running",
        )
    release = station.about().release
    evidence(release=release)
    assert release == prodstatus_subject, f"{release} answers, and {prodstatus_subject} is judged"
