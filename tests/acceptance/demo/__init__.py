"""The demo store: a database and provider simulators on this machine."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[3]
_BOOT_SECONDS = 90.0
_STOP_SECONDS = 20.0


class DemoError(Exception):
    """The demo store could not be started; `str()` is one sentence."""


class DemoStore(contextlib.ExitStack):
    """A demo store in its own process, which ends with this one.

    Attributes:
        environment: the variables that the suite is configured with.
        owner_url: the database as its owner, for tests that change it; None without a database.
    """

    def __init__(self, process: subprocess.Popen[str], message: dict[str, object]) -> None:
        super().__init__()
        environment, owner_url = message["environment"], message["owner_url"]
        assert isinstance(environment, dict)
        self.environment: dict[str, str] = environment
        self.owner_url = owner_url if isinstance(owner_url, str) else None
        self._process = process
        # Closing it waits until nothing of the store is left.
        self.callback(_end, process)


def boot(scenario: str = "healthy") -> DemoStore:
    """Start a store and return once it is up.

    Args:
        scenario: a name out of `scenarios.SCENARIOS`.

    Raises:
        DemoError: the scenario is unknown, or the store did not start.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.acceptance.demo", "--scenario", scenario],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(_ROOT), *_inherited_path()))},
        # An interrupt at the terminal is for pytest, which closes the store when it is done.
        start_new_session=True,
    )
    try:
        message = json.loads(_first_line(process))
    except (ValueError, queue.Empty):
        process.kill()
        _, errors = process.communicate()
        lines = [line for line in errors.splitlines() if line.strip()]
        msg = f"the demo store did not start: {lines[-1] if lines else 'it printed nothing'}"
        raise DemoError(msg) from None
    except BaseException:
        _end(process)
        raise
    if "error" in message:
        _end(process)
        raise DemoError(message["error"])
    return DemoStore(process, message)


def _inherited_path() -> list[str]:
    return [path for path in [os.environ.get("PYTHONPATH")] if path]


def _first_line(process: subprocess.Popen[str]) -> str:
    """Return the process's first line, read beside the clock."""
    lines: queue.Queue[str] = queue.Queue()
    stdout = process.stdout
    assert stdout is not None
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    return lines.get(timeout=_BOOT_SECONDS)


def _end(process: subprocess.Popen[str]) -> None:
    try:
        process.communicate(timeout=_STOP_SECONDS)  # closes its standard input
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
