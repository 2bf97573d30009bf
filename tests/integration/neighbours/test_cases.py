"""pytest-cases: each case of a criterion is a criterion."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_cases")

TESTS = """
from pytest_cases import fixture, parametrize_with_cases

def case_eu(): return "eu"
def case_us(): return "us"

@fixture
@parametrize_with_cases("region", cases=".", prefix="case_eu")
def store(region): return region

@api
@parametrize_with_cases("region", cases=".")
def test_answers(region, evidence):
    evidence(region=region)
    assert region == "eu", "no answer"

@shop
def test_open(store): assert store == "eu"
"""


def test_cases_are_criteria(beside: Beside) -> None:
    """They are named by their cases, and fail each by itself."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    verdicts = {name: verdict for name, verdict in ran.verdicts.items() if name.startswith("api")}
    assert verdicts == {"api.answers[eu]": "CONFIRMED", "api.answers[us]": "FAILED observed"}
    assert set(ran.verdicts.values()) == {"CONFIRMED", "FAILED observed"}
    assert ran.values("api.answers[us]") == {"region": {"type": "text", "value": "us"}}
    assert ran.status == 1
