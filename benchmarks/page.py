"""Measure the page of many criteria in Chromium: how long it takes to open, scroll and search.

    python -m benchmarks.page [CRITERIA…]

The criteria are in 20 stages, half of them CONFIRMED and folded. Chromium is the machine's own.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Page

from pytest_prodstatus.writers.html.page import write_page
from tests.chromium import launched, opened
from tests.unit.writers.shown import many

NUMBERS = (1_000, 10_000)
STAGES = 20
STEPS = 30

# Two frames: in the first, what came into sight is laid out; the second shows it.
_SHOWN = "await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
_SCROLL = f"""async ([steps, pixels]) => {{
  const took = [];
  for (let step = 0; step < steps; step++) {{
    const begin = performance.now();
    scrollBy(0, pixels ?? document.documentElement.scrollHeight / steps);
    {_SHOWN};
    took.push(performance.now() - begin);
  }}
  return took;
}}"""


def main() -> None:
    """Print a line for each number of criteria."""
    numbers = list(map(int, sys.argv[1:])) or NUMBERS
    with tempfile.TemporaryDirectory() as name, launched() as browser:
        for number in numbers:
            file = Path(name) / "status.html"
            text = write_page(*many(number, STAGES))
            file.write_text(text, encoding="utf-8")
            begin = time.perf_counter()
            with opened(browser, file) as shown:
                open_s = time.perf_counter() - begin
                line, jump = _scrolled(shown.page, 120), _scrolled(shown.page, None)
                begin = time.perf_counter()
                shown.page.get_by_role("searchbox").fill(f"number-{number - 1}")
                shown.page.evaluate(f"async () => {{ {_SHOWN} }}")
                found_s = time.perf_counter() - begin
            sys.stdout.write(
                f"{number:,} criteria, {len(text) / 1e6:.1f} MB: open {open_s:.1f} s, "
                f"scroll by 120 pixels {line} ms, by a {STEPS}th of the page {jump} ms, "
                f"search {found_s:.1f} s\n"
            )


def _scrolled(page: Page, pixels: int | None) -> str:
    """Return how long steps of scrolling took, in ms: the median and the longest."""
    took = page.evaluate(_SCROLL, [STEPS, pixels])
    return f"{statistics.median(took):.0f} (at most {max(took):.0f})"


if __name__ == "__main__":
    main()
