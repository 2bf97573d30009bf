"""pytest-retry: the last attempt counts, and what acts on the world has only one."""

from __future__ import annotations

import pytest

from tests.integration.neighbours.conftest import Beside
from tests.integration.project import SHOP

pytest.importorskip("pytest_retry")

TESTS = """
def attempt(name):
    with Path(name).open("a") as file:
        file.write("x")
    return len(Path(name).read_text())

@api
def test_holds(): pass

@api
def test_flaky(evidence):
    evidence(attempt=attempt("flaky"))
    assert len(Path("flaky").read_text()) == 3

@api
def test_lost(evidence):
    evidence(attempt=attempt("lost"))
    assert 0, f"no answer to {len(Path('lost').read_text())}"

@api
def test_wrong_at_last():
    assert attempt("wrong") > 1
    nothing.of_this_name

@api
def test_blocked_at_last():
    assert attempt("blocked") > 1
    try:
        blocked("none yet", kind="no-data")
    except BaseException:
        pass

@pytest.fixture
def ready():
    if attempt("ready") > 1:
        raise OSError("gone")

@api
@pytest.mark.usefixtures("ready")
def test_without_its_fixture():
    assert attempt("without") > 1

@pytest.mark.stage("shop", side_effects=True)
def test_buys():
    assert attempt("buys") > 1, "order unknown"

@pytest.mark.stage("shop", side_effects=True)
@pytest.mark.flaky(retries=3)
def test_sends(evidence):
    evidence(attempt=attempt("sends"))
    assert 0, "address unknown"
"""


def test_last_attempt_counts_and_side_effects_have_one(beside: Beside) -> None:
    """The last attempt counts, and a criterion with side effects has only one."""
    beside.write({"test_api.py": TESTS})
    ran = beside.run("--retries=2", reruns=("pytest-retry",))
    assert ran.verdicts == {
        "api.holds": "CONFIRMED",
        "api.flaky": "CONFIRMED",
        "api.lost": "FAILED observed",
        "api.wrong-at-last": "FAILED error",
        "api.blocked-at-last": "BLOCKED no-data",
        "api.without-its-fixture": "FAILED error",
        "shop.buys": "FAILED observed",
        "shop.sends": "FAILED observed",
    }
    assert [name for name, c in ran.criteria.items() if c["flaky"]] == ["api.flaky"]
    assert ran.values("api.flaky") == {"attempt": {"type": "int", "value": 3}}
    assert ran.criteria["api.lost"]["reason"] == "no answer to 3"
    assert ran.criteria["shop.buys"]["reason"] == "order unknown"
    assert ran.values("shop.sends") == {"attempt": {"type": "int", "value": 1}}
    starts = {n: len((beside.project.root / n).read_text()) for n in ("lost", "buys", "sends")}
    assert starts == {"lost": 3, "buys": 1, "sends": 1}
    assert ran.status == 1


def test_an_outcome_of_another_name(beside: Beside) -> None:
    """`--retry-outcome` names the report of an attempt that wasn't the last one."""
    first = TESTS.partition("@api\ndef test_lost")[0]
    beside.write({"test_api.py": first, "test_shop.py": SHOP})
    ran = beside.run("--retries=2", "--retry-outcome=delayed", reruns=("pytest-retry",))
    assert (ran.verdicts["api.flaky"], ran.criteria["api.flaky"]["flaky"]) == ("CONFIRMED", True)
    assert ran.status == 0


PLAIN = """
def attempt(name):
    with Path(name).open("a") as file:
        file.write("x")
    return len(Path(name).read_text())

@api
def test_flaky():
    assert attempt("flaky") == 2

@api
def test_lost():
    assert attempt("lost") == 0

@pytest.mark.stage("shop", side_effects=True)
def test_buys():
    assert attempt("buys") == 0, "order unknown"
"""


def test_beside_another_plugin_for_reruns(beside: Beside) -> None:
    """pytest-rerunfailures reads the same mark, and hands on reports when all is over."""
    pytest.importorskip("pytest_rerunfailures")
    beside.write({"test_api.py": PLAIN})
    ran = beside.run("--retries=2", reruns=("pytest-retry", "rerunfailures"))
    assert ran.verdicts == {
        "api.flaky": "CONFIRMED",
        "api.lost": "FAILED observed",
        "shop.buys": "FAILED observed",
    }
    assert ran.criteria["api.flaky"]["flaky"] is True
    assert (beside.project.root / "buys").read_text() == "x"
