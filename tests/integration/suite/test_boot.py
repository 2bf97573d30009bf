"""The demo's life: it comes up quickly, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.acceptance.demo import DemoError, boot
from tests.acceptance.demo.seed import healthy
from tests.unit.acceptance.providers import NOW

_PARENT = """
import time
from tests.acceptance.demo import boot
store = boot("healthy")
print(store.environment["DATABASE_URL"], store._process.pid, flush=True)
time.sleep(600)
"""


def _folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def _server(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def _gone(folder: Path, server: int) -> bool:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            os.kill(server, 0)
        except ProcessLookupError:
            if not folder.exists():
                return True
        time.sleep(0.05)
    return False


def test_a_store_that_is_closed_leaves_nothing() -> None:
    """A closed store leaves neither a server nor a folder."""
    with boot() as store:
        folder = _folder(store.environment["DATABASE_URL"])
        server = _server(folder)
        assert store.owner_url
    assert not folder.exists()
    assert _gone(folder, server)


@pytest.mark.parametrize("victim", ["parent", "demo"])
def test_a_kill_leaves_nothing(victim: str) -> None:
    """SIGKILL of the process that booted it, or of the store's own."""
    parent = subprocess.Popen(
        [sys.executable, "-c", _PARENT],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    assert parent.stdout
    with parent.stdout:
        url, demo = parent.stdout.readline().split()
    folder = _folder(url)
    server = _server(folder)
    if victim == "demo":
        os.kill(int(demo), signal.SIGKILL)
        gone = _gone(folder, server)
        parent.kill()
    else:
        parent.kill()
        gone = _gone(folder, server)
    parent.wait()
    assert gone


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_order(number: signal.Signals) -> None:
    """A signal ends it as the end of its input does."""
    with boot() as store:
        folder = _folder(store.environment["DATABASE_URL"])
        server = _server(folder)
        store._process.send_signal(number)
        assert store._process.wait(timeout=20) == 0
        assert _gone(folder, server)


def test_an_unknown_scenario_is_refused_with_the_ones_there_are() -> None:
    """An unknown scenario is refused in one sentence that lists all scenarios."""
    with pytest.raises(
        DemoError, match=r"'unwell' is not a demo scenario; there are healthy, unusual"
    ):
        boot("unwell")


def test_two_stores_of_one_instant_are_the_same() -> None:
    """Everything comes from one seed and one instant."""
    first, other = healthy(NOW), healthy(NOW)
    assert first.tables == other.tables
    assert first.supplier.orders == other.supplier.orders
    assert first.paypal.batches == other.paypal.batches
