"""Access to the supplier: a stored credential that can be used, and a client that uses it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from pytest_prodstatus import Endpoints, blocked
from tests.acceptance.support.cipher import UnreadableCredential
from tests.acceptance.support.credentials import SupplierCredential, open_credential
from tests.acceptance.support.probes.oauth import StoredCredentials
from tests.acceptance.support.settings import Settings

if TYPE_CHECKING:  # imported by the first criterion that needs it
    from tests.acceptance.support.aliexpress import AliExpressClient


def usable_credential(stored: StoredCredentials, settings: Settings) -> SupplierCredential:
    """Return the credential that the store uses, or end as BLOCKED where there is none to use."""
    try:
        return open_credential(stored.require(), settings)
    except UnreadableCredential as error:
        blocked(str(error), kind="missing-config", remedy="see oauth.credentials-readable")


@contextmanager
def supplier_client(
    credential: SupplierCredential, settings: Settings, *, note: Endpoints
) -> Iterator[AliExpressClient]:
    """Open a client of AliExpress, and close it in the end.

    Args:
        credential: whose token and application it uses.
        settings: the host, and how long a question may take.
        note: is told the host.

    Raises:
        Blocked: the credential has no token or no application.
    """
    from tests.acceptance.support.aliexpress import AliExpressClient

    token = credential.require_access_token()
    app_key, app_secret = credential.require_application()
    note("AliExpress", settings.aliexpress_base_url)
    client = AliExpressClient(
        base_url=settings.aliexpress_base_url,
        app_key=app_key,
        app_secret=app_secret,
        access_token=token,
        retry_budget=settings.retry_budget.total_seconds(),
    )
    yield client
    client.close()
