"""Payouts at the provider: each fault in its own words, and never an address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest

from pytest_prodstatus import Blocked, Money
from tests.acceptance.support.access import Access, Budget
from tests.acceptance.support.clock import Waiting
from tests.acceptance.support.errors import (
    CredentialRejected,
    NotFound,
    RequestRefused,
    Unavailable,
)
from tests.acceptance.support.paypal.payouts import PayoutBatch, PayoutItem
from tests.acceptance.support.probes.payouts import Payout
from tests.acceptance.support.probes.settlement import PayoutProvider, Settlement, settle
from tests.unit.acceptance.waits import Looks

AT = datetime(2026, 11, 20, tzinfo=timezone.utc)
PAYOUT = Payout(
    sale_id=7,
    role="user",
    batch_id="B1",
    amount=Decimal("12.30"),
    currency="USD",
    receiver="Seller@Store.example",
    payoneer=False,
)
ITEM = PayoutItem(
    item_id="I1",
    transaction_id="T1",
    status="SUCCESS",
    amount=Money("12.3", "USD"),
    receiver="seller@store.example ",
    sender_item_id=None,
    errors=(),
)
BATCH = PayoutBatch(
    batch_id="B1",
    status="SUCCESS",
    items=(ITEM,),
    total=None,
    created_at=AT,
    completed_at=AT,
    debug_id="d1",
)


"""Looks again once, and is over then."""


class Provider(dict[str, PayoutBatch]):
    """PayPal with the batches it is given."""

    down_after = 99

    def payout_batch(self, batch_id: str) -> PayoutBatch:
        self.down_after -= 1
        if self.down_after < 0:
            raise Unavailable(provider="PayPal", operation="payouts", message="503")
        if batch_id not in self:
            raise NotFound(provider="PayPal", operation="payouts", message="no such batch")
        return self[batch_id]


def _settle(
    provider: Provider,
    payouts: Sequence[Payout],
    *,
    former_receivers: Sequence[str],
    wait: Waiting | None = None,
    own: Mapping[int, Provider | str] | None = None,
) -> Settlement:
    access: Access[PayoutProvider] = Access(common=provider, own=own or {})
    return settle(access, payouts, former_receivers=former_receivers, wait=wait)


def _settled(payout: Payout = PAYOUT, batch: PayoutBatch | None = BATCH) -> Settlement:
    provider = Provider({payout.batch_id: batch} if batch else {})
    return _settle(provider, [payout], former_receivers=["Old@store.example"], wait=Looks(1))


def test_a_payout_that_arrived_is_settled() -> None:
    """Amounts are compared as numbers, addresses without case or white space."""
    found = _settled()
    assert (found.settled, found.wrong, found.pending) == (1, (), ())
    assert (found.completed_at, found.last_debug_id) == (AT, "d1")
    found.require_settled(accept_payoneer=False)


@pytest.mark.parametrize(("hours", "settled"), [(-1, True), (47, True), (49, False), (8760, False)])
def test_a_payout_long_before_its_sale_may_be_another_ones(hours: int, settled: bool) -> None:
    """It was paid, in full and to the right address, and says nothing of this sale."""
    found = _settled(replace(PAYOUT, sold_at=AT + timedelta(hours=hours)))
    assert (found.settled, len(found.early)) == ((1, 0) if settled else (0, 1))
    if settled:
        found.require_settled(accept_payoneer=False)
        return
    with pytest.raises(Blocked, match=r"made at .* long before") as caught:
        found.require_settled(accept_payoneer=False)
    assert caught.value.reason.kind.value == "inconclusive"


def test_a_former_receiver_is_right_for_an_older_payout() -> None:
    """The address may have changed since."""
    item = replace(ITEM, receiver="old@STORE.example")
    assert _settled(batch=replace(BATCH, items=(item,))).settled == 1


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (None, "doesn't know it"),
        (replace(BATCH, status="DENIED"), "the batch is DENIED"),
        (replace(BATCH, items=()), "0 items"),
        (replace(BATCH, items=(ITEM, ITEM)), "2 items"),
        (replace(BATCH, items=(replace(ITEM, status="RETURNED"),)), "I1 is RETURNED"),
        (replace(BATCH, items=(replace(ITEM, amount=Money("12.31", "USD")),)), "12.31 USD instead"),
        (replace(BATCH, items=(replace(ITEM, amount=Money("12.30", "EUR")),)), "EUR instead"),
        (replace(BATCH, items=(replace(ITEM, receiver="thief@x.example"),)), "its receiver"),
        (
            replace(BATCH, items=(replace(ITEM, status="UNCLAIMED", receiver="thief@x.example"),)),
            "its receiver",
        ),
    ],
)
def test_a_payout_that_went_wrong_says_how(batch: PayoutBatch | None, words: str) -> None:
    """One sentence that names sale, role and batch, and no person."""
    found = _settled(batch=batch)
    assert found.settled == 0
    assert found.wrong[0].startswith("sale 7 user payout B1: ")
    assert words in found.wrong[0]
    assert "@" not in str(found)
    assert "@" not in found.wrong[0]


@pytest.mark.parametrize(
    ("batch", "words"),
    [
        (replace(BATCH, items=(replace(ITEM, status="UNCLAIMED"),)), "I1 is UNCLAIMED"),
        (replace(BATCH, items=(replace(ITEM, status="NEW_WORD"),)), "I1 is NEW_WORD"),
        (replace(BATCH, status="PENDING", items=()), "the batch is PENDING"),
    ],
)
def test_a_payout_under_way_is_pending(batch: PayoutBatch, words: str) -> None:
    """A batch of SUCCESS proves nothing of its items."""
    found = _settled(batch=batch)
    assert found.wrong == ()
    with pytest.raises(Blocked, match=words) as caught:
        found.require_settled(accept_payoneer=True)
    assert caught.value.reason.kind.value == "pending"


def test_a_sellers_own_application_looks_its_payouts_up() -> None:
    """First as the seller, then as the store; what neither knows was never paid."""
    payout = replace(PAYOUT, user_id=2)
    known, other = Provider(B1=BATCH), Provider()
    for common, own in ((other, known), (known, other)):
        assert _settle(common, [payout], former_receivers=(), own={2: own}).settled == 1
    assert _settle(other, [payout], former_receivers=(), own={1: known}).wrong
    assert _settle(other, [payout], former_receivers=(), own={2: other}).wrong


def test_what_an_unusable_application_may_have_paid_is_pending() -> None:
    """It isn't known to be missing; what the store's own finds needs no other."""
    payout = replace(PAYOUT, user_id=2)

    class Refused(Provider):
        def payout_batch(self, batch_id: str) -> PayoutBatch:
            raise CredentialRejected(provider="PayPal", operation="token", message="invalid_client")

    for own in ("credential 9 can't be read", Refused()):
        found = _settle(Provider(), [payout], former_receivers=(), own={2: own})
        assert (found.wrong, len(found.pending)) == ((), 1)
        assert "as its seller" in found.pending[0]
        assert _settle(Provider(B1=BATCH), [payout], former_receivers=(), own={2: own}).settled == 1


class Refuses(Provider):
    """PayPal, which refuses one operation for ids that it doesn't like."""

    operation = "payouts"

    def payout_batch(self, batch_id: str) -> PayoutBatch:
        if batch_id not in self:
            words = "the call was refused"
            raise RequestRefused(
                provider="PayPal", operation=self.operation, message=words, http_status=400
            )
        return super().payout_batch(batch_id)


def test_an_id_that_paypal_refuses_hides_no_other_payout() -> None:
    """It is named, and is BLOCKED; what is wrong with another one is seen all the same."""
    odd = replace(PAYOUT, sale_id=8, batch_id="B0")
    found = _settle(Refuses(B1=BATCH), [odd, PAYOUT], former_receivers=())
    assert (found.looked_up, found.settled, found.wrong) == (2, 1, ())
    words = r"^1 of 2 payouts not settled: sale 8 user payout B0: PayPal payouts: .* \(HTTP 400\)$"
    with pytest.raises(Blocked, match=words):
        found.require_settled(accept_payoneer=False)
    denied = Refuses(B1=replace(BATCH, status="DENIED"))
    assert len(_settle(denied, [odd, PAYOUT], former_receivers=()).wrong) == 1


def test_a_token_that_is_refused_ends_the_look_ups() -> None:
    """It isn't the fault of any payout."""
    provider = Refuses()
    provider.operation = "oauth2/token"
    with pytest.raises(RequestRefused):
        _settle(provider, [PAYOUT], former_receivers=())


def test_payoneer_is_inconclusive_unless_it_is_accepted() -> None:
    """It can't be looked up at PayPal, and isn't."""
    found = _settled(replace(PAYOUT, payoneer=True, batch_id="payoneer"), None)
    assert (found.looked_up, found.by_payoneer) == (0, (7,))
    with pytest.raises(Blocked) as caught:
        found.require_settled(accept_payoneer=False)
    assert caught.value.reason.kind.value == "inconclusive"
    found.require_settled(accept_payoneer=True)


def test_an_unknown_payout_may_be_payoneers() -> None:
    """If its user has an address there too; else, and for the platform's, it is wrong."""
    payout = replace(PAYOUT, or_payoneer=True)
    found = _settled(payout, None)
    assert (found.settled, found.wrong, found.by_payoneer) == (0, (), (7,))
    with pytest.raises(Blocked, match="may have been"):
        found.require_settled(accept_payoneer=False)
    assert _settled(payout).by_payoneer == ()


def test_what_was_seen_to_be_wrong_stays_wrong() -> None:
    """A provider that goes down afterwards doesn't hide it; before, it is the reason."""
    provider = Provider(B1=replace(BATCH, status="DENIED"))
    provider.down_after = 1
    assert len(_settle(provider, [PAYOUT, PAYOUT], former_receivers=(), wait=Looks(1)).wrong) == 1
    provider = Provider(B1=BATCH)
    provider.down_after = 1
    with pytest.raises(Unavailable):
        _settle(provider, [PAYOUT, PAYOUT], former_receivers=(), wait=Looks(1))


def test_a_sale_without_an_amount_was_paid_wrongly() -> None:
    """There is nothing that the payout could agree with."""
    assert _settled(replace(PAYOUT, amount=None)).wrong


class Slow(Provider):
    """PayPal, which settles its batches between look-ups."""

    def __init__(self, *, looks: int, status: str = "PROCESSING") -> None:
        super().__init__(B1=BATCH, B2=replace(BATCH, batch_id="B2", debug_id="d2"))
        self.looks = looks
        self.status = status
        self.batch_ids: list[str] = []

    def payout_batch(self, batch_id: str) -> PayoutBatch:
        self.batch_ids.append(batch_id)
        batch = super().payout_batch(batch_id)
        if batch_id == "B1" and self.batch_ids.count("B1") <= self.looks:
            return replace(batch, status=self.status, items=())
        return batch


BOTH = (PAYOUT, replace(PAYOUT, batch_id="B2", role="admin"))


@pytest.mark.parametrize("status", ["PENDING", "PROCESSING"])
def test_what_paypal_works_on_is_looked_up_again(status: str) -> None:
    """That alone, until it has arrived."""
    provider = Slow(looks=3, status=status)
    wait = Looks()
    found = _settle(provider, BOTH, former_receivers=(), wait=wait)
    assert (found.looked_up, found.settled, found.pending) == (2, 2, ())
    assert provider.batch_ids == ["B1", "B2", "B1", "B1", "B1"]
    assert wait.taken == 3


def test_looking_again_takes_no_more_requests_than_rounds_and_payouts() -> None:
    """As long as one is not settled, the others need no look; one that occurs twice is one."""
    provider = Slow(looks=3)
    provider["B1"] = provider["B2"] = replace(BATCH, status="PROCESSING")
    found = _settle(provider, (*BOTH, *BOTH), former_receivers=(), wait=Looks(30))
    assert provider.batch_ids == ["B1", "B2"] * 2 + ["B1"] * 30
    assert len(found.pending) == 4


def test_what_takes_longer_is_pending() -> None:
    """When the time is over, and not before."""
    found = _settle(Slow(looks=99), BOTH, former_receivers=(), wait=Looks(1))
    assert (found.looked_up, found.settled) == (2, 1)
    assert found.pending == ("sale 7 user payout B1: the batch is PROCESSING",)


def test_without_a_wait_each_is_looked_up_once() -> None:
    """As if one order of several is traced."""
    provider = Slow(looks=99)
    assert len(_settle(provider, BOTH, former_receivers=()).pending) == 1
    assert provider.batch_ids == ["B1", "B2"]


def test_a_receiver_is_not_waited_for() -> None:
    """What is unclaimed may be so for a month."""
    provider = Slow(looks=0)
    provider["B1"] = replace(BATCH, items=(replace(ITEM, status="UNCLAIMED"),))
    found = _settle(provider, BOTH, former_receivers=(), wait=Looks(1))
    assert provider.batch_ids == ["B1", "B2"]
    assert len(found.pending) == 1


def test_beside_a_wrong_one_nothing_is_waited_for() -> None:
    """It FAILED already."""
    provider = Slow(looks=99)
    provider["B2"] = replace(BATCH, status="DENIED")
    found = _settle(provider, BOTH, former_receivers=(), wait=Looks(1))
    assert provider.batch_ids == ["B1", "B2"]
    assert (len(found.wrong), len(found.pending)) == (1, 1)


def _slow(looks: int) -> Budget:
    """A budget of which each look-up takes a second, and the last begins within it."""
    return Budget(timedelta(seconds=looks), clock=map(float, range(99)).__next__)


def test_what_isnt_looked_up_in_time_is_not_settled() -> None:
    """It is BLOCKED, timeout, with how many; what was seen before counts as seen."""
    provider = Slow(looks=0)
    access: Access[PayoutProvider] = Access(common=provider, budget=_slow(1))
    found = settle(access, BOTH, former_receivers=())
    assert (found.looked_up, found.unseen, found.settled) == (1, 1, 1)
    assert provider.batch_ids == ["B1"]
    with pytest.raises(Blocked, match=r"^1 of 2 payouts were not looked up in time") as caught:
        found.require_settled(accept_payoneer=True)
    assert caught.value.reason.kind.value == "timeout"
    access = Access(common=Slow(looks=0), budget=_slow(2))
    settle(access, BOTH, former_receivers=()).require_settled(accept_payoneer=False)


def test_the_budget_ends_a_wait_and_makes_nothing_settled() -> None:
    """What PayPal is at work on stays pending if there is no time to look again."""
    provider = Slow(looks=99)
    access: Access[PayoutProvider] = Access(common=provider, budget=_slow(2))
    found = settle(access, BOTH, former_receivers=(), wait=Looks(9))
    assert provider.batch_ids == ["B1", "B2"]
    assert (found.looked_up, found.unseen, len(found.pending)) == (2, 0, 1)


def test_what_is_wrong_is_so_without_the_rest() -> None:
    """A payout that was lost fails the criterion, however many weren't looked up."""
    provider = Slow(looks=0)
    provider["B1"] = replace(BATCH, status="DENIED")
    access: Access[PayoutProvider] = Access(common=provider, budget=_slow(1))
    found = settle(access, BOTH, former_receivers=())
    assert (len(found.wrong), found.unseen) == (1, 1)
