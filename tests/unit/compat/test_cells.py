"""The matrix has the cells that are promised, and words choose from them."""

from __future__ import annotations

from itertools import product

import pytest

from tests.compat.cells import CELLS, PROJECTS, PYTESTS, PYTHONS, Cell, UnknownPartError, choose
from tests.compat.projects import PROJECTS as KNOWN


def test_whole() -> None:
    """Without a word every cell is chosen, each once."""
    assert choose([]) == list(CELLS)
    assert len(set(CELLS)) == len(CELLS)


def test_words_narrow_and_commas_widen() -> None:
    """A chosen cell has every word, and of words joined by commas at least one."""
    assert choose(["plugin", "3.11", "9.0"]) == [
        Cell("plugin", "3.11", "9.0", "all"),
        Cell("plugin", "3.11", "9.0", "none"),
    ]
    assert choose(["pluggy,click"]) == [
        Cell("projects", "3.11", "newest", "click"),
        Cell("projects", "3.11", "newest", "pluggy"),
    ]


def test_unknown_word() -> None:
    """A word that no cell has is refused, and the message lists all words."""
    with pytest.raises(UnknownPartError, match=r"'3\.1' is part of no cell; parts are 3\.10, "):
        choose(["plugin", "3.1"])


def test_corners() -> None:
    """The neighbours' suite has every pair; the plugin's own tests have every value.

    Every Python is in some cell of the plugin's own tests, and every pytest once with all
    neighbours and once with none. Every project that is chosen by name is described.
    """
    pairs = set(product(PYTHONS, PYTESTS))
    assert {(c.python, c.pytest) for c in choose(["neighbours"])} == pairs
    own = choose(["plugin"])
    assert {c.python for c in own} == set(PYTHONS)
    assert {(c.pytest, c.beside) for c in own} >= set(product(PYTESTS, ("all", "none")))
    assert set(PROJECTS) == set(KNOWN)
