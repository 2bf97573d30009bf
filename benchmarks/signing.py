"""Measure what a run costs more if it signs its record: a whole run with a key beside one without.

    python -m benchmarks.signing [PAIRS]

A run is a new process over 100 passing criteria. The two runs of a pair take turns to be the first.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.process import Cost, measured

PAIRS = 25
CONFIG = '[[tool.prodstatus.stages]]\nid = "api"\ntitle = "API"\n'
TEST = '@pytest.mark.stage("api")\ndef test_{number}(): assert {number} + 1\n'


def main() -> None:
    """Print the median and the quartiles of the differences within a pair."""
    pairs = int(sys.argv[1]) if sys.argv[1:] else PAIRS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
        tests = "".join(TEST.format(number=number) for number in range(100))
        (folder / "test_api.py").write_text(f"import pytest\n{tests}", encoding="utf-8")
        prodstatus = [sys.executable, "-m", "pytest_prodstatus.cli.main", "key", "new", "ci"]
        subprocess.run(prodstatus, cwd=folder, check=True, capture_output=True)
        key = f"file:{folder / 'ci.key'}"
        _run(folder, key)  # compiles the modules, and isn't counted
        more: dict[str, list[float]] = {"wall": [], "cpu": []}
        for number in range(pairs):
            keys = ("", key) if number % 2 else (key, "")
            cost = {given: _run(folder, given) for given in keys}
            pair = cost[key], cost[""]
            more["wall"].append(1000 * (pair[0].wall - pair[1].wall))
            more["cpu"].append(1000 * (pair[0].cpu - pair[1].cpu))
    for field, differences in more.items():
        low, middle, high = statistics.quantiles(differences, n=4)
        sys.stdout.write(f"{field}: {middle:+.0f} ms (quartiles {low:+.0f} and {high:+.0f})\n")


def _run(folder: Path, key: str) -> Cost:
    """Return what one run cost.

    Raises:
        RuntimeError: it didn't end with 0, or signed without a key, or didn't with one.
    """
    unset = ("PRODSTATUS_SIGN_KEY", "PYTHONDONTWRITEBYTECODE")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment["PRODSTATUS_HISTORY"] = "0"
    if key:
        environment["PRODSTATUS_SIGN_KEY"] = key
    command = [sys.executable, "-m", "pytest", "-q", "-m", "production"]
    cost = measured(command, folder, environment)
    if (folder / "reports/status.intoto.json").exists() is not bool(key):
        msg = "the run signed nothing" if key else "the run signed without a key"
        raise RuntimeError(msg)
    return cost


if __name__ == "__main__":
    main()
