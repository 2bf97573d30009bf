"""The project is the nearest folder upwards with [tool.prodstatus], or none."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_prodstatus.project import find_project
from pytest_prodstatus.readers.config import Config, ConfigError


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """A folder two levels below an empty one."""
    folder = tmp_path / "packages/api"
    folder.mkdir(parents=True)
    return folder


def write(folder: Path, content: str | bytes) -> None:
    """Write a folder's pyproject.toml."""
    data = content.encode() if isinstance(content, str) else content
    (folder / "pyproject.toml").write_bytes(data)


def test_the_nearest_upwards(tmp_path: Path, deep: Path) -> None:
    """Of two projects, one in the other, the inner one is found from any folder in it."""
    write(tmp_path, '[tool.prodstatus]\ntitle = "outer"\n')
    write(deep.parent, '[tool.prodstatus]\ntitle = "inner"\n')
    for start, root, title in (
        (deep, deep.parent, "inner"),
        (deep.parent, deep.parent, "inner"),
        (tmp_path, tmp_path, "outer"),
    ):
        found = find_project(start)
        assert found
        assert (found.root, found.config.title) == (root, title)


def test_there_is_none(deep: Path) -> None:
    """If no folder is a project, there is none, rather than a folder with defaults."""
    assert find_project(deep) is None


@pytest.mark.parametrize(
    "text", ["[tool.prodstatus]\n", "[tool]\nprodstatus = {}\n", "[tool.prodstatus]\nexports = []"]
)
def test_an_empty_table_is_a_project(deep: Path, text: str) -> None:
    """An empty table makes a project; its stages come from the tests' marks."""
    write(deep, text)
    found = find_project(deep)
    assert found == (deep, Config())


@pytest.mark.parametrize(
    "content",
    [
        '[project]\ndependencies = ["pytest-prodstatus"]\n',
        "# [tool.prodstatus]\n",
        '[tool.other]\nprodstatus = "yes"\n',
        "this = is = no TOML\n",
        b"\xff\xfe no text\n",
    ],
)
def test_another_file_is_passed_over(tmp_path: Path, deep: Path, content: str | bytes) -> None:
    """A file that only mentions the word, or is broken without it, isn't the project's."""
    write(tmp_path, "[tool.prodstatus]\n")
    write(deep, content)
    found = find_project(deep)
    assert found
    assert found.root == tmp_path


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[tool.prodstatus\n", "not valid TOML"),
        (b"[tool.prodstatus]\n# \xff\n", "can't be read"),
        ("[tool.prodstatus]\nstage = 1\n", "unknown key 'stage'"),
        ("[tool]\nprodstatus = 1\n", "must be a table, not 1"),
        ('[tool.prodstatus]\nexports = ["nunit"]\n', "exports: 'nunit' is not a form"),
    ],
)
def test_a_file_that_may_be_the_project_is_no_secret(
    tmp_path: Path, deep: Path, content: str | bytes, why: str
) -> None:
    """A broken file that may be the project's is named; no project above replaces it."""
    write(tmp_path, "[tool.prodstatus]\n")
    write(deep, content)
    with pytest.raises(ConfigError, match=why) as caught:
        find_project(deep)
    assert str(caught.value).startswith(str(deep / "pyproject.toml"))
    assert len(str(caught.value).splitlines()) == 1


def test_a_file_that_can_not_be_opened(deep: Path) -> None:
    """A file that can't be opened, such as a folder of its name, may be the project's."""
    (deep / "pyproject.toml").mkdir()
    with pytest.raises(ConfigError, match="can't be read"):
        find_project(deep)
