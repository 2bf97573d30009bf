"""A difference between a project's tests without the plugin and with it is found."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.compat.projects import ProjectRun, find_differences, without_times

GREEN = ProjectRun(
    status=0,
    output="= 1 passed in TIME =",
    outcomes=frozenset({(("test_a", "test_one", "passed"), 1)}),
    files=frozenset({("a.py", "01")}),
)


def test_none() -> None:
    """Two runs with equal results have no difference."""
    assert list(find_differences(GREEN, GREEN)) == []


@pytest.mark.parametrize(
    ("change", "change_text"),
    [
        ({"status": 1}, "exit status 0 without the plugin, 1 with it"),
        ({"output": "= 1 passed, 1 warning in TIME ="}, "+= 1 passed, 1 warning in TIME ="),
        (
            {"outcomes": frozenset({(("test_a", "test_one", "failure"), 1)})},
            "with: ('test_a', 'test_one', 'failure') x 1",
        ),
        ({"files": GREEN.files | {("reports/status.json", "02")}}, "reports/status.json"),
    ],
    ids=["status", "output", "outcome", "file"],
)
def test_each(change: dict[str, object], change_text: str) -> None:
    """The exit status, the terminal, each test's outcome and each file are compared."""
    differences = list(find_differences(GREEN, replace(GREEN, **change)))  # type: ignore[arg-type]
    assert any(change_text in line for line in differences)


def test_failing_already() -> None:
    """A suite that fails without the plugin, or runs nothing, proves nothing and is reported."""
    failed = replace(GREEN, status=1)
    assert list(find_differences(failed, failed)) != []
    empty = replace(GREEN, outcomes=frozenset())
    assert list(find_differences(empty, empty)) != []


def test_times_and_the_line_of_plugins_may_differ() -> None:
    """What differs between any two runs isn't a difference, but a count is."""
    one = "plugins: cov-7\n==== 3 passed in 1.25s ====\n<T at 0x7f01> /tmp/pytest-4/x\n"
    two = "plugins: prodstatus-0.1, cov-7\n=== 3 passed in 61.02s (0:01:01) ===\n"
    two += "<T at 0x7ff2> /tmp/pytest-15/x\n"
    assert without_times(one) == without_times(two)
    assert without_times(one) != without_times(one.replace("3 passed", "2 passed"))
