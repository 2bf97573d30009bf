"""A run that is killed at any instant leaves complete files: its marker, or its outputs."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from pytest_prodstatus.model.codec import read_record
from pytest_prodstatus.writers import NAME
from tests.integration.project import CONFIG, LEAN, SHOP, Project, end_group

KILLS = 200 if os.environ.get("PRODSTATUS_SWEEP") == "1" else 10
TESTS = """
@api
@pytest.mark.parametrize("n", range(40))
def test_a(n, evidence): evidence(n=n, text="x" * 1000)
"""
HTML = tuple(name for name in LEAN if name not in ("html", "metadata"))
WHOLE = {
    "STATUS.md": "\n",
    "status.html": "</html>",
    "status.json": "}\n",
}
if find_spec("pytest_html"):
    WHOLE["report.html"] = "</html>"


def command() -> list[str]:
    """Return the command of a run that writes every output."""
    return [sys.executable, "-m", "pytest", "-m", "production", *(f"-pno:{name}" for name in HTML)]


def test_kill_at_any_instant_leaves_old_or_new(project: Project) -> None:
    """Every output is always complete: in progress, or that of the last complete run.

    A record of a killed run is never CONFIRMED unless all of it was written: it then has an end.
    """
    config = CONFIG.replace("[tool.prodstatus]", '[tool.prodstatus]\nhtml = "report.html"')
    project.write({"test_api.py": TESTS, "test_shop.py": SHOP, "pyproject.toml": config})
    begun = time.monotonic()
    subprocess.run(command(), cwd=project.root, capture_output=True, check=True, timeout=120)
    span = time.monotonic() - begun
    draw = random.Random(4)
    for _ in range(KILLS):
        process = subprocess.Popen(
            command(),
            cwd=project.root,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        # From before the first write to after the last one; most of it is the end.
        try:
            process.wait(timeout=span * draw.uniform(0.3, 1.05))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.wait()
        end_group(process.pid)
        what_is_left(project.folder, killed=process.returncode == -signal.SIGKILL)
    # A run after all of them is as good as the first.
    subprocess.run(command(), cwd=project.root, capture_output=True, check=True, timeout=120)
    assert what_is_left(project.folder, killed=False) == "finished"
    assert {path.name for path in project.folder.iterdir()} == set(WHOLE)


def what_is_left(folder: Path, *, killed: bool) -> str:
    """Check a run's files; return how far it came by its record."""
    names = {path.name for path in folder.iterdir()}
    others = {name for name in names - set(WHOLE) if not name.endswith(".tmp")}
    assert others <= {NAME}
    for name in names & set(WHOLE):
        text = (folder / name).read_text(encoding="utf-8")
        complete = text.endswith(WHOLE[name]) or "The run is in progress" in text
        assert complete or text.rstrip().endswith(WHOLE[name].rstrip()), (name, text[-80:])
    text = (folder / "status.json").read_text(encoding="utf-8")
    record = read_record(text, "status.json")
    data = json.loads(text)
    if record.run.finished is None:
        assert killed
        assert data["final"]["verdict"] == "BLOCKED"
        assert data["decision"]["open"] is False
        assert {s["verdict"] for s in data["stages"]} == {"BLOCKED"}
        assert not any(s["criteria"] for s in data["stages"])
        assert data["previous"]["final"]["verdict"] == "CONFIRMED"
        return "in progress"
    assert data["final"]["verdict"] == "CONFIRMED"
    assert data["run"]["complete"] is True
    return "finished"
