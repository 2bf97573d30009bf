"""Access to a provider: the store's own, and that of sellers who have one of their own.

A seller may have an own PayPal application and an own token of the supplier, and then only that one
finds what the seller bought or paid out. If it can't be used, what the store's own access doesn't
find either is not known to be missing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeAlias, TypeVar

from pytest_prodstatus import Endpoints, blocked
from tests.acceptance.support.credentials import (
    StoredCredential,
    UnreadableCredential,
    fields_of,
    open_credential,
    supplier_client,
    text_in,
)
from tests.acceptance.support.errors import CredentialRejected, Misconfigured, OutOfTime
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings

if TYPE_CHECKING:  # each is imported by the first criterion that needs it
    from tests.acceptance.support.aliexpress.client import AliExpressClient
    from tests.acceptance.support.aliexpress.orders import Supplier
    from tests.acceptance.support.paypal.client import PayPalClient
    from tests.acceptance.support.probes.settlement import PayoutProvider

Client = TypeVar("Client")
Found = TypeVar("Found")

OpenSuppliers: TypeAlias = "Callable[[Mapping[int, StoredCredential]], Access[Supplier]]"
"""Opens the supplier for sellers with a credential of their own, by their rows."""
OpenPayPals: TypeAlias = "Callable[[Mapping[int, StoredCredential]], Access[PayoutProvider]]"
"""Opens PayPal for sellers with an application of their own, by their rows."""


class Budget:
    """How long all the look-ups of one criterion may take together, from the first one on.

    Args:
        span: how long; None for any time.
        clock: returns seconds.
    """

    def __init__(
        self, span: timedelta | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._span = span
        self._clock = clock
        self._began: float | None = None

    def require_time(self) -> None:
        """Begin, or raise OutOfTime at the end."""
        now = self._clock()
        if self._began is None:
            self._began = now
        if self._span is not None and now - self._began >= self._span.total_seconds():
            raise OutOfTime(
                provider="the provider",
                operation="look-ups",
                message=f"not all were made in {self._span} (PRODSTATUS_LOOKUP_BUDGET)",
                sent=False,
            )


def require_all(noun: str, *, looked_up: int, unseen: int) -> None:
    """End as BLOCKED, timeout, if the budget was over before the last look-up.

    Args:
        noun: what is looked up, in the plural.
        looked_up: how many were.
        unseen: how many weren't, for want of time.
    """
    if unseen:
        blocked(
            f"{unseen} of {looked_up + unseen} {noun} were not looked up in time: the look-ups of "
            "this criterion took PRODSTATUS_LOOKUP_BUDGET",
            kind="timeout",
            remedy="run again when the provider answers faster, raise PRODSTATUS_LOOKUP_BUDGET, or "
            "look fewer up",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Access(Generic[Client]):
    """Who looks something up for a seller.

    Attributes:
        common: the store's own client.
        own: the sellers' own clients by user id; a sentence if one can't be used.
        budget: how long all look-ups may take together.
    """

    common: Client
    own: Mapping[int, Client | str] = field(default_factory=dict)
    budget: Budget = field(default_factory=Budget)

    def find(
        self, user_id: int | None, look: Callable[[Client], Found | None]
    ) -> tuple[Found | None, str]:
        """Look something up as its seller, and then as the store.

        Args:
            user_id: the seller; None if it isn't known.
            look: asks one client; None if that doesn't know it.

        Returns:
            What was found, and why the seller's own access could not be used; "" if it could.

        Raises:
            OutOfTime: the budget is spent. A call that is under way is finished.
        """
        self.budget.require_time()
        own = None if user_id is None else self.own.get(user_id)
        unusable = own if isinstance(own, str) else ""
        if own is not None and not isinstance(own, str):
            try:
                found = look(own)
            except (CredentialRejected, Misconfigured) as error:
                unusable = str(error)
            else:
                if found is not None:
                    return found, ""
        return look(self.common), unusable


@contextmanager
def own_suppliers(
    rows: Mapping[int, StoredCredential], settings: Settings, *, note: Endpoints
) -> Iterator[dict[int, AliExpressClient | str]]:
    """Open a supplier client for each seller's row, and close them in the end.

    The row of the user whose credential is the store's own is left out.
    """
    with ExitStack() as stack:
        own: dict[int, AliExpressClient | str] = {}
        for user, row in rows.items():
            if user == settings.user_id:
                continue
            try:
                credential = open_credential(row, settings)
            except UnreadableCredential as error:
                own[user] = str(error)
                continue
            if credential.access_token and credential.app_key and credential.app_secret:
                client = supplier_client(credential, settings, note=note)
                own[user] = stack.enter_context(client)
            else:
                own[user] = f"{credential.name} has no access token or no application"
        yield own


@contextmanager
def own_paypals(
    rows: Mapping[int, StoredCredential], settings: Settings, *, budget: Budget
) -> Iterator[dict[int, PayPalClient | str]]:
    """Open a PayPal client for each seller's row, and close them in the end."""
    from tests.acceptance.support.paypal.client import PayPalClient

    with ExitStack() as stack:
        own: dict[int, PayPalClient | str] = {}
        for user, row in rows.items():
            try:
                found = fields_of(row, settings)
            except UnreadableCredential as error:
                own[user] = str(error)
                continue
            client_id, secret = text_in(found, "clientId"), text_in(found, "clientSecret")
            if client_id and secret:
                client = PayPalClient(
                    base_url=settings.paypal_url,
                    client_id=Secret(client_id),
                    client_secret=Secret(secret),
                    retry_budget=settings.retry_budget.total_seconds(),
                    require_time=budget.require_time,
                )
                stack.callback(client.close)
                own[user] = client
            else:
                own[user] = f"credential {row.row_id} has no clientId or no clientSecret"
        yield own
