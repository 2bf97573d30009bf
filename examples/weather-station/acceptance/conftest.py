"""The station that is judged: at STATION_URL, or with `--target local` one that runs here."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from acceptance.client import Client
from pytest_prodstatus import Endpoints, blocked

PROGRAM = Path(__file__).parents[1] / "station.py"


@pytest.fixture(scope="session")
def station_url(prodstatus_target: str) -> Iterator[str]:
    """The station's address. If it isn't configured, the criteria are BLOCKED."""
    if prodstatus_target == "local":
        with running_here(os.environ.get("STATION_FAULT", "none")) as url:
            yield url
        return
    url = os.environ.get("STATION_URL", "")
    if not url:
        blocked(
            "STATION_URL is not set",
            kind="missing-config",
            remedy="set STATION_URL to the station's address, or judge one here: --target local",
        )
    yield url


@pytest.fixture(scope="session")
def station(station_url: str, prodstatus_endpoint: Endpoints) -> Client:
    """A client of the station, whose address is in the record."""
    prodstatus_endpoint("station", station_url)
    return Client(station_url)


@pytest.fixture
def may_warn(prodstatus_target: str) -> None:
    """Allow a test warning. People read the board at the harbour, so it has to be armed there."""
    if prodstatus_target != "local" and os.environ.get("STATION_TEST_WARNING") != "1":
        blocked(
            "not armed: STATION_TEST_WARNING is not 1",
            kind="not-armed",
            remedy="set STATION_TEST_WARNING=1, to show one test warning at the harbour",
        )


@contextmanager
def running_here(fault: str) -> Iterator[str]:
    """Run a station on this machine during the block; yield its address."""
    command = [sys.executable, str(PROGRAM), "--fault", fault]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
