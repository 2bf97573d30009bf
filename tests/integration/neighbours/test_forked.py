"""pytest-forked: a criterion that runs in a child of its own is judged by its parent."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_forked")

TESTS = """
@api
def test_holds(evidence): evidence(count=3)

@api
def test_fails(): assert 0, "no answer"

@api
def test_is_killed(): os.kill(os.getpid(), signal.SIGKILL)

@api
def test_is_blocked(): blocked("none yet", kind="no-data")

@pytest.mark.stage("shop", side_effects=True)
def test_buys():
    with Path("starts").open("a") as file:
        file.write("x")
"""


def test_children_are_judged(beside: Beside) -> None:
    """What a child recorded counts, and one that dies has crashed; each starts once."""
    beside.write({"test_api.py": TESTS})
    # It forks, of which Python warns beside threads, and leaves a child's files open.
    calm = [f"-Wdefault::{name}" for name in ("DeprecationWarning", "ResourceWarning")]
    ran = beside.run("--forked", *calm)
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.fails": "FAILED observed",
        "api.is-killed": "FAILED crash",
        "api.is-blocked": "BLOCKED no-data",
        "shop.buys": "CONFIRMED",
    }
    assert "signal 9" in ran.criteria["api.is-killed"]["reason"]
    assert ran.values("api.holds") == {"count": {"type": "int", "value": 3}}
    assert (beside.project.root / "starts").read_text(encoding="utf-8") == "x"
    assert ran.status == 1
