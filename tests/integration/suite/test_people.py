"""People and the store's secrets are in no output of a run over the demo store."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

from pytest_prodstatus.journal import Journal
from tests.acceptance.demo.aliexpress import AliExpressSimulator
from tests.acceptance.demo.paypal import PayPalSimulator
from tests.acceptance.demo.scenarios import SCENARIOS
from tests.acceptance.demo.simulator import Request, Simulator
from tests.acceptance.demo.store import Store
from tests.acceptance.demo.world import World
from tests.integration.suite.test_store import Project, Ran, check_confirmed

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
    check_hidden(ran, {*people(world), *secrets(world)})
    if scenario != "wrong-key":  # under which no order is looked up
        text = (ran.folder / "status.json").read_text("utf-8")
        assert any(row["id"] in text for row in world.tables["orders"])


def check_hidden(ran: Ran, hidden: set[str]) -> None:
    """Check that none of these texts is in any output of a run."""
    assert {"buyer@mail.example", "Demo Recipient", "12 Buyer Lane"} <= hidden
    files = {path.name: path.read_text("utf-8") for path in ran.folder.iterdir() if path.is_file()}
    assert {"status.json", "status.html", "report.html", "junit.xml"} <= files.keys()
    outputs = {**files, "the terminal": ran.output}
    leaks = {
        (name, text[:20]) for name, content in outputs.items() for text in hidden if text in content
    }
    assert leaks == set()


Odd = Callable[[Request, World], "tuple[int, bytes, Mapping[str, str]] | None"]
"""What the network, or a provider, answers instead; None for the simulator's own answer."""

_PORTAL = (302, b"", {"Location": "https://proxy.example/connexi\xf3n"})
_HUGE = b"1e99999999999999999999"
_FRESH = "A21AAfreshly-issued"
_PAYOUTS = "/v1/payments/payouts/"


def _portal(_request: Request, _world: World) -> tuple[int, bytes, Mapping[str, str]]:
    return _PORTAL


def _portal_of_the_order(
    request: Request, _world: World
) -> tuple[int, bytes, Mapping[str, str]] | None:
    return _PORTAL if request.form.get("method") == "aliexpress.ds.order.create" else None


def _huge_token(request: Request, _world: World) -> tuple[int, bytes, Mapping[str, str]] | None:
    body = b'{"access_token": "%s", "expires_in": 32400, "nonce": %s}' % (_FRESH.encode(), _HUGE)
    return (200, body, {}) if request.path.endswith("token") else None


def _huge_payout(request: Request, world: World) -> tuple[int, bytes, Mapping[str, str]] | None:
    if not request.path.startswith(_PAYOUTS):
        return None
    receiver = world.tables["users"][0]["paypalPayoutEmail"]
    body = b'{"batch_header": {"fees": %s}, "items": [{"payout_item": {"receiver": "%s"}}]}'
    return 200, body % (_HUGE, receiver.encode()), {}


def _uncounted(request: Request, _world: World) -> tuple[int, bytes, Mapping[str, str]] | None:
    if not request.path.startswith(_PAYOUTS):
        return None
    batch = request.path.removeprefix(_PAYOUTS)
    header = {"payout_batch_id": batch, "batch_status": "SUCCESS"}
    return 200, json.dumps({"batch_header": header}).encode(), {}


_SUPPLIED = {"oauth", "order", "autonomous", "generating-profit"}


@pytest.mark.parametrize(
    ("simulator", "odd", "criteria", "blocked"),
    [
        (AliExpressSimulator, _portal, "production", _SUPPLIED),
        (AliExpressSimulator, _portal_of_the_order, "placeorder", {"placeorder"}),
        (PayPalSimulator, _huge_token, "production", {"payout", "autonomous"}),
        (PayPalSimulator, _huge_payout, "production", {"payout", "autonomous"}),
        (PayPalSimulator, _uncounted, "production", {"payout", "autonomous"}),
    ],
)
def test_an_answer_that_cannot_be_read_is_blocked_and_not_shown(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    simulator: type[Simulator[Any]],
    odd: Odd,
    criteria: str,
    blocked: set[str],
) -> None:
    """Neither a token that is fresh, nor a receiver, nor the recipient of an order that was sent.

    An order whose answer is one is UNKNOWN to the journal.
    """
    own = simulator.reply

    def reply(self: Simulator[Any], request: Request) -> object:
        return odd(request, store.world) or own(self, request)

    monkeypatch.setattr(simulator, "reply", reply)
    with Store("healthy") as store:
        world = store.world
        variables = {
            **store.environment,
            "PRODSTATUS_ENVIRONMENT": "production",
            "PRODSTATUS_RETRY_BUDGET": "1s",
            "REAL_PLACEORDER": "1" if criteria == "placeorder" else "0",
        }
        chosen = ("--stage", criteria) if criteria == "placeorder" else ("-m", criteria)
        loud = (*LOUD, "--junitxml=reports/staging/junit.xml")
        ran = Project(tmp_path).run(*chosen, "--target", "staging", *loud, **variables)
        if criteria == "placeorder":
            with Journal.open(store.environment["PRODSTATUS_STATE_URL"]) as journal:
                assert [action.state for action in journal.actions(limit=9)] == ["UNKNOWN"]
    assert {ran.verdicts[name] for name in blocked} == {"BLOCKED"}, ran.output
    assert "FAILED" not in ran.verdicts.values(), ran.output
    assert "Traceback" not in ran.output
    parts = {"'Demo '", _FRESH} if criteria == "placeorder" else {_FRESH}
    check_hidden(ran, {*people(world), *secrets(world), *parts})
