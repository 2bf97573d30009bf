"""Measure `prodstatus serve` on loopback, beside `python -m http.server` with a static file.

    .venv/bin/python -m benchmarks.serve [seconds] [connections]

Every request of `serve` is judged anew; the static file is the record's own size. The clients are
threads of this process with connections of their own, so they and the servers share the machine.
"""

from __future__ import annotations

import http.client
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.diff import STAGES, record
from pytest_prodstatus import clock
from pytest_prodstatus.model.codec import write_record

CRITERIA = 100
PATHS = ("/healthz", "/gate", "/verdict", "/metrics", "/page/production")


@contextmanager
def running(root: Path, *command: str) -> Iterator[int]:
    """Run a server in a folder; yield its port."""
    environ = {**os.environ, "XDG_STATE_HOME": str(root / ".state"), "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        cwd=root, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r":(\d+)/", line)
        assert found, line
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield int(found[1])
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def measure(port: int, path: str, seconds: float, connections: int) -> str:
    """Ask for a path over and over; return requests a second and latencies."""
    times: list[float] = []
    statuses: set[int] = set()
    lost: list[OSError] = []
    end = time.perf_counter() + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while time.perf_counter() < end:
            begun = time.perf_counter()
            try:
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
            except OSError as error:  # a server that keeps its clients waiting for too long
                lost.append(error)
                break
            times.append(time.perf_counter() - begun)
            statuses.add(answer.status)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    cuts = statistics.quantiles(times, n=100)
    middle, late = cuts[49] * 1000, cuts[98] * 1000
    rate = len(times) / seconds
    line = f"{path:<18} {rate:>7.0f}/s {middle:>8.1f} ms {late:>8.1f} ms  {sorted(statuses)}"
    return f"{line}, {len(lost)} gave up" if lost else line


def main() -> None:
    """Print a line for each path."""
    seconds = float(sys.argv[1]) if sys.argv[1:] else 5.0
    connections = int(sys.argv[2]) if sys.argv[2:] else 16
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        stages = "".join(f"[[tool.prodstatus.stages]]\nid = '{name}'\n" for name in STAGES)
        (root / "pyproject.toml").write_text(f"[tool.prodstatus]\n{stages}", encoding="utf-8")
        (root / "reports").mkdir()
        text = write_record(record(CRITERIA, 0, clock.now(), "production"))
        (root / "reports/status.json").write_text(text, encoding="utf-8")
        print(f"{CRITERIA} criteria, {len(text) / 1024:.0f} KiB, {connections} connections")  # noqa: T201
        print(f"{'':<18} {'rate':>9} {'median':>11} {'99 %':>11}")  # noqa: T201
        with running(
            root, "http.server", "--protocol", "HTTP/1.1", "--bind", "127.0.0.1", "0"
        ) as port:
            print("http.server")  # noqa: T201
            print(measure(port, "/reports/status.json", seconds, connections))  # noqa: T201
        with running(root, "pytest_prodstatus", "serve", "--port", "0") as port:
            print(f"prodstatus serve, at {clock.now():%Y-%m-%d}")  # noqa: T201
            for path in PATHS:
                print(measure(port, path, seconds, connections))  # noqa: T201


if __name__ == "__main__":
    main()
