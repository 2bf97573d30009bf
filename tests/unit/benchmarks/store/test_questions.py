"""Every query to the store's database is measured."""

from __future__ import annotations

import importlib
import inspect
import pkgutil

from benchmarks.store.questions import QUESTIONS
from tests.acceptance.support import probes


def test_every_probe_that_asks_the_database_is_measured() -> None:
    """Every probe that queries the database (takes an `Ask` first) is among the measured ones."""
    asking = set()
    for found in pkgutil.iter_modules(probes.__path__):
        module = importlib.import_module(f"{probes.__name__}.{found.name}")
        for name, function in inspect.getmembers(module, inspect.isfunction):
            takes = list(inspect.signature(function).parameters.values())[:1]
            own = function.__module__ == module.__name__ and not name.startswith("_")
            if own and [each.annotation for each in takes] == ["Ask"]:
                asking.add(f"{found.name}.{name}")
    assert asking == set(QUESTIONS)
