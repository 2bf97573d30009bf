"""pytest-randomly: the same verdicts in the same document, in every order."""

from __future__ import annotations

import re

import pytest

from tests.integration.neighbours.conftest import Beside
from tests.integration.project import Ran

pytest.importorskip("pytest_randomly")

NOTE = """
@pytest.fixture(autouse=True)
def order(request):
    with Path("order").open("a") as file:
        file.write(request.node.name + " ")
"""
TESTS = "".join(f"@api\ndef test_a{n}(): assert {n} != 3\n" for n in range(8))


def document_of(ran: Ran) -> str:
    """Return the document without what two runs can't have in common: their times and ids."""
    text = re.sub(r"\brun run-\d", "run ID", ran.document or "")
    return re.sub(r"\d\d\d\d-\d\d-\d\d|\d\d:\d\d(:\d\d)?", "TIME", text)


def test_same_verdicts_in_any_order(beside: Beside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds, two orders of running, and one and the same result."""
    shop = NOTE + "".join(f"@shop\ndef test_b{n}(): pass\n" for n in range(4))
    beside.write({"test_api.py": NOTE + TESTS, "test_shop.py": shop})
    ran, orders = [], []
    for seed in ("1", "2"):
        monkeypatch.setenv("PRODSTATUS_RUN_ID", f"run-{seed}")  # which the document names
        ran.append(beside.run(f"--randomly-seed={seed}"))
        orders.append((beside.project.root / "order").read_text(encoding="utf-8").split())
        (beside.project.root / "order").unlink()
    assert sorted(orders[0]) == sorted(orders[1])
    assert orders[0] != orders[1]
    assert ran[0].verdicts == ran[1].verdicts
    assert list(ran[0].verdicts) == list(ran[1].verdicts)
    assert [r.status for r in ran] == [1, 1]
    assert document_of(ran[0]) == document_of(ran[1])
