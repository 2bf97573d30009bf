"""A killed run's outputs confirm nothing, and keep what the last finished run knew."""

from __future__ import annotations

import json
import signal

import pytest

from tests.integration.project import SERIAL, SHOP, XDIST, Project

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
API = "@api\ndef test_a(): pass\n"
WAITING = """
@api
def test_a():
    Path("running").touch()
    time.sleep(120)
"""


@MODES
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=lambda n: n.name)
def test_killed_run_leaves_that_nothing_is_confirmed(
    project: Project, mode: tuple[str, ...], number: signal.Signals
) -> None:
    """Yesterday's CONFIRMED doesn't outlive a killed run, in any output; its history does."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    former_run = project.run()
    assert former_run.final == "CONFIRMED"
    project.write({"test_api.py": WAITING})
    ran = project.run_signalled(number, *mode)
    assert ran.status == -number
    ran.check_coherent()
    assert ran.final == "BLOCKED"
    assert ran.record["run"]["finished"] is None
    assert ran.record["decision"]["open"] is False
    assert {s["verdict"] for s in ran.stages.values()} == {"BLOCKED"}
    assert {s["kind"] for s in ran.stages.values()} == {"not-run"}
    assert ran.verdicts == {}
    assert "in progress since" in (ran.document or "")
    assert "**CONFIRMED** (" not in (ran.document or "")
    assert "in progress" in (ran.page or "")
    former = ran.record["previous"]
    assert former["final"]["verdict"] == "CONFIRMED"
    assert former["run"]["id"] == former_run.record["run"]["id"]

    project.write({"test_api.py": API})
    part = project.run("--stage=api")
    # The killed run may have seen otherwise of what it didn't finish.
    assert part.verdicts == {"api.a": "CONFIRMED", "shop.open": "BLOCKED not-run"}
    assert (part.status, part.final) == (0, "BLOCKED")
    assert "previous" not in part.record
    assert project.run("--stage=shop").final == "CONFIRMED"


@MODES
def test_interrupt_ends_the_run_blocked(project: Project, mode: tuple[str, ...]) -> None:
    """After a real SIGINT the status is pytest's 2, FINAL is BLOCKED, and what ran is kept."""
    project.write({"test_api.py": WAITING, "test_a.py": SHOP})
    ran = project.run_signalled(signal.SIGINT, *mode, fresh=mode == SERIAL)
    assert ran.status == 2
    ran.check_coherent()
    assert ran.final == "BLOCKED"
    assert ran.record["run"]["finished"]
    assert ran.verdicts["api.a"] == "BLOCKED not-run"
    assert ran.record["run"]["incidents"][0]["kind"] == "not-run"
    assert "FINAL BLOCKED" in ran.out


def test_nothing_acts_after_an_interrupted_run_was_judged(project: Project) -> None:
    """A worker goes on for some seconds, and what it started then no record would say."""
    acting = """
    @pytest.mark.stage("api", side_effects=True)
    @pytest.mark.parametrize("n", [1, 2])
    def test_a(n):
        Path("running" if n == 1 else "second").touch()
        time.sleep(3)
    """
    project.write({"test_api.py": acting})
    ran = project.run_signalled(signal.SIGINT, "-n1")
    assert {name: c["attempts"] for name, c in ran.criteria.items()} == {
        "api.a[1]": 1,
        "api.a[2]": 0,
    }
    assert not (project.root / "second").exists()


def test_kill_before_the_first_test_leaves_the_last_record(project: Project) -> None:
    """A run that dies before its session starts writes nothing: the record's age shows it."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    project.run()
    before = (project.folder / "status.json").read_bytes()
    conftest = """
    import time
    from pathlib import Path
    def pytest_configure():
        Path("running").touch()
        time.sleep(120)
    """
    project.write({"conftest.py": conftest})
    ran = project.run_signalled(signal.SIGKILL)
    assert ran.status == -signal.SIGKILL
    assert (project.folder / "status.json").read_bytes() == before


def test_two_kills_in_a_row_keep_the_last_finished_record(project: Project) -> None:
    """The marker of a run that follows a killed one still has the last record that finished."""
    project.write({"test_api.py": API, "test_shop.py": SHOP})
    finished = project.run().record["run"]["id"]
    project.write({"test_api.py": WAITING})
    for _ in range(2):
        ran = project.run_signalled(signal.SIGKILL)
        (project.root / "running").unlink()
        assert ran.record["previous"]["run"]["id"] == finished
        assert "previous" not in ran.record["previous"]
    assert json.loads((project.folder / "status.json").read_text(encoding="utf-8")) == ran.record
