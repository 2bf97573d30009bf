"""Inner runs of pytest over small projects, as `pytester` gives them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator

import pytest

from tests.acceptance.demo.postgres import KEPT_CLUSTER
from tests.integration.project import Project


def pytest_configure(config: pytest.Config) -> None:
    """Load `pytester`, which pytest wants named in the root conftest alone."""
    if not config.pluginmanager.hasplugin("pytester"):
        config.pluginmanager.import_plugin("pytester")


_IMPORTED_ONCE = (
    "markupsafe",
    "markdown_it",
    "pytest_prodstatus.presence",
    "pytest_prodstatus.recorder",
    "pytest_prodstatus.store",
    "pytest_prodstatus.terminal",
    "pytest_prodstatus.writers.document",
    "pytest_prodstatus.writers.html.graph",
    "pytest_prodstatus.writers.html.page",
)
"""What an inner run in this process would import and forget again, which takes most of its time."""


@pytest.fixture(scope="session", autouse=True)
def _kept_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let every demo store that these tests boot copy one empty database cluster."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent  # of all workers
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEPT_CLUSTER, str(folder / "cluster"))
        yield


@pytest.fixture(scope="session", autouse=True)
def _imported_once() -> None:
    """Import it before any `pytester` is made, which forgets what is imported after it."""
    for module in _IMPORTED_ONCE:
        importlib.import_module(module)


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two stages, FINAL over both, and no test yet."""
    for name in list(os.environ):
        if name.startswith(("PRODSTATUS_", "PYTEST_XDIST_", "GITHUB_")) or name in (
            "COLUMNS",
            "CI",
        ):
            monkeypatch.delenv(name)
    # No run of the tests may reach the state store of the person who runs them.
    monkeypatch.setenv("PRODSTATUS_HISTORY", "0")
    monkeypatch.setenv("XDG_STATE_HOME", str(pytester.path / ".state"))
    # A run that is killed leaves its spool, which goes with this folder.
    spools = pytester.path / ".spools"
    spools.mkdir()
    monkeypatch.setenv("TMPDIR", str(spools))
    return Project(pytester)
