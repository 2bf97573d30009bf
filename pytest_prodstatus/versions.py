"""With what a run was made: the suite's commit, and the versions that matter."""

from __future__ import annotations

import os
import platform
import subprocess
from pathlib import Path

import pytest

from pytest_prodstatus.version import __version__

_TIMEOUT_S = 5
_COMMIT = "# branch.oid "
OF_ONE_REPOSITORY = frozenset(
    [
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
        "GIT_COMMON_DIR",
        "GIT_DIR",
        "GIT_GRAFT_FILE",
        "GIT_IMPLICIT_WORK_TREE",
        "GIT_INDEX_FILE",
        "GIT_INTERNAL_SUPER_PREFIX",
        "GIT_NAMESPACE",
        "GIT_NO_REPLACE_OBJECTS",
        "GIT_OBJECT_DIRECTORY",
        "GIT_PREFIX",
        "GIT_REPLACE_REF_BASE",
        "GIT_SHALLOW_FILE",
        "GIT_WORK_TREE",
    ]
)
"""What `git rev-parse --local-env-vars` lists, and the namespace: git sets these for its hooks.

Those of its configuration are kept: `safe.directory` may be given there.
"""

NEIGHBOURS = {
    "xdist": "pytest-xdist",
    "pytest_html": "pytest-html",
    "pytest_rerunfailures": "pytest-rerunfailures",
}
"""The distributions of the neighbours that change runs, by the package of their plugin."""


def suite_commit(root: Path) -> tuple[str | None, bool | None]:
    """Return the commit of the suite and whether tracked files differ from it; None without git.

    It is the repository that the folder `root` lies in, also in a hook of another one.
    """
    status = _git(root, "status", "--porcelain=v2", "--branch", "--untracked-files=no")
    lines = (status or "").splitlines()
    commits = [line.removeprefix(_COMMIT) for line in lines if line.startswith(_COMMIT)]
    if not commits or commits[0] == "(initial)":
        return None, None
    return commits[0], any(not line.startswith("# ") for line in lines)


def _git(root: Path, *arguments: str) -> str | None:
    inherited = {n: v for n, v in os.environ.items() if n not in OF_ONE_REPOSITORY}
    try:
        done = subprocess.run(  # noqa: S603  the arguments are ours
            ["git", "-C", str(root), *arguments],  # noqa: S607  whichever git the person uses
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
            env={**inherited, "GIT_OPTIONAL_LOCKS": "0"},  # a reader leaves the index alone
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
