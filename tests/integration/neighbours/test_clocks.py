"""freezegun and time-machine: a criterion may set its own time."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from tests.integration.neighbours.conftest import Beside

FREEZERS = {
    "freezegun": ("freezegun", 'freezegun.freeze_time("2012-01-14")'),
    "time_machine": ("time_machine", 'time_machine.travel("2012-01-14", tick=False)'),
}
TESTS = """
import datetime, {module}

@api
@{freeze}
def test_holds(evidence):
    evidence(year=datetime.date.today().year)
    assert datetime.date.today().year == 2012

@api
@{freeze}
def test_fails(): assert datetime.date.today().year == 2026, "it is 2012"

@shop
def test_open(): assert datetime.date.today().year > 2012
"""


@pytest.mark.parametrize("name", FREEZERS)
def test_a_time_of_its_own(beside: Beside, name: str) -> None:
    """It holds or fails by that time, and no other criterion has it."""
    module, freeze = FREEZERS[name]
    if find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    beside.write({"test_api.py": TESTS.format(module=module, freeze=freeze)})
    ran = beside.run()
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.fails": "FAILED observed",
        "shop.open": "CONFIRMED",
    }
    assert ran.values("api.holds") == {"year": {"type": "int", "value": 2012}}
    assert ran.status == 1
