"""The cells of the matrix, each a suite in an environment, and the choice of some of them.

A full factorial would take hours. The neighbours' suite runs in every pair of Python and pytest,
since it is short and about just that. The plugin's own tests run if a pair may matter: every
Python, every pytest and every neighbourhood with every pytest; other people's suites once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
# The lowest that the plugin allows, one between, and what a new project gets.
PYTESTS = {"8.3": "pytest==8.3.*", "9.0": "pytest==9.0.*", "newest": "pytest>=9.1"}
NEIGHBOURHOODS = ("none", "xdist", "html", "all")
PROJECTS = ("click", "itsdangerous", "pluggy", "pytest-mock", "pytest-timeout")


@dataclass(frozen=True, slots=True)
class Cell:
    """One suite in one environment.

    Attributes:
        suite: `plugin`, the plugin's own tests; `neighbours`, small projects that use each
            neighbour; `projects`, a well-known project's own tests.
        python: the interpreter's version.
        pytest: a key of PYTESTS.
        beside: a neighbourhood; for `projects` the project.
    """

    suite: str
    python: str
    pytest: str
    beside: str

    @property
    def parts(self) -> tuple[str, ...]:
        """The words that choose the cell."""
        return (self.suite, self.python, self.pytest, self.beside)

    @property
    def name(self) -> str:
        """The cell's name: its parts."""
        return " ".join(self.parts)


def _plugin(python: str, pytest: str, *neighbourhoods: str) -> list[Cell]:
    return [Cell("plugin", python, pytest, name) for name in neighbourhoods]


CELLS: tuple[Cell, ...] = (
    *_plugin("3.10", "8.3", "all"),
    *_plugin("3.10", "newest", "none"),
    *_plugin("3.11", "8.3", "all", "none"),
    *_plugin("3.11", "9.0", "all", "none"),
    *_plugin("3.11", "newest", "all", "none"),
    *_plugin("3.12", "8.3", "html"),
    *_plugin("3.12", "9.0", "xdist"),
    *_plugin("3.12", "newest", "html", "xdist"),
    *_plugin("3.13", "8.3", "none"),
    *_plugin("3.13", "newest", "all"),
    *_plugin("3.14", "newest", "all"),
    *(Cell("neighbours", python, pytest, "all") for python in PYTHONS for pytest in PYTESTS),
    *(Cell("projects", "3.11", "newest", project) for project in PROJECTS),
)


class UnknownPartError(ValueError):
    """A word of the command line that is part of no cell."""


def choose(words: Sequence[str], cells: Iterable[Cell] = CELLS) -> list[Cell]:
    """Return the cells that have every word among their parts; a comma joins alternatives.

    Raises:
        UnknownPartError: a word is part of no cell, so that it would silently choose nothing.
    """
    cells = list(cells)
    known = {part for cell in cells for part in cell.parts}
    wanted = [word.split(",") for word in words]
    for part in (part for parts in wanted for part in parts):
        if part not in known:
            msg = f"{part!r} is part of no cell; parts are {', '.join(sorted(known))}"
            raise UnknownPartError(msg)
    return [cell for cell in cells if all(set(parts) & set(cell.parts) for parts in wanted)]
