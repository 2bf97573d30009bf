"""The server of `prodstatus serve` as a process: a browser, a slow client, its end."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pytest_prodstatus import clock
from pytest_prodstatus.cli.serve import listen
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.project import Project, config_in
from pytest_prodstatus.publish import publish
from tests.unit.given import B, C, observation, record, run

pytest.importorskip("uvicorn")
pytest.importorskip("playwright")

from tests.chromium import executable, launched

CONFIG = '[tool.prodstatus]\n[[tool.prodstatus.stages]]\nid = "api"\ncriteria = ["key", "door"]\n'


def published(root: Path, verdict: Verdict, target: str = "production") -> Record:
    """Write the record and page of a run that has just ended."""
    (root / "pyproject.toml").write_text(CONFIG, encoding="utf-8")
    project = Project(root=root, config=config_in(root))
    now = clock.now()
    of = run(target=target, started=now, finished=now, catalogue=project.config.catalogue.digest)
    seen = {name: observation(verdict, observed_at=now) for name in ("api.key", "api.door")}
    made = record(project.config.catalogue, seen, of=of)
    folder = root / "reports" / ("" if target == "production" else target)
    return publish(made, project.config, project.layout(folder)).record


@contextmanager
def serving(root: Path, *options: str) -> Iterator[str]:
    """Run the server on a free port; yield its address."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith("PRODSTATUS_")}
    environ |= {"XDG_STATE_HOME": str(root / ".state")}
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest_prodstatus", "serve", "--port", "0", *options],
        cwd=root, env=environ, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        found = re.search(r"http://\S+/", line)
        assert found, line + process.stderr.read()
        yield found[0]
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stderr.close()


@pytest.mark.skipif(executable() is None, reason="Chromium isn't installed on this machine")
def test_a_browser_walks_the_pages(tmp_path: Path) -> None:
    """The list leads to each target's page, whose own policy lets nothing else run."""
    published(tmp_path, B)
    published(tmp_path, C, "staging")
    with serving(tmp_path) as address, launched() as browser:
        page = browser.new_page()
        console: list[str] = []
        page.on("console", lambda message: console.append(message.text))
        page.goto(address)
        rows = page.locator("tbody tr").all_inner_texts()
        assert ["BLOCKED" in row for row in rows] == [True, False]
        page.click("text=staging")
        assert page.title().startswith("CONFIRMED")
        page.locator("#tools input[type=search]").wait_for()  # its script runs
        page.go_back()
        page.click("text=production")
        assert page.title().startswith("BLOCKED")
        assert "The gate is closed" in page.locator("h1").inner_text()
        assert [line for line in console if "favicon" not in line] == []
        # Someone replaces the record while the page is open: the next look is another judgement.
        published(tmp_path, C)
        page.reload()
        assert page.title().startswith("CONFIRMED")


def test_slow_clients_hold_no_other_up(tmp_path: Path) -> None:
    """Clients that send half a request, or a head without an end, leave the others alone."""
    published(tmp_path, C)
    with serving(tmp_path) as address:
        host, port = address[len("http://") : -1].split(":")
        slow = [socket.create_connection((host, int(port))) for _ in range(100)]
        for connection in slow:
            connection.sendall(b"GET /page/production HTTP/1.1\r\nHost: x\r\nX-")
        with urllib.request.urlopen(f"{address}verdict", timeout=10) as answer:
            assert json.load(answer)["open"] is True
        head = b"GET / HTTP/1.1\r\nX-A: " + b"a" * 100_000
        with socket.create_connection((host, int(port)), timeout=10) as greedy:
            greedy.sendall(head)
            assert greedy.recv(1000).startswith(b"HTTP/1.1 400")
        for connection in slow:
            connection.close()


def test_a_small_answer_is_sent_at_once() -> None:
    """An accepted connection has TCP_NODELAY, or each answer waits 40 ms for an acknowledgement."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
