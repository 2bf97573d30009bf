"""A wheel has the package with all of its data; an sdist has its tests and its pages as well."""

from __future__ import annotations

import email
import hashlib
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PACKAGE = "pytest_prodstatus"
RELEASE = f"{PACKAGE}-{__version__}"
DATA = {
    "py.typed",
    "schema/gate-v1.json",
    "schema/status-v2.json",
    "store/migrations/env.py",
    "store/migrations/sqlite.sql",
    "writers/assets/status.css",
}
"""Some files that aren't modules, so that an empty list can't pass."""

Files = dict[str, str]


def build(root: Path, folder: Path, kind: str) -> Files:
    """Build a wheel or an sdist of the project in `root`; return its files with their digests."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", kind]
    done = subprocess.run(
        [*command, "--directory", str(folder)],
        cwd=root,
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return in_wheel(folder) if kind == "wheel" else in_sdist(folder)


def in_wheel(folder: Path) -> Files:
    """Return the files of the one wheel in a folder."""
    (path,) = folder.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        return {name: digest(archive.read(name)) for name in archive.namelist()}


def in_sdist(folder: Path) -> Files:
    """Return the files of the one sdist in a folder, and unpack it there."""
    (path,) = folder.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    root = folder / RELEASE
    return {
        str(path.relative_to(root)): digest(path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


def digest(content: bytes) -> str:
    """Return the digest of a content."""
    return hashlib.sha256(content).hexdigest()


def sources() -> Files:
    """Return the package's files in this working tree, without those that Python leaves there."""
    return {
        str(path.relative_to(ROOT)): digest(path.read_bytes())
        for path in (ROOT / PACKAGE).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.slow  # builds three times
def test_the_wheel_and_the_sdist_hold_what_they_must_alone(tmp_path: Path) -> None:
    """The wheel is the package and its metadata; it can be made of the sdist alone.

    The sdist has the tests and the documentation, and nothing that a run or a person left.
    """
    pytest.importorskip("hatchling")
    package = sources()
    assert {f"{PACKAGE}/{name}" for name in DATA} <= set(package)
    sdist = build(ROOT, tmp_path / "sdist", "sdist")
    assert package.items() <= sdist.items()
    needed = {"conftest.py", "docs/README.md", "tests/unit/test_packaging.py", "hatch_build.py"}
    assert needed <= set(sdist)
    roots = {PACKAGE, "tests", "docs", "examples", "benchmarks"}
    assert {name.partition("/")[0] for name in sdist if "/" in name} == roots
    assert not [name for name in sdist if "__pycache__" in name or name.endswith("/.env")]
    wheel = build(ROOT, tmp_path / "wheel", "wheel")
    about = ("METADATA", "WHEEL", "entry_points.txt", "licenses/LICENSE", "RECORD")
    assert set(wheel) == {*package, *(f"{RELEASE}.dist-info/{name}" for name in about)}
    assert package.items() <= wheel.items()
    assert build(tmp_path / "sdist" / RELEASE, tmp_path / "again", "wheel") == wheel


@pytest.mark.slow  # builds one
@pytest.mark.parametrize("repository", ["", "https://git.example/us/ours"])
def test_the_package_page_has_no_dead_link(
    repository: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Links, pictures and addresses on the package's page lead into one repository."""
    pytest.importorskip("hatchling")
    monkeypatch.setenv("PRODSTATUS_REPOSITORY", repository)
    build(ROOT, tmp_path, "wheel")
    (path,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(path) as archive:
        metadata = email.message_from_bytes(archive.read(f"{RELEASE}.dist-info/METADATA"))
    base = repository or "https://github.com/OWNER/pytest-prodstatus"
    page = str(metadata.get_payload())
    links = re.findall(r"\]\(([^)]*)\)", page)
    assert f"{base}/blob/main/docs/tutorial.md" in links
    assert f"{base}/raw/main/docs/images/failed.png" in links
    assert [link for link in links if not link.startswith((base, "https://"))] == []
    urls = dict(url.split(", ", 1) for url in metadata.get_all("Project-URL", ()))
    assert set(urls) == {"Changelog", "Documentation", "Issues", "Source"}
    assert all(url.startswith(base) for url in urls.values())


def project() -> dict[str, Any]:
    """Return the project's table of pyproject.toml."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def test_the_version_stands_in_one_place() -> None:
    """pyproject.toml takes the version from the package, and no other module repeats it."""
    assert "version" not in project()
    assert "version" in project()["dynamic"]
    changed = [
        path.name
        for path in (ROOT / PACKAGE).rglob("*.py")
        if __version__ in path.read_text(encoding="utf-8")
    ]
    assert changed == ["__init__.py"]


def test_the_changelog_tells_of_this_version() -> None:
    """After what is unreleased, the newest section is about the package's version."""
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    unreleased, newest, *_ = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert unreleased == "Unreleased"
    assert re.fullmatch(rf"{re.escape(__version__)} - \d{{4}}-\d\d-\d\d", newest)
    body = text.partition(f"## {newest}\n")[2].partition("\n## ")[0]
    assert re.search(r"^- \S", body, re.MULTILINE), "the newest section says nothing"


def test_every_dependency_has_a_floor() -> None:
    """Each requirement has a lowest version, which `.ci/floors` tests, and no pin or ceiling."""
    extras = project()["optional-dependencies"]
    named = [
        *project()["dependencies"],
        *(requirement for extra in extras.values() for requirement in extra),
    ]
    floor = re.compile(r"[\w-]+(\[[\w,]+\])?>=\d+(\.\d+)*( ?; .+)?")
    own = re.compile(rf"{project()['name']}\[[\w,]+\]")
    assert [
        requirement
        for requirement in named
        if not floor.fullmatch(requirement) and not own.fullmatch(requirement)
    ] == []
