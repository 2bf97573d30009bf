"""PyPI's flaky: the last attempt counts; what acts on the world is refused beside it."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("flaky")

HEAD = """
from flaky import flaky

def attempt(name):
    with Path(name).open("a") as file:
        file.write("x")
    return len(Path(name).read_text())
"""
TESTS = """
@api
def test_holds(): pass

@api
@flaky(max_runs=3)
def test_flaky(evidence):
    evidence(attempt=attempt("flaky"))
    assert len(Path("flaky").read_text()) == 3

@api
@pytest.mark.flaky(max_runs=3)
def test_lost():
    assert attempt("lost") == 9, "no answer"

@api
@flaky(max_runs=3, min_passes=2)
def test_twice():
    assert attempt("twice") != 2

@pytest.fixture
def ready(): assert attempt("ready") > 1

@api
@flaky
def test_ready_at_last(ready): pass

@pytest.mark.stage("shop", side_effects=True)
def test_buys():
    assert attempt("buys") > 1, "order unknown"
"""
REFUSED = """
@pytest.mark.stage("shop", side_effects=True)
{mark}
def test_buys(): attempt("buys")
"""


def test_last_attempt_counts(beside: Beside) -> None:
    """Though it reports no attempt that it runs again."""
    beside.write({"test_api.py": HEAD + TESTS})
    ran = beside.run(reruns=("flaky",))
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.flaky": "CONFIRMED",
        "api.lost": "FAILED observed",
        "api.twice": "CONFIRMED",
        "api.ready-at-last": "CONFIRMED",
        "shop.buys": "FAILED observed",
    }
    flaky = {name for name, c in ran.criteria.items() if c["flaky"]}
    assert flaky == {"api.flaky", "api.twice", "api.ready-at-last"}
    assert ran.values("api.flaky") == {"attempt": {"type": "int", "value": 3}}
    assert (beside.project.root / "buys").read_text(encoding="utf-8") == "x"
    assert ran.status == 1


@pytest.mark.parametrize(
    ("mark", "args"),
    [("@flaky", ()), ("@pytest.mark.flaky(max_runs=2)", ()), ("", ("--force-flaky",))],
    ids=["decorator", "mark", "option"],
)
def test_side_effects_are_refused_by_name(beside: Beside, mark: str, args: tuple[str, ...]) -> None:
    """A criterion with side effects doesn't start, since its first start would be lost."""
    beside.write({"test_api.py": HEAD + REFUSED.format(mark=mark)})
    ran = beside.run("-m", "production", *args, reruns=("flaky",))
    assert "test_buys: the plugin flaky would rerun it" in ran.out + ran.err
    assert not (beside.project.root / "buys").exists()
    assert ran.status == 4
