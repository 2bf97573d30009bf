"""freezegun and time-machine: a test may live in another year, and the plugin stays in this one."""

from __future__ import annotations

import os
from datetime import datetime, timedelta, timezone
from importlib.util import find_spec

import pytest

from tests.integration.neighbours.conftest import Beside
from tests.integration.project import Ran

FREEZES = {
    "freezegun": "from freezegun import freeze_time as travel",
    "time_machine": "from time_machine import travel",
}
LIBRARIES = pytest.mark.parametrize(
    "library",
    [
        pytest.param(
            name, marks=pytest.mark.skipif(find_spec(name) is None, reason="not installed")
        )
        for name in FREEZES
    ],
)
TESTS = """
{library}
import datetime

@pytest.fixture
def in_2012():
    with travel("2012-01-01T00:00:00Z"): yield
@pytest.fixture(scope="module")
def in_2030():
    with travel("2030-01-01T00:00:00Z"): yield

@api
def test_body(evidence):
    with travel("2012-01-01T00:00:00Z"): evidence(n=1)
@api
def test_fixture(in_2012, evidence): evidence(at=datetime.datetime.now(datetime.timezone.utc))
@api
def test_before(evidence): evidence(n=1)
@api
@pytest.mark.parametrize("n", range(3))
def test_file(in_2030, evidence, n): evidence(n=n)
@api
def test_broken(in_2030, evidence):
    evidence(n=1)
    assert 0
"""
SESSION = """
{library}
travel("2012-01-01T00:00:00Z").start()
"""


def check_instants(ran: Ran) -> None:
    """Assert that everything that the run dated is of today, and no phase took years."""
    now = datetime.now(timezone.utc)
    run = ran.record["run"]
    dates = [run["started"], run["finished"]]
    for criterion in ran.criteria.values():
        dates += [criterion["observed_at"], *(entry["at"] for entry in criterion["evidence"])]
        assert 0 <= criterion["duration"] < 60
    for text in dates:
        age = now - datetime.fromisoformat(text.replace("Z", "+00:00"))
        assert timedelta(seconds=-1) < age < timedelta(minutes=5), text
    assert run["started"] <= run["finished"]
    assert f"{now:%Y}" in run["id"]


@LIBRARIES
def test_criteria_in_another_year(beside: Beside, library: str) -> None:
    """Evidence, phases and the run are dated by the operating system, in workers as well."""
    beside.write({"test_api.py": TESTS.format(library=FREEZES[library])})
    ran = beside.run(without=("randomly",))
    check_instants(ran)
    assert ran.verdicts == {
        "api.body": "CONFIRMED",
        "api.fixture": "CONFIRMED",
        "api.before": "CONFIRMED",
        "api.file[0]": "CONFIRMED",
        "api.file[1]": "CONFIRMED",
        "api.file[2]": "CONFIRMED",
        "api.broken": "FAILED observed",
    }
    # What a test records is its own affair.
    assert ran.values("api.fixture")["at"]["value"].startswith("2012-01-01T00:00:00")


PRODUCTION = ("-m", "production")
SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"


@LIBRARIES
@pytest.mark.parametrize("order", [0, 1] if SWEEP else [0])
def test_session_in_another_year(beside: Beside, library: str, order: int) -> None:
    """A conftest may freeze time before the plugin's modules are imported, and never end it.

    A run that is asked to judge, as by `--stage`, imports some before the conftest, any other one
    all after it. Every day the first run isn't asked serially, and is with `-n 2`.
    """
    runs = [(), PRODUCTION]
    if beside.serial == bool(order):
        runs.reverse()
    beside.write(
        {
            "conftest.py": SESSION.format(library=FREEZES[library]),
            "test_api.py": "@api\ndef test_a(evidence): evidence(n=1)\n",
        }
    )
    first = beside.run(*runs[0])
    check_instants(first)
    assert (first.status, first.final) == (10, "BLOCKED")  # no test of the shop
    part = beside.run("--stage", "shop", *runs[1])
    assert part.criteria["api.a"]["carried_over"] is True
    assert part.verdicts["api.a"] == "CONFIRMED"
    check_instants(part)


@LIBRARIES
def test_gate_in_a_frozen_test(beside: Beside, library: str) -> None:
    """A test that calls the gate in its own process gets the age that the record really has."""
    text = """
    {library}
    from click.testing import CliRunner
    from pytest_prodstatus.cli.main import main

    def test_gate():
        with travel("2030-01-01T00:00:00Z"):
            done = CliRunner().invoke(main, ["gate"])
        assert done.exit_code == 0, done.output
    """
    criteria = "@api\ndef test_a(): pass\n@shop\ndef test_b(): pass\n"
    beside.write({"test_api.py": criteria})
    # Its line is in the configuration, which pytest refuses without it.
    asyncio = ("-p", "asyncio") if find_spec("pytest_asyncio") else ()
    assert beside.project.run_alone(*asyncio).status == 0
    beside.write({"test_api.py": text.format(library=FREEZES[library])})
    ran = beside.project.run_alone(*beside.mode, *asyncio)
    assert ran.status == 0, ran.out + ran.err
