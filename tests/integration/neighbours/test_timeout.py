"""pytest-timeout: what took too long was seen not to hold, or takes its whole process along."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside
from tests.integration.project import SHOP

pytest.importorskip("pytest_timeout")

BODY = """
@api
@pytest.mark.timeout(0.2, method="{method}")
def test_slow(): time.sleep(60)
"""
SETUP = """
@pytest.fixture
def slow(): time.sleep(60)

@api
@pytest.mark.timeout(0.2, method="signal")
def test_slow(slow): pass
"""


def test_signal_method_fails_the_criterion_alone(beside: Beside) -> None:
    """A time-out of the signal method is a failure like any other: the rest goes on."""
    beside.write({"test_api.py": BODY.format(method="signal"), "test_shop.py": SHOP})
    ran = beside.run()
    assert ran.verdicts == {"api.slow": "FAILED observed", "shop.open": "CONFIRMED"}
    assert "Timeout" in ran.criteria["api.slow"]["reason"]
    assert ran.status == 1


def test_signal_method_in_setup_blocks(beside: Beside) -> None:
    """A set-up that timed out saw nothing of its criterion."""
    beside.write({"test_api.py": SETUP, "test_shop.py": SHOP})
    ran = beside.run()
    assert ran.verdicts == {"api.slow": "BLOCKED setup-error", "shop.open": "CONFIRMED"}
    assert ran.status == 1


def test_thread_method_kills_the_process(beside: Beside) -> None:
    """Serially nothing is confirmed then; with workers it is the crash of one of them."""
    beside.write({"test_api.py": BODY.format(method="thread"), "test_shop.py": SHOP})
    ran = beside.run()
    if beside.serial:
        assert ran.record["run"]["finished"] is None
        assert {name: stage["kind"] for name, stage in ran.stages.items()} == {
            "api": "not-run", "shop": "not-run", "final": "not-run",
        }  # fmt: skip
        assert ran.verdicts == {}
        assert "the run is in progress: nothing is confirmed yet" in (ran.document or "")
    else:
        assert ran.verdicts == {"api.slow": "FAILED crash", "shop.open": "CONFIRMED"}
        assert ran.final == "FAILED"
    assert ran.status == 1


def test_session_timeout_leaves_the_rest_not_run(beside: Beside) -> None:
    """What a session's time-out kept from starting is BLOCKED, and the gate is closed."""
    slow = "@api\ndef test_{n}(): time.sleep(0.3)\n"
    beside.write({"test_api.py": "".join(slow.format(n=n) for n in range(6))})
    ran = beside.run("--session-timeout=0.1")
    assert ran.final != "CONFIRMED"
    assert "BLOCKED not-run" in ran.verdicts.values()
    assert ran.status != 0
