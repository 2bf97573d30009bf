"""The matrix's command: `python -m tests.compat [--list] [--keep] [WORD…]`.

A word is a part of a cell's name, as `plugin`, `3.13`, `9.0` or `none`; several narrow the choice,
and a comma joins alternatives: `plugin 3.10,3.13` are the plugin's own tests on either Python.
Without words it runs all cells, which takes hours. A cell whose Python isn't here is listed, not
run. With --keep, how each cell ended is written into tests/compat/seen.json and
docs/compatibility.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

from tests.compat import suites
from tests.compat.cells import Cell, UnknownPartError, choose
from tests.compat.environment import find_interpreter
from tests.compat.output import write_lines
from tests.compat.seen import Seen, keep, look


def main(arguments: list[str]) -> int:
    """Run the chosen cells one by one; return 1 if one is wrong, or if none could be run."""
    parser = argparse.ArgumentParser(
        prog=".ci/matrix", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--list", action="store_true", help="print the chosen cells and run none")
    parser.add_argument("--keep", action="store_true", help="write how each cell ended")
    parser.add_argument("words", nargs="*", metavar="WORD", help="a part of the cells' names")
    options = parser.parse_args(arguments)
    try:
        cells = choose(options.words)
    except UnknownPartError as error:
        parser.error(str(error))
    if not cells:
        parser.error("no cell has all of these parts; --list prints all cells")
    if options.list:
        write_lines(*(cell.name for cell in cells))
        return 0
    results = [(cell, *_try(cell, kept=keep if options.keep else None)) for cell in cells]
    write_lines("", "== the matrix")
    for cell, result, seconds in results:
        write_lines(f"{cell.name:36} {result} ({seconds // 60:.0f} min {seconds % 60:.0f} s)")
    # If no Python of the choice is here, nothing was shown, which is no success.
    return 0 if {result for _, result, _ in results} in ({PASSED}, {PASSED, ABSENT}) else 1


PASSED = "passed"
ABSENT = "not run: this Python isn't here"


def _try(cell: Cell, kept: Callable[[Seen], None] | None) -> tuple[str, float]:
    """Run one cell; return its result in a word or two, and its seconds.

    Args:
        cell: the cell.
        kept: keeps what was seen; None to keep nothing.
    """
    kept = kept or (lambda _: None)
    write_lines("", f"== {cell.name}")
    interpreter = find_interpreter(cell.python)
    if interpreter is None:
        write_lines(ABSENT)
        return ABSENT, 0.0
    start = time.monotonic()
    today = datetime.now(timezone.utc).date()
    # A process that a test left behind may still write there.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as work:
        try:
            wrong = suites.run(cell, interpreter, Path(work))
            kept(look(cell, Path(work), today, wrong=bool(wrong)))
        except subprocess.CalledProcessError as error:
            wrong = [str(error)]
            kept(Seen(cell=cell.name, day=today, wrong=True))
    write_lines(*wrong)
    return "WRONG" if wrong else PASSED, time.monotonic() - start


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
