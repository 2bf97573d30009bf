"""The source shows what the journal imports and which statements it builds."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import pytest_prodstatus

PACKAGE = Path(pytest_prodstatus.__file__).parent
STATE = PACKAGE / "store"


def _imported(path: Path) -> Iterator[str]:
    text = path.read_text(encoding="utf-8")
    if "sqlalchemy" not in text:  # to parse the whole package takes seconds
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]


def test_sqlalchemy_is_imported_here_alone() -> None:
    """Only the state store imports SQLAlchemy; the rest of the plugin works without it."""
    users = {path for path in PACKAGE.rglob("*.py") if "sqlalchemy" in _imported(path)}
    assert users
    assert all(path.is_relative_to(STATE) for path in users)


@pytest.mark.slow  # runs a process
def test_the_journal_never_imports_pytest() -> None:
    """A command that only reads the journal doesn't pay for pytest, and can't depend on it."""
    code = (
        "import sys, pytest_prodstatus.store.journal, pytest_prodstatus.store\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'pytest', '_pytest'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


DELETING = {
    "history.py": {
        "prodstatus_run",
        "prodstatus_run_criterion",
        "prodstatus_flip",
        "prodstatus_archive",
    },
    "look_back.py": {"prodstatus_run", "prodstatus_run_criterion"},
    "notices.py": {"prodstatus_notified"},
}
"""The tables that each part names which may delete rows."""

UPDATED = {"history.py": ["UPDATE prodstatus_run SET gate_open = :open "]}
"""The one column that may change: a run opens the gate only once its record was signed."""


def test_no_module_changes_or_deletes_a_row() -> None:
    """Three parts may delete, only from their own tables; one may update, and one column alone."""
    called = re.compile(r"\b(update|delete|upsert|on_conflict_\w+|drop_all|drop)\(")
    written = re.compile(
        r"(?<!journal_mode = )\b(UPDATE|DELETE|REPLACE|DROP|ALTER|TRUNCATE|CONFLICT)\b"
    )
    for path in STATE.glob("*.py"):
        texts = list(_texts(path))
        assert not called.search(path.read_text(encoding="utf-8")), path.name
        found = {word for text in texts for word in written.findall(text)}
        updates = [text.partition("WHERE")[0] for text in texts if "UPDATE " in text]
        assert updates == UPDATED.get(path.name, []), path.name
        assert found - {"UPDATE"} == ({"DELETE"} if path.name in DELETING else set()), path.name
        if path.name in DELETING:
            tables = {name for text in texts for name in re.findall(r"\bprodstatus_\w+", text)}
            assert tables == DELETING[path.name]


def _texts(path: Path) -> Iterator[str]:
    """Yield every text of a module that isn't a docstring."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield from [node.value] if isinstance(node.value, str) else []
