"""The matrix's table and how cells are chosen from it."""

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
    """A cell needs every word, and of words with commas one each."""
    assert choose(["plugin", "3.11", "9.0"]) == [
        Cell("plugin", "3.11", "9.0", "all"),
        Cell("plugin", "3.11", "9.0", "none"),
    ]
    assert choose(["pluggy,click"]) == [
        Cell("projects", "3.11", "newest", "click"),
        Cell("projects", "3.11", "newest", "pluggy"),
    ]


def test_unknown_word() -> None:
    """A word that no cell has is refused, with those that would do."""
    with pytest.raises(UnknownPartError, match=r"'3\.1' is part of no cell; parts are 3\.10, "):
        choose(["plugin", "3.1"])


def test_corners() -> None:
    """The neighbours' suite has every pair; the plugin's own tests every value with every pytest.

    And every project that is chosen by name is described.
    """
    pairs = set(product(PYTHONS, PYTESTS))
    assert {(c.python, c.pytest) for c in choose(["neighbours"])} == pairs
    own = choose(["plugin"])
    assert {c.python for c in own} == set(PYTHONS)
    assert {(c.pytest, c.beside) for c in own} >= set(product(PYTESTS, ("all", "none")))
    assert set(PROJECTS) == set(KNOWN)
