"""A hundred shards that die, are started again, come twice or come late give no better verdict."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_prodstatus.criteria import Shard
from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.merge import merge
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import EXIT_OPEN, Verdict
from tests.unit.given import HOUR, NOW, B, C, F, by_id, catalogue, criterion, stage
from tests.unit.model.test_merge import MINUTE, shard
from tests.unit.model.test_properties import DIED, catalogues
from tests.unit.properties import SWEEP
from tests.unit.test_shard import Item

WORDS = [f"{word}[{n}]" if n else word for word in "wxyz" for n in range(3)]


class Simulation:
    """One run in shards, as a scheduler that loses and repeats things would run it.

    Attributes:
        arrived: the records that arrived in time, each with its name.
        late: those that arrived after the merge.
        seen: by the criterion, what each record that arrived in time says of it.
    """

    def __init__(self, made: Catalogue, number: int, random: Random) -> None:
        self.made, self.number, self.random = made, number, random
        self.names = [f"{item.id}.{word}" for item in made.stages for word in WORDS]
        self.names = random.sample(self.names, random.randint(1, min(30, len(self.names))))
        good = random.choice([1.0, 0.9, 0.5])
        self.weights = (good, (1 - good) / 2, (1 - good) / 2)
        older = {name: self.verdict() for name in self.names if random.random() < 0.8}
        self.former = random.choice(
            [None, shard(older, names=self.names, stages=made, id="run-0", started=NOW - 9 * HOUR)]
        )
        self.incidents = random.choice([(), (), (), (DIED,)])
        # How often a shard dies, is started again all the same, is cut short, or comes late.
        self.dies, self.again, self.unreached, self.comes_late = (
            random.choice([0, often]) for often in (0.2, 0.3, 0.02, 0.05)
        )
        self.arrived: list[tuple[str, Record]] = []
        self.late: list[tuple[str, Record]] = []
        self.seen: dict[str, list[Verdict | None]] = {}
        for n in range(1, number + 1):
            self.run_shard(Shard(n, number))

    def verdict(self) -> Verdict:
        """Return what one look at a criterion sees."""
        return self.random.choices((C, B, F), self.weights)[0]

    def run_shard(self, part: Shard) -> None:
        """Run a shard, perhaps several times, and let its records arrive or not."""
        own = [n for n in self.names if part.holds(Item(()), criterion(n))]  # type: ignore[arg-type]
        for attempt in range(3):
            if self.random.random() < self.dies:
                continue
            seen = {name: self.verdict() for name in own if self.random.random() >= self.unreached}
            self.send(f"{part.number}-{attempt}", part.number, seen, own)
            if self.random.random() >= self.again:
                return

    def send(self, name: str, number: int, seen: dict[str, Any], own: list[str]) -> None:
        """Let a record arrive: in time, twice or late."""
        made = shard(
            seen, names=self.names, selected=own, stages=self.made,
            former=self.former if self.random.random() < 0.5 else None,
            incidents=self.incidents if number == 1 else (),
            started=NOW - HOUR + self.random.randint(0, 30) * MINUTE,
            status=int(F in seen.values()),
            shard=True,
        )  # fmt: skip
        if self.random.random() < self.comes_late:
            self.late.append((name, made))
            return
        times = 2 if self.random.random() < 0.1 else 1
        self.arrived += [(f"{name}-{copy}", made) for copy in range(times)]
        for item in own:
            self.seen.setdefault(item, []).append(seen.get(item))

    def undivided(self) -> Record:
        """Return the record of one run that saw the worst of what arrived, and nothing else."""
        worst: dict[str, Any] = {}
        for name, verdicts in self.seen.items():
            observed = [verdict for verdict in verdicts if verdict is not None]
            if observed:
                worst[name] = max(observed)
        return shard(
            worst, names=self.names, selected=self.names, stages=self.made,
            incidents=self.incidents if any(r.run.incidents for _, r in self.arrived) else (),
            status=int(F in worst.values()),
        )  # fmt: skip


def test_the_simulation_knows_every_end() -> None:
    """Some simulated runs are CONFIRMED, some are BLOCKED by a loss alone, and some FAILED."""
    made = catalogue(stage("s0"), stage("s1", requires=("s0",)))
    ends = set()
    for seed in range(40):
        run = Simulation(made, 7, Random(seed))
        if run.arrived:
            ends.add((merge(run.arrived, made, now=NOW).final.verdict, bool(run.dies)))
    assert {(C, False), (C, True), (B, True), (F, False)} <= ends


def check_no_better(got: Record, one: Record) -> None:
    """Assert that a merged record is nowhere better than one of an undivided run."""
    then, stages = by_id(one.criteria), {item.id: item.verdict for item in one.stages}
    for status in got.criteria:
        assert status.verdict >= then[status.id].verdict
    assert then.keys() == by_id(got.criteria).keys()
    for item in got.stages:
        assert item.verdict >= stages[item.id]
    assert got.final.verdict >= one.final.verdict
    assert got.decision.open <= one.decision.open
    assert got.decision.exit_code != EXIT_OPEN or one.decision.exit_code == EXIT_OPEN
    assert got.run.complete <= one.run.complete


@settings(max_examples=400 if SWEEP else 15)
@given(catalogues(), st.sampled_from([2, 7, 100]), st.integers(0, 2**32))
def test_the_merged_verdict_is_never_better_than_that_of_one_run(
    made: Catalogue, number: int, seed: int
) -> None:
    """Shards may die, be started again, and arrive twice, too late, and in any order."""
    # Hypothesis tries few seeds again and again; not with so many catalogues.
    run = Simulation(made, number, Random(f"{seed} {made.digest}"))
    if not run.arrived:
        return
    got = merge(run.arrived, made, now=NOW)
    check_no_better(got, run.undivided())
    shuffled = run.random.sample(run.arrived, len(run.arrived))
    assert merge(shuffled, made, now=NOW) == got
    both = merge([*run.arrived, *run.late], made, now=NOW)
    for status in both.criteria:
        if by_id(got.criteria)[status.id].observed_now:
            assert (status.observed or B) >= (by_id(got.criteria)[status.id].observed or B)
