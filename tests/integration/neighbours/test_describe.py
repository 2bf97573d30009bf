"""pytest-describe: the functions of a block that joins a stage are its criteria."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_describe")

TESTS = """
@api
def describe_station():
    def answers(evidence): evidence(count=3)
    def is_open(): assert 0, "closed"

    def describe_at_night():
        def is_lit(): blocked("none yet", kind="no-data")

def describe_shop():
    @pytest.mark.stage("shop", side_effects=True)
    def sells(): pass
"""


def test_blocks_join_stages(beside: Beside) -> None:
    """The closest block or function with a mark decides, as a class does."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run()
    assert ran.verdicts == {
        "api.answers": "CONFIRMED",
        "api.is-open": "FAILED observed",
        "api.is-lit": "BLOCKED no-data",
        "shop.sells": "CONFIRMED",
    }
    assert ran.values("api.answers") == {"count": {"type": "int", "value": 3}}
    assert ran.status == 1
