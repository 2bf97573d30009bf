"""The mutation run names what there is."""

from __future__ import annotations

import pytest

from tests.mutation import MODULES, ROOT, SAME, TESTS


@pytest.mark.parametrize("module", MODULES)
def test_each_module_is_there(module: str) -> None:
    """A module that was renamed or joined with another is renamed here, too."""
    assert (ROOT / f"pytest_prodstatus/model/{module}.py").is_file()


@pytest.mark.parametrize("name", TESTS)
def test_each_file_of_tests_is_there(name: str) -> None:
    """A missing file would end each mutant's run before a test, as if it were caught."""
    assert (ROOT / f"tests/unit/model/test_{name}.py").is_file()


def test_each_equivalent_mutant_is_of_such_a_module() -> None:
    """An entry of a module that is gone excuses nothing."""
    assert {key.partition(":")[0] for key in SAME} <= set(MODULES)
