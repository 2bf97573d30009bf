"""Checking the store's payouts at PayPal: paid, in full, to the right address."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Protocol

from pytest_prodstatus import blocked
from tests.acceptance.support.access import Access, require_all
from tests.acceptance.support.clock import Waiting, too_early
from tests.acceptance.support.errors import (
    NetworkFault,
    NotFound,
    OutOfTime,
    ProviderFault,
    RequestRefused,
)
from tests.acceptance.support.paypal.payouts import BATCH, PayoutBatch, item_verdict
from tests.acceptance.support.probes.payouts import Payout


class PayoutProvider(Protocol):
    """What looks a batch up."""

    def payout_batch(self, batch_id: str) -> PayoutBatch:
        """Return the batch with all its items, or raise NotFound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """The result of looking payouts up.

    Attributes:
        looked_up: how many batches were looked up.
        unseen: how many weren't, since there was no time left.
        settled: those with one item, paid, of the sale's amount and to a known receiver.
        wrong: one sentence for each that isn't so and never will be, without any address.
        pending: one for each that is not settled yet, or that PayPal refuses to look up.
        early: one for each that arrived, but was made long before the sale: perhaps another one's.
        by_payoneer: sales whose user payout can't be looked up, or that PayPal doesn't know while
            its user has an address at Payoneer, too.
        last_debug_id: PayPal's id of the last look-up.
        completed_at: when the newest settled batch was processed.
    """

    looked_up: int
    unseen: int
    settled: int
    wrong: tuple[str, ...] = field(repr=False)
    pending: tuple[str, ...] = field(repr=False)
    early: tuple[str, ...]
    by_payoneer: tuple[int, ...]
    last_debug_id: str | None
    completed_at: datetime | None

    def require_all(self) -> None:
        """End as BLOCKED if there was no time to look all payouts up."""
        require_all("payouts", looked_up=self.looked_up, unseen=self.unseen)

    def require_settled(self, *, accept_payoneer: bool) -> None:
        """End as BLOCKED if a payout is pending, too old, can't be looked up, or wasn't in time."""
        self.require_all()
        if self.pending:
            blocked(
                f"{len(self.pending)} of {self.looked_up} payouts not settled: "
                f"{'; '.join(self.pending[:5])}",
                kind="pending",
                remedy="have the receiver claim it, wait for PayPal, or correct an id that it "
                "refuses, and run again",
            )
        if self.early:
            blocked(
                f"{len(self.early)} payouts may be for other sales: {'; '.join(self.early[:5])}",
                kind="inconclusive",
                remedy="compare these payout ids with what PayPal shows of its payouts",
            )
        if self.by_payoneer and not accept_payoneer:
            blocked(
                f"{len(self.by_payoneer)} user payouts were made through Payoneer, or may have "
                "been, which can't be looked up "
                f"(sales {', '.join(map(str, self.by_payoneer[:5]))})",
                kind="inconclusive",
                remedy="set PRODSTATUS_ACCEPT_PAYONEER=1 to accept them unseen",
            )


def settle(
    providers: Access[PayoutProvider],
    payouts: Sequence[Payout],
    *,
    former_receivers: Collection[str],
    wait: Waiting | None = None,
) -> Settlement:
    """Look payouts up, one batch each; look again, within `wait`, while PayPal processes them.

    A round of looking again ends at the first that PayPal still processes: there are no more
    requests than rounds and payouts.

    Args:
        providers: PayPal, as the store and as the sellers with an application of their own.
        payouts: the payouts by the store's own records.
        former_receivers: addresses that were right for older payouts.
        wait: how long to look again, in all; None for once.

    Raises:
        ApiError: PayPal could not answer, and what it answered before was in order.
    """
    former = {_address(receiver) for receiver in former_receivers}
    by_paypal = [payout for payout in payouts if not payout.payoneer]
    looks = _looked_up(providers, by_paypal, former)
    missed = len(by_paypal) - len(looks)
    moving = list(dict.fromkeys(look.payout for look in looks if look.moves))
    if wait and moving and not any(look.wrong for look in looks):
        later: dict[Payout, _Look] = {}

        def look_on() -> bool:
            """Look at one after the other, up to one that still moves; all have to be settled."""
            while len(later) < len(moving):
                seen = _looked_up(providers, [moving[len(later)]], former)
                if not seen:
                    return True  # there is no time left
                if seen[0].moves:
                    return False
                later[seen[0].payout] = seen[0]
            return True

        wait(look_on, bool, "PayPal has settled the payouts")
        looks = [later.get(look.payout, look) for look in looks]
    unseen = {payout for payout in payouts if payout.payoneer}
    unseen |= {look.payout for look in looks if look.elsewhere}
    times = [look.batch.completed_at for look in looks if look.settled and look.batch]
    debug_ids = [look.batch.debug_id for look in looks if look.batch and look.batch.debug_id]
    return Settlement(
        looked_up=len(looks),
        unseen=missed,
        settled=sum(look.settled for look in looks),
        wrong=tuple(look.wrong for look in looks if look.wrong),
        pending=tuple(look.pending for look in looks if look.pending and not look.wrong),
        early=tuple(look.early for look in looks if look.early),
        by_payoneer=tuple(payout.sale_id for payout in payouts if payout in unseen),
        last_debug_id=debug_ids[-1] if debug_ids else None,
        completed_at=max(filter(None, times), default=None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Look:
    """One payout as PayPal reports it: what is wrong with it and what is pending, in words.

    `elsewhere`: PayPal doesn't know it, and it may be Payoneer's.
    """

    payout: Payout
    batch: PayoutBatch | None
    wrong: str
    pending: str
    elsewhere: bool = False

    @property
    def early(self) -> str:
        """What says that it was made too early for its sale, if nothing else is to be said."""
        if self.batch is None or self.wrong or self.pending:
            return ""
        early = too_early(self.batch.created_at, self.payout.sold_at)
        return early and f"{_name(self.payout)}{early}"

    @property
    def settled(self) -> bool:
        """Whether it arrived as it should."""
        return not (self.wrong or self.pending or self.elsewhere or self.early)

    @property
    def moves(self) -> bool:
        """Whether PayPal itself is at work on it; a receiver may take a month to claim theirs."""
        batch = self.batch
        if batch is None or self.wrong:
            return False
        return batch.status in _AT_WORK or any(item.status == "PENDING" for item in batch.items)


_AT_WORK = ("PENDING", "PROCESSING")


def _looked_up(
    providers: Access[PayoutProvider], payouts: Sequence[Payout], former: Collection[str]
) -> list[_Look]:
    looks: list[_Look] = []
    for payout in payouts:
        name = _name(payout)
        try:
            batch, unusable = providers.find(payout.user_id, partial(_batch, payout.batch_id))
        except OutOfTime:
            break
        except RequestRefused as error:
            if error.operation != BATCH:
                raise
            looks.append(_Look(payout=payout, batch=None, wrong="", pending=f"{name}{error}"))
            continue
        except (ProviderFault, NetworkFault):
            if any(look.wrong for look in looks):
                break  # what was seen to be wrong stays wrong
            raise
        if batch is None:
            wrong, pending, elsewhere = f"{name}PayPal doesn't know it", "", False
            if unusable:
                wrong, pending = "", f"{name}it can't be looked up as its seller: {unusable}"
            elif payout.or_payoneer:
                wrong, elsewhere = "", True
            looks.append(
                _Look(payout=payout, batch=None, wrong=wrong, pending=pending, elsewhere=elsewhere)
            )
            continue
        faults, waits = ", ".join(_faults(batch, payout, former)), ", ".join(_waits(batch))
        wrong, pending = faults and name + faults, waits and name + waits
        looks.append(_Look(payout=payout, batch=batch, wrong=wrong, pending=pending))
    return looks


def _name(payout: Payout) -> str:
    return f"sale {payout.sale_id} {payout.role} payout {payout.batch_id}: "


def _batch(batch_id: str, provider: PayoutProvider) -> PayoutBatch | None:
    try:
        return provider.payout_batch(batch_id)
    except NotFound:
        return None


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
