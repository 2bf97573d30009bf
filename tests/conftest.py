"""Marks as `slow` what boots a server, runs a process or pytest itself, or generates its cases."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from tests import economy

SLOW_FOLDER = Path(__file__).with_name("integration")

economy.save()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Collect without searching for garbage."""
    with economy.without_garbage():
        return (yield)


@pytest.hookimpl(tryfirst=True)  # before `-m` looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the integration folder and Hypothesis; a slow test elsewhere marks itself."""
    slow = {path for path in {item.path for item in items} if SLOW_FOLDER in path.parents}
    for item in items:
        generated = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if generated or item.path in slow:
            item.add_marker(pytest.mark.slow)
