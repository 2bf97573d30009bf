"""What PayPal says of the payouts that the store made: paid, in full, to the right address."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from pytest_prodstatus import blocked
from tests.acceptance.support.errors import NetworkFault, NotFound, ProviderFault
from tests.acceptance.support.paypal_payouts import PayoutBatch, item_verdict
from tests.acceptance.support.probes.payouts import Payout


class PayoutProvider(Protocol):
    """What looks a batch up."""

    def payout_batch(self, batch_id: str) -> PayoutBatch:
        """Return the batch with all its items, or raise NotFound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What became of the payouts that were looked up.

    Attributes:
        looked_up: how many batches PayPal was asked for.
        settled: those with one item, paid, of the sale's amount and to a known receiver.
        wrong: one sentence for each that isn't so and never will be, without any address.
        pending: one for each that is not settled yet.
        by_payoneer: sales whose user payout can't be looked up.
        last_debug_id: PayPal's id of the last look-up.
        completed_at: when the newest settled batch was processed.
    """

    looked_up: int
    settled: int
    wrong: tuple[str, ...] = field(repr=False)
    pending: tuple[str, ...] = field(repr=False)
    by_payoneer: tuple[int, ...]
    last_debug_id: str | None
    completed_at: datetime | None

    def require_settled(self, *, accept_payoneer: bool) -> None:
        """End as BLOCKED where a payout is pending or can't be looked up."""
        if self.pending:
            blocked(
                f"{len(self.pending)} payouts are not settled: {'; '.join(self.pending[:5])}",
                kind="pending",
                remedy="have the receiver claim it, or wait for PayPal, and run again",
            )
        if self.by_payoneer and not accept_payoneer:
            blocked(
                f"{len(self.by_payoneer)} user payouts were made through Payoneer, which can't be "
                f"looked up (sales {', '.join(map(str, self.by_payoneer[:5]))})",
                kind="inconclusive",
                remedy="set PRODSTATUS_ACCEPT_PAYONEER=1 to accept them unseen",
            )


def settle(
    provider: PayoutProvider, payouts: Sequence[Payout], *, former_receivers: Collection[str]
) -> Settlement:
    """Look payouts up, one batch each.

    Args:
        provider: PayPal.
        payouts: what the store says was paid.
        former_receivers: addresses that were right for older payouts.

    Raises:
        ApiError: PayPal could not answer, and what it answered before was in order.
    """
    former = {_address(receiver) for receiver in former_receivers}
    settled, wrong, pending = [], [], []
    payoneer = tuple(payout.sale_id for payout in payouts if payout.payoneer)
    asked, debug_id = 0, None
    for payout in (payout for payout in payouts if not payout.payoneer):
        name = f"sale {payout.sale_id} {payout.role} payout {payout.batch_id}"
        asked += 1
        try:
            batch = provider.payout_batch(payout.batch_id)
        except NotFound:
            wrong.append(f"{name}: PayPal doesn't know it")
            continue
        except (ProviderFault, NetworkFault):
            if wrong:
                break  # what was seen to be wrong stays wrong
            raise
        debug_id = batch.debug_id or debug_id
        faults, waits = list(_faults(batch, payout, former)), list(_waits(batch))
        if faults:
            wrong.append(f"{name}: {', '.join(faults)}")
        elif waits:
            pending.append(f"{name}: {', '.join(waits)}")
        else:
            settled.append(batch)
    times = [batch.completed_at for batch in settled if batch.completed_at]
    return Settlement(
        looked_up=asked,
        settled=len(settled),
        wrong=tuple(wrong),
        pending=tuple(pending),
        by_payoneer=payoneer,
        last_debug_id=debug_id,
        completed_at=max(times, default=None),
    )


def _faults(batch: PayoutBatch, payout: Payout, former: Collection[str]) -> Iterator[str]:
    if batch.status in ("DENIED", "CANCELED"):
        yield f"the batch is {batch.status}"
    if len(batch.items) > 1 or (not batch.items and batch.status == "SUCCESS"):
        yield f"it has {len(batch.items)} items instead of one"
    receivers = {*former, *([_address(payout.receiver)] if payout.receiver else [])}
    for item in batch.items:
        if item_verdict(item.status) == "FAILED":
            yield f"item {item.item_id} is {item.status}"
        if item.amount.amount != payout.amount or item.amount.currency != payout.currency:
            yield f"it paid {item.amount} instead of {payout.amount} {payout.currency}"
        if _address(item.receiver) not in receivers:
            yield "its receiver is none that is or was configured"


def _waits(batch: PayoutBatch) -> Iterator[str]:
    if batch.status != "SUCCESS":
        yield f"the batch is {batch.status}"
    for item in batch.items:
        if item_verdict(item.status) == "BLOCKED":
            yield f"item {item.item_id} is {item.status}"


def _address(receiver: str) -> str:
    return receiver.strip().casefold()
