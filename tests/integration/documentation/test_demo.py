"""What the README shows of the demo is what the demo says."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.integration.documentation.session import check, follow
from tests.unit.documentation.pages import ROOT, blocks_of

STATUS = 10


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of this project's suite, so that nobody's reports are written over."""
    for name in ("pyproject.toml", "conftest.py", "tests/__init__.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    for name in ("unit", "integration"):
        (tmp_path / "tests" / name).mkdir()
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tests/acceptance", tmp_path / "tests/acceptance", ignore=ignored)
    return tmp_path


def test_the_demo_ends_as_the_readme_shows(copy: Path) -> None:
    """Its board, its files and its last line, with the exit status that the text names."""
    shown = [block for block in blocks_of("README.md") if block.value("not run") == "demo"]
    (block,) = shown
    assert f"ends like this, with exit status {STATUS}" in (ROOT / "README.md").read_text("utf-8")
    here = replace(
        block,
        text=block.text.replace("$ .venv/bin/pytest", "$ pytest"),
        directive=("ends with", str(STATUS)),
    )
    (step,) = follow([here], copy, fresh=True)
    check(step)
