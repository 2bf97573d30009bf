"""Marks the tests that boot servers, or run processes or pytest itself, as `slow`."""

from __future__ import annotations

from pathlib import Path

import pytest

SLOW_FOLDER = Path(__file__).with_name("integration")
SLOW_FIXTURES = {"running_store"}
"""Fixtures that boot a server, for tests in other folders."""


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in the integration folder, and what boots a server; a module marks itself."""
    for item in items:
        boots = SLOW_FIXTURES.intersection(getattr(item, "fixturenames", ()))
        if boots or SLOW_FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)
