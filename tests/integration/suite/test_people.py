"""People and the store's secrets are in no output of a run over the demo store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from tests.acceptance.demo.scenarios import SCENARIOS
from tests.acceptance.demo.world import World
from tests.integration.suite.test_store import Project, check_confirmed

LOUD = ("-l", "-vv", "--tb=long", "-rA", "--capture=no", "--junitxml=reports/demo/junit.xml")
_ABOUT_PEOPLE = {
    "orders": ("customerName", "customerEmail"),
    "sales": ("buyerEmail",),
    "users": ("email", "paypalPayoutEmail"),
    "platform_config": ("adminPaypalEmail",),
}


def people(world: World) -> Iterator[str]:
    """Yield the names, e-mail addresses, streets and numbers of the people in a store."""
    for table, columns in _ABOUT_PEOPLE.items():
        yield from (str(row[c]) for row in world.tables[table] for c in columns if row.get(c))
    yield from (json.loads(row["shippingAddress"])["street"] for row in world.tables["orders"])
    yield from (world.environment[f"TEST_{name}"] for name in ("FULL_NAME", "ADDRESS", "PHONE"))


def secrets(world: World) -> Iterator[str]:
    """Yield what must not be shown: the providers' secrets, credentials and their key."""
    supplier, paypal = world.supplier, world.paypal
    yield from (supplier.app_secret, supplier.access_token, supplier.refresh_token)
    yield from (paypal.client_secret, world.environment["ENCRYPTION_KEY"])
    yield from (row["credentials"] for row in world.tables["api_credentials"])


@pytest.mark.parametrize(
    ("scenario", "workers"),
    [("healthy", ("-n", "2")), ("payout-wrong-receiver", ()), ("wrong-key", ())],
)
def test_no_person_and_no_secret_is_shown(
    tmp_path: Path, scenario: str, workers: tuple[str, ...]
) -> None:
    """Evidence, reasons, tracebacks and reports contain only ids and counts."""
    project = Project(tmp_path)
    chosen = ("--target", "demo", f"--demo-scenario={scenario}")
    ran = project.run("-m", "production", *chosen, *LOUD, *workers, REAL_PLACEORDER="1")
    assert ran.record["run"]["target"] == "demo"
    if scenario == "healthy":
        check_confirmed(ran)
    # The same seed as the demo's own, at any instant.
    world = SCENARIOS[scenario].build(datetime.now(timezone.utc))
    hidden = {*people(world), *secrets(world)}
    assert {"buyer@mail.example", "Demo Recipient", "12 Buyer Lane"} <= hidden
    files = {path.name: path.read_text("utf-8") for path in ran.folder.iterdir() if path.is_file()}
    assert {"status.json", "status.html", "report.html", "junit.xml"} <= files.keys()
    if scenario != "wrong-key":  # under which no order is looked up
        assert any(row["id"] in files["status.json"] for row in world.tables["orders"])
    outputs = {**files, "the terminal": ran.output}
    leaks = {
        (name, text[:20]) for name, content in outputs.items() for text in hidden if text in content
    }
    assert leaks == set()
