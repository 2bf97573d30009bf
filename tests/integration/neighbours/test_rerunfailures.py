"""pytest-rerunfailures: the last attempt counts, and what acts on the world has only one."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_rerunfailures")

FLAKY = """
def attempt(name):
    with Path(name).open("a") as file:
        file.write("x")
    return len(Path(name).read_text())

@api
@pytest.mark.flaky(reruns=3)
def test_flaky(evidence):
    evidence(attempt=attempt("flaky"))
    assert len(Path("flaky").read_text()) == 3

@api
def test_lost():
    assert attempt("lost") == 9

@pytest.mark.stage("shop", side_effects=True)
@pytest.mark.flaky(reruns=3)
def test_buy(evidence):
    evidence(attempt=attempt("buy"))
    assert attempt("never") == 9
"""


def test_last_attempt_counts_and_side_effects_have_one(beside: Beside) -> None:
    """Passed at last is CONFIRMED and flaky; reruns used up is FAILED; a purchase starts once."""
    beside.write({"test_api.py": FLAKY})
    ran = beside.run("--reruns=2")
    assert ran.verdicts == {
        "api.flaky": "CONFIRMED",
        "api.lost": "FAILED observed",
        "shop.buy": "FAILED observed",
    }
    assert {name: c["flaky"] for name, c in ran.criteria.items()} == {
        "api.flaky": True,
        "api.lost": False,
        "shop.buy": False,
    }
    assert ran.values("api.flaky") == {"attempt": {"type": "int", "value": 3}}
    starts = {name: len((beside.project.root / name).read_text()) for name in ("lost", "buy")}
    assert starts == {"lost": 3, "buy": 1}
    assert ran.status == 1


QUITS = """
@pytest.fixture
def quits():
    yield
    pytest.exit("enough")

@api
def test_a(quits): assert 0
"""


def test_what_failed_before_an_interrupt_failed(beside: Beside) -> None:
    """The plugin logs a test's phases after the last, which never ends if it is interrupted."""
    beside.write({"test_api.py": QUITS})
    ran = beside.run("--reruns=1")
    assert ran.verdicts == {"api.a": "FAILED observed"}
    assert ran.criteria["api.a"]["attempts"] == 1
    assert ran.final == "FAILED"
