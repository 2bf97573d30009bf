"""Shards of one run make its record; records of other runs are refused by name."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.clocks import DRIFT
from pytest_prodstatus.model.codec import read_record, write_record
from pytest_prodstatus.model.merge import REST_UNKNOWN, MergeError, merge, unobserved
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.record import Override, Record, Subject
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, because
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    assembled,
    by_id,
    catalogue,
    criterion,
    entry,
    observation,
    reason,
    run,
    run_data,
    stage,
)
from tests.unit.model.test_properties import DIED, catalogues

MINUTE = timedelta(minutes=1)
SHOP = catalogue(
    stage("api", criteria=("api.key",)),
    stage("shop", criteria=("shop.open", "shop.paid"), requires=("api",)),
    stage("final", rollup=("api", "shop")),
)
ALL = ("api.key", "shop.open", "shop.paid")


def shard(
    observed: dict[str, Any],
    *,
    names: Sequence[str] = ALL,
    selected: Sequence[str] = (),
    former: Record | None = None,
    untrusted: Reason | None = None,
    stages: Catalogue = SHOP,
    rule: Rule = Rule.CONFIRMED,
    status: int = 0,
    **of: Any,
) -> Record:
    """Return the record of one shard: it collected everything and selected a part."""
    seen = {
        name: value if isinstance(value, Observation) else observation(value)
        for name, value in observed.items()
    }
    chosen = frozenset([*seen, *selected])
    data = run_data(
        stages, seen, collected=tuple(map(criterion, names)), selected=chosen, former=former,
        untrusted=untrusted,
    )  # fmt: skip
    given_ = {"catalogue": stages.digest, "selection": " ".join(sorted(chosen)), **of}
    made = run(**given_)
    return assembled(data, made, rule, status, made.finished or NOW)


def merged(*parts: Record, stages: Catalogue = SHOP) -> Record:
    """Return the record that shards make."""
    return merge(((f"{n}.json", part) for n, part in enumerate(parts)), stages)


def timeless(record: Record) -> Record:
    """Return a record without the selections of its shards."""
    return replace(record, run=replace(record.run, selection=None))


class TestCriterion:
    """Rules decide from which shard a criterion is taken."""

    def test_the_shard_that_ran_it(self) -> None:
        """The shard that ran it counts before one that carried it over or doesn't know it."""
        former = shard(dict.fromkeys(ALL, F), id="run-0", started=NOW - 2 * HOUR)
        got = merged(shard({"api.key": C}), shard({"shop.open": C, "shop.paid": B}, former=former))
        assert {s.id: s.verdict for s in got.criteria} == {
            "api.key": C,
            "shop.open": C,
            "shop.paid": B,
        }
        assert got.run.complete
        assert unobserved(got) == []

    def test_the_worst_of_several(self) -> None:
        """The worst verdict counts, and of equals the first in time gives the reason."""
        late = observation(F, observed_at=NOW, reason=reason("late"))
        early = observation(F, observed_at=NOW - MINUTE, reason=reason("early"))
        undated = observation(F, observed_at=None, reason=reason("some time"))
        for verdicts, text in (
            ((C, late, B), "late"),
            ((late, early), "early"),
            ((undated, late), "late"),
        ):
            got = merged(*(shard({"api.key": verdict}) for verdict in verdicts))
            assert by_id(got.criteria)["api.key"].reason == reason(text)

    def test_one_that_was_not_reached(self) -> None:
        """A criterion that a shard didn't reach is BLOCKED, even if another carried it over."""
        former = shard(dict.fromkeys(ALL, C), id="run-0")
        got = merged(shard({"api.key": C}, former=former), shard({}, selected=["shop.open"]))
        status = by_id(got.criteria)["shop.open"]
        assert (status.verdict, status.observed, status.selected) == (B, None, True)
        assert [s.id for s in unobserved(got)] == ["shop.open", "shop.paid"]
        assert by_id(got.criteria)["shop.paid"].carried_over

    def test_the_freshest_memory(self) -> None:
        """In a stage that outlives a run, the newest carry-over counts, by its age at the end."""
        lasting = catalogue(
            SHOP.stages[0], replace(SHOP.stages[1], valid_for=25 * HOUR), SHOP.stages[2]
        )
        then = NOW - 20 * HOUR

        def older(verdict: Any, at: datetime | None, name: str) -> Record:
            seen = {"shop.open": observation(verdict, observed_at=at)}
            return shard(seen, id=name, stages=lasting)

        memories = (
            older(F, then - HOUR, "run-0"), older(C, then, "run-00"), older(F, None, "run-000")
        )  # fmt: skip
        parts = [shard({"api.key": C}, former=item, stages=lasting) for item in memories]
        status = by_id(merged(*parts, stages=lasting).criteria)["shop.open"]
        assert (status.verdict, status.observed_at) == (C, then)
        assert (status.carried_over, status.selected) == (True, False)
        late = shard({"shop.paid": C}, finished=NOW + 6 * HOUR, stages=lasting)
        stale = by_id(merged(*parts, late, stages=lasting).criteria)["shop.open"]
        assert stale.reason
        assert (stale.verdict, stale.reason.kind) == (B, Kind.STALE)

    @pytest.mark.parametrize(("hours", "verdict"), [(1, B), (24, B), (25, C), (24 * 30, C)])
    def test_what_a_lost_shard_was_to_run(self, hours: int, verdict: Any) -> None:
        """Yesterday's CONFIRMED, carried over by another shard, doesn't replace a lost shard's.

        The exception is a stage whose `valid_for` is longer than the default.
        """
        stages = catalogue(
            SHOP.stages[0], replace(SHOP.stages[1], valid_for=hours * HOUR), SHOP.stages[2]
        )
        former = shard(dict.fromkeys(ALL, C), id="run-0", stages=stages)
        left = shard({"api.key": C}, former=former, stages=stages, shard=True)
        assert left.final.verdict is C
        got = merged(left, stages=stages)
        status = by_id(got.criteria)["shop.open"]
        assert (status.verdict, status.observed, status.carried_over) == (verdict, C, True)
        assert (got.final.verdict, got.decision.open) == (verdict, verdict is C)
        assert got.decision.exit_code == (0 if verdict is C else 10)
        if status.reason:
            assert status.reason.kind is Kind.NOT_RUN
            assert status.reason.text.startswith("no shard ran it")
            assert "merge the shard that ran stage shop too" in str(status.reason.remedy)
        whole = merged(left, shard({"shop.open": C, "shop.paid": C}, stages=stages), stages=stages)
        assert (whole.final.verdict, whole.decision.exit_code) == (C, 0)

    def test_what_a_shard_distrusted(self) -> None:
        """It stays BLOCKED in the merged record, also in a stage that outlives a run."""
        stages = catalogue(
            SHOP.stages[0], replace(SHOP.stages[1], valid_for=25 * HOUR), SHOP.stages[2]
        )
        former = shard(dict.fromkeys(ALL, C), id="run-0", stages=stages)
        why = reason("the record isn't signed", Kind.UNTRUSTED)
        left = shard({"api.key": C}, former=former, untrusted=why, stages=stages, shard=True)
        got = merged(left, stages=stages)
        status = by_id(got.criteria)["shop.open"]
        assert (status.verdict, status.reason) == (B, why)
        assert (got.final.verdict, got.decision.open) == (B, False)

    @pytest.mark.parametrize("required", [True, False])
    def test_required_evidence_is_required_of_what_is_carried_over(self, required: bool) -> None:
        """Also in a stage that outlives a run."""
        long = catalogue("api", stage("shop", valid_for=timedelta(days=30)))
        former = shard({"shop.paid": C}, stages=long, id="run-0", started=NOW - 2 * HOUR)
        parts = [("eu.json", shard({"api.key": C}, former=former, stages=long))]
        made = merge(parts, long, require_evidence=required)
        got = {status.id: status.kind for status in made.criteria}["shop.paid"]
        assert got is (Kind.NO_EVIDENCE if required else None)

    def test_what_was_worse_before_stays(self) -> None:
        """What an earlier run saw FAILED stays FAILED if the shard is lost that would run it."""
        former = shard({"api.key": C, "shop.open": F, "shop.paid": C}, id="run-0")
        got = merged(shard({"api.key": C}, former=former))
        assert by_id(got.criteria)["shop.open"].verdict is F
        assert (got.final.verdict, got.decision.exit_code) == (F, 1)

    def test_one_that_no_test_provides(self) -> None:
        """If no shard observed it, a status with a remedy is taken."""

        def knowing(**changes: Any) -> Record:
            part = shard({"api.key": C}, names=["api.key"])
            shop = part.stages[1]
            blind = tuple(replace(c, selected=False, **changes) for c in shop.criteria)
            return replace(part, stages=(part.stages[0], replace(shop, criteria=blind)))

        wise, dumb = knowing(), knowing(**because(reason("unknown", Kind.NOT_RUN)))
        for parts in ((dumb, wise), (wise, dumb)):
            got = by_id(merged(*parts).criteria)["shop.open"].reason
            assert got
            assert got.text == "no test provides it"

    def test_upstream_is_resolved_anew(self) -> None:
        """A CONFIRMED that upstream blocked in its shard is free if another confirms that."""
        alone = shard({"shop.open": C, "shop.paid": C}, former=shard({"api.key": F}, id="run-0"))
        assert by_id(alone.criteria)["shop.open"].verdict is B
        got = merged(alone, shard({"api.key": C}))
        assert (got.final.verdict, got.decision.open, got.decision.exit_code) == (C, True, 0)

    @pytest.mark.parametrize(("us", "verdict"), [(C, C), (F, F), (None, C)])
    def test_shards_may_split_the_parameters_of_a_criterion(self, us: Any, verdict: Any) -> None:
        """A declared criterion is provided by its parameters, each from the shard that ran it.

        A shard that collected neither knows it by its declared name alone.
        """
        one = catalogue(stage("api", criteria=("api.hosts", "api.key")))
        parts = [
            shard({"api.hosts[eu]": C}, names=["api.hosts[eu]"], stages=one),
            shard({"api.key": C}, names=["api.key"], stages=one),
        ]
        if us is not None:
            seen = {"api.hosts[us]": us, "api.hosts[eu]": C}
            parts.append(shard(seen, names=list(seen), stages=one))
        # A shard of another part of the files doesn't look for it.
        parts[1] = replace(parts[1], stages=tuple(
            replace(s, criteria=tuple(replace(c, selected=c.observed is not None)
                                      for c in s.criteria)) for s in parts[1].stages
        ))  # fmt: skip
        got = merged(*parts, stages=one)
        assert "api.hosts" not in by_id(got.criteria)
        assert got.final.verdict is verdict
        looked = shard({"api.key": C}, names=["api.key"], stages=one)
        assert merged(*parts, looked, stages=one).final.verdict is max(verdict, B)

    @pytest.mark.parametrize("former", [None, {"shop.open": C}, {"shop.open": F}])
    def test_a_lost_shard_has_its_action(self, former: dict[str, Any] | None) -> None:
        """Criteria that no shard ran say what to do next, also if one shard alone is merged."""
        before = shard(former, id="run-0", started=NOW - 2 * HOUR) if former else None
        got = merged(shard({"api.key": C}, former=before))
        assert "merge the shard that ran stage shop too, or run the stage in one" in (
            got.decision.actions
        )

    def test_what_another_run_saw_fail_below_a_root_has_none(self) -> None:
        """Only the root is to be repaired, and what a lost shard was to run is to be merged."""
        failed = observation(F, reason=reason(remedy="sell again"))
        before = shard({"shop.open": failed}, id="run-0", started=NOW - 2 * HOUR)
        actions = merged(shard({"api.key": F}, former=before)).decision.actions
        assert actions == (
            "fix api.key: seen to be FAILED",
            "SHOP STATUS was FAILED 0 s ago: run again with --stage shop",
            "merge the shard that ran stage shop too, or run the stage in one",
        )


class TestClocks:
    """The clocks of the machines that ran shards differ."""

    FIVE = timedelta(minutes=5)

    def merged_at(self, now: datetime, *parts: Record) -> Record:
        """Return the merged record of shards, merged at an instant."""
        return merge(((f"{n}.json", part) for n, part in enumerate(parts)), SHOP, now=now)

    def test_a_clock_that_is_ahead(self) -> None:
        """No shard ends after its merge: its dates are put right, and the skew is an incident."""
        seen = observation(observed_at=NOW + self.FIVE, evidence=(entry(at=NOW + self.FIVE),))
        ahead = shard(
            {"api.key": seen}, started=NOW - HOUR + self.FIVE, finished=NOW + self.FIVE
        )  # fmt: skip
        got = self.merged_at(NOW, ahead, shard({"shop.open": C, "shop.paid": C}))
        key = by_id(got.criteria)["api.key"]
        assert (key.observed_at, key.evidence[0].at) == (NOW, NOW)
        assert (got.run.started, got.run.finished) == (NOW - HOUR, NOW)
        assert [i.text for i in got.run.incidents] == [
            "the clock of 0.json is 5 min ahead of this machine's"
        ]
        assert (got.final.verdict, got.decision.open) == (B, False)

    def test_dates_that_cannot_be_put_right(self) -> None:
        """A shard that ends in thousands of years is refused: its start would lie before year 1."""
        ahead = shard({"api.key": C}, finished=datetime.max.replace(tzinfo=NOW.tzinfo))
        with pytest.raises(MergeError, match=r"^0\.json: its dates are centuries apart"):
            self.merged_at(NOW, ahead)

    @pytest.mark.parametrize("seconds", [1, 30])
    def test_clocks_that_differ_a_little(self, seconds: int) -> None:
        """Up to 30 s are no incident, and no date lies after the merge."""
        late = NOW + timedelta(seconds=seconds)
        parts = shard(dict.fromkeys(ALL, observation(observed_at=late)), finished=late)
        got = self.merged_at(NOW, parts)
        assert got.decision.open
        assert max(s.observed_at for s in got.criteria if s.observed_at) - NOW <= DRIFT

    def test_a_clock_that_was_set_back_during_a_shard(self) -> None:
        """Nothing was observed after the end of its own run."""
        late = shard(dict.fromkeys(ALL, observation(observed_at=NOW + self.FIVE)))
        got = self.merged_at(NOW + HOUR, late)
        assert {s.observed_at for s in got.criteria} == {NOW}
        assert [i.text for i in got.run.incidents] == [
            "the clock of 0.json is 5 min ahead of the same clock at the end of the shard"
        ]

    @pytest.mark.parametrize("skew", [timedelta(milliseconds=9), DRIFT])
    def test_milliseconds_change_nothing(self, skew: timedelta) -> None:
        """A process has two clocks, of which one may be some milliseconds behind."""
        late = observation(observed_at=NOW + skew)
        part = shard(dict.fromkeys(ALL, late), selection=None)
        assert self.merged_at(NOW - skew, part) == part

    def test_the_clock_of_an_earlier_run_is_not_that_of_the_shard(self) -> None:
        """What it carried over may have a later date, from another machine."""
        late = observation(F, observed_at=NOW + self.FIVE)
        former = shard({"shop.open": late}, id="run-0", finished=NOW + self.FIVE)
        got = self.merged_at(NOW + HOUR, shard({"api.key": C}, former=former))
        assert got.run.incidents == ()
        assert by_id(got.criteria)["shop.open"].observed_at == NOW + self.FIVE

    def test_what_is_older_than_the_run_stays_so(self) -> None:
        """A criterion may date what it showed before the start of the run."""
        old = observation(observed_at=NOW - 5 * HOUR)
        got = self.merged_at(NOW, shard({**dict.fromkeys(ALL, C), "api.key": old}))
        assert by_id(got.criteria)["api.key"].observed_at == NOW - 5 * HOUR
        assert got.run.incidents == ()


class TestRun:
    """The merged run has the data of all shards."""

    def test_from_the_first_start_to_the_last_end(self) -> None:
        """The run lasts from the first start to the last end, and selected what its shards did."""
        first = shard({"api.key": observation(observed_at=NOW - HOUR)}, finished=NOW - MINUTE)
        last = shard({"shop.open": C, "shop.paid": C}, started=NOW - 2 * HOUR)
        got = merged(first, last).run
        assert (got.started, got.finished) == (NOW - 2 * HOUR, NOW)
        assert (got.selection, got.complete, got.id) == (None, True, "run-1")

    def test_asked_for_a_part(self) -> None:
        """If shards cover only a part, the record names it and exits by the whole catalogue."""
        got = merged(shard({"shop.open": C}), shard({"api.key": C}))
        assert got.run.selection == "api.key; shop.open"
        assert not got.run.complete
        assert (got.decision.selection.partial, got.decision.selection.criteria) == (False, 3)
        assert got.decision.selection.verdict is got.final.verdict is B
        assert got.decision.exit_code == 10
        assert merged(shard({"shop.open": C}, selection=None)).run.selection is None

    def test_some_files_are_not_the_suite(self) -> None:
        """One shard that knows the whole suite is enough to notice a lost one."""
        limited = shard(dict.fromkeys(ALL, C), names=ALL, rest_unknown=True)
        got = merged(limited, limited)
        assert (got.final.verdict, got.run.incidents) == (B, (REST_UNKNOWN,))
        assert got.final.kind is Kind.NOT_RUN
        assert (got.run.rest_unknown, got.run.starts_unknown) == (True, True)
        got = merged(limited, shard({"api.key": C}))
        assert (got.final.verdict, got.run.incidents) == (C, ())
        assert (got.run.rest_unknown, got.run.starts_unknown) == (UNSET, UNSET)

    @pytest.mark.parametrize("unknown", [UNSET, True])
    def test_what_may_have_been_started(self, unknown: Any) -> None:
        """It isn't known of what no shard ran, nor of what one held back for that reason."""
        parts = [shard({name: C}, starts_unknown=unknown) for name in ALL]
        assert merged(*parts).run.starts_unknown is UNSET
        assert merged(*parts[1:]).run.starts_unknown is True
        held = shard({}, selected=ALL[:1], starts_unknown=unknown)
        assert merged(held, *parts[1:]).run.starts_unknown is unknown

    def test_it_is_not_a_shard(self) -> None:
        """A merged record isn't a shard, though its parts are."""
        parts = (shard({"api.key": C}, shard=True), shard({"shop.open": C}, shard=True))
        assert not merged(*parts).run.shard
        assert not merged(parts[0]).run.shard

    @pytest.mark.parametrize(
        ("rule", "lost", "status"),
        [
            (Rule.CONFIRMED, {"api.key": C}, 10),
            (Rule.CONFIRMED, {"api.key": F}, 1),
            (Rule.NOT_FAILED, {"api.key": C}, 0),
            (Rule.NOT_FAILED, {"api.key": F}, 1),
            (Rule.OFF, {"api.key": C}, 0),
        ],
    )
    def test_the_exit_status_follows_the_run_s_rule(
        self, rule: Rule, lost: dict[str, Any], status: int
    ) -> None:
        """The exit status follows the run's rule, as that of an undivided run does."""
        assert merged(shard(lost, rule=rule)).decision.exit_code == status

    def test_what_machines_say_differently(self) -> None:
        """Differing versions, endpoints, snapshots and incidents are all kept."""
        first = shard(
            {"api.key": C}, versions={"python": "3.11", "pytest": "9"}, dirty=False,
            subject=Subject(release="v1", endpoints={"db": "a"}, snapshots={"db": (NOW,)}),
            incidents=(DIED,),
        )  # fmt: skip
        other = shard(
            {"shop.open": C}, versions={"python": "3.12"}, dirty=True, incidents=(DIED,),
            subject=Subject(
                release="v1", endpoints={"db": "b", "api": "c"},
                snapshots={"db": (NOW - HOUR, NOW), "q": (NOW,)},
            ),
        )  # fmt: skip
        got = merged(first, other).run
        assert got.versions == {"pytest": "9", "python": "3.11, 3.12"}
        assert got.subject == Subject(
            release="v1",
            endpoints={"api": "c", "db": "a, b"},
            snapshots={"db": (NOW - HOUR, NOW), "q": (NOW,)},
        )
        assert (got.dirty, got.incidents) == (True, (DIED,))

    def test_overrides_of_any_machine(self) -> None:
        """The overrides of all shards are kept, each once."""
        word = Override(target="demo", reason="x", who="Ann", since=NOW, until=NOW + HOUR)
        more = replace(word, who="Bob")
        first = replace(shard({"api.key": C}), overrides=(word,))
        other = replace(shard({"shop.open": C}), overrides=(word, more))
        assert merged(first, other).overrides == (word, more)

    @pytest.mark.parametrize(
        ("states", "dirty"), [((None, None), None), ((None, False), False), ((None, True), True)]
    )
    def test_local_changes_of_any_machine(
        self, states: tuple[bool | None, ...], dirty: bool | None
    ) -> None:
        """`dirty` is true if any shard's is; it is None only if no shard knows."""
        parts = [shard({"api.key": C}, dirty=state) for state in states]
        assert merged(*parts).run.dirty is dirty

    @pytest.mark.parametrize(
        ("statuses", "status"), [((0, 0), 0), ((0, 1), 1), ((1, 0), 1), ((5, 0), 0), ((2, 0), 0)]
    )
    def test_exit_status(self, statuses: tuple[int, ...], status: int) -> None:
        """The exit status is 1 if a shard had 1; other statuses of a single shard don't count."""
        parts = [shard(dict.fromkeys(ALL, C), status=item) for item in statuses]
        assert merged(*parts).decision.exit_code == status

    def test_one_shard_is_itself(self) -> None:
        """A single shard is its own merge, also if it is given twice."""
        first = shard(dict.fromkeys(ALL, C), selection=None)
        assert merged(first) == merged(first, first) == first

    def test_stages_that_only_tests_name(self) -> None:
        """Stages that only tests name come in the order in which the shards know them."""
        bare = Catalogue(declared=False)

        def of(*names: str) -> Record:
            stages = bare.with_stages_of(map(criterion, names))
            return shard(
                dict.fromkeys(names, C), names=names, stages=stages, catalogue=bare.digest
            )  # fmt: skip

        got = merged(of("b.x", "a.x"), of("b.y", "c.x"), stages=bare)
        assert [s.id for s in got.stages] == ["b", "a", "c"]
        assert got.final.verdict is C


class TestSince:
    """The runs before decide since when each stage has its verdict."""

    @staticmethod
    def chain(*verdicts: Any) -> Record:
        """Return the last of several runs, which saw the API's key with these verdicts."""
        former = None
        for n, verdict in enumerate(verdicts):
            at: dict[str, Any] = {"id": f"run-{n}", "started": NOW - (100 - n) * HOUR}
            former = shard({"api.key": verdict}, former=former, **at)
        assert former
        return former

    def since(self, former: Record | None, verdict: Any) -> tuple[Any, Any]:
        """Return the age of the stage's verdict in hours, and the former verdict, after a merge."""
        got = merged(
            shard({"shop.open": C}, former=former), shard({"api.key": verdict}, former=former)
        )
        api = got.stages[0]
        assert api.id == "api"
        return (NOW - api.since) // HOUR if api.since else None, api.previous

    def test_by_the_history(self) -> None:
        """A verdict holds since the first run in a row that gave it."""
        assert self.since(None, C) == (1, None)
        assert self.since(self.chain(F, C, C), C) == (99, F)
        assert self.since(self.chain(F, C, C), B) == (1, C)
        assert self.since(self.chain(C, C), C) == (100, None)

    def test_longer_than_the_history(self) -> None:
        """A shard may know a date that is older than the history."""
        assert self.since(self.chain(F, *[C] * 40), C) == (99, F)

    def test_just_as_long_as_the_history(self) -> None:
        """If the history is just too short, only a shard knows the verdict before."""
        assert self.since(self.chain(F, *[C] * 29), C) == (99, F)

    def test_who_knows_more_than_the_history(self) -> None:
        """A shard's date counts only for the same stage and verdict, if it is earlier."""
        former = self.chain(F, *[C] * 40)
        knowing = shard({"api.key": C}, former=former)
        ancient: dict[str, Any] = {"since": NOW - 900 * HOUR, "previous": B}
        other = replace(knowing.stages[2], **ancient, verdict=C, **because(None))
        for strange in (
            replace(knowing.stages[0], since=None, previous=B),
            replace(knowing.stages[0], since=NOW, previous=B),
            replace(knowing.stages[0], **ancient, verdict=F, **because(reason())),
            other,
        ):
            fresh = shard({"api.key": C}, started=NOW - 2 * HOUR)
            others = [stage for stage in fresh.stages[1:] if stage.id != strange.id]
            first = replace(fresh, stages=(strange, *others))
            api = merged(first, knowing).stages[0]
            assert (api.since, api.previous) == (NOW - 99 * HOUR, F)

    def test_the_longest_history_counts(self) -> None:
        """The longest history counts: a machine with an empty folder has none."""
        former = self.chain(F, C)
        got = merged(shard({"shop.open": C}), shard({"api.key": C}, former=former))
        assert [past.run for past in got.history] == ["run-0", "run-1"]
        assert got.stages[0].previous is F

    def test_a_stage_that_is_new(self) -> None:
        """A new stage begins in the run that first knows it."""
        former = self.chain(C)
        old = replace(former, stages=former.stages[1:])
        assert self.since(old, C) == (1, None)


STRANGERS: dict[str, tuple[dict[str, Any], str]] = {
    "run id": ({"id": "run-2"}, "1.json: its run id is 'run-2', and that of 0.json is 'run-1'"),
    "target": ({"target": "eu"}, "1.json: its target is 'eu', and that of 0.json is 'demo'"),
    "subject": ({"subject": Subject()}, "1.json: its subject is None, and that of 0.json is 'v1'"),
    "commit": ({"commit": "abc"}, "1.json: its suite commit is 'abc', and that of 0.json is '0123"),
    "catalogue": ({"catalogue": "0" * 16}, "1.json: its catalogue is '0000000000000000', and that"),
    "rule": ({"rule": Rule.OFF}, "1.json: its gate's rule is 'off', and that of 0.json is 'confi"),
    "release of the plugin": (
        {"versions": {"pytest-prodstatus": "0.2.0"}},
        "1.json: its release of pytest-prodstatus is '0.2.0', and that of 0.json is None",
    ),
    "in progress": ({"finished": None}, "1.json: its run is in progress or was killed"),
}


@pytest.mark.parametrize("name", STRANGERS)
def test_a_stranger_is_refused(name: str) -> None:
    """The message names the file, the field and both values; nothing is merged."""
    changes, beginning = STRANGERS[name]
    with pytest.raises(MergeError) as caught:
        merged(shard({"api.key": C}), shard({"shop.open": C}, **changes))
    assert str(caught.value).startswith(beginning)
    assert len(str(caught.value).splitlines()) == 1


def test_a_stage_that_applies_to_one_shard_alone_is_refused() -> None:
    """Its `expires` came between two starts: what the later shard saw of it must not get lost."""
    absent = {"applies": False, "reason": "no one is paid out", "owner": "Ann"}
    declared = catalogue(
        stage("api", criteria=("api.key",)),
        stage("payout", criteria=("payout.made",), expires=NOW, **absent),
        stage("final", rollup=("api", "payout")),
    )

    def begun(observed: dict[str, Any], at: datetime) -> Record:
        return shard(
            observed, names=("api.key", "payout.made"), stages=declared.at(at),
            catalogue=declared.digest, started=at, finished=NOW + MINUTE,
        )  # fmt: skip

    before = begun({"api.key": C}, NOW - MINUTE)
    after = begun({"payout.made": F}, NOW)
    with pytest.raises(MergeError) as caught:
        merged(before, after, stages=declared)
    assert str(caught.value) == (
        "1.json: its list of stages that don't apply is [], and that of 0.json is ['payout']; "
        "only shards of one run are merged"
    )
    made = merged(before, begun({"api.key": C}, NOW - MINUTE), stages=declared)
    assert made.final.verdict is C


def test_another_catalogue_than_today_s_is_refused() -> None:
    """A record of another catalogue is refused: today's relations would judge it otherwise."""
    with pytest.raises(MergeError, match=r"0\.json: it was made with another catalogue than"):
        merged(shard({"api.key": C}), stages=catalogue("api", "shop"))


def test_a_criterion_of_no_stage_is_refused() -> None:
    """A criterion whose stage isn't declared, as in an edited record, is refused."""
    part = shard({"api.key": C})
    stages = (*part.stages, replace(part.stages[0], criteria=tuple(
        replace(c, id="x.y") for c in part.stages[0].criteria
    ), id="x"))  # fmt: skip
    with pytest.raises(MergeError, match=r"0\.json: 'x\.y' is in no stage of the catalogue"):
        merged(replace(part, stages=stages))


def test_memory_does_not_grow_with_the_number_of_shards() -> None:
    """A shard is let go of before the next one is read: twenty need hardly more than four."""
    names = [f"api.key[{n}]" for n in range(200)]
    one = catalogue("api")
    text = write_record(shard(dict.fromkeys(names[:3], C), names=names, stages=one))

    def peak(number: int) -> int:
        tracemalloc.start()
        merge(((f"{n}.json", read_record(text, "a shard")) for n in range(number)), one)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(20) < 1.5 * peak(4)


@given(catalogues(), st.data())
def test_any_shards_make_the_record_of_the_run(made: Catalogue, data: st.DataObject) -> None:
    """Any distribution of criteria over shards, in any order, gives the undivided run's record."""
    draw = data.draw
    hours = st.sampled_from([24, 48])
    long = tuple(replace(item, valid_for=draw(hours) * HOUR) for item in made.stages)
    made = replace(made, stages=long)
    names = [
        f"{item.id}.{word}"
        for item in made.stages
        for word in draw(st.lists(st.sampled_from("wxyz"), unique=True, max_size=3))
    ]
    verdicts = st.sampled_from(draw(st.sampled_from([[C], [C, C, B, F]])))
    rule = draw(st.sampled_from(Rule))
    died = draw(st.sampled_from([(), (), (DIED,)]))
    subset = st.lists(st.sampled_from(names), unique=True) if names else st.just([])
    older = [shard({n: draw(verdicts) for n in draw(subset)}, names=names, stages=made)]
    for start in draw(st.lists(st.sampled_from([3, 2]), max_size=2)):
        seen = {n: draw(verdicts) for n in draw(subset)}
        at: dict[str, Any] = {"id": f"run-{start}", "started": NOW - (start + 1) * HOUR}
        older.append(shard(seen, names=names, stages=made, former=older[-1], **at))
    former = draw(st.sampled_from([None, older[-1]]))
    chosen = names if draw(st.booleans()) else draw(subset)
    seen = {n: draw(verdicts) for n in chosen if draw(st.integers(0, 9))}
    places = {n: draw(st.integers(0, 2)) for n in chosen}

    def ran(own: list[str], n: int, incidents: tuple[Any, ...]) -> Record:
        observed = {name: seen[name] for name in own if name in seen}
        status = int(F in observed.values())
        return shard(
            observed, names=names, selected=own, former=former, stages=made, rule=rule,
            status=status, incidents=incidents, started=NOW - HOUR + n * MINUTE,
        )  # fmt: skip

    parts = [
        ran([c for c in chosen if places[c] == n], n, died if n == 1 else ()) for n in range(3)
    ]
    whole = ran(list(chosen), 0, died)
    got = merged(*draw(st.permutations(parts)), stages=made)
    assert timeless(got) == timeless(merged(whole, stages=made))
    if set(chosen) == set(names):
        assert timeless(got) == timeless(whole)
    assert got.final.verdict >= whole.final.verdict
    then = by_id(whole.criteria)
    for item in got.criteria:
        assert item.verdict >= then[item.id].verdict
        lasting = made.by_id[item.stage].valid_for > 24 * HOUR
        assert item.verdict is not C or item.id in seen or lasting
