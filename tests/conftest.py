"""Marks the tests that boot servers, or run processes or pytest itself, as `slow`."""

from __future__ import annotations

from pathlib import Path

import pytest

SLOW_FOLDER = Path(__file__).with_name("integration")


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what lies in the integration folder; a slow module elsewhere marks itself."""
    for item in items:
        if SLOW_FOLDER in item.path.parents:
            item.add_marker(pytest.mark.slow)
