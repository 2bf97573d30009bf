"""What `--unmet` runs again, and that repeating it says what a full run says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import Catalogue, Criterion
from pytest_prodstatus.model.criterion_status import KilledRun, RunData, criterion_statuses
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import Record, Subject
from pytest_prodstatus.model.unmet import ALL, BLOCKED, Basis, Chosen, choose, turned
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, Verdict
from tests.unit import properties
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    criterion,
    observation,
    reason,
    record,
    run,
    run_data,
    stage,
)
from tests.unit.model.test_properties import catalogues

CHAIN = catalogue("a", stage("b", requires=("a",)), "c", stage("final", rollup=("a", "b", "c")))
IDS = ("a.x", "a.y", "b.x", "c.x")


def chosen(
    former: Record | None,
    *more: Criterion,
    what: str = ALL,
    stages: Catalogue = CHAIN,
    ids: tuple[str, ...] = IDS,
    **basis: Any,
) -> Chosen:
    """Return what `--unmet` chooses after a record."""
    data = run_data(stages, collected=(*map(criterion, ids), *more))
    begun = run(id="run-2", started=NOW, finished=None)
    made = Basis(**{"run": begun, "former": former, **basis})
    # As a worker gets it.
    return choose(Basis.from_json(made.to_json()), data, what)


def last(worse: Mapping[str, Any] | None = None, **more: Any) -> Record:
    """Return the record of a run in which all criteria but some were CONFIRMED."""
    return record(CHAIN, {**dict.fromkeys(IDS, C), **(worse or {})}, **more)


class TestChoose:
    """What isn't CONFIRMED in the last record, and what requires it."""

    def test_nothing(self) -> None:
        """If all are CONFIRMED, nothing is unmet."""
        assert chosen(last()).again == set()

    @pytest.mark.parametrize("verdict", [B, F])
    def test_what_requires_it_is_unmet_as_well(self, verdict: Verdict) -> None:
        """What was CONFIRMED while its upstream wasn't proves nothing."""
        assert chosen(last({"a.x": verdict})).again == {"a.x", "b.x"}
        assert chosen(last({"b.x": verdict})).again == {"b.x"}

    def test_a_new_criterion(self) -> None:
        """One that the last record doesn't have is unmet."""
        assert chosen(last(), criterion("a.new")).again == {"a.new", "b.x"}
        assert chosen(last(), criterion("c.new[eu]")).again == {"c.new[eu]"}

    def test_what_has_gone_stale(self) -> None:
        """A CONFIRMED that is too old, or of another release, is unmet."""
        old = observation(observed_at=NOW - 25 * HOUR)
        assert chosen(last({"c.x": old})).again == {"c.x"}
        other = run(id="run-2", started=NOW, finished=None, subject=Subject(release="v2"))
        assert chosen(last(), run=other).again == set(IDS)

    def test_without_a_record_everything(self) -> None:
        """So it is if the record can't be trusted; FAILED or not."""
        assert chosen(None).again == set(IDS)
        why = Reason(text="the record isn't signed", kind=Kind.UNTRUSTED)
        assert chosen(last(), untrusted=why).again == set(IDS)

    def test_blocked_leaves_out_what_failed(self) -> None:
        """And what only that holds up; what is BLOCKED and what requires it are chosen."""
        assert chosen(last({"a.x": F, "c.x": B}), what=BLOCKED).again == {"c.x"}
        assert chosen(last({"a.x": F, "a.y": B}), what=BLOCKED).again == {"a.y", "b.x"}

    def test_evidence_still_decides_on_a_worker(self) -> None:
        """A worker gets no evidence, but knows whether there was any."""
        data = run_data(CHAIN, collected=tuple(map(criterion, IDS)), require_evidence=True)
        begun = run(id="run-2", started=NOW, finished=None)
        sent = Basis(run=begun, former=last()).to_json()
        assert choose(Basis.from_json(sent), data, ALL).again == set(IDS)


class TestSideEffects:
    """A criterion that acts on the world is never started again."""

    ACT = criterion("c.act", side_effects=True)

    def after(self, seen: Observation | None, **more: Any) -> Chosen:
        """Return the choice after a run in which the acting criterion was seen so."""
        ids = (*map(criterion, IDS), self.ACT)
        known = {**dict.fromkeys(IDS, observation()), **({"c.act": seen} if seen else {})}
        return chosen(record(CHAIN, dict(known), collected=ids), self.ACT, **more)

    def test_one_that_never_started(self) -> None:
        """It is started: it was not reached, or is new."""
        assert self.after(None) == Chosen(frozenset({"c.act"}), frozenset())
        assert chosen(last(), self.ACT) == Chosen(frozenset({"c.act"}), frozenset())

    @pytest.mark.parametrize("verdict", [B, F])
    def test_one_that_has_started(self, verdict: Verdict) -> None:
        """It is unmet and isn't started again, after any verdict and after half a start."""
        assert self.after(observation(verdict)) == Chosen(frozenset(), frozenset({"c.act"}))
        half = observation(B, reason=reason("cut", Kind.NOT_RUN))
        assert self.after(half) == Chosen(frozenset(), frozenset({"c.act"}))

    def test_one_that_is_stale(self) -> None:
        """A person decides whether it acts once more."""
        old = observation(observed_at=NOW - 25 * HOUR)
        assert self.after(old) == Chosen(frozenset(), frozenset({"c.act"}))

    def test_one_that_was_confirmed(self) -> None:
        """It is carried over, also if its stage or what that requires is unmet."""
        act = criterion("b.act", side_effects=True)
        ids = (*map(criterion, IDS), act)
        seen = {**dict.fromkeys(IDS, C), "a.x": F, "b.act": C}
        assert chosen(record(CHAIN, seen, collected=ids), act) == Chosen(
            frozenset({"a.x", "b.x"}), frozenset()
        )

    def test_after_a_killed_run_none_starts(self) -> None:
        """It isn't known what a killed run has started, nor what it saw: the rest runs again."""
        killed = KilledRun(run="gone")
        assert self.after(None, killed=killed) == Chosen(frozenset(IDS), frozenset({"c.act"}))
        assert self.after(observation(), killed=killed).held == {"c.act"}

    def test_a_killed_run_of_one_stage(self) -> None:
        """Only what it may have run is unmet, and what requires that."""
        killed = KilledRun(run="gone", stages=frozenset({"c"}))
        assert self.after(observation(), killed=killed).again == {"c.x"}


def test_what_turned_is_reported_with_both_instants() -> None:
    """Only what FAILED and this run observed as CONFIRMED."""
    before = last({"a.x": observation(F, observed_at=NOW - HOUR), "c.x": B})
    (line,) = turned(before, last({"c.x": C}))
    assert line == "a.x: FAILED at 2026-11-22 11:00:00 UTC, CONFIRMED at 2026-11-22 12:00:00 UTC"
    assert list(turned(before, before)) == []
    assert list(turned(None, before)) == []
    many = {f"a.x{n}": F for n in range(12)}
    lines = list(turned(record(CHAIN, dict(many)), record(CHAIN, dict.fromkeys(many, C))))
    assert (len(lines), lines[-1]) == (11, "and 2 more that FAILED are CONFIRMED")


class World(NamedTuple):
    """A system that doesn't change, and what an earlier suite saw of it.

    Attributes:
        catalogue: the stages.
        truth: what each criterion shows whenever it runs.
        history: the runs before: what each selected, reached of that, and how long ago it was.
        acting: ids of criteria with side effects.
    """

    catalogue: Catalogue
    truth: Mapping[str, Verdict]
    history: list[tuple[frozenset[str], frozenset[str], timedelta]]
    acting: frozenset[str]

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """All criteria."""
        return tuple(criterion(name, side_effects=name in self.acting) for name in self.truth)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Return a catalogue, what its criteria show, and some runs that saw a part of it."""
    made = draw(catalogues())
    verdicts = draw(st.sampled_from([[C], [C, C, C, B], [C, C, C, F], [C, B, F]]))
    words = st.lists(st.sampled_from("wxyz"), unique=True, max_size=3)
    names = [f"{member.id}.{word}" for member in made.stages for word in draw(words)]
    some = st.frozensets(st.sampled_from(names)) if names else st.just(frozenset[str]())
    every = st.just(frozenset(names))
    ages = st.sampled_from([30, 23, 5, 1]).map(lambda hours: hours * HOUR)
    runs = draw(st.lists(st.tuples(every | some, every | some, ages), max_size=4))
    return World(
        catalogue=made,
        truth={name: draw(st.sampled_from(verdicts)) for name in names},
        history=sorted(runs, key=lambda one: -one[2]),
        acting=draw(some | st.just(frozenset[str]())),
    )


def ran(
    world: World,
    at: datetime,
    former: Record | None,
    selected: frozenset[str],
    reached: frozenset[str],
    number: int,
    **more: Any,
) -> Record:
    """Return the record of a run in a world."""
    of = run(id=f"run-{number}", started=at, finished=at)
    data = RunData(
        catalogue=world.catalogue,
        collected=world.criteria,
        selected=selected,
        observe=lambda c: (
            observation(world.truth[c.id], observed_at=at) if c.id in reached else None
        ),
        former=former,
        **more,
    )
    return compose(data, criterion_statuses(data, of, at), of, Rule.CONFIRMED, 0)


def verdicts_of(made: Record) -> dict[str, Verdict]:
    """Return each criterion's verdict."""
    return {status.id: status.verdict for status in made.criteria}


# In a sweep many thousands, since in most of them nothing requires anything, or nothing is unmet.
@settings(max_examples=20_000 if properties.SWEEP else 150)
@given(worlds(), st.sampled_from([ALL, BLOCKED]))
def test_repeating_it_says_what_a_full_run_says(world: World, what: str) -> None:
    """Until nothing is unmet, in a world that doesn't change; and nothing acts twice."""
    former = None
    for number, (selected, reached, age) in enumerate(world.history):
        former = ran(world, NOW - age, former, selected, reached, number)
    # What was started before counts once, however often a person started it.
    known = {s.id for s in former.criteria if s.attempts} if former else set()
    starts = {name: int(name in known) for name in world.acting}
    everything = frozenset(world.truth)
    full = ran(world, NOW, former, everything, everything, 99)
    wanted = verdicts_of(full)
    held: set[str] = set()
    for number in range(100, 103):
        data = run_data(world.catalogue, collected=world.criteria)
        basis = Basis(run=run(id="now", started=NOW, finished=None), former=former)
        choice = choose(basis, data, what)
        held |= choice.held
        for name in choice.again & world.acting:
            starts[name] += 1
        instants = {s.id: s.observed_at for s in former.criteria} if former else {}
        left_out = bool(everything - choice.again)
        later = ran(
            world,
            NOW,
            former,
            choice.again,
            choice.again,
            number,
            met=left_out,
            held=choice.held,
            stages=frozenset(world.catalogue.by_id) if left_out else None,
        )
        for status in later.criteria:
            if status.id not in choice.again:  # its date isn't renewed
                assert status.observed_at == instants.get(status.id)
        if everything and what == ALL and not choice.again and not choice.held:
            assert verdicts_of(later) == wanted
            assert later.final.verdict is full.final.verdict
            assert later.decision.exit_code == full.decision.exit_code
        former = later
    assert all(times <= 1 for times in starts.values())
    got = verdicts_of(later)
    # Never better than a full run, and worse only for what wasn't allowed to act again.
    assert all(got[name] >= wanted[name] for name in wanted)
    if what == ALL and not held:
        assert got == wanted
        unmet = {name for name in everything - world.acting if wanted[name] is not C}
        assert choice.again == unmet
    if what == BLOCKED and not held:
        # What FAILED stays so, and all that it doesn't hold up is as in a full run.
        assert got == wanted


def test_a_killed_run_hides_nothing_that_acted() -> None:
    """The basis that travels to a worker is the same as before."""
    made = Basis(
        run=run(started=NOW, finished=None), former=last({"a.x": F}), killed=KilledRun(run="gone")
    )
    again = Basis.from_json(made.to_json())
    assert again.killed == made.killed
    assert again.former is not None
    assert verdicts_of(again.former) == verdicts_of(last({"a.x": F}))
    assert replace(again, former=None) == replace(made, former=None)


def test_after_an_incident_everything_is_unmet() -> None:
    """A run of nothing must not clear what no criterion explains."""
    seen = record(CHAIN, dict.fromkeys(IDS, C), of=run(incidents=(reason("gw0 died"),)))
    assert chosen(seen).again == frozenset(IDS)
    assert chosen(seen, what=BLOCKED).again == frozenset(IDS)
