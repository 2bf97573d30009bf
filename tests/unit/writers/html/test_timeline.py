"""A timeline: what happened when, in time, and how long after the step before."""

from __future__ import annotations

import re

import pytest

from pytest_prodstatus.writers.html.path import all_instants, instants_of, timeline
from tests.unit.given import HOUR, NOW, C, catalogue, entry, observation, record


def test_a_mapping_of_instants_is_a_timeline() -> None:
    """Sorted by time, whatever order it was given in."""
    told = instants_of(entry("steps", {"paid": NOW, "sold": NOW - 26 * HOUR}))
    assert list(told) == ["sold", "paid"]
    words = re.sub(r"<[^>]*>", "", timeline(told))
    assert words == "2026-11-21 10:00:00 UTC sold 2026-11-22 12:00:00 UTC paid + 1 d 2 h"


@pytest.mark.parametrize("value", [3, "x", [NOW, NOW], {"a": NOW}, {"a": NOW, "b": 3}, {}])
def test_nothing_else_is(value: object) -> None:
    """One instant has no order, and a mapping with anything else in it is a mapping."""
    assert instants_of(entry("steps", value)) == {}


def test_the_first_timeline_that_names_a_step_dates_it() -> None:
    """Over all criteria of the record, in their order."""
    seen = {
        "a.x": observation(evidence=(entry("n", 1), entry("t", {"sold": NOW, "paid": NOW}))),
        "a.y": observation(evidence=(entry("t", {"sold": NOW + HOUR, "sent": NOW}),)),
        "a.z": C,
    }
    assert all_instants(record(catalogue("a"), seen)) == {"sold": NOW, "paid": NOW, "sent": NOW}
