"""SIGKILL while an order is being placed, by either route: it is placed at most once.

Everyday some kills of each route, some hundreds with PRODSTATUS_SWEEP=1.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.acceptance.demo.aliexpress_state import SupplierState
from tests.unit.acceptance.providers import Clock, supplier
from tests.unit.acceptance.purchases import ARMED

_KILLS = 150 if os.environ.get("PRODSTATUS_SWEEP") == "1" else 8
_SECONDS = 0.5
"""Until when a kill falls; a purchase takes less."""

# Counts its runs, thinks, writes its report, and thinks again before it ends.
_SCRIPT = """
import pathlib, time
with open("runs", "a") as runs:
    runs.write("run\\n")
time.sleep(0.05)
pathlib.Path("report.md").write_text(
    "PLACEORDER_EXECUTION_STATUS: SUCCESS\\nALIEXPRESS_ORDER_ID: 8198352049851315\\n")
time.sleep(0.05)
pathlib.Path("ended").touch()
"""

Buy = Callable[[dict[str, object]], str]


@pytest.fixture
def buy() -> Iterator[Buy]:
    """Have a process of its own place an order; see `buyer`."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.suite.purchase.buyer"],
        cwd=Path(__file__).parents[4],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stdin, stdout = process.stdin, process.stdout
    assert stdin
    assert stdout

    def run(job: dict[str, object]) -> str:
        stdin.write(json.dumps(job) + "\n")
        stdin.flush()
        return stdout.readline().strip()

    yield run
    process.communicate(timeout=30)


class Shop:
    """A supplier, a journal and a backend folder of one killed purchase."""

    def __init__(self, folder: Path, state: SupplierState, url: str, clock: Clock) -> None:
        folder.mkdir()
        self.folder, self.state, self.clock = folder, state, clock
        state.orders.clear()
        state.created.clear()
        self.job: dict[str, object] = {
            "supplier": url,
            "journal": f"sqlite:///{folder / 'state.sqlite3'}",
            "variables": dict(ARMED),
        }

    def by_command(self) -> None:
        """Buy with the store's own command."""
        (self.folder / "buy.py").write_text(_SCRIPT, encoding="utf-8")
        self.job["variables"] = {
            **ARMED,
            "PRODSTATUS_PURCHASE_COMMAND": f"'{sys.executable}' -S buy.py",
            "PRODSTATUS_PURCHASE_FOLDER": str(self.folder),
            "PRODSTATUS_PURCHASE_REPORT": "report.md",
        }

    def bought(self, buy: Buy, *, days: int = 0, **kill: object) -> str:
        """Buy, some days later; `kill` as `buyer` takes it."""
        now = (self.clock() + timedelta(days=days)).isoformat()
        return buy({**self.job, "now": now, **kill})

    @property
    def orders(self) -> int:
        """How often something was ordered; a command that was begun is waited for."""
        runs = self.folder / "runs"
        if not runs.exists():
            return sum(self.state.created.values())
        deadline = time.monotonic() + 20
        while not (self.folder / "ended").exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        return len(runs.read_text().splitlines())

    @property
    def state_of_journal(self) -> str:
        """The state of the one action; empty if there is none."""
        from pytest_prodstatus.journal import Journal

        with Journal.open(str(self.job["journal"])) as journal:
            actions = journal.actions()
        assert len(actions) <= 1
        return str(actions[0].state) if actions else ""


@pytest.mark.parametrize("route", ["direct", "store"])
def test_killed_while_it_buys(buy: Buy, tmp_path: Path, route: str) -> None:
    """What left is at SENT or later in the journal, and the next runs order nothing on top of it.

    What hadn't left may be ordered by the next run, once.
    """
    chance = random.Random(20261122)
    ends: Counter[str] = Counter()
    with supplier() as (state, url, clock):
        state.add_product("1005001234567890", "A lamp", price="12.50")
        state.faults.slow_s = 0.05  # after it has acted, so that a kill falls before its answer
        for number in range(_KILLS):
            shop = Shop(tmp_path / str(number), state, url, clock)
            if route == "store":
                shop.by_command()
            verdict = shop.bought(buy, kill_after=chance.uniform(0, _SECONDS))
            left = shop.state_of_journal
            ends[left] += 1
            if left in ("INTENT", "SENT"):
                assert {shop.bought(buy, days=day) for day in (0, 1)} == {"unresolved-intent"}
            elif not left:
                assert shop.orders == 0
                assert shop.bought(buy) == "CONFIRMED"
            assert verdict in ("", "CONFIRMED")
            assert shop.orders <= (left != "INTENT"), left
    assert sum(ends.values()) == _KILLS


@pytest.mark.parametrize("route", ["direct", "store"])
def test_killed_between_sent_and_the_answer(buy: Buy, tmp_path: Path, route: str) -> None:
    """The order exists and its answer was lost: it stays SENT, and is never placed again."""
    ordered = tmp_path / "0" / "runs"
    with supplier() as (state, url, clock):
        state.add_product("1005001234567890", "A lamp", price="12.50")
        state.faults.slow_s = 0.5
        shop = Shop(tmp_path / "0", state, url, clock)
        if route == "store":
            shop.by_command()
        else:
            ordered = tmp_path / "ordered"
            threading.Thread(target=_announce, args=(state.created, ordered), daemon=True).start()
        assert shop.bought(buy, kill_when=str(ordered)) == ""
        assert (shop.state_of_journal, shop.orders) == ("SENT", 1)
        for days in (0, 1, 31):
            assert shop.bought(buy, days=days) == "unresolved-intent"
        assert (shop.state_of_journal, shop.orders) == ("SENT", 1)


def _announce(created: Counter[str], path: Path) -> None:
    while not created:
        time.sleep(0.001)
    path.touch()
