"""How a child process ended, by what its parent and the kernel know."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_prodstatus import process_end
from pytest_prodstatus.process_end import count_oom_kills, end_of

pytestmark = pytest.mark.skipif(not hasattr(os, "waitid"), reason="no waitid on this system")


def ended(code: str, oom_kills: int | None = None) -> str:
    """Return how a Python that ran some code ended; it must still be there to be waited for."""
    with subprocess.Popen([sys.executable, "-c", code]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        return end_of(process.pid, oom_kills)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("import os; os._exit(3)", "exit status 3"),
        ("pass", "exit status 0"),
        ("import os; os.kill(os.getpid(), 9)", "signal 9, SIGKILL"),
        ("import os; os.kill(os.getpid(), 11)", "signal 11, SIGSEGV"),
        ("import os; os.kill(os.getpid(), 40)", "signal 40"),
    ],
)
def test_by_an_exit_status_or_a_signal(code: str, text: str) -> None:
    """Its number, and the signal's name if it has one."""
    assert ended(code) == text


def test_one_that_is_not_a_child() -> None:
    """Nothing is known of it."""
    assert end_of(os.getppid(), 0) == ""


def test_one_that_still_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It isn't waited for longer than the grace."""
    monkeypatch.setattr(process_end, "GRACE_S", 0.01)
    code = "import sys; sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE) as process:
        assert end_of(process.pid, None) == "it closed its connection and still runs"


KILLED = "import os; os.kill(os.getpid(), 9)"
Write = Callable[[str], None]


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """A kernel whose count of this control group can be set; its log is empty."""
    (tmp_path / "cgroup").write_text("1:cpu:/x\n0::/job\n", encoding="utf-8")
    (tmp_path / "job").mkdir()
    monkeypatch.setattr(process_end, "_OWN_CGROUP", tmp_path / "cgroup")
    monkeypatch.setattr(process_end, "_CGROUPS", tmp_path)
    monkeypatch.setattr(process_end, "_KERNEL_LOG", tmp_path / "kmsg")

    def write(text: str) -> None:
        (tmp_path / "job" / "memory.events").write_text(text, encoding="utf-8")

    return write


@pytest.mark.parametrize(
    ("before", "after", "probable"), [(0, 1, True), (2, 3, True), (1, 1, False), (None, 1, False)]
)
def test_memory_by_the_count_of_the_control_group(
    kernel: Write, before: int | None, after: int, probable: bool
) -> None:
    """It rose since the worker began; a count that was there before says nothing."""
    kernel(f"low 0\noom 5\noom_kill {after}\noom_group_kill 0\n")
    assert ended(KILLED, before) == f"signal 9, SIGKILL{', probably out of memory' * probable}"
    assert ended("import os; os._exit(1)", 0) == "exit status 1"
    assert "memory" not in ended(f"import os; os.kill(os.getpid(), {signal.SIGTERM:d})", 0)


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/job\n", "job/memory.events"),
        ("0::/of/the/host\n", "memory.events"),
        ("4:cpu,memory:/job\n0::/\n", "memory/job/memory.oom_control"),
        ("4:memory:/of/the/host\n", "memory/memory.oom_control"),
    ],
)
def test_both_kinds_of_control_groups(
    kernel: Write, tmp_path: Path, groups: str, file: str
) -> None:
    """Also in a container, which may see the path of the host."""
    (tmp_path / "cgroup").write_text(groups, encoding="utf-8")
    path = tmp_path / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("under_oom 0\noom_kill 7\n", encoding="utf-8")
    assert count_oom_kills() == 7


def test_a_kernel_that_counts_nothing(kernel: Write, tmp_path: Path) -> None:
    """Another system, or no memory controller."""
    assert count_oom_kills() is None
    (tmp_path / "cgroup").unlink()
    assert count_oom_kills() is None


@pytest.mark.parametrize("own", [True, False])
def test_memory_by_the_log(kernel: Write, tmp_path: Path, own: bool) -> None:
    """It names the process, if this user may read it."""
    with subprocess.Popen([sys.executable, "-c", KILLED]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        pid = process.pid if own else process.pid + 1
        os.mkfifo(tmp_path / "kmsg")  # like the log, it has nothing more at its end
        reader = os.open(tmp_path / "kmsg", os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(tmp_path / "kmsg", os.O_WRONLY)
        os.write(writer, f"3,1;Memory cgroup out of memory: Killed process {pid} (py)\n".encode())
        found = end_of(process.pid, None)
        os.close(writer)
        os.close(reader)
    assert ("probably out of memory" in found) is own
