"""A test function is found in its source without importing it."""

from __future__ import annotations

import pytest

from pytest_prodstatus.integrations.github import line_of

SOURCE = """import nothing_that_exists

@mark
def test_a(): pass

class TestB:
    class TestC:
        async def test_d(self): pass

def test_a(): pass
"""


@pytest.mark.parametrize(
    ("names", "line"),
    [
        (["test_a"], 10),
        (["TestB", "TestC", "test_d"], 8),
        (["TestB"], 6),
        (["test_d"], None),
        (["TestB", "test_a"], None),
        ([], None),
    ],
)
def test_a_function_has_its_line(names: list[str], line: int | None) -> None:
    """Of two functions of one name the last counts, as in Python; a missing one has no line."""
    assert line_of(SOURCE, names) == line


@pytest.mark.parametrize("source", ["def broken(", "\0", "x = " + "(" * 500])
def test_what_is_no_python_has_no_lines(source: str) -> None:
    """A source that can't be parsed is no error here; it has failed elsewhere."""
    assert line_of(source, ["test_a"]) is None
