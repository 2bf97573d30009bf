"""The matrix's command: `python -m tests.compat [--list] [WORD…]`.

A word is a part of a cell's name, as `plugin`, `3.13`, `9.0` or `none`; several narrow the choice,
and a comma joins alternatives: `plugin 3.10,3.13` are the plugin's own tests on either Python.
Without words it is the whole, which takes hours. Cells whose Python isn't here are told, not run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.compat import suites
from tests.compat.cells import Cell, UnknownPartError, choose
from tests.compat.environment import find_interpreter
from tests.compat.telling import tell


def main(arguments: list[str]) -> int:
    """Run the chosen cells one after another; 1 where one is wrong, or where none could be run."""
    parser = argparse.ArgumentParser(
        prog=".ci/matrix", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="say which cells are chosen")
    parser.add_argument("words", nargs="*", metavar="WORD", help="a part of the cells' names")
    asked = parser.parse_args(arguments)
    try:
        cells = choose(asked.words)
    except UnknownPartError as error:
        parser.error(str(error))
    if not cells:
        parser.error("no cell has all of these parts; --list says which there are")
    if asked.list:
        tell(*(cell.name for cell in cells))
        return 0
    told = [(cell, *_try(cell)) for cell in cells]
    tell("", "== the matrix")
    for cell, said, seconds in told:
        tell(f"{cell.name:36} {said} ({seconds // 60:.0f} min {seconds % 60:.0f} s)")
    return 0 if {said for _, said, _ in told} in ({"held"}, {"held", ABSENT}) else 1


ABSENT = "not run: this Python isn't here"


def _try(cell: Cell) -> tuple[str, float]:
    """Run one cell, and return in a word or two how it went, and how long it took."""
    tell("", f"== {cell.name}")
    interpreter = find_interpreter(cell.python)
    if interpreter is None:
        tell(ABSENT)
        return ABSENT, 0.0
    start = time.monotonic()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        try:
            wrong = suites.run(cell, interpreter, Path(work))
        except subprocess.CalledProcessError as error:
            wrong = [str(error)]
    tell(*wrong)
    return "WRONG" if wrong else "held", time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
