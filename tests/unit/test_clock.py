"""One clock for the whole package, which no test can freeze."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta, timezone

import pytest

from pytest_prodstatus import clock


def test_it_is_the_present() -> None:
    """In UTC, and of the standard library's own class."""
    before, found = datetime.now(timezone.utc), clock.now()
    assert abs(found - before) < timedelta(seconds=1)
    assert type(found) is datetime
    assert found.tzinfo is timezone.utc
    assert clock.at(clock.timestamp()) - found < timedelta(seconds=1)


def test_it_goes_forward() -> None:
    """Two calls in a row are in order, to the microsecond."""
    instants = [clock.now() for _ in range(1_000)]
    assert instants == sorted(instants)
    spans = [clock.elapsed() for _ in range(1_000)]
    assert spans == sorted(spans)


def test_a_float_is_an_instant() -> None:
    """As pytest's reports have it."""
    assert clock.at(0.0) == datetime(1970, 1, 1, tzinfo=timezone.utc)
    assert clock.at(1.5).microsecond == 500_000


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no second clock")
def test_a_machine_that_slept_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The monotonic clock stands still meanwhile, so the wall's clock is looked at again."""
    monkeypatch.setattr(clock._CLOCK, "_offset", clock._CLOCK._offset - 3_600 * 10**9)
    assert abs(clock.timestamp() - time.time()) < 1
    assert clock.now() <= clock.now()
