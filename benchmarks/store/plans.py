"""What a plan reads: which indexes it goes by, and which tables it scans."""

from __future__ import annotations

import re
from dataclasses import dataclass

_INDEX = re.compile(
    r'(?:Index (?:Only )?Scan (?:Backward )?using|Bitmap Index Scan on) "?(\w+)', re.ASCII
)
_SCAN = re.compile(r'Seq Scan on "?(\w+)', re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """The indexes and the wholly scanned tables of a plan, each once, in the plan's order."""

    indexes: tuple[str, ...]
    scans: tuple[str, ...]


def reads(plan: str) -> Reads:
    """Return what a plan reads.

    Args:
        plan: EXPLAIN's text; steps that it says were never executed don't count.
    """
    ran = "\n".join(line for line in plan.splitlines() if "(never executed)" not in line)
    return Reads(
        indexes=tuple(dict.fromkeys(_INDEX.findall(ran))),
        scans=tuple(dict.fromkeys(_SCAN.findall(ran))),
    )
