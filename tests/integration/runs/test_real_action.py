"""The example of docs/how-to/real-action.md works as it is there, against a bank in a file."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.integration.project import Project

# Whole, and here: see test_history.py.
pytest.importorskip("alembic.command")
pytest.importorskip("sqlalchemy.dialects.sqlite")

PAGE = Path(__file__).parents[3] / "docs/how-to/real-action.md"
CONFIG = """
[tool.prodstatus]
require_evidence = true
[[tool.prodstatus.stages]]
id = "payment"
criteria = ["payment-arrives"]
"""
BANK = """
import os
from pathlib import Path

class Refused(Exception): ...

class Bank:
    def pay(self, payment, reference):
        mood = os.environ.get("BANK")
        if mood == "refuses":
            raise Refused("no such account")
        with Path("paid").open("a") as file:
            file.write(f"{reference}\\n")
        if mood == "dies":
            os._exit(9)
        if mood == "cut":
            raise OSError("connection reset")
        return "TX-" + reference

    def status(self, transaction):
        return "arrived"
"""
PAYMENT = "payment.payment-arrives"


@pytest.fixture
def shop(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with the page's test, its bank and a journal; the payment is armed."""
    (code,) = re.findall(
        r"<!-- file: acceptance/test_payment.py -->\n```python\n(.*?)```",
        PAGE.read_text(encoding="utf-8"),
        re.DOTALL,
    )
    project.write({"pyproject.toml": CONFIG, "conftest.py": ""})
    (project.root / "bank.py").write_text(BANK, encoding="utf-8")
    (project.root / "test_payment.py").write_text(code, encoding="utf-8")
    monkeypatch.setenv("PRODSTATUS_STATE_URL", f"sqlite:///{project.root / 'state.sqlite3'}")
    monkeypatch.setenv("REAL_PAYMENT", "1")
    return project


def ended(shop: Project) -> str:
    """Run the criterion and return its verdict; FINAL if the run died in it."""
    run = shop.run_alone if os.environ.get("BANK") == "dies" else shop.run
    ran = run("-m", "production")
    return ran.verdicts.get(PAYMENT, ran.final)


def paid(shop: Project) -> int:
    """Return how often the bank paid."""
    file = shop.root / "paid"
    return len(file.read_text(encoding="utf-8").splitlines()) if file.exists() else 0


def test_it_pays_once_a_day_and_reads_back(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unarmed run pays nothing; a payment is proof for its day, armed or not."""
    monkeypatch.delenv("REAL_PAYMENT")
    assert (ended(shop), paid(shop)) == ("BLOCKED not-armed", 0)
    monkeypatch.setenv("REAL_PAYMENT", "1")
    assert (ended(shop), paid(shop)) == ("CONFIRMED", 1)
    assert (ended(shop), paid(shop)) == ("CONFIRMED", 1)


@pytest.mark.parametrize(
    ("mood", "verdict"), [("cut", "BLOCKED unresolved-intent"), ("dies", "BLOCKED")]
)
def test_an_open_end_is_not_paid_again(
    shop: Project, monkeypatch: pytest.MonkeyPatch, mood: str, verdict: str
) -> None:
    """If the line was cut or the process died, the result is unknown, so nothing is paid."""
    monkeypatch.setenv("BANK", mood)
    assert (ended(shop), paid(shop)) == (verdict, 1)
    monkeypatch.delenv("BANK")
    assert (ended(shop), paid(shop)) == ("BLOCKED unresolved-intent", 1)


def test_a_refusal_frees_the_day(shop: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal proves that nothing was paid, so the day is free."""
    monkeypatch.setenv("BANK", "refuses")
    assert (ended(shop), paid(shop)) == ("FAILED observed", 0)
    monkeypatch.delenv("BANK")
    assert (ended(shop), paid(shop)) == ("CONFIRMED", 1)
