"""The public names, and that asking for them costs no more than they need."""

from __future__ import annotations

import subprocess
import sys

import pytest

import pytest_prodstatus
from pytest_prodstatus import blocking, fixtures
from pytest_prodstatus.model import evidence


def test_the_public_names_are_these() -> None:
    """Test code imports from the package alone."""
    assert set(pytest_prodstatus.__all__) == {
        "Blocked", "Endpoints", "Evidence", "Money", "Secrets", "Snapshots", "Waits", "__version__",
        "blocked", "target_of",
    }  # fmt: skip


def test_every_public_name_is_what_it_says() -> None:
    """Each is imported on first use, from its one home."""
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


def test_any_other_name_is_an_attribute_error() -> None:
    """As for every module."""
    with pytest.raises(AttributeError, match="module 'pytest_prodstatus' has no attribute 'check'"):
        _ = pytest_prodstatus.check


MODULES = [
    "pytest_prodstatus",
    "pytest_prodstatus.model.assemble",
    "pytest_prodstatus.readers.record",
    "pytest_prodstatus.readers.config",
    "pytest_prodstatus.writers.record",
    "pytest_prodstatus.writers.document",
    "pytest_prodstatus.writers.page",
]


def test_reading_a_record_needs_no_pytest() -> None:
    """Neither model, readers nor writers import pytest or a database's library."""
    code = (
        f"import sys; import {', '.join(MODULES)}; "
        "print(*sorted({'pytest', '_pytest', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_a_page_needs_little() -> None:
    """Of libraries only markupsafe, and the gate only where a waiver asks for its answer."""
    code = (
        "import sys; before = set(sys.modules); import pytest_prodstatus.writers.page\n"
        "new = set(sys.modules) - before\n"
        "ours = {name.partition('.')[0] for name in new} - sys.stdlib_module_names\n"
        "print(*sorted(ours), 'pytest_prodstatus.model.gate' in new)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["markupsafe", "pytest_prodstatus", "False"]
