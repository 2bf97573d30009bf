"""The history keeps a part of each record, and computes the rest from that."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.history import Flip, SavedRun, changes, saved_run, with_past
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Verdict
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    in_progress,
    record,
    run,
    stage,
)

WHOLE = catalogue("api", "shop", stage("final", rollup=("api", "shop")))
TESTS = (criterion("api.up"), criterion("shop.open"))


def partial(seen: dict[str, Verdict], former: Record | None = None) -> Record:
    """Return the record of a run that selected only some criteria."""
    return record(WHOLE, seen, collected=TESTS, selected=frozenset(seen), former=former)


def test_a_full_run_informs_of_every_stage() -> None:
    """A full run has every stage and FINAL, with the root cause of each that isn't CONFIRMED."""
    kept = saved_run(record(WHOLE, {"api.up": C, "shop.open": F}))
    assert kept.stages == {"api": C, "shop": F, "final": F}
    assert kept.causes == {"shop": "shop.open", "final": "shop.open"}
    assert (kept.final, kept.open, kept.partial, kept.complete) == (F, False, False, True)


def test_a_stage_that_is_not_applicable_has_no_verdict() -> None:
    """It isn't judged, so it was never BLOCKED, and changes nothing when it is judged again."""
    absent = stage("old", applies=False, reason="closed", owner="Ann")
    kept = saved_run(record(catalogue("api", absent), {"api.up": C}))
    assert kept.stages["old"] is None


def test_final_is_kept_if_no_stage_gives_it() -> None:
    """Without a stage `final`, the rollup of all stages is kept as a stage of its own."""
    kept = saved_run(record(catalogue("api"), {"api.up": B}))
    assert kept.stages == {"api": B, "final": B}
    assert kept.causes == {"api": "api.up", "final": "api.up"}


def test_a_declared_criterion_without_a_test_is_kept() -> None:
    """A declared criterion is kept although no test provides it: a full run selected it."""
    declared = catalogue(stage("api", criteria=("api.up",)))
    assert saved_run(record(declared, {})).stages["api"] is B


def test_a_partial_run_is_silent_about_what_was_never_observed() -> None:
    """A stage that a partial run never observed, or that only depends on one, is left out."""
    kept = saved_run(partial({"api.up": C}))
    assert kept.stages == {"api": C, "shop": None, "final": None}
    assert kept.partial


def test_a_partial_run_keeps_what_it_carried_over() -> None:
    """A partial run keeps what it carried over from an earlier run, and FINAL."""
    former = record(WHOLE, {"api.up": F, "shop.open": C})
    assert saved_run(partial({"api.up": C}, former)).stages == {"api": C, "shop": C, "final": C}


def test_a_partial_run_that_fails_keeps_final() -> None:
    """FINAL is kept if it FAILED, no matter what wasn't selected."""
    assert saved_run(partial({"api.up": F})).stages == {"api": F, "shop": None, "final": F}


def test_a_partial_run_is_silent_about_a_stage_without_a_test() -> None:
    """A stage of which a narrowed run collected nothing isn't BLOCKED for anyone else."""
    seen = record(catalogue("api", "shop"), {"api.up": C}, restricted=True)
    assert saved_run(seen).stages == {"api": C, "shop": None, "final": None}


def test_a_run_in_progress_is_refused() -> None:
    """A run in progress has no verdicts yet, so it is refused."""
    with pytest.raises(ValueError, match="in progress"):
        saved_run(in_progress())


def kept(**more: object) -> SavedRun:
    """Return a kept run."""
    return replace(saved_run(record(WHOLE, {"api.up": C, "shop.open": C})), **more)


def test_what_differed_between_two_runs() -> None:
    """Suite, release, catalogue and each version are compared; what is equal isn't listed."""
    before = kept(commit="a", dirty=False, release=None, versions={"pytest": "9.1", "python": "3"})
    after = kept(
        commit="a",
        dirty=True,
        release="v2",
        catalogue="new",
        versions={"pytest": "9.2", "new": "1"},
    )
    assert [(c.name, c.before, c.after) for c in changes(before, after)] == [
        ("commit", "a", "a with local changes"),
        ("release", None, "v2"),
        ("catalogue", before.catalogue or None, "new"),
        ("new", None, "1"),
        ("pytest", "9.1", "9.2"),
        ("python", "3", None),
    ]
    assert changes(before, before) == ()


def flip(stage_id: str, verdict: Verdict, previous: Verdict | None, hours: int) -> Flip:
    """Return a flip some hours ago."""
    at = NOW - hours * HOUR
    return Flip(stage=stage_id, at=at, run=f"{hours} h ago", verdict=verdict, previous=previous)


def test_a_record_takes_the_dates_that_the_history_knows() -> None:
    """A stage gets its date and former verdict from the history, if its verdict is the same."""
    fresh = record(WHOLE, {"api.up": F, "shop.open": C}, of=run(started=NOW))
    flips = {
        "api": flip("api", F, C, 9),
        "shop": flip("shop", F, C, 5),
        "final": flip("final", F, None, 7),
    }
    past = (fresh.past, fresh.past)
    dated = with_past(fresh, past, flips)
    assert dated.history == past
    assert [(s.since, s.previous) for s in dated.stages] == [
        (NOW - 9 * HOUR, C),
        (NOW, None),  # the history is about another verdict: a partial run, say
        (NOW - 7 * HOUR, None),
    ]


def test_a_history_that_began_later_than_the_records_changes_nothing() -> None:
    """A record that is older than the store keeps its own former runs and dates."""
    own = record(
        WHOLE,
        {"api.up": C, "shop.open": C},
        former=record(WHOLE, {"api.up": C, "shop.open": C}, of=run(id="old", started=NOW - HOUR)),
        of=run(started=NOW),
    )
    flips = {name: flip(name, C, None, 0) for name in ("api", "shop", "final")}
    assert with_past(own, (), flips) == own
