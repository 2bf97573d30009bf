"""Inner runs of pytest over small projects, as `pytester` gives them."""

from __future__ import annotations

import os

import pytest

from tests.integration.project import Project


def pytest_configure(config: pytest.Config) -> None:
    """Load `pytester`, which pytest wants named in the root conftest alone."""
    if not config.pluginmanager.hasplugin("pytester"):
        config.pluginmanager.import_plugin("pytester")


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Project:
    """A project with two stages, FINAL over both, and no test yet."""
    import markupsafe  # noqa: F401  an inner run that imports it first would have to do so each time

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
