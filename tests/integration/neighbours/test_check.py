"""pytest-check: a soft assertion fails its criterion when the test has ended."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_check")

TESTS = """
@api
def test_holds(check): check.equal(1, 1)

@api
def test_fails(check, evidence):
    check.equal(1, 2)
    evidence(count=3)

@api
def test_fails_and_raises(check):
    check.equal(1, 2)
    nothing.of_this_name

@api
def test_fails_and_records_what_is_not_allowed(check, evidence):
    check.equal(1, 2)
    evidence(total=1.5)

@shop
def test_is_blocked(check):
    check.equal(1, 1)
    blocked("none yet", kind="no-data")
"""


def test_soft_assertions_are_observations(beside: Beside) -> None:
    """A check that failed counts, even if an exception left the test after it."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.fails": "FAILED observed",
        "api.fails-and-raises": "FAILED observed",
        "api.fails-and-records-what-is-not-allowed": "FAILED observed",
        "shop.is-blocked": "BLOCKED no-data",
    }
    assert ran.values("api.fails") == {"count": {"type": "int", "value": 3}}
    assert ran.status == 1
