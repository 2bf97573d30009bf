"""A demo store that runs: its database and both its providers, in this process."""

from __future__ import annotations

import contextlib
import shutil
from datetime import datetime, timezone

from tests.acceptance.demo import DemoError
from tests.acceptance.demo.aliexpress import AliExpressSimulator
from tests.acceptance.demo.loading import READER, load
from tests.acceptance.demo.paypal import PayPalSimulator
from tests.acceptance.demo.postgres import Postgres, new_folder
from tests.acceptance.demo.scenarios import SCENARIOS
from tests.acceptance.demo.world import World


class Store(contextlib.ExitStack):
    """Boots a scenario; `close()` (or leaving the `with` block) takes all of it down.

    Args:
        scenario: a name out of `SCENARIOS`.

    Attributes:
        environment: what the suite is configured with.
        owner_url: the database as its owner, None if there is no database.
        world: what was seeded; the providers serve it, so a change of it shows.

    Raises:
        DemoError: the scenario is unknown, or the store can't be started.
    """

    def __init__(self, scenario: str) -> None:
        if scenario not in SCENARIOS:
            msg = f"{scenario!r} is not a demo scenario; there are {', '.join(SCENARIOS)}"
            raise DemoError(msg)
        self.world: World = SCENARIOS[scenario].build(datetime.now(timezone.utc))
        super().__init__()
        self.owner_url: str | None = None
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def _boot(self) -> None:
        folder = new_folder()
        self.callback(shutil.rmtree, folder, ignore_errors=True)
        reader = f"postgresql://{READER}:demo@localhost/store?host={folder}&schema=public"
        if self.world.served:
            # Started before any thread is, since it forks.
            postgres = Postgres(folder)
            self.callback(postgres.stop)
            postgres.create_database()
            self.owner_url = postgres.url()
            load(self.world, self.owner_url)
            reader = postgres.url(user=READER)
        supplier, paypal = (
            AliExpressSimulator(self.world.supplier),
            PayPalSimulator(self.world.paypal),
        )
        self.callback(supplier.stop)
        self.callback(paypal.stop)
        self.environment = {
            **self.world.environment,
            "DATABASE_URL": reader,
            "ALIEXPRESS_API_BASE_URL": supplier.start(),
            "PAYPAL_API_BASE_URL": paypal.start(),
            "PRODSTATUS_STATE_URL": f"sqlite:///{folder / 'journal' / 'state.sqlite3'}",
        }
