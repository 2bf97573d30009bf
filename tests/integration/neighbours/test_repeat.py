"""pytest-repeat: each repetition is a criterion, and what acts on the world has only one."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_repeat")

TESTS = """
@api
@pytest.mark.repeat(2)
def test_holds(evidence): evidence(count=3)

@api
@pytest.mark.repeat(2)
def test_fails_once(__pytest_repeat_step_number):
    assert __pytest_repeat_step_number == 0, "no answer"

@pytest.mark.stage("shop", side_effects=True)
@pytest.mark.repeat(2)
def test_buys():
    with Path("starts").open("a") as file:
        file.write("x")
"""


def test_repetitions_are_criteria(beside: Beside) -> None:
    """Each repetition is a criterion, and none supersedes another."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    assert {n: v for n, v in ran.verdicts.items() if n.startswith("api")} == {
        "api.holds[1-2]": "CONFIRMED",
        "api.holds[2-2]": "CONFIRMED",
        "api.fails-once[1-2]": "CONFIRMED",
        "api.fails-once[2-2]": "FAILED observed",
    }
    bought = [v for n, v in ran.verdicts.items() if n.startswith("shop")]
    assert sorted(bought) == ["BLOCKED skipped", "CONFIRMED"]
    assert (beside.project.root / "starts").read_text(encoding="utf-8") == "x"
    assert ran.status == 1
