"""Fixtures of the one real order: what arms it, its journal, and the wait for it.

The suite's conftest adds this module as a plugin.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest

from pytest_prodstatus import Endpoints, Eventually, Evidence, blocked
from tests.acceptance.support.clock import Waiting, utc_now
from tests.acceptance.support.credentials import (
    StoredCredential,
    account_of,
    credential_conditions,
    open_credential,
    supplier_client,
    usable_credential,
)
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.transaction import Ask, bound
from tests.acceptance.support.probes.oauth import stored_credentials
from tests.acceptance.support.probes.questions import Scope
from tests.acceptance.support.purchase.placed import Placing, acts, awaited_order
from tests.acceptance.support.purchase.store_command import token_conditions
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.variables import Variables

if TYPE_CHECKING:  # each is imported by the first criterion that needs it
    from pytest_prodstatus.journal import Action, Journal
    from tests.acceptance.support.purchase.journal import OrderKey
    from tests.acceptance.support.purchase.order import Purchase

T = TypeVar("T")


@pytest.fixture
def ask(database: Database, settings: Settings, now: datetime) -> Ask:
    """Runs statements as of this moment, each in a transaction of its own."""
    return bound(database.ask, **Scope(now=now, settings=settings).parameters())


@pytest.fixture
def state_url(environment: Mapping[str, str], dotenv: Mapping[str, str]) -> Secret:
    """The URL of the journal of real orders; it may hold a password."""
    from pytest_prodstatus.journal import state_url

    # As the settings read it: they refuse to buy if it is unset.
    name = "PRODSTATUS_STATE_URL"
    return Secret(state_url({name: Variables(environment, dotenv).text(name) or ""}))


@pytest.fixture
def journal(ask: Ask, state_url: Secret) -> Iterator[Journal]:
    """The journal of real orders (after the database, whose absence is reported first)."""
    from tests.acceptance.support.purchase.journal import open_journal

    with open_journal(state_url) as opened:
        yield opened


@pytest.fixture
def wait(settings: Settings, eventually: Eventually) -> Waiting:
    """Repeats a look-up until it succeeds or PRODSTATUS_WAIT is over."""

    def look_again(look: Callable[[], T], done: Callable[[T], bool], what: str) -> T:
        return eventually(
            look, until=done, within=settings.wait, every="2s", what=what, otherwise="last"
        )

    return look_again


@pytest.fixture
def order_key(
    ask: Ask, settings: Settings, project: str, prodstatus_target: str
) -> OrderKey | None:
    """What is bought, from whom and with which application; None if either isn't known."""
    from tests.acceptance.support.purchase.journal import OrderKey

    account = account_of(stored_credentials(ask, user_id=settings.user_id).chosen, settings)
    product_id = settings.purchase.product_id
    if account is None or product_id is None:
        return None
    return OrderKey(
        project=project, target=prodstatus_target, product_id=product_id, account=account
    )


def account_conditions(
    stored: StoredCredential | None,
    settings: Settings,
    order_key: OrderKey | None,
    *,
    environ: Mapping[str, str],
    now: datetime,
) -> tuple[str, ...]:
    """Return why it isn't the account of an order's key that would buy, empty if it is.

    Args:
        stored: the row that the store would use now.
        settings: the key and the environment.
        order_key: what the run began to buy; None if the account wasn't known.
        environ: the environment of the store's command.
        now: the instant of judging.
    """
    lacking = credential_conditions(stored, settings, now)
    if not lacking and stored and settings.purchase.command:
        token = open_credential(stored, settings).access_token
        lacking = token_conditions(environ, token)
    if order_key and account_of(stored, settings) != order_key.account:
        return (*lacking, f"the credential is no longer that of {order_key.account}")
    if not lacking and order_key is None and settings.purchase.product_id:
        return ("it is not known which account at the supplier would buy",)
    return lacking


@pytest.fixture
def conditions(
    ask: Ask,
    settings: Settings,
    state_url: Secret,
    order_key: OrderKey | None,
    prodstatus_target: str,
    prodstatus_unintended: tuple[str, ...],
) -> Callable[[], tuple[str, ...]]:
    """Checks the credential and the journal anew; returns what a real order still needs."""
    from tests.acceptance.support.purchase.journal import journal_conditions

    def missing() -> tuple[str, ...]:
        stored = stored_credentials(ask, user_id=settings.user_id).chosen
        in_ci = bool(os.environ.get("CI"))
        return (
            *prodstatus_unintended,
            *account_conditions(stored, settings, order_key, environ=os.environ, now=utc_now()),
            *journal_conditions(state_url, target=prodstatus_target, in_ci=in_ci),
        )

    return missing


@pytest.fixture
def purchase(
    journal: Journal,
    settings: Settings,
    conditions: Callable[[], tuple[str, ...]],
    order_key: OrderKey | None,
    prodstatus_valid_for: timedelta,
    prodstatus_endpoint: Endpoints,
    evidence: Evidence,
    ask: Ask,
) -> Iterator[Purchase]:
    """The one real order, ready to place; BLOCKED, not-armed, unless every condition is met.

    Its credential is read anew, and not the snapshot's, which may be some minutes old.
    """
    from tests.acceptance.support.purchase.journal import refuse_unresolved
    from tests.acceptance.support.purchase.order import Purchase, require_armed
    from tests.acceptance.support.purchase.routes import choose_route

    if order_key is not None:
        refuse_unresolved(journal, order_key)
    require_armed((*settings.purchase.missing, *conditions()))
    assert order_key is not None  # nothing is missing, so that all of it is known
    credential = usable_credential(stored_credentials(ask, user_id=settings.user_id), settings)
    with supplier_client(credential, settings, note=prodstatus_endpoint) as client:
        yield Purchase(
            client=client,
            route=choose_route(settings.purchase, client),
            journal=journal,
            settings=settings.purchase,
            order_key=order_key,
            operator=_operator(),
            clock=utc_now,
            valid_for=prodstatus_valid_for,
            conditions=conditions,
            observe=evidence,
        )


@pytest.fixture(scope="session")
def placing(tmp_path_factory: pytest.TempPathFactory, prodstatus_run_id: str) -> Placing:
    """Whether the criterion that places the order is over; under xdist the parent is shared."""
    folder = tmp_path_factory.getbasetemp()
    shared = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    return Placing(shared, prodstatus_run_id)


@pytest.fixture
def ends_placing(placing: Placing) -> Iterator[None]:
    """Show the other processes, at the end, that no order will follow."""
    yield
    placing.end()


@pytest.fixture(scope="session")
def project(checkout: Path) -> str:
    """The project that an order is of: another store's with the same journal proves nothing."""
    from pytest_prodstatus.journal import project_name

    return project_name(checkout)


@pytest.fixture
def placed_before(
    journal: Journal, now: datetime, order_key: OrderKey | None, prodstatus_valid_for: timedelta
) -> Action | None:
    """The paid order that still proves the purchase, so that nothing has to be bought."""
    from tests.acceptance.support.purchase.journal import latest_order

    if order_key is None:
        return None
    return latest_order(journal, order_key, now=now, valid_for=prodstatus_valid_for)


@pytest.fixture
def order_placed(
    placed_before: Action | None,
    request: pytest.FixtureRequest,
    order_key: OrderKey | None,
    prodstatus_valid_for: timedelta,
) -> Action:
    """The paid order, waited for if another process may be placing it at this moment."""
    if placed_before is not None:
        return placed_before
    from tests.acceptance.support.purchase.journal import latest_order
    from tests.acceptance.support.purchase.order import require_armed

    journal: Journal = request.getfixturevalue("journal")
    settings: Settings = request.getfixturevalue("settings")
    require_armed((*settings.purchase.missing, *request.getfixturevalue("conditions")()))
    assert order_key is not None  # nothing is missing, so that all of it is known
    key = order_key
    found: Action | None = None
    comes = settings.purchase.mode == "paid" and any(map(acts, request.session.items))
    # In one process the criterion that places the order has run before (the conftest sorts it so).
    if comes and "PYTEST_XDIST_WORKER" in os.environ:
        found = awaited_order(
            lambda: latest_order(journal, key, now=utc_now(), valid_for=prodstatus_valid_for),
            request.getfixturevalue("placing"),
            request.getfixturevalue("wait"),
        )
    if found is None:
        from tests.acceptance.support.purchase.journal import refuse_unresolved

        refuse_unresolved(journal, key)
        blocked("no paid order was placed, so there is none to read back", kind="no-data")
    return found


def _operator() -> str:
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
