"""What the PayPal simulator knows: one application, its tokens and the payout batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from tests.acceptance.demo.http_server import Faults, utc_now

PAYOUTS_SCOPE = "https://uri.paypal.com/payments/payouts"


@dataclass(slots=True, kw_only=True)
class SimPayout:
    """One payment of a batch.

    Attributes:
        item_id: PayPal's id of it.
        amount: how much.
        receiver: to whom.
        status: its `transaction_status`.
        currency: of the amount.
        transaction_id: the payment's id, None where there is none yet.
        sender_item_id: the sender's id of it.
        error: the name of what went wrong.
    """

    item_id: str
    amount: Decimal
    receiver: str
    status: str = "SUCCESS"
    currency: str = "USD"
    transaction_id: str | None = None
    sender_item_id: str | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class SimBatch:
    """A batch of payouts, in the currency of its first item."""

    batch_id: str
    items: list[SimPayout]
    status: str
    created_at: datetime
    completed_at: datetime | None

    @property
    def amount(self) -> Decimal:
        """What all its items come to."""
        return sum((item.amount for item in self.items), Decimal(0))

    @property
    def currency(self) -> str:
        """The currency of its first item."""
        return self.items[0].currency if self.items else "USD"


@dataclass(slots=True, kw_only=True)
class PayoutState:
    """PayPal's side; fill it with `add_batch`.

    Attributes:
        client_id: the one application.
        client_secret: its secret.
        scopes: what its tokens may do.
        token_lifetime: how long a token is good for.
        page_limit: the most items on one page, whatever page size is asked for.
        sender_restricted: refuse payout look-ups with 403 SENDER_RESTRICTED.
        clock: tells the time in UTC.
        faults: what is wrong with the provider.
        batches: by batch id.
        tokens: the tokens given out, each with its end; clear it to revoke them.
        requests: how many requests reached each kind of address.
    """

    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...] = (PAYOUTS_SCOPE, "openid")
    token_lifetime: timedelta = timedelta(hours=9)
    page_limit: int = 1000
    sender_restricted: bool = False
    clock: Callable[[], datetime] = utc_now
    faults: Faults = field(default_factory=Faults)
    batches: dict[str, SimBatch] = field(default_factory=dict)
    tokens: dict[str, datetime] = field(default_factory=dict, repr=False)
    requests: Counter[str] = field(default_factory=Counter)

    def add_batch(
        self,
        batch_id: str,
        items: Iterable[SimPayout],
        status: str = "SUCCESS",
        *,
        created_at: datetime | None = None,
        completed_at: datetime | None = None,
    ) -> SimBatch:
        """Make a batch known; one that was processed is completed when it was made, by default."""
        created = created_at or self.clock()
        if completed_at is None and status == "SUCCESS":
            completed_at = created
        batch = SimBatch(
            batch_id=batch_id,
            items=list(items),
            status=status,
            created_at=created,
            completed_at=completed_at,
        )
        self.batches[batch_id] = batch
        return batch

    def item(self, item_id: str) -> tuple[SimBatch, SimPayout] | None:
        """Return the item of that id and its batch."""
        for batch in self.batches.values():
            for item in batch.items:
                if item.item_id == item_id:
                    return batch, item
        return None
