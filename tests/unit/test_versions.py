"""A record says with which neighbours and which commit of the suite it was made."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from pytest_prodstatus.settings import (
    NEIGHBOURS,
    OF_ONE_REPOSITORY,
    suite_commit,
    versions,
)


@pytest.mark.parametrize(("package", "name"), NEIGHBOURS.items())
def test_a_neighbour_is_known_by_its_package(package: str, name: str) -> None:
    """Each installed neighbour is found by the package of the plugin that it registers."""
    try:
        points = distribution(name).entry_points.select(group="pytest11")
    except PackageNotFoundError:
        pytest.skip(f"{name} is not installed")
    assert package in {point.module.partition(".")[0] for point in points}


def test_versions_of_what_is_loaded(pytestconfig: pytest.Config) -> None:
    """A record has the versions of Python, pytest, this plugin and the loaded neighbours."""
    loaded = {item.project_name for _, item in pytestconfig.pluginmanager.list_plugin_distinfo()}
    found = versions(pytestconfig)
    assert set(found) == {"python", "pytest", "pytest-prodstatus"} | loaded & {*NEIGHBOURS.values()}
    assert found["pytest"] == pytest.__version__
    for name in found.keys() & {*NEIGHBOURS.values()}:
        assert found[name] == distribution(name).version


GIT = shutil.which("git")


def git(folder: Path, *args: str) -> str:
    """Run git in a folder, with an author, and return its output."""
    who = ("-c", "user.email=ann@example.org", "-c", "user.name=Ann")
    environ = {n: v for n, v in os.environ.items() if not n.startswith("GIT_")}
    done = subprocess.run(
        ["git", *who, *args], cwd=folder, env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def repository(folder: Path) -> str:
    """Make a repository with one commit of one file, and return the commit."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "file").write_text(folder.name, encoding="utf-8")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", folder.name)
    return git(folder, "rev-parse", "HEAD")


@pytest.mark.skipif(GIT is None, reason="git is not installed")
class TestSuiteCommit:
    """A record has the commit of the suite, and whether it has local changes."""

    def test_of_the_folder(self, tmp_path: Path) -> None:
        """The commit is that of the folder's repository, from any folder in it."""
        commit = repository(tmp_path / "suite")
        assert suite_commit(tmp_path / "suite") == (commit, False, "")
        (tmp_path / "suite/sub").mkdir()
        assert suite_commit(tmp_path / "suite/sub") == (commit, False, "")
        (tmp_path / "suite/file").write_text("changed", encoding="utf-8")
        assert suite_commit(tmp_path / "suite/sub") == (commit, True, "")

    @pytest.mark.parametrize(
        "names",
        [
            ("GIT_DIR",),
            ("GIT_DIR", "GIT_WORK_TREE"),
            ("GIT_INDEX_FILE",),
            ("GIT_OBJECT_DIRECTORY",),
            ("GIT_COMMON_DIR", "GIT_DIR"),
            ("GIT_PREFIX", "GIT_NAMESPACE", "GIT_SHALLOW_FILE"),
        ],
        ids=" ".join,
    )
    def test_not_of_the_repository_whose_hook_runs(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...]
    ) -> None:
        """A git hook inherits its repository's variables, which may not be the suite's."""
        commit, shop = repository(tmp_path / "suite"), repository(tmp_path / "shop")
        assert commit != shop
        git_dir = tmp_path / "shop/.git"
        values = {
            "GIT_DIR": git_dir,
            "GIT_WORK_TREE": tmp_path / "shop",
            "GIT_INDEX_FILE": git_dir / "index",
            "GIT_OBJECT_DIRECTORY": git_dir / "objects",
            "GIT_COMMON_DIR": git_dir,
            "GIT_PREFIX": "sub/",
            "GIT_NAMESPACE": "other",
            "GIT_SHALLOW_FILE": git_dir / "shallow",
        }
        for name in names:
            monkeypatch.setenv(name, str(values[name]))
        assert suite_commit(tmp_path / "suite") == (commit, False, "")

    def test_configuration_from_the_environment_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Git's configuration may be in the environment, such as `safe.directory`."""
        commit = repository(tmp_path / "suite")
        monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "safe.directory")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "*")
        assert suite_commit(tmp_path / "suite") == (commit, False, "")
        monkeypatch.setenv("GIT_CONFIG_KEY_0", "core.bare")
        monkeypatch.setenv("GIT_CONFIG_VALUE_0", "neither")
        assert suite_commit(tmp_path / "suite") == (
            None,
            None,
            "git refuses: fatal: bad boolean config value 'neither' for 'core.bare'",
        )

    def test_every_variable_that_git_names(self) -> None:
        """Git's variables of one repository are ignored, except those of its configuration."""
        named = subprocess.run(
            ["git", "rev-parse", "--local-env-vars"], capture_output=True, text=True, check=True
        ).stdout.split()
        assert {name for name in named if not name.startswith("GIT_CONFIG")} <= OF_ONE_REPOSITORY

    def test_there_is_none(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No repository, no commit in it, no git."""
        assert suite_commit(tmp_path) == (None, None, "")
        (tmp_path / "empty").mkdir()
        git(tmp_path / "empty", "init", "-q")
        assert suite_commit(tmp_path / "empty") == (None, None, "")
        repository(tmp_path / "suite")
        monkeypatch.setenv("PATH", str(tmp_path))
        assert suite_commit(tmp_path / "suite") == (None, None, "")

    def test_git_that_refuses_is_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """In a container, the folder may be another user's; the remedy is git's own."""
        repository(tmp_path / "suite")
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # of git's own tests
        folder = tmp_path / "suite"
        found = suite_commit(folder)
        assert found[:2] == (None, None)
        assert found.problem == (
            f"git refuses: fatal: detected dubious ownership in repository at '{folder}'; "
            f"run git config --global --add safe.directory {folder}"
        )
