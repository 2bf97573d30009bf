"""With what a run was made: the suite's commit, and the versions that matter."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest

from pytest_prodstatus.version import __version__

_TIMEOUT_S = 5
_COMMIT = "# branch.oid "
NEIGHBOURS = {
    "xdist": "pytest-xdist",
    "pytest_html": "pytest-html",
    "pytest_rerunfailures": "pytest-rerunfailures",
}
"""The distributions of the neighbours that change runs, by the package of their plugin."""


def suite_commit(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the suite and whether tracked files differ from it; None without git."""
    told = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = (told or "").splitlines()
    commits = [line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)]
    if not commits or commits[0] == "(initial)":
        return None, None
    return commits[0], any(not line.startswith("# ") for line in lines)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603  the arguments are ours
            ["git", "-C", str(root), *arguments],  # noqa: S607  whichever git the person uses
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def versions(config: pytest.Config) -> dict[str, str]:
    """Return the versions of Python, pytest, this plugin and the neighbours that change runs."""
    found = {
        "python": platform.python_version(),
        "pytest": pytest.__version__,
        "pytest-prodstatus": __version__,
    }
    for plugin, distribution in config.pluginmanager.list_plugin_distinfo():
        # By its package first, since to learn a distribution's own name its metadata is parsed.
        package = getattr(plugin, "__name__", "").partition(".")[0]
        if package in NEIGHBOURS:
            found[NEIGHBOURS[package]] = distribution.version
    return dict(sorted(found.items()))
