"""pytest-order: its mark decides the order, also of criteria of a stage that is named `order`."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside

pytest.importorskip("pytest_order")

ORDERED = """
@pytest.fixture(autouse=True)
def note(request):
    with Path("order").open("a") as file:
        file.write(request.node.name + " ")

@pytest.mark.order(3)
@pytest.mark.stage("order")
def test_paid(): pass

@pytest.mark.order(1)
@pytest.mark.stage("order")
def test_placed(): pass

@pytest.mark.order(2)
@shop
def test_packed(): blocked("none yet", kind="no-data")
"""


def test_mark_orders_criteria(beside: Beside) -> None:
    """`@pytest.mark.order(n)` runs criteria in its order; the stage `order` is another thing."""
    beside.write({"test_order.py": ORDERED})
    declared = (beside.project.root / "pyproject.toml").read_text(encoding="utf-8")
    beside.project.write({"pyproject.toml": declared.replace('"api"', '"order"')})
    # In one worker, so that there is an order to see.
    options = () if beside.serial else ("--dist=loadfile",)
    ran = beside.run("-m", "production", *options, without=("randomly",))
    order = (beside.project.root / "order").read_text(encoding="utf-8").split()
    assert order == ["test_placed", "test_packed", "test_paid"]
    assert ran.verdicts == {
        "order.paid": "CONFIRMED",
        "order.placed": "CONFIRMED",
        "shop.packed": "BLOCKED no-data",
    }
    assert ran.status == 10
