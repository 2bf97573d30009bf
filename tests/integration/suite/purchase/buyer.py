"""Processes that buy, and can be killed while they do.

Run as `python -m tests.integration.suite.purchase.buyer`. Each line of stdin is a JSON object
{supplier, journal, variables, now, kill_after, kill_when}. For each it forks a process that places
an order (it has imported everything and has no threads, so that this costs milliseconds), kills it
after so many seconds or when a file appears, if the line asks for it, and prints how it ended:
nothing if it was killed before.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import Journal
from tests.acceptance.support.credentials import Account
from tests.acceptance.support.purchase.journal import OrderKey
from tests.acceptance.support.purchase.order import Purchase
from tests.acceptance.support.purchase.routes import choose_route
from tests.acceptance.support.settings import Settings
from tests.unit.acceptance.providers import aliexpress_client


def buy(job: dict[str, Any]) -> str:
    """Place an order as the suite does; return how that ended."""

    def clock() -> datetime:
        return datetime.fromisoformat(job["now"])

    settings = Settings.from_environment(job["variables"], target="demo", dotenv={}).purchase
    client = aliexpress_client(job["supplier"], clock=clock, timeout=(5.0, 5.0))
    try:
        with Journal.open(job["journal"], clock=clock) as journal:
            purchase = Purchase(
                client=client,
                route=choose_route(settings, client),
                journal=journal,
                settings=settings,
                order_key=OrderKey(
                    project="shop",
                    target="demo",
                    product_id=settings.product_id or "",
                    account=Account(application="12345678", owner="user 1"),
                ),
                operator="a person",
                clock=clock,
                valid_for=timedelta(days=30),
                conditions=tuple,
                observe=_forget,
            )
            return str(purchase.place().state)
    except Blocked as blocked:
        return blocked.reason.kind.value


def _forget(**values: object) -> None:
    """Ignore evidence."""


def main() -> None:
    """Answer each line until stdin ends."""
    for line in sys.stdin:
        job = json.loads(line)
        read_end, write_end = os.pipe()
        pid = os.fork()
        if not pid:
            os.write(write_end, buy(job).encode())
            os._exit(0)
        os.close(write_end)
        if "kill_after" in job or "kill_when" in job:
            time.sleep(job.get("kill_after", 0))
            while "kill_when" in job and not Path(job["kill_when"]).exists():
                time.sleep(0.002)
            os.kill(pid, signal.SIGKILL)  # not waited for yet, so it is still that process
        with os.fdopen(read_end) as words:
            sys.stdout.write(f"{words.read()}\n")
        sys.stdout.flush()
        os.waitpid(pid, 0)


if __name__ == "__main__":
    main()
