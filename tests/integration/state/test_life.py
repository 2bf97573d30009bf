"""A purchase from its claim to its end, the same on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Literal

import pytest

from pytest_prodstatus.store.action import State, out_order_id
from pytest_prodstatus.store.errors import (
    Claimed,
    IllegalTransition,
    InvalidRecord,
    UnknownEntry,
    Unresolved,
)
from pytest_prodstatus.store.journal import Journal
from tests.integration.state.purchases import CRITERION, NOON, TARGET, SetClock, plan_at

LONG_AGO = NOON - timedelta(days=30)


@pytest.fixture
def journal(url: str, clock: SetClock) -> Iterator[Journal]:
    """A new journal whose clock the test sets."""
    with Journal.open(url, clock=clock) as opened:
        yield opened


def test_every_step_is_kept_with_who_and_when(journal: Journal, clock: SetClock) -> None:
    """A confirmed purchase reads PLANNED, INTENT, SENT, CONFIRMED, each dated and signed."""
    plan = plan_at(NOON)
    entry = journal.intend(plan)
    clock.advance(seconds=1)
    entry = journal.sent(entry)
    clock.advance(seconds=2)
    entry = journal.confirmed(entry, ["8198352049851315"], "request 2101f05f")

    assert journal.entry(entry.id) == entry
    assert [(event.state, event.at - NOON, event.who) for event in entry.events] == [
        (State.PLANNED, timedelta(0), plan.who),
        (State.INTENT, timedelta(0), plan.who),
        (State.SENT, timedelta(seconds=1), plan.who),
        (State.CONFIRMED, timedelta(seconds=3), plan.who),
    ]
    assert "17.90 USD, cap 25.00 USD" in entry.events[0].detail
    assert entry.events[-1].detail == "request 2101f05f"
    assert entry.order_ids == ("8198352049851315",)
    assert entry.out_order_id == out_order_id(
        criterion=CRITERION, target=TARGET, day=plan.day, attempt=1
    )
    assert all(getattr(entry, name) == getattr(plan, name) for name in plan.__slots__)


def test_a_confirmed_day_is_taken_and_the_next_is_free(journal: Journal, clock: SetClock) -> None:
    """One purchase a day: the second is Claimed, the next day's is not."""
    entry = journal.confirmed(journal.sent(journal.intend(plan_at(NOON))), ["1"], "ok")

    with pytest.raises(Claimed, match="tomorrow") as refusal:
        journal.intend(plan_at(NOON))
    assert refusal.value.entry == entry

    clock.advance(days=1)
    assert journal.intend(plan_at(clock.now)).attempt == 1


def test_rejected_frees_the_day_under_another_key(journal: Journal) -> None:
    """The next attempt has its own number and key; the rejected one stays readable."""
    first = journal.rejected(journal.sent(journal.intend(plan_at(NOON))), "isv.no-stock")
    second = journal.rejected(journal.intend(plan_at(NOON)), "quote above the cap")
    third = journal.intend(plan_at(NOON))

    assert [entry.attempt for entry in (first, second, third)] == [1, 2, 3]
    assert len({entry.out_order_id for entry in (first, second, third)}) == 3
    assert journal.entries() == (third, second, first)


@pytest.mark.parametrize("left", [State.INTENT, State.SENT, State.UNKNOWN])
@pytest.mark.parametrize("outcome", ["CONFIRMED", "REJECTED"])
def test_an_open_end_blocks_until_resolved(
    journal: Journal, clock: SetClock, left: State, outcome: Literal["CONFIRMED", "REJECTED"]
) -> None:
    """INTENT, SENT and UNKNOWN block each later day until a person or the supplier settles it."""
    entry = journal.intend(plan_at(NOON))
    if left is not State.INTENT:
        entry = journal.sent(entry)
    if left is State.UNKNOWN:
        entry = journal.unknown(entry, "read timed out after 20 s")

    with pytest.raises(Claimed, match="`prodstatus journal resolve 1`"):
        journal.intend(plan_at(NOON))
    for _ in range(3):
        clock.advance(days=20)
        with pytest.raises(Unresolved, match=f"entry {entry.id} .* {left} "):
            journal.intend(plan_at(clock.now))
    assert journal.unresolved(CRITERION, TARGET) == (entry,)

    settled = journal.resolve(
        entry.id,
        state=outcome,
        order_ids=["77"] if outcome == "CONFIRMED" else (),
        who="Ana Ruiz",
        how="looked at the supplier's order list",
    )
    assert (settled.state, settled.events[-1].who) == (State(outcome), "Ana Ruiz")
    assert settled.events[:-1] == entry.events
    assert journal.unresolved(CRITERION, TARGET) == ()
    assert journal.intend(plan_at(clock.now)).state is State.INTENT


def test_the_suppliers_answer_resolves_too(journal: Journal) -> None:
    """An UNKNOWN that the supplier denies the same day frees that day."""
    entry = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut after sending")
    journal.resolve(entry.id, state="REJECTED", who="AliExpress", how="same key: not repeated")

    assert journal.intend(plan_at(NOON)).attempt == 2


def test_the_ordering_process_cant_settle_its_own_unknown(journal: Journal) -> None:
    """What was UNKNOWN is settled by `resolve` alone, which asks by whom and how."""
    entry = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut")

    with pytest.raises(IllegalTransition):
        journal.confirmed(entry, ["1"], "it came after all")
    with pytest.raises(IllegalTransition):
        journal.rejected(entry, "surely not")


def test_a_success_is_written_even_after_a_resolution(journal: Journal, clock: SetClock) -> None:
    """A person said REJECTED while the order was under way: its late success isn't lost."""
    entry = journal.sent(journal.intend(plan_at(NOON)))
    journal.resolve(entry.id, state="REJECTED", who="Ana", how="no order in the list")

    late = journal.confirmed(entry, ["8198"], "answered after 300 s")

    assert late.state is State.CONFIRMED
    assert journal.latest_confirmed(CRITERION, TARGET, since=LONG_AGO) == late
    with pytest.raises(Claimed):
        journal.intend(plan_at(NOON))
    with pytest.raises(IllegalTransition):
        journal.confirmed(entry, ["8198"], "twice")


def test_an_intent_that_was_resolved_cant_be_sent(journal: Journal) -> None:
    """A person who settles an INTENT stops the process that still holds it."""
    entry = journal.intend(plan_at(NOON))
    journal.resolve(entry.id, state="REJECTED", who="Ana", how="the job was cancelled")

    with pytest.raises(IllegalTransition):
        journal.sent(entry)


def test_a_stale_entry_is_judged_by_the_journal(journal: Journal) -> None:
    """What a caller holds may be old; the database says where the purchase stands."""
    entry = journal.intend(plan_at(NOON))
    journal.sent(entry)

    with pytest.raises(IllegalTransition, match="stands at SENT"):
        journal.sent(entry)


def test_settled_entries_cant_be_resolved_again(journal: Journal) -> None:
    """A resolution settles what is open, nothing else, and needs an entry."""
    entry = journal.rejected(journal.intend(plan_at(NOON)), "no stock")

    with pytest.raises(IllegalTransition):
        journal.resolve(entry.id, state="CONFIRMED", order_ids=["1"], who="Ana", how="found it")
    with pytest.raises(UnknownEntry):
        journal.resolve(entry.id + 1, state="REJECTED", who="Ana", how="none")
    with pytest.raises(UnknownEntry):
        journal.entry(entry.id + 1)


def test_a_success_without_an_id_is_not_confirmed(journal: Journal) -> None:
    """An order nobody can name proves nothing; the refusal leaves the entry as it was."""
    entry = journal.sent(journal.intend(plan_at(NOON)))

    with pytest.raises(InvalidRecord, match="UNKNOWN"):
        journal.confirmed(entry, [], "is_success: true")
    with pytest.raises(InvalidRecord):
        journal.resolve(entry.id, state="CONFIRMED", who="Ana", how="the card was charged")
    assert journal.entry(entry.id) == entry


def test_latest_confirmed_counts_the_age_from_the_claim(journal: Journal, clock: SetClock) -> None:
    """An order confirmed by a person weeks later is no younger for it."""
    entry = journal.unknown(journal.sent(journal.intend(plan_at(NOON))), "cut")
    clock.advance(days=20)
    journal.resolve(entry.id, state="CONFIRMED", order_ids=["5"], who="Ana", how="found")

    found = journal.latest_confirmed(CRITERION, TARGET, since=NOON)
    assert found is not None
    assert found.order_ids == ("5",)
    later = NOON + timedelta(microseconds=1)
    assert journal.latest_confirmed(CRITERION, TARGET, since=later) is None


def test_latest_confirmed_is_of_its_mode_and_target(journal: Journal, clock: SetClock) -> None:
    """An unpaid order, another target's or an open one is no confirmed purchase."""
    journal.confirmed(journal.sent(journal.intend(plan_at(NOON, mode="unpaid"))), ["1"], "ok")
    staging = plan_at(NOON, target="staging")
    journal.confirmed(journal.sent(journal.intend(staging)), ["2"], "ok")
    assert journal.latest_confirmed(CRITERION, TARGET, since=LONG_AGO) is None

    unpaid = journal.latest_confirmed(CRITERION, TARGET, since=LONG_AGO, mode="unpaid")
    assert unpaid is not None
    assert unpaid.order_ids == ("1",)

    clock.advance(days=1)
    paid = journal.sent(journal.intend(plan_at(clock.now)))
    assert journal.latest_confirmed(CRITERION, TARGET, since=LONG_AGO) is None
    paid = journal.confirmed(paid, ["3"], "ok")
    assert journal.latest_confirmed(CRITERION, TARGET, since=LONG_AGO) == paid
    with pytest.raises(InvalidRecord):
        journal.latest_confirmed(CRITERION, TARGET, since=LONG_AGO.replace(tzinfo=None))


def test_entries_are_the_newest_first(journal: Journal) -> None:
    """The list is cut at its limit and by its target."""
    entries = [journal.intend(plan_at(NOON, criterion=f"placeorder.c{n}")) for n in range(4)]
    other = journal.intend(plan_at(NOON, target="staging"))

    assert journal.entries(limit=2) == (other, entries[3])
    assert journal.entries(TARGET) == tuple(reversed(entries))
    assert journal.entries("demo") == ()


def test_garbage_from_the_supplier_is_written_down(journal: Journal) -> None:
    """NUL, lone surrogates and megabytes can't be the reason that an end isn't recorded."""
    entry = journal.sent(journal.intend(plan_at(NOON)))

    entry = journal.confirmed(entry, ["81\x0098", "7\udc00"], "\x00\udfff<b>\r\n" + "x" * 1_000_000)

    assert journal.entry(entry.id) == entry
    assert len(entry.order_ids) == 2
    assert len(entry.events[-1].detail) <= 2000
