"""`prodstatus init` writes a suite beside what is there, and never over it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_prodstatus.cli.main import main
from tests.unit.given import declared

DOCUMENT = "# Ours\n\n**API STATUS:** x\n- CONFIRMED: a\n- FAILED: b\n- BLOCKED: c\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*args: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["init", *args])


def files(root: Path) -> dict[str, bytes]:
    """Return every file below a folder."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def document_of(root: Path) -> str:
    """Return the document that a folder's configuration names."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return declared(text).document


def test_a_suite_of_nothing(root: Path) -> None:
    """Without a document a minimal suite is made, and the files are named."""
    done = init()
    assert done.exit_code == 0
    assert set(files(root)) == {
        "pyproject.toml",
        "tests/acceptance/__init__.py",
        "tests/acceptance/test_service.py",
    }
    assert "wrote tests/acceptance/test_service.py" in done.output.replace("\\", "/")
    assert done.output.endswith("next: pytest -m production\n")


@pytest.mark.parametrize(
    ("place", "output", "named"),
    [
        ("STATUS.md", ".", "./STATUS.md"),
        ("docs/STATUS.md", ".", "docs/STATUS.md"),
        ("STATUS.md", "sub", "../STATUS.md"),
        ("sub/STATUS.md", "sub", "./STATUS.md"),
    ],
)
def test_the_document_is_named_from_the_root(
    root: Path, place: str, output: str, named: str
) -> None:
    """The configuration names the document from the root, and the document isn't touched."""
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).write_text(DOCUMENT, encoding="utf-8")
    assert init(place, "--output", output).exit_code == 0
    assert document_of(root / output) == named
    assert (root / place).read_text(encoding="utf-8") == DOCUMENT


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", ["", "\n"])
def test_a_pyproject_is_added_to(root: Path, end: str, last: str) -> None:
    """A pyproject.toml keeps every byte and its line end; the table is appended."""
    before = ("[project]\nname = 'é'  # ours\n\n[tool.ruff]\nx = 1" + last).replace("\n", end)
    (root / "pyproject.toml").write_bytes(before.encode())
    (root / "pyproject.toml").chmod(0o640)
    assert init().exit_code == 0
    after = (root / "pyproject.toml").read_bytes().decode()
    assert after.startswith(before)
    assert after.count("\n") == after.count(end)
    assert [s.id for s in declared(after).catalogue.stages] == ["service", "final"]
    assert (root / "pyproject.toml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("[tool.prodstatus]\n", "has a [tool.prodstatus] already"),
        ("tool.prodstatus.title = 'x'\n", "has a [tool.prodstatus] already"),
        ("[[tool.prodstatus.stages]]\nid='x'\n", "has a [tool.prodstatus] already"),
        ("tool = {ruff = {}}\n", "the suite doesn't fit in"),
        ("[broken\n", "can't be added to: pyproject.toml: not valid TOML"),
        ("x = '\udcff'\n", "can't be added to"),
    ],
)
def test_a_pyproject_that_cannot_be_added_to_is_refused(root: Path, content: str, why: str) -> None:
    """If the table can't be appended, one sentence says why, and nothing is written."""
    (root / "pyproject.toml").write_bytes(content.encode("utf-8", "surrogateescape"))
    before = files(root)
    done = init()
    assert done.exit_code == 2
    assert why in done.output
    assert files(root) == before


def test_a_folder_in_use_is_passed_by(root: Path) -> None:
    """The next free folder is used; if none is free, one sentence names them."""
    for folder in ("tests/acceptance", "tests/production"):
        (root / folder).mkdir(parents=True)
        (root / folder / "test_service.py").write_text("ours", encoding="utf-8")
    (root / "tests/production/test_service.py").unlink()
    assert init().exit_code == 0
    assert (root / "tests/production/test_service.py").read_text(encoding="utf-8") != "ours"
    assert (root / "tests/acceptance/test_service.py").read_text(encoding="utf-8") == "ours"
    (root / "pyproject.toml").unlink()
    (root / "tests/prodstatus").touch()
    before = files(root)
    done = init()
    assert done.exit_code == 2
    assert "tests/acceptance, tests/production, tests/prodstatus are all in use" in done.output
    assert files(root) == before


def test_nothing_stays_of_a_suite_that_could_not_be_written(root: Path) -> None:
    """If one file can't be made, the others are removed."""
    (root / "pyproject.toml").symlink_to(root / "nowhere" / "pyproject.toml")
    done = init()
    assert done.exit_code == 2
    assert "nothing was written" in done.output
    assert not files(root)


def test_a_folder_that_cannot_be_made_is_an_error(root: Path) -> None:
    """A file in the place of the folder is an error, and the file stays."""
    (root / "tests").touch()
    done = init()
    assert done.exit_code == 2
    assert "nothing was written" in done.output
    assert set(files(root)) == {"tests"}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "can't be read: No such file"),
        (b"# Nothing\n", "no title of a stage was found"),
    ],
)
def test_a_document_of_no_use_is_refused(root: Path, content: bytes | None, why: str) -> None:
    """A missing document, or one without stages, is one sentence and nothing written."""
    if content is not None:
        (root / "S.md").write_bytes(content)
    done = init("S.md")
    assert done.exit_code == 2
    assert why in done.output
    assert not (root / "pyproject.toml").exists()


def test_a_note_names_what_was_not_parsed(root: Path) -> None:
    """The notices of the document are printed."""
    (root / "S.md").write_text("**API STATUS:** x\n- CONFIRMED: a\n", encoding="utf-8")
    assert "note: S.md line 1: API STATUS doesn't say what" in init("S.md").output


def test_the_help_has_an_example() -> None:
    """The help has an example."""
    assert "prodstatus init docs/STATUS.md && pytest -m production" in init("--help").output
