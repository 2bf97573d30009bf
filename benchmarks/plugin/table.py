"""Tables that compare every reporter with pytest alone, as the median over rounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.plugin.reporters import ALONE
from benchmarks.process import Cost

HEAD = (
    "| reporter | CPU, ratio | CPU, ms more | CPU, µs more a test | wall, ratio | KiB more a test |"
    "\n"
    "|---|---|---|---|---|---|"
)


def table(costs: Mapping[str, Sequence[Cost]], tests: int) -> str:
    """Return the table of one size as Markdown.

    Args:
        costs: the costs of each reporter, one per round, in the order of the rounds.
        tests: the number of tests in the project.
    """
    alone = costs[ALONE]
    rows = [HEAD]
    for name, rounds in costs.items():
        # Ratios are taken within a round, in which the machine was equally busy.
        pairs = list(zip(rounds, alone, strict=True))
        cpu = median(cost.cpu / base.cpu for cost, base in pairs)
        wall = median(cost.wall / base.wall for cost, base in pairs)
        more = median(cost.cpu - base.cpu for cost, base in pairs)
        peak = median(cost.peak - base.peak for cost, base in pairs) / tests
        if name == ALONE:
            micros = median(base.cpu for base in alone) / tests * 1e6
            rows.append(f"| {name} | 1.00 | — | ({micros:.0f} in all) | 1.00 | — |")
        else:
            rows.append(
                f"| {name} | {cpu:.3f} | {more * 1e3:.0f} | {more / tests * 1e6:.1f} "
                f"| {wall:.3f} | {peak:.2f} |"
            )
    return "\n".join(rows)
