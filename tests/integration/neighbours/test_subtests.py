"""Subtests, pytest's own or pytest-subtests': one that fails is a criterion that failed."""

from __future__ import annotations

import importlib.util

import pytest

from tests.integration.neighbours.conftest import Beside

pytestmark = pytest.mark.skipif(
    not hasattr(pytest, "Subtests") and importlib.util.find_spec("pytest_subtests") is None,
    reason="neither this pytest nor pytest-subtests has subtests",
)

TESTS = """
@api
def test_held(subtests, evidence):
    for region in ("eu", "us"):
        with subtests.test(region):
            evidence(region=region)

@api
def test_lost(subtests):
    for region in ("eu", "us"):
        with subtests.test(region):
            assert region == "us", f"no answer from {region}"

@shop
def test_unknown(subtests):
    with subtests.test("eu"):
        blocked("none yet", kind="no-data")

@shop
class Shop(unittest.TestCase):
    def test_lost_too(self):
        for region in ("eu", "us"):
            with self.subTest(region=region):
                self.assertEqual(region, "us")
"""


def test_subtests_of_criteria(beside: Beside) -> None:
    """The worst subtest decides, beside neighbours that report subtests of their own."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    assert ran.verdicts == {
        "api.held": "CONFIRMED",
        "api.lost": "FAILED observed",
        "shop.unknown": "BLOCKED no-data",
        "shop.lost-too": "FAILED observed",
    }
    assert ran.criteria["api.lost"]["reason"] == "no answer from eu"
    assert ran.status == 1
