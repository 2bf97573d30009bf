"""Two runs never write one folder: the second one ends before it writes or runs anything."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from pytest_prodstatus.cli.main import main
from pytest_prodstatus.writers import NAME
from tests.integration.project import LEAN, SERIAL, SHOP, XDIST, Project, end_group, wait_for
from tests.integration.warm import Started, start_pytest

MODES = pytest.mark.parametrize("mode", [SERIAL, XDIST], ids=["serial", "n2"])
PASSING = {"test_api.py": "@api\ndef test_a(): pass\n", "test_shop.py": SHOP}
WAITING = """
@api
def test_a():
    Path("running").touch()
    while not Path("go-on").exists():
        time.sleep(0.01)
"""


def started(project: Project, *args: str) -> Started | subprocess.Popen[str]:
    """Start a run that doesn't end before a file `go-on` exists."""
    project.write({"test_waits.py": WAITING})
    words = [*(f"-pno:{name}" for name in LEAN), *args, "test_waits.py"]
    with Path(os.devnull).open("w") as nothing:
        process = start_pytest(words, folder=project.root, out=nothing, err=nothing)
    wait_for((project.root / "running").exists)
    return process


@MODES
@pytest.mark.parametrize("selection", [("-m", "production"), ()], ids=["production", "plain"])
def test_second_run_of_a_folder_is_a_usage_error(
    project: Project, mode: tuple[str, ...], selection: tuple[str, ...]
) -> None:
    """The message names folder, run, process and remedy, and nothing runs."""
    project.write(PASSING)
    first = started(project)
    try:
        before = (project.folder / "status.json").read_bytes()
        ran = project.run_alone("test_api.py", *selection, *mode)
        assert ran.status == 4
        message = " ".join(ran.err.split())
        assert f"{project.folder}: run " in message
        assert f"(process {first.pid}) is writing this folder" in message
        assert "--prodstatus-dir=FOLDER" in message
        assert "Traceback" not in ran.err
        assert "passed" not in ran.out
        assert (project.folder / "status.json").read_bytes() == before
        elsewhere = project.root / "elsewhere"
        other = project.run_alone(
            "test_api.py", "test_shop.py", f"--prodstatus-dir={elsewhere}", folder=elsewhere
        )
        assert other.verdicts["api.a"] == "CONFIRMED"
        (project.root / "go-on").touch()
        assert first.wait(timeout=60) == 0
    finally:
        end_group(first.pid)
        first.wait()
    ran = project.run("test_shop.py", "test_api.py")
    assert ran.verdicts["api.a"] == "CONFIRMED"
    assert NAME not in ran.files


def test_lock_of_a_killed_run_is_given_back(project: Project) -> None:
    """The kernel frees the lock; the leftover file doesn't block, and the next run removes it."""
    project.write(PASSING)
    first = started(project)
    first.send_signal(signal.SIGKILL)
    first.wait(timeout=60)
    assert (project.folder / NAME).exists()
    ran = project.run("test_api.py", "test_shop.py")
    assert (ran.status, NAME in ran.files) == (0, False)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="only POSIX forks")
def test_child_that_outlives_a_run_does_not_hold_its_lock(project: Project) -> None:
    """A process that a test forked doesn't hold the lock after the run is killed."""
    test = """
    @api
    def test_forks():
        child = os.fork()
        if not child:
            time.sleep(60)
            os._exit(0)
        Path("child").write_text(str(child))
    """
    project.write({**PASSING, "test_forks.py": test})
    first = started(project, "test_forks.py")
    child = int((project.root / "child").read_text("utf-8"))
    try:
        first.send_signal(signal.SIGKILL)
        first.wait(timeout=60)
        os.kill(child, 0)  # it is still there
        assert project.run("test_api.py", "test_shop.py").status == 0
    finally:
        os.kill(child, signal.SIGKILL)


def test_run_that_judges_nothing_takes_no_lock(project: Project) -> None:
    """Beside a run, another may collect, or run tests that aren't criteria."""
    project.write({**PASSING, "test_unit.py": "def test_u(): pass\n"})
    first = started(project)
    try:
        assert project.run("--collect-only", "test_api.py").status == 0
        assert project.run("test_unit.py").status == 0
    finally:
        end_group(first.pid)
        first.wait()


def test_leftovers_of_a_killed_run_are_cleared(project: Project) -> None:
    """Under the lock no one uses our temporary files, so they are removed; others are left."""
    project.write({**PASSING, "reports/.status.json.abc.tmp": "{", "reports/.mine.tmp": "kept"})
    ran = project.run()
    assert ran.files == {"STATUS.md", "status.html", "status.json", ".mine.tmp"}


NESTED = """
@api
def test_a():
    record = Path("reports", "status.json")
    before = record.read_text()
    assert pytest.main(["-q", "-pno:cacheprovider", "test_shop.py"]) == 4
    assert record.read_text() == before
"""


@MODES
def test_a_run_within_a_test_doesn_t_write_the_folder(
    project: Project, mode: tuple[str, ...]
) -> None:
    """A criterion that runs pytest in its own process is refused as another process is."""
    project.write({"test_api.py": NESTED, "test_shop.py": SHOP})
    ran = project.run_alone("-rA", "test_api.py", *mode)
    assert "is writing this folder" in ran.out
    assert ran.verdicts["api.a"] == "CONFIRMED"


def test_folder_in_which_nothing_can_be_locked(project: Project) -> None:
    """If no lock file can be made, a run goes on, and reports what it can't write as usual."""
    project.write({**PASSING, f"reports/{NAME}/x": ""})
    assert project.run().status == 0
    assert Path(project.folder / NAME).is_dir()


def test_a_command_writes_no_folder_of_a_run(project: Project) -> None:
    """A command refuses, because an old record would replace the mark of the running run."""
    project.write(PASSING)
    assert project.run().status == 0
    old = project.root / "old.json"
    old.write_bytes((project.folder / "status.json").read_bytes())
    first = started(project)
    try:
        before = (project.folder / "status.json").read_bytes()
        into = ("--root", str(project.root), "--output-dir", str(project.folder))
        done = CliRunner().invoke(main, ["render", str(old), *into])
        assert done.exit_code == 2
        assert f"(process {first.pid}) is writing this folder; wait for it to end" in done.output
        assert (project.folder / "status.json").read_bytes() == before
    finally:
        end_group(first.pid)
        first.wait()
