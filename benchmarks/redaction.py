"""How long the search for secrets takes in texts that are made to slow it down.

Run it with `python -m benchmarks.redaction`; the exit status is 0, regardless of the numbers.
"""

from __future__ import annotations

import argparse
import sys
import time

from benchmarks.store.machine import machine
from tests.unit.model.hard_texts import FRAGMENTS, knowing, text_of


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.redaction", description=__doc__)
    parser.add_argument("--size", type=int, default=1_000_000, metavar="N")
    options = parser.parse_args()
    print(machine())  # noqa: T201  a command prints
    print(f"\n| {options.size:,} characters of | seconds |\n|---|---:|")  # noqa: T201
    redactor = knowing()
    times = {}
    for fragment in FRAGMENTS:
        text = text_of(fragment, options.size)
        began = time.process_time()
        redactor.redact(text)
        times[fragment] = time.process_time() - began
    for fragment, seconds in sorted(times.items(), key=lambda item: -item[1]):
        shown = repr(fragment).replace("|", "\\|")
        print(f"| `{shown}` | {seconds:.3f} |")  # noqa: T201
    return 0


if __name__ == "__main__":
    sys.exit(main())
