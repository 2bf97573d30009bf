"""Fixtures of the store's criteria: settings, database, credential and provider clients.

Nothing here connects before a criterion needs it. If a variable that a criterion needs is not set,
the criterion is BLOCKED with the variable's name.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pytest_prodstatus import Endpoints, Secrets, Snapshots
from tests.acceptance.support.access import (
    Access,
    Budget,
    OpenPayPals,
    OpenSuppliers,
    own_paypals,
    own_suppliers,
)
from tests.acceptance.support.catalogue import is_left_out
from tests.acceptance.support.checkout import checkout_of
from tests.acceptance.support.clock import utc_now
from tests.acceptance.support.credentials import (
    StoredCredential,
    StoredCredentials,
    SupplierCredential,
    supplier_client,
    usable_credential,
)
from tests.acceptance.support.database.connection import Database
from tests.acceptance.support.database.sharing import Sharing
from tests.acceptance.support.database.snapshot import Snapshot
from tests.acceptance.support.probes.questions import NAMES, Scope, ahead, questions
from tests.acceptance.support.purchase.placed import acts
from tests.acceptance.support.secrets import announced_to
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.variables import read_dotenv

if TYPE_CHECKING:  # each is imported by the first criterion that needs it
    from tests.acceptance.support.aliexpress.client import AliExpressClient
    from tests.acceptance.support.aliexpress.orders import Supplier
    from tests.acceptance.support.paypal.client import PayPalClient
    from tests.acceptance.support.probes.settlement import PayoutProvider

# Once: pytest asks about each name in each file.
_CHECKOUT = checkout_of(Path(__file__))

_FROM_PROCESS = ("REAL_PLACEORDER", "PRODSTATUS_PLACEORDER_MODE")
"""What the demo takes from the process environment; everything else is its own."""


def pytest_configure(config: pytest.Config) -> None:
    """Add the fixtures of the one real order, which are in a module of their own."""
    config.pluginmanager.import_plugin("tests.acceptance.ordering")


def pytest_pycollect_makeitem(
    collector: pytest.Module | pytest.Class, obj: object
) -> list[pytest.Item] | None:
    """Leave out a criterion that is stricter than its field, unless the catalogue lists it."""
    mark = collector.get_closest_marker("stage")
    stage = str(mark.args[0]) if mark and mark.args else ""
    return [] if is_left_out(obj, stage, _CHECKOUT) else None


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the criterion that acts first, so that the one which reads its order finds it."""
    # The sort is stable, so all other criteria keep their order.
    items.sort(key=lambda item: not acts(item))


@pytest.fixture(scope="session", autouse=True)
def _secrets(prodstatus_secret: Secrets) -> Iterator[None]:
    """Every secret that this process learns is redacted."""
    with announced_to(prodstatus_secret):
        yield


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config, prodstatus_target: str) -> Mapping[str, str]:
    """The target's variables: the process's own, or the demo store's."""
    if prodstatus_target != "demo":
        return os.environ
    from tests.acceptance.demo.run import demo_environment

    armed = {name: os.environ[name] for name in _FROM_PROCESS if name in os.environ}
    return demo_environment(pytestconfig) | armed


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The folder of the project that this suite lies in, with any options of pytest."""
    return _CHECKOUT


@pytest.fixture(scope="session")
def dotenv(checkout: Path, prodstatus_target: str) -> Mapping[str, str]:
    """The variables of the project's `.env` file; none for the demo."""
    path = checkout / ".env"
    if prodstatus_target == "demo" or not path.is_file():
        return {}
    return read_dotenv(path)


@pytest.fixture(scope="session")
def settings(
    environment: Mapping[str, str],
    dotenv: Mapping[str, str],
    prodstatus_target: str,
    prodstatus_secret: Secrets,
) -> Settings:
    """The suite's settings; the people in them are redacted as secrets are."""
    made = Settings.from_environment(environment, target=prodstatus_target, dotenv=dotenv)
    for text in made.people:
        prodstatus_secret(text)
    return made


@pytest.fixture(scope="session")
def now() -> datetime:
    """The instant of judging (aware, UTC), the same for all criteria of a process."""
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
        budget=settings.snapshot_budget,
    )
    prodstatus_endpoint("database", f"postgresql://{opened.place}")
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def sharing(
    pytestconfig: pytest.Config,
    settings: Settings,
    tmp_path_factory: pytest.TempPathFactory,
    prodstatus_run_id: str,
) -> Sharing | None:
    """Where the workers of this machine leave the database's answers; None without workers."""
    key: str | None = getattr(pytestconfig, "workerinput", {}).get("snapshot_key")
    if key is None:
        return None
    folder = tmp_path_factory.getbasetemp().parent  # xdist's, which all its workers share
    return Sharing(folder, prodstatus_run_id, bytes.fromhex(key), budget=settings.snapshot_budget)


@pytest.fixture(scope="session")
def snapshot(
    database: Database,
    settings: Settings,
    sharing: Sharing | None,
    prodstatus_snapshot: Snapshots,
    request: pytest.FixtureRequest,
) -> Snapshot:
    """The database's answers for the selected criteria, within the window, as of one instant."""
    wanted = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    return Snapshot(
        database,
        questions(wanted, settings),
        parameters=lambda at: Scope(now=at, settings=settings).parameters(),
        note=lambda at: prodstatus_snapshot("database", at),
        ahead=ahead,
        sharing=sharing,
    )


def _fixture_of(question: str) -> Callable[..., object]:
    @pytest.fixture(name=question)
    def read_answer(snapshot: Snapshot) -> object:
        """The snapshot's answer to the question of this name, in `probes/questions.py`."""
        return snapshot.answer(question)

    return read_answer


for _name in NAMES:  # each question is a fixture, so that pytest knows which criteria need it
    globals()[_name] = _fixture_of(_name)


@pytest.fixture
def credential(stored: StoredCredentials, settings: Settings) -> SupplierCredential:
    """The credential that the store uses, decrypted; BLOCKED if there is none to use."""
    return usable_credential(stored, settings)


@pytest.fixture
def supplier(
    credential: SupplierCredential, settings: Settings, prodstatus_endpoint: Endpoints
) -> Iterator[AliExpressClient]:
    """The AliExpress client, with the store's own credential."""
    with supplier_client(credential, settings, note=prodstatus_endpoint) as client:
        yield client


@pytest.fixture
def paypal(
    settings: Settings, look_up_budget: Budget, prodstatus_endpoint: Endpoints
) -> Iterator[PayPalClient]:
    """The PayPal client, with the store's own application."""
    access = settings.require_paypal()
    from tests.acceptance.support.paypal.client import PayPalClient

    prodstatus_endpoint("PayPal", access.base_url)
    client = PayPalClient(
        base_url=access.base_url,
        client_id=access.client_id,
        client_secret=access.client_secret,
        retry_budget=settings.retry_budget.total_seconds(),
        require_time=look_up_budget.require_time,
    )
    yield client
    client.close()


@pytest.fixture
def look_up_budget(settings: Settings) -> Budget:
    """How long all look-ups of the criterion may take together, at both providers."""
    return Budget(settings.lookup_budget)


@pytest.fixture
def suppliers(
    supplier: AliExpressClient,
    settings: Settings,
    look_up_budget: Budget,
    prodstatus_endpoint: Endpoints,
) -> Iterator[OpenSuppliers]:
    """Opens the supplier for sellers with a credential of their own, by their rows."""
    with ExitStack() as stack:

        def access(rows: Mapping[int, StoredCredential]) -> Access[Supplier]:
            opened = own_suppliers(rows, settings, note=prodstatus_endpoint)
            own = stack.enter_context(opened)
            return Access(common=supplier, own=own, budget=look_up_budget)

        yield access


@pytest.fixture
def paypals(
    paypal: PayPalClient, settings: Settings, look_up_budget: Budget
) -> Iterator[OpenPayPals]:
    """Opens PayPal for sellers with an application of their own, by their rows."""
    with ExitStack() as stack:

        def access(rows: Mapping[int, StoredCredential]) -> Access[PayoutProvider]:
            own = stack.enter_context(own_paypals(rows, settings, budget=look_up_budget))
            return Access(common=paypal, own=own, budget=look_up_budget)

        yield access
