"""Importing a public name costs no more than that name needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pytest_prodstatus
from pytest_prodstatus import blocking, fixtures, journal
from pytest_prodstatus.model import evidence
from tests.unit.surface import describe_surface

SURFACE = Path(__file__).with_name("surface.txt")


def test_the_public_surface_is_this() -> None:
    """Names, signatures and fixtures are those of surface.txt, which a change is written into.

    `python -m tests.unit.surface` writes it anew; what it takes away from a project is a break,
    and the changelog says so.
    """
    pytest.importorskip("sqlalchemy")  # the journal's names need the extra
    assert describe_surface().splitlines() == SURFACE.read_text(encoding="utf-8").splitlines()


def test_every_public_name_is_what_it_says() -> None:
    """Each name is imported on first use, from its one home."""
    assert pytest_prodstatus.Blocked is blocking.Blocked
    assert pytest_prodstatus.blocked is blocking.blocked
    assert pytest_prodstatus.Money is evidence.Money
    assert pytest_prodstatus.Evidence is fixtures.Evidence
    assert pytest_prodstatus.Endpoints is fixtures.Endpoints
    assert pytest_prodstatus.Snapshots is fixtures.Snapshots
    assert pytest_prodstatus.Secrets is fixtures.Secrets
    assert pytest_prodstatus.Waits is fixtures.Waits
    assert pytest_prodstatus.target_of is fixtures.target_of
    for name in pytest_prodstatus.__all__:
        assert getattr(pytest_prodstatus, name) is not None


@pytest.mark.slow  # runs a process
def test_the_journal_s_names_cost_nothing_until_they_are_used() -> None:
    """The module `journal` imports neither pytest nor SQLAlchemy until a name is used."""
    pytest.importorskip("sqlalchemy")
    code = (
        "import sys; from pytest_prodstatus import journal; "
        "print(*sorted({'pytest', 'sqlalchemy', 'msgspec'} & set(sys.modules))); "
        "from pytest_prodstatus.journal import Plan, Unresolved, once; "
        "print('sqlalchemy' in sys.modules); "
        "print(all(getattr(journal, name) for name in journal.__all__), 'pytest' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["", "False", "True False"]


def test_the_journal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, a name of the journal is refused in one sentence with the remedy."""
    monkeypatch.setitem(sys.modules, "pytest_prodstatus.store.journal", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'pytest-prodstatus\[state\]'"):
        _ = journal.Journal
    with pytest.raises(AttributeError, match="has no attribute 'Book'"):
        _ = journal.Book  # type: ignore[attr-defined]  # mypy asks that it is one


def test_any_other_name_is_an_attribute_error() -> None:
    """Any other name is an AttributeError, and an error of the type checker."""
    with pytest.raises(AttributeError, match="module 'pytest_prodstatus' has no attribute 'check'"):
        _ = pytest_prodstatus.check  # type: ignore[attr-defined]  # mypy asks that it is one


MODULES = [
    "pytest_prodstatus",
    "pytest_prodstatus.model.assemble",
    "pytest_prodstatus.readers.config",
    "pytest_prodstatus.model.codec",
    "pytest_prodstatus.writers.document",
    "pytest_prodstatus.writers.html.page",
]


@pytest.mark.slow  # runs a process
def test_reading_a_record_needs_no_pytest() -> None:
    """Neither model, readers nor writers import pytest or a database's library."""
    code = (
        f"import sys; import {', '.join(MODULES)}; "
        "print(*sorted({'pytest', '_pytest', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.slow  # runs a process
def test_a_page_needs_little() -> None:
    """A page needs of libraries markupsafe and msgspec (with typing_extensions), and no gate."""
    code = (
        "import sys; before = set(sys.modules); import pytest_prodstatus.writers.html.page\n"
        "new = set(sys.modules) - before\n"
        "ours = {name.partition('.')[0] for name in new} - sys.stdlib_module_names\n"
        "print(*sorted(ours), 'pytest_prodstatus.model.gate' in new)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    *names, gate = done.stdout.split()
    assert set(names) - {"typing_extensions"} == {"markupsafe", "msgspec", "pytest_prodstatus"}
    assert gate == "False"
