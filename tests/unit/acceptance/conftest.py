"""Settings, and a purchase that would go through; what ends as BLOCKED unexpectedly has failed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked
from pytest_prodstatus.journal import Journal
from tests.acceptance.support.settings import Settings
from tests.unit.acceptance.providers import supplier
from tests.unit.acceptance.purchases import ARMED, Bench


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None]:
    """Fail a test that ends as BLOCKED without expecting it: pytest would take it for a skip."""
    try:
        return (yield)
    except Blocked as blocked:
        msg = f"it ended as BLOCKED: {blocked.reason.text}"
        raise AssertionError(msg) from blocked


@pytest.fixture
def variables() -> Callable[..., Settings]:
    """Make settings out of variables, for a target."""

    def make(target: str = "production", **values: str) -> Settings:
        return Settings.from_environment(values, target=target, dotenv={})

    return make


@pytest.fixture(scope="session")
def empty_journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A journal's file without any action: to make one takes longer than most purchases."""
    file = tmp_path_factory.mktemp("empty", numbered=True) / "journal" / "state.sqlite3"
    Journal.open(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def bench(tmp_path: Path, empty_journal: Path) -> Iterator[Bench]:
    """A purchase that would go through: 12.50 and 1.99 of delivery, within 25.00 USD."""
    shutil.copytree(empty_journal.parent, tmp_path / "journal")
    with supplier() as (state, url, clock):
        state.add_product("1005001234567890", "A lamp", price="12.50")
        yield Bench(
            state=state,
            url=url,
            clock=clock,
            journal_url=f"sqlite:///{tmp_path / 'journal' / 'state.sqlite3'}",
            variables=dict(ARMED),
            conditions=tuple,
        )
