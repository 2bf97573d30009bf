"""Criteria that are stricter than the words of their field, which the catalogue may leave out.

The field says "at least one order is PURCHASED with its id"; that every one has an id is a finding
of its own. The catalogue in pyproject.toml lists such a criterion, or the field follows its words
alone. Any other criterion runs whether it is listed or not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Test = TypeVar("Test", bound=Callable[..., None])

_STRICTER = "stricter_than_its_field"


def stricter(test: Test) -> Test:
    """Mark a criterion as one that the catalogue may leave out."""
    setattr(test, _STRICTER, True)
    return test


def is_left_out(test: object, stage: str, root: Path) -> bool:
    """Return whether a test is a stricter criterion that the project's catalogue doesn't list.

    Args:
        test: the function.
        stage: the id of its stage.
        root: the folder of the pyproject.toml; without one nothing is left out.
    """
    if not getattr(test, _STRICTER, False):
        return False
    listed = _listed(root / "pyproject.toml").get(stage)
    name = str(getattr(test, "__name__", "")).removeprefix("test_").replace("_", "-")
    return listed is not None and name not in listed


@lru_cache(maxsize=4)
def _listed(path: Path) -> dict[str, frozenset[str]]:
    if not path.is_file():
        return {}
    table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    stages = table.get("tool", {}).get("prodstatus", {}).get("stages", [])
    return {
        stage["id"]: frozenset(name.rpartition(".")[2] for name in stage.get("criteria", ()))
        for stage in stages
    }
