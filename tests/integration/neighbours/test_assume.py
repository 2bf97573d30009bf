"""pytest-assume: an assumption that doesn't hold fails its criterion when the test has ended."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_assume")

TESTS = """
@api
def test_holds(): pytest.assume(True)

@api
def test_fails(evidence):
    pytest.assume(False, "no answer")
    evidence(count=3)

@shop
def test_is_blocked():
    pytest.assume(True)
    blocked("none yet", kind="no-data")
"""


def test_assumptions_are_observations(beside: Beside) -> None:
    """Evidence that was recorded after one that failed is kept."""
    beside.write({"test_api.py": TESTS})
    # It raises in a hook's tear-down, of which pluggy warns.
    ran = beside.run("-W", "default::pluggy.PluggyTeardownRaisedWarning")
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.fails": "FAILED observed",
        "shop.is-blocked": "BLOCKED no-data",
    }
    assert ran.values("api.fails") == {"count": {"type": "int", "value": 3}}
    assert ran.status == 1
