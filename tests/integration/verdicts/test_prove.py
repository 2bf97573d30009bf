"""`prodstatus prove` runs the criteria against sick systems, and lists those that never fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_prodstatus.cli.main import main
from tests.integration.project import CONFIG, Project

CONFTEST = """
import pytest

def pytest_addoption(parser):
    parser.addoption("--sick", default="")

@pytest.fixture
def sick(request):
    return request.config.getoption("--sick")
"""
TESTS = """
@api
def test_key(sick): assert sick != "key"
@shop
def test_open(sick): assert sick in ("", "key", "other")
@shop
def test_fails(sick): assert sick == "no store"
@shop
def test_waits(sick): blocked("no data", kind="no-data") if sick else None
@pytest.mark.stage("shop", side_effects=True)
def test_buys():
    with Path("bought").open("a") as file: file.write("x")
"""

Prove = Callable[..., Result]


@pytest.fixture
def prove(project: Project, monkeypatch: pytest.MonkeyPatch) -> Prove:
    """Run the command in a project whose system can be made sick."""
    project.write({"conftest.py": CONFTEST, "test_shop.py": TESTS})
    monkeypatch.chdir(project.root)
    return lambda *args: CliRunner().invoke(main, ["prove", *map(str, args)])


def test_what_no_sickness_turned_is_listed(prove: Prove, project: Project) -> None:
    """Each argument is one run; what acts isn't started, and the project's outputs stay."""
    done = prove("--against", "broken", "--dir", "kept", "--", "--sick=", "--sick=key")
    assert done.exit_code == 10, done.output
    *lines, acting = done.output.splitlines()
    assert acting == "  shop.buys  not started: it has side effects"
    assert [*lines[:4], *sorted(lines[4:])] == [
        "--sick=: 3 CONFIRMED, 0 BLOCKED, 1 FAILED",
        "--sick=key: 1 CONFIRMED, 1 BLOCKED, 2 FAILED",
        "",
        "2 runs: 1 of 5 criteria proved, seen to hold and to fail",
        "  shop.fails  never seen to hold",
        "  shop.open   never seen to fail: held in 2",
        "  shop.waits  never seen to fail: held in 1, BLOCKED in 1",
    ]
    assert not (project.root / "bought").exists()
    assert not (project.root / "reports").exists()
    record = json.loads(Path("kept/--sick=key/status.json").read_text(encoding="utf-8"))
    assert record["run"]["target"] == "broken"


def test_what_acts_is_started_only_if_that_is_wanted(prove: Prove, project: Project) -> None:
    """With --side-effects, criteria with side effects start once in each run."""
    done = prove("--against", "broken", "--side-effects", "--", "--sick= -k buys")
    assert "shop.buys" in done.output
    assert (project.root / "bought").read_text(encoding="utf-8") == "x"


def test_records_of_other_runs_count(prove: Prove) -> None:
    """A record of a healthy system shows what holds; if all is proved, the exit status is 0."""
    prove("--against", "good", "--dir", "kept", "--", "--sick= -k key")
    record = next(Path("kept").glob("*/status.json"))
    done = prove("--against", "broken", "--record", record, "--", "--sick=key -k key")
    lines = done.output.splitlines()
    assert lines[2].startswith("2 runs: 1 of 5 criteria proved"), done.output
    assert prove("--record", record).exit_code == 10


def test_a_run_without_a_record_is_an_error(prove: Prove) -> None:
    """The end of its output is shown, and nothing is listed."""
    done = prove("--against", "broken", "--", "--no-such-option")
    assert done.exit_code == 2
    assert "unrecognized arguments: --no-such-option" in done.output
    assert "the run '--no-such-option' left no record: pytest ended with 4" in done.output


def test_what_can_t_be_run(prove: Prove, project: Project) -> None:
    """No target, options that can't be split, and a document that all runs would share."""
    assert "name the sick system with --against TARGET" in prove("--", "--sick=key").output
    assert "not options as on a command line" in prove("--against", "b", "--", "'").output
    shared = CONFIG.replace('"STATUS.md"', '"docs/STATUS.md"')
    project.write({"pyproject.toml": shared})
    done = prove("--against", "broken")
    assert done.exit_code == 2
    assert "prove it in a copy of the project" in done.output
