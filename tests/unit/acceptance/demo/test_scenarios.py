"""The table of scenarios, judged by the suite itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.demo.scenarios import SCENARIOS

_ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_each_store_gets_its_verdicts(name: str, tmp_path: Path) -> None:
    """Every stage as the table says, unarmed."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PRODSTATUS_", "PYTEST", "REAL_", "TEST_"))
    }
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "tests/acceptance"),
            *("-m", "production", "--target=demo", f"--demo-scenario={name}"),
            f"--prodstatus-dir={tmp_path}",
        ],
        cwd=_ROOT,
        env={**clean, "PRODSTATUS_HISTORY": "0", "XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    record = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    found = {stage["id"]: stage["verdict"] for stage in record["stages"]}
    assert found == SCENARIOS[name].expected, done.stdout
