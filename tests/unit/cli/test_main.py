"""The command as a module: it asks what the script asks, and never ends with 0 unasked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow  # runs a process
@pytest.mark.parametrize("module", ["pytest_prodstatus", "pytest_prodstatus.cli.main"])
def test_it_runs_as_a_module(tmp_path: Path, module: str) -> None:
    """If the folder of scripts isn't on the path; a gate without a record is closed."""
    (tmp_path / "pyproject.toml").write_text("[tool.prodstatus]\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", module, "gate"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 10
    assert "gate closed" in done.stdout
