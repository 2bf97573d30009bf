"""Run the criteria by pytest in a process of its own, and measure that process.

Only criteria that query nothing but the database are run, so that no provider is called, even if
`.env` configures one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.store.memory import peak

_ROOT = Path(__file__).resolve().parents[2]
_CRITERIA = (
    "test_order.py::test_purchased_order_exists",
    "test_order.py::test_purchased_orders_have_supplier_ids",
    "test_order.py::test_supplier_ids_are_unique",
    "test_order.py::test_no_order_stuck_in_purchasing",
    "test_order.py::test_paid_orders_reach_purchased",
    "test_sale.py",
    "test_payout.py::test_payout_ids_stored",
    "test_payout.py::test_no_payout_failed",
    "test_payout.py::test_payout_ids_are_unique",
    "test_profit.py",
    "test_autonomous.py::test_autopilot_cycle_succeeded",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """The cost of one run of pytest.

    Attributes:
        verdicts: how many criteria were observed with each verdict.
        seconds: the whole run, from the start of Python to its end.
        peak: the peak of its resident memory, in MB (10**6 bytes).
    """

    verdicts: dict[str, int]
    seconds: float
    peak: float


def judge(url: str) -> Judged:
    """Judge a store by its database alone, and return the cost.

    Args:
        url: DATABASE_URL.

    Raises:
        RuntimeError: a criterion was BLOCKED or none was observed, so the measurement is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="prodstatus-benchmark-") as folder:
        began = time.perf_counter()
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.store.judging"),
                *("-q", "-p", "no:cacheprovider", "--tb=no", f"--prodstatus-dir={folder}"),
                *(f"tests/acceptance/{criterion}" for criterion in _CRITERIA),
            ],
            cwd=_ROOT,
            env={**os.environ, "DATABASE_URL": url},
            capture_output=True,
            text=True,
            check=False,  # FAILED is an answer too; what was observed is read from the record
        )
        seconds = time.perf_counter() - began
        record = json.loads((Path(folder) / "status.json").read_text())
    verdicts: dict[str, int] = {}
    for stage in record["stages"]:
        for criterion in stage["criteria"]:
            if criterion["observed"] is not None:
                verdicts[criterion["observed"]] = verdicts.get(criterion["observed"], 0) + 1
    if "BLOCKED" in verdicts or not verdicts:
        msg = f"pytest could not judge the store: {done.stdout[-2_000:]}"
        raise RuntimeError(msg)
    return Judged(verdicts=verdicts, seconds=seconds, peak=float(done.stdout.split()[-1]))


if __name__ == "__main__":
    import pytest

    # Not `python -m pytest`: the peak of memory is known only to the process itself.
    pytest.main(sys.argv[1:])
    sys.stdout.write(f"\n{peak()}\n")
