"""The page shows what the matrix saw last, and nothing else."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import msgspec
import pytest

from tests.compat import seen
from tests.compat.cells import CELLS
from tests.compat.environment import ROOT
from tests.compat.seen import Seen

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DAY = date(2026, 1, 2)


def test_the_page_has_what_was_recorded() -> None:
    """`python -m tests.compat.seen` writes the table, so nobody keeps it by hand."""
    assert seen.PAGE.read_text(encoding="utf-8").endswith("\n\n" + seen.table(seen.read()))


def test_only_cells_of_the_matrix_are_shown() -> None:
    """What was recorded of a cell that is gone would stand there for ever."""
    recorded = msgspec.json.decode(seen.FILE.read_bytes(), type=list[Seen])
    assert {one.cell for one in recorded} <= {cell.name for cell in CELLS}


def test_a_cell_s_last_run_replaces_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if it went wrong, which the table says; other cells keep what was seen."""
    page = tmp_path / "page.md"
    page.write_text(seen.PAGE.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(seen, "PAGE", page)
    monkeypatch.setattr(seen, "FILE", tmp_path / "seen.json")
    first, second = (cell.name for cell in CELLS[:2])
    good = Seen(cell=first, python="3.10.1", pytest="8.3.5", day=DAY, passed=1_200)
    other = msgspec.structs.replace(good, cell=second)
    seen.FILE.write_bytes(msgspec.json.encode([good, other]))
    seen.keep(msgspec.structs.replace(good, passed=7, wrong=True))
    rows = page.read_text(encoding="utf-8").splitlines()[-len(CELLS) :]
    assert rows[0] == f"| `{first}` | 3.10.1 | 8.3.5 | 2026-01-02 | WRONG: 7 passed, 0 skipped |"
    assert rows[1].endswith("1,200 passed, 0 skipped |")
    assert all(row.endswith("| | | | not run |") for row in rows[2:])


def test_a_classifier_names_a_python_that_was_seen() -> None:
    """A Python is claimed only if a cell of the matrix ended well on it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = {name.rpartition(" :: ")[2] for name in project["classifiers"] if ":: 3." in name}
    right = {one.python.rpartition(".")[0] for one in seen.read() if not one.wrong}
    assert claimed
    assert claimed <= right
