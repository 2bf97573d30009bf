"""Find the indexes that a plan uses, and the tables that it scans."""

from __future__ import annotations

import re
from dataclasses import dataclass

# Lines of PostgreSQL's text form, such as "Bitmap Index Scan on orders_by_time".
_INDEX = re.compile(
    r'(?:Index (?:Only )?Scan (?:Backward )?using|Bitmap Index Scan on) "?(\w+)', re.ASCII
)
_SCAN = re.compile(r'Seq Scan on "?(\w+)', re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reads:
    """The indexes that a plan uses and the tables that it scans completely, each once."""

    indexes: tuple[str, ...]
    scans: tuple[str, ...]


def reads(plan: str) -> Reads:
    """Return the indexes and scanned tables of a plan.

    Args:
        plan: EXPLAIN's text; steps that were never executed don't count.
    """
    ran = "\n".join(line for line in plan.splitlines() if "(never executed)" not in line)
    return Reads(
        indexes=tuple(dict.fromkeys(_INDEX.findall(ran))),
        scans=tuple(dict.fromkeys(_SCAN.findall(ran))),
    )
