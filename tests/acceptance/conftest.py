"""Fixtures of the store's criteria: what is asked, with which bounds, and by which client.

Nothing here connects before a criterion needs it, and what a criterion needs and doesn't have is
BLOCKED with the name of the variable.
"""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import Endpoints, Evidence, Snapshots, blocked
from tests.acceptance.support.cipher import UnreadableCredential
from tests.acceptance.support.clock import utc_now
from tests.acceptance.support.credentials import SupplierCredential, open_credential
from tests.acceptance.support.database import Ask, Database, bound
from tests.acceptance.support.probes.oauth import StoredCredentials, stored_credentials
from tests.acceptance.support.questions import NAMES, questions
from tests.acceptance.support.scope import Scope
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.snapshot import Snapshot

if TYPE_CHECKING:  # each is imported by the first criterion that needs it
    from pytest_prodstatus.state.entry import Entry
    from pytest_prodstatus.state.journal import Journal
    from tests.acceptance.support.aliexpress import AliExpressClient
    from tests.acceptance.support.paypal import PayPalClient
    from tests.acceptance.support.purchase import Purchase
    from tests.acceptance.support.readback import Waiting

_FROM_PROCESS = ("REAL_PLACEORDER", "PRODSTATUS_PLACEORDER_MODE")
"""What the demo takes from the process environment; everything else is its own."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the criterion that acts first, so that the one which reads its order finds it."""
    items.sort(key=lambda item: not _acts(item))


def _acts(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("stage")
    return mark is not None and mark.kwargs.get("side_effects") is True


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config, prodstatus_target: str) -> Mapping[str, str]:
    """The target's variables: the process's own, or the demo store's."""
    if prodstatus_target != "demo":
        return os.environ
    from tests.acceptance.demo.run import demo_environment

    armed = {name: os.environ[name] for name in _FROM_PROCESS if name in os.environ}
    return demo_environment(pytestconfig) | armed


@pytest.fixture(scope="session")
def dotenv(pytestconfig: pytest.Config, prodstatus_target: str) -> Mapping[str, str]:
    """The variables of the project's `.env` file; none for the demo."""
    path = pytestconfig.rootpath / ".env"
    if prodstatus_target == "demo" or not path.is_file():
        return {}
    from dotenv import dotenv_values

    return {name: value for name, value in dotenv_values(path).items() if value is not None}


@pytest.fixture(scope="session")
def settings(
    environment: Mapping[str, str], dotenv: Mapping[str, str], prodstatus_target: str
) -> Settings:
    """What the suite was told."""
    return Settings.from_environment(environment, target=prodstatus_target, dotenv=dotenv)


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant of judging, one for all criteria of a process."""
    return utc_now()


@pytest.fixture(scope="session")
def database(
    settings: Settings, prodstatus_run_id: str, prodstatus_endpoint: Endpoints
) -> Iterator[Database]:
    """The store's database, which nothing is connected to yet."""
    opened = Database(
        settings.require_database_url(),
        run_id=prodstatus_run_id,
        statement_timeout=settings.statement_timeout,
        lock_timeout=settings.lock_timeout,
        connect_timeout=settings.connect_timeout,
    )
    prodstatus_endpoint("database", f"postgresql://{opened.place}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def snapshot(
    database: Database,
    settings: Settings,
    now: datetime,
    prodstatus_snapshot: Snapshots,
    request: pytest.FixtureRequest,
) -> Snapshot:
    """What the selected criteria ask of the database, within the window, as of one instant."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    return Snapshot(
        database,
        questions(wanted, settings),
        parameters=Scope(now=now, settings=settings).parameters(),
        note=lambda at: prodstatus_snapshot("database", at),
    )


def _fixture_of(question: str) -> Callable[..., object]:
    @pytest.fixture(name=question)
    def answer(snapshot: Snapshot) -> object:
        """The snapshot's answer to the question of this name, in `support/questions.py`."""
        return snapshot.answer(question)

    return answer


for _name in NAMES:  # each question is a fixture, so that pytest knows who asks it
    globals()[_name] = _fixture_of(_name)


@pytest.fixture
def ask(database: Database, settings: Settings, now: datetime) -> Ask:
    """Asks the database as of this moment, each time in a transaction of its own."""
    return bound(database.ask, **Scope(now=now, settings=settings).parameters())


@pytest.fixture
def credential(stored: StoredCredentials, settings: Settings) -> SupplierCredential:
    """The credential that the store uses, decrypted; BLOCKED where there is none to use."""
    try:
        return open_credential(stored.require(), settings)
    except UnreadableCredential as error:
        blocked(str(error), kind="missing-config", remedy="see oauth.credentials-readable")


@pytest.fixture
def supplier(
    credential: SupplierCredential, settings: Settings, prodstatus_endpoint: Endpoints
) -> Iterator[AliExpressClient]:
    """AliExpress, asked with the store's own credential."""
    from tests.acceptance.support.aliexpress import AliExpressClient

    token = credential.require_access_token()
    app_key, app_secret = credential.require_application()
    prodstatus_endpoint("AliExpress", settings.aliexpress_base_url)
    client = AliExpressClient(
        base_url=settings.aliexpress_base_url,
        app_key=app_key,
        app_secret=app_secret,
        access_token=token,
        retry_budget=settings.retry_budget.total_seconds(),
    )
    yield client
    client.close()


@pytest.fixture
def paypal(settings: Settings, prodstatus_endpoint: Endpoints) -> Iterator[PayPalClient]:
    """PayPal, asked with the store's own application."""
    access = settings.require_paypal()
    from tests.acceptance.support.paypal import PayPalClient

    prodstatus_endpoint("PayPal", access.base_url)
    client = PayPalClient(
        base_url=access.base_url,
        client_id=access.client_id,
        client_secret=access.client_secret,
        retry_budget=settings.retry_budget.total_seconds(),
    )
    yield client
    client.close()


@pytest.fixture
def state_url(environment: Mapping[str, str], dotenv: Mapping[str, str]) -> str:
    """Where the journal of real orders is."""
    from pytest_prodstatus.state.location import state_url

    return state_url({**dotenv, **environment})


@pytest.fixture
def journal(ask: Ask, state_url: str) -> Iterator[Journal]:
    """The journal of real orders (after the database, whose absence is the first thing to say)."""
    from pytest_prodstatus.state.errors import JournalError
    from pytest_prodstatus.state.journal import Journal

    try:
        opened = Journal.open(state_url)
    except JournalError as error:
        blocked(str(error), kind="missing-config", remedy="set PRODSTATUS_STATE_URL")
    with opened:
        yield opened


@pytest.fixture
def wait(settings: Settings) -> Waiting:
    """Looks again until the time for it is over."""
    from tests.acceptance.support.readback import waiting

    return waiting(settings.wait, sleep=time.sleep)


@pytest.fixture
def conditions(
    ask: Ask, settings: Settings, state_url: str, prodstatus_target: str
) -> Callable[[], tuple[str, ...]]:
    """Looks at the credential and the journal anew, and says what is missing for a real order."""
    from tests.acceptance.support.conditions import credential_conditions, journal_conditions

    def missing() -> tuple[str, ...]:
        stored = stored_credentials(ask, user_id=settings.user_id).chosen
        in_ci = bool(os.environ.get("CI"))
        return (
            *credential_conditions(stored, settings, utc_now()),
            *journal_conditions(state_url, target=prodstatus_target, in_ci=in_ci),
        )

    return missing


@pytest.fixture
def purchase(
    journal: Journal,
    settings: Settings,
    conditions: Callable[[], tuple[str, ...]],
    prodstatus_target: str,
    evidence: Evidence,
    request: pytest.FixtureRequest,
) -> Purchase:
    """What the one real order is made with; BLOCKED, not-armed, unless every condition is met."""
    from tests.acceptance.support.purchase import Purchase, refuse_unresolved, require_armed
    from tests.acceptance.support.routes import choose_route

    refuse_unresolved(journal, prodstatus_target)
    require_armed((*settings.purchase.missing, *conditions()))
    client: AliExpressClient = request.getfixturevalue("supplier")
    return Purchase(
        client=client,
        route=choose_route(settings.purchase, client),
        journal=journal,
        settings=settings.purchase,
        target=prodstatus_target,
        who=_who(),
        clock=utc_now,
        conditions=conditions,
        observe=evidence,
    )


@pytest.fixture
def placed_before(journal: Journal, now: datetime, prodstatus_target: str) -> Entry | None:
    """The paid order that still proves the purchase, so that nothing has to be bought."""
    from tests.acceptance.support.purchase import latest_order

    return latest_order(journal, prodstatus_target, now)


@pytest.fixture
def order_placed(
    placed_before: Entry | None, request: pytest.FixtureRequest, prodstatus_target: str
) -> Entry:
    """The paid order, waited for where another process may be placing it at this moment."""
    if placed_before is not None:
        return placed_before
    from tests.acceptance.support.purchase import latest_order, require_armed

    journal: Journal = request.getfixturevalue("journal")
    settings: Settings = request.getfixturevalue("settings")
    require_armed((*settings.purchase.missing, *request.getfixturevalue("conditions")()))
    found: Entry | None = None
    if "PYTEST_XDIST_WORKER" in os.environ and settings.purchase.mode == "paid":
        wait: Waiting = request.getfixturevalue("wait")
        found = wait(lambda: latest_order(journal, prodstatus_target, utc_now()), bool)
    if found is None:
        from tests.acceptance.support.purchase import refuse_unresolved

        refuse_unresolved(journal, prodstatus_target)
        blocked("no paid order was placed, so there is none to read back", kind="no-data")
    return found


def _who() -> str:
    try:
        return os.environ.get("GITHUB_ACTOR") or getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "unknown"
