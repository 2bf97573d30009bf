"""The tables: every reporter beside pytest alone, as the median over rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.plugin.reporters import ALONE
from benchmarks.plugin.running import Cost

HEAD = (
    "| reporter | CPU, ratio | CPU, ms more | CPU, µs more a test | wall, ratio | KiB more a test |"
    "\n"
    "|---|---|---|---|---|---|"
)


def table(costs: Mapping[str, Sequence[Cost]], tests: int) -> str:
    """Return the table of one size, from every reporter's costs in the same rounds."""
    alone = costs[ALONE]
    rows = [HEAD]
    for name, own in costs.items():
        pairs = list(zip(own, alone, strict=True))
        cpu = median(one.cpu / base.cpu for one, base in pairs)
        wall = median(one.wall / base.wall for one, base in pairs)
        more = median(one.cpu - base.cpu for one, base in pairs)
        peak = median(one.peak - base.peak for one, base in pairs) / tests
        if name == ALONE:
            each = median(base.cpu for base in alone) / tests * 1e6
            rows.append(f"| {name} | 1.00 | — | ({each:.0f} in all) | 1.00 | — |")
        else:
            rows.append(
                f"| {name} | {cpu:.3f} | {more * 1e3:.0f} | {more / tests * 1e6:.1f} "
                f"| {wall:.3f} | {peak:.2f} |"
            )
    return "\n".join(rows)
