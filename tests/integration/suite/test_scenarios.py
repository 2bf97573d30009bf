"""The table of scenarios, judged by the suite itself; with PRODSTATUS_SWEEP=1 all of it twice."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.acceptance.demo.scenarios import SCENARIOS
from tests.integration.warm import SUITE, run_pytest

_ROOT = Path(__file__).parents[3]
_SERIAL: tuple[str, ...] = ()
_XDIST = ("-n", "2")
_EVERYDAY = ("payout-wrong-amount", "broken-cycle", "database-down")
"""What is judged by two workers every day: one that FAILED, one that is traced, one unreachable.

One process judges these in the sweep, as two judge all others.
"""

_DAILY = (
    *("unusual", "no-commission", "manual-purchase"),
    *("database-down", "schema-drift", "supplier-down", "paypal-down"),
    *("no-credentials", "wrong-key", "oauth-not-completed", "token-rejected"),
    *("no-paid-orders", "stuck-purchasing", "missing-sale", "negative-profit"),
    *("payout-wrong-amount", "payout-unclaimed", "broken-cycle"),
)
"""What is judged every day: well stores, each provider and the database unreachable, and a sickness
or two of each field; `test_store.py` judges the healthy one. A run of the suite takes seconds, so
that the others are in the sweep; what they change are rows, which the tests of the probes change
every day."""

_SWEEP = os.environ.get("PRODSTATUS_SWEEP") == "1"
_BY_ONE = SCENARIOS if _SWEEP else [name for name in _DAILY if name not in _EVERYDAY]
_BY_TWO = SCENARIOS if _SWEEP else _EVERYDAY
CASES = [
    *(pytest.param(name, _SERIAL, id=name) for name in SCENARIOS if name in _BY_ONE),
    *(pytest.param(name, _XDIST, id=f"{name}-n2") for name in _BY_TWO),
]


@pytest.mark.parametrize(("name", "mode"), CASES)
def test_each_store_gets_its_verdicts(name: str, mode: tuple[str, ...], tmp_path: Path) -> None:
    """Every stage has its verdict of the table, unarmed, serially and with two workers."""
    clean = {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PRODSTATUS_", "PYTEST", "REAL_", "TEST_"))
    }
    done = run_pytest(
        [
            *("-pno:cacheprovider", "-pno:hypothesispytest", "tests/acceptance"),
            *("-m", "production", "--target=demo", f"--demo-scenario={name}"),
            *(f"--prodstatus-dir={tmp_path}", *mode),
        ],
        folder=_ROOT,
        environment={**clean, "PRODSTATUS_HISTORY": "0", "XDG_STATE_HOME": str(tmp_path)},
        timeout=180,
        imports=SUITE,
    )
    record = json.loads((tmp_path / "status.json").read_text(encoding="utf-8"))
    found = {stage["id"]: stage["verdict"] for stage in record["stages"]}
    assert found == SCENARIOS[name].expected, done.stdout


def test_an_unknown_store_is_a_usage_error(tmp_path: Path) -> None:
    """Before anything runs, in one line that names those that there are."""
    done = run_pytest(
        [
            *("-pno:cacheprovider", "-pno:hypothesispytest", "tests/acceptance"),
            *("-m", "production", "--target=demo", "--demo-scenario=payout-wrong"),
            f"--prodstatus-dir={tmp_path}",
        ],
        folder=_ROOT,
        imports=SUITE,
    )
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    *_, line = [line for line in done.stderr.splitlines() if line]
    assert line.startswith("ERROR: --demo-scenario 'payout-wrong': there is no such store; ")
    assert "payout-wrong-amount" in line
