"""pytest-cov: its limit closes a run that would have been open, and changes no criterion."""

from __future__ import annotations

import re

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_cov")

PYTHONPATH = 'pythonpath = ["."]\n'
LIBRARY = "def used():\n    return 1\n\n\ndef unused():\n    return 2\n"
TEST = """
import library
@api
def test_a():
    assert library.used() == 1
@shop
def test_b():
    {then}
"""


@pytest.mark.parametrize(
    ("limit", "then", "second", "status", "why"),
    [
        ("95", "pass", "CONFIRMED", 1, "pytest ended with exit status 1"),
        ("50", "blocked('none yet', kind='no-data')", "BLOCKED no-data", 10, "none yet"),
    ],
    ids=["under-and-confirmed", "over-and-blocked"],
)
def test_fail_under_changes_no_criterion(
    beside: Beside, limit: str, then: str, second: str, status: int, why: str
) -> None:
    """Too little coverage ends a run with 1, which no criterion explains, so the gate closes."""
    beside.write({"test_api.py": TEST.format(then=then), "library.py": LIBRARY}, ini=PYTHONPATH)
    ran = beside.run("--cov=library", f"--cov-fail-under={limit}")
    assert ran.verdicts == {"api.a": "CONFIRMED", "shop.b": second}
    assert ran.status == status
    assert ran.final == "BLOCKED"
    assert why in ran.record["final"]["reason"]
    # All but one line, also those that a worker ran.
    assert re.search(r"^library.py +\d+ +1 ", ran.out, re.MULTILINE)
