"""A finished run's record holds what it observed; that of a run in progress confirms nothing."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.assemble import (
    BROKEN_OFF,
    IN_PROGRESS,
    UNWRITTEN,
    broken_off,
    marker_of,
    rest_of,
)
from pytest_prodstatus.model.record import HISTORY_LIMIT, Record, Selection, Subject
from pytest_prodstatus.model.verdict import Kind, Rule, Verdict
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
    stage,
)

CHAIN = catalogue(
    stage("order", criteria=("order.bought",)),
    stage("sale", criteria=("sale.exists",), requires=("order",)),
    stage("profit", criteria=("profit.positive",), requires=("sale",)),
    stage("final", rollup=("order", "sale", "profit")),
)
ALL = ("order.bought", "sale.exists", "profit.positive")
DIED = reason("worker gw0 died", Kind.CRASH)


def full_run(worse: dict[str, Verdict] | None = None, **more: Any) -> Record:
    """Return the record of a run that selected everything."""
    return record(CHAIN, {**dict.fromkeys(ALL, C), **(worse or {})}, **more)


def partial_run(selected: dict[str, Verdict], **more: Any) -> Record:
    """Return the record of a run that collected everything and selected a part."""
    return record(
        CHAIN,
        dict(selected),
        **{"collected": tuple(map(criterion, ALL)), "selected": frozenset(selected), **more},
    )


class TestComplete:
    """A run is complete if it observed every criterion of the catalogue itself."""

    def test_everything_was_observed(self) -> None:
        """A run is complete if it observed every criterion, with any verdicts."""
        assert full_run().run.complete
        assert full_run({"sale.exists": F, "order.bought": B}).run.complete

    def test_one_was_not(self) -> None:
        """A criterion that wasn't reached, selected or written makes the run incomplete."""
        assert not partial_run({"sale.exists": C}).run.complete
        assert not partial_run({"sale.exists": C}, former=full_run()).run.complete
        assert not record(CHAIN, {"order.bought": C, "sale.exists": C}).run.complete
        half = observation(B, reason=reason("cut", Kind.NOT_RUN))
        assert not record(CHAIN, {**dict.fromkeys(ALL, C), "sale.exists": half}).run.complete

    def test_an_incident_makes_it_incomplete(self) -> None:
        """After an incident it is unknown what a dead worker would have observed."""
        assert not full_run(of=run(incidents=(DIED,))).run.complete

    def test_nothing_is_not_complete(self) -> None:
        """A run without criteria isn't complete, because it observed nothing."""
        assert not record(catalogue("a"), {}).run.complete


class TestSelection:
    """A partial run exits by the criteria that it selected."""

    def test_a_whole_run_exits_by_final(self) -> None:
        """A run that isn't partial exits by FINAL."""
        got = full_run({"order.bought": B})
        assert got.decision.selection == Selection(partial=False, verdict=B, criteria=3)
        assert got.decision.exit_code == 10

    def test_what_was_not_selected_does_not_exit(self) -> None:
        """A FAILED that this run didn't select closes the gate, but keeps the exit status."""
        got = partial_run({"order.bought": C}, former=full_run({"profit.positive": F}))
        assert got.decision.selection == Selection(partial=True, verdict=C, criteria=1)
        assert (got.final.verdict, got.decision.open, got.decision.exit_code) == (F, False, 0)

    @pytest.mark.parametrize("verdict", [B, F])
    def test_what_was_selected_exits(self, verdict: Verdict) -> None:
        """A partial run exits by the worst of its criteria."""
        got = partial_run({"order.bought": C, "profit.positive": verdict}, former=full_run())
        assert got.decision.selection.verdict is verdict

    def test_an_upstream_stage_that_was_carried_over_does_not_exit(self) -> None:
        """It blocks FINAL and the record, but this run didn't judge it."""
        got = partial_run({"sale.exists": C}, former=full_run({"order.bought": F}))
        assert got.decision.selection.verdict is C
        assert (got.final.verdict, got.decision.open) == (F, False)

    def test_an_upstream_stage_that_was_selected_blocks_the_exit(self) -> None:
        """What it requires was seen, and isn't CONFIRMED."""
        got = partial_run({"sale.exists": C, "order.bought": B})
        assert got.decision.selection.verdict is B

    def test_a_stage_is_judged_by_what_was_selected_of_it(self) -> None:
        """A criterion of its upstream that was carried over as FAILED doesn't exit either."""
        made = catalogue("a", stage("b", requires=("a",)))
        ids = ("a.one", "a.two", "b.x")
        former = record(made, {"a.one": C, "a.two": F, "b.x": C})
        got = record(
            made,
            {"a.one": C, "b.x": C},
            collected=tuple(map(criterion, ids)),
            selected=frozenset(["a.one", "b.x"]),
            former=former,
        )
        assert got.decision.selection.verdict is C

    def test_a_rollup_takes_what_was_selected(self) -> None:
        """A stage requires a derived one of which a part was selected."""
        made = catalogue("a", "b", stage("all", rollup=("a", "b")), stage("c", requires=("all",)))
        got = record(
            made,
            {"a.x": C, "c.x": C},
            collected=tuple(map(criterion, ("a.x", "b.x", "c.x"))),
            selected=frozenset(["a.x", "c.x"]),
        )
        assert got.decision.selection.verdict is C

    def test_an_upstream_stage_that_was_never_seen_does_not(self) -> None:
        """An upstream stage that was never observed blocks FINAL, but not the exit status."""
        got = partial_run({"sale.exists": C})
        assert got.decision.selection.verdict is C
        assert got.final.verdict is B
        assert {s.id: s.verdict for s in got.stages}["sale"] is B

    def test_beyond_one_that_was_not_selected_another_still_blocks(self) -> None:
        """Stages are required at any depth; an unselected stage between them hides nothing."""
        got = partial_run({"profit.positive": C, "order.bought": F})
        assert {c.id: c.verdict for c in got.criteria}["profit.positive"] is B
        assert got.decision.selection.verdict is F
        got = partial_run({"profit.positive": C, "order.bought": C})
        assert got.decision.selection.verdict is C

    def test_a_fresh_partial_run_may_complete_final(self) -> None:
        """With fresh carry-over FINAL is CONFIRMED; the record says that the run was partial."""
        got = partial_run({"sale.exists": C}, former=full_run())
        assert (got.final.verdict, got.decision.open, got.run.complete) == (C, True, False)
        assert got.decision.selection.partial

    def test_what_to_do_next_is_about_what_was_selected(self) -> None:
        """A failure here counts although its upstream isn't CONFIRMED; the rest is one action."""
        former = full_run({"order.bought": F, "profit.positive": F})
        got = partial_run({"sale.exists": F}, former=former)
        fix, again = got.decision.actions
        assert fix == "fix sale.exists: seen to be FAILED"
        assert again == (
            "ORDER STATUS was FAILED 0 s ago, and 1 more stage is not CONFIRMED: "
            "run again with --stage order,profit"
        )
        got = partial_run({"order.bought": C, "sale.exists": C}, former=former)
        assert got.decision.actions == (
            "PROFIT STATUS was FAILED 0 s ago: run again with --stage profit",
        )

    @pytest.mark.parametrize("release", ["v1", None])
    def test_a_stale_verdict_is_to_be_looked_at_again(self, release: str | None) -> None:
        """An action names what was seen, and how long ago; one for all of a stage."""
        old = observation(observed_at=NOW - 30 * HOUR)
        of = run(subject=Subject(release=release))
        former = record(CHAIN, {**dict.fromkeys(ALL, C), "order.bought": old}, of=of)
        got = partial_run({"sale.exists": C}, former=former, of=of)
        (again,) = got.decision.actions
        assert again == (
            "ORDER STATUS was CONFIRMED 30 h ago, which no longer counts: "
            "run again with --stage order"
        )

    def test_a_forgotten_release_is_to_be_named(self) -> None:
        """Where the release was named and now isn't, that comes before running again."""
        former = record(CHAIN, dict.fromkeys(ALL, C), of=run(subject=Subject(release="v1")))
        got = partial_run({"sale.exists": C}, former=former, of=run(subject=Subject()))
        (again,) = got.decision.actions
        assert again == (
            "ORDER STATUS was CONFIRMED 0 s ago, which no longer counts, and 1 more stage is not "
            "CONFIRMED: name the release, --prodstatus-subject=v1, or "
            "run again with --stage order,profit"
        )

    def test_of_several_forgotten_releases_the_first_is_named(self) -> None:
        """One action can ask for one; the next run asks for the other."""
        first = full_run(of=run(subject=Subject(release="v1")))
        second = partial_run(
            {"sale.exists": C}, former=first, of=run(subject=Subject(release="v2"))
        )
        second = replace(second, stages=(first.stages[0], *second.stages[1:]))
        got = partial_run({"profit.positive": C}, former=second, of=run(subject=Subject()))
        (again,) = got.decision.actions
        assert "name the release, --prodstatus-subject=v1, or run again with --stage" in again
        assert "v2" not in again

    def test_what_has_no_date_is_as_old_as_what_has_one(self) -> None:
        """The newest date of a stage counts."""
        made = catalogue("a", "b")
        names = ("a.x", "a.y", "a.z", "b.x")
        ends = (None, NOW - 40 * HOUR, NOW - 30 * HOUR, NOW)
        old = {n: observation(observed_at=end) for n, end in zip(names, ends, strict=True)}
        got = record(
            made,
            {"b.x": C},
            collected=tuple(map(criterion, names)),
            selected=frozenset(["b.x"]),
            former=record(made, dict(old)),
        )
        (again,) = got.decision.actions
        assert again.startswith("A STATUS was CONFIRMED 30 h ago, which no longer counts: ")

    def test_nothing_is_to_be_done_if_all_else_holds(self) -> None:
        """What was carried over as CONFIRMED, or was never seen, gives no action."""
        assert partial_run({"sale.exists": C}, former=full_run()).decision.actions == ()
        assert partial_run({"sale.exists": C}).decision.actions == ()

    def test_nothing_is_left_to_run(self) -> None:
        """`--unmet` ends well if all is met, unless something went wrong outside the criteria."""
        exits = [
            partial_run({}, former=full_run(), met=met, of=run(incidents=incidents)).decision
            for met, incidents in ((True, ()), (False, ()), (True, (DIED,)))
        ]
        assert [d.selection.verdict for d in exits] == [C, B, B]
        assert [d.exit_code for d in exits] == [0, 10, 10]

    def test_stages_by_name(self) -> None:
        """`--stage order` is partial though it selects all that it collected."""
        got = record(CHAIN, {"order.bought": C}, stages=frozenset(["order"]))
        assert got.decision.selection == Selection(partial=True, verdict=C, criteria=1)

    def test_a_stage_by_name_without_criteria_never_passes(self) -> None:
        """A stage that is named but has no criterion is BLOCKED: nothing was observed."""
        made = catalogue("order", "sale")
        got = record(made, {"order.x": C}, stages=frozenset(["order", "sale"]))
        assert got.decision.selection.verdict is B

    def test_another_stage_without_criteria_does_not_matter(self) -> None:
        """`--stage order` isn't about stage sale."""
        got = record(catalogue("order", "sale"), {"order.x": C}, stages=frozenset(["order"]))
        assert got.decision.selection.verdict is C

    @pytest.mark.parametrize("name", ["sale", "final"])
    def test_a_part_of_a_stage_by_name(self, name: str) -> None:
        """`--stage sale -k one` exits by the one that it selected."""
        made = catalogue("sale", stage("final", rollup=("sale",)))
        got = record(
            made,
            {"sale.one": C},
            stages=made.closure([name]),
            collected=(criterion("sale.one"), criterion("sale.two")),
            selected=frozenset(["sale.one"]),
        )
        assert got.decision.selection == Selection(partial=True, verdict=C, criteria=1)
        assert got.final.verdict is B

    def test_a_part_of_what_a_stage_by_name_rolls_up(self) -> None:
        """A stage between them, of which nothing was selected, doesn't exit."""
        made = catalogue("a", "b", stage("d", rollup=("b",)), stage("all", rollup=("a", "d")))
        got = record(
            made,
            {"a.x": C},
            stages=made.closure(["all"]),
            collected=(criterion("a.x"), criterion("b.x")),
            selected=frozenset(["a.x"]),
        )
        assert got.decision.selection == Selection(partial=True, verdict=C, criteria=1)

    def test_a_stage_by_name_with_a_criterion_that_no_test_provides(self) -> None:
        """A declared criterion of a named stage is BLOCKED if no test provides it."""
        got = record(CHAIN, {"sale.exists": C}, stages=frozenset(["order", "sale"]))
        assert got.decision.selection.verdict is B
        assert got.decision.selection.criteria == 2

    def test_a_derived_stage_by_name_needs_no_criteria_of_its_own(self) -> None:
        """A derived stage may be named: the stages that it rolls up have criteria."""
        closure = frozenset(CHAIN.closure(["final"]))
        got = record(CHAIN, dict.fromkeys(ALL, C), stages=closure)
        assert got.decision.selection == Selection(partial=True, verdict=C, criteria=3)

    def test_nothing_selected_is_blocked(self) -> None:
        """The selection of nothing is BLOCKED, as the rollup of nothing is."""
        assert partial_run({}).decision.selection == Selection(partial=True, verdict=B, criteria=0)
        assert partial_run({}, former=full_run()).decision.selection.verdict is B

    def test_a_path_makes_a_run_partial(self) -> None:
        """A path makes a run partial, even if everything that was found was selected."""
        got = record(CHAIN, dict.fromkeys(ALL, C), restricted=True)
        assert got.decision.selection.partial

    def test_an_incident_blocks_the_exit(self) -> None:
        """After an incident the selected part proves nothing, so the exit is BLOCKED."""
        got = partial_run({"order.bought": C}, former=full_run(), of=run(incidents=(DIED,)))
        assert got.decision.selection.verdict is B
        assert got.decision.exit_code == 10


class TestHistory:
    """A stage has the date of its verdict, and the verdict before it."""

    def test_a_first_run(self) -> None:
        """In a first run each stage has its verdict since the run's start, and no former one."""
        assert {(s.since, s.previous) for s in full_run().stages} == {(NOW - HOUR, None)}

    def test_the_same_verdict_keeps_its_date(self) -> None:
        """A stage that keeps its verdict keeps its date and the verdict before that."""
        day = timedelta(days=1)
        first = full_run({"order.bought": F}, of=run(started=NOW - 3 * day))
        second = full_run(of=run(started=NOW - 2 * day), former=first)
        third = full_run(of=run(started=NOW - day), former=second)
        order = third.stages[0]
        assert (order.since, order.previous) == (NOW - 2 * day, F)

    def test_another_verdict_begins_anew(self) -> None:
        """A stage with another verdict has it since this run's start."""
        got = full_run({"order.bought": B}, former=full_run()).stages[0]
        assert (got.since, got.previous) == (NOW - HOUR, C)

    def test_a_stage_whose_date_is_not_known(self) -> None:
        """A stage of which the former record has no date counts from this run."""
        before = full_run()
        undated = replace(before, stages=tuple(replace(s, since=None) for s in before.stages))
        assert full_run(former=undated).stages[0].since == NOW - HOUR

    def test_a_stage_that_is_new(self) -> None:
        """A new stage has no past."""
        before = record(catalogue("order"), {"order.bought": C}, of=run(started=NOW - 9 * HOUR))
        got = {s.id: s.since for s in full_run(former=before).stages}
        assert (got["order"], got["sale"]) == (NOW - 9 * HOUR, NOW - HOUR)


def test_the_rule_and_pytest_s_status_reach_the_decision() -> None:
    """The decision is made from the rule and the status that the run would end with."""
    assert full_run({"order.bought": B}, rule=Rule.NOT_FAILED).decision.open
    assert full_run(status=3).decision.exit_code == 3


def test_a_run_keeps_its_values() -> None:
    """Of a run's values, only `complete` is computed."""
    made = run(selection="-k order", dirty=True)
    got = partial_run({"order.bought": C}, of=made).run
    assert (got.id, got.selection, got.dirty, got.subject) == (
        made.id,
        "-k order",
        True,
        made.subject,
    )


class TestPast:
    """A record keeps the runs before it in short, so that a page needs nothing else."""

    def test_a_first_run_has_none(self) -> None:
        """A first run has no history."""
        assert full_run().history == ()

    def test_the_former_run_comes_last(self) -> None:
        """The former run comes last, with the verdicts on FINAL and on every stage."""
        first = full_run({"order.bought": F}, of=run(id="one", started=NOW - 9 * HOUR))
        second = full_run(of=run(id="two"), former=first)
        third = full_run(of=run(id="three"), former=second)
        assert [past.run for past in third.history] == ["one", "two"]
        assert third.history[0] == first.past
        past = third.history[0]
        assert (past.final, past.started, past.stages["order"]) == (F, NOW - 9 * HOUR, F)
        assert (past.commit, past.release) == ("0123456789abcdef", "v1")

    def test_only_the_newest_are_kept(self) -> None:
        """A record keeps a fixed number of former runs, the newest."""
        record = full_run()
        for number in range(HISTORY_LIMIT + 5):
            record = full_run(of=run(id=f"run-{number}"), former=record)
        names = [past.run for past in record.history]
        assert len(names) == HISTORY_LIMIT
        assert names[-1] == f"run-{HISTORY_LIMIT + 3}"


STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))


@pytest.mark.parametrize("rule", Rule)
def test_nothing_is_confirmed_and_the_gate_is_closed(rule: Rule) -> None:
    """Even by the rule `off`, a run in progress, or one that was killed, leaves no open gate."""
    made = marker_of(run(finished=None), rule, STAGES)
    assert [(s.id, s.verdict, s.reason, s.cause) for s in made.stages] == [
        (name, B, IN_PROGRESS, "run") for name in ("api", "shop", "final")
    ]
    assert (made.final.verdict, made.final.reason, made.final.cause) == (B, IN_PROGRESS, "run")
    assert (made.decision.open, made.decision.exit_code, made.decision.rule) == (False, 10, rule)
    (cause,) = made.decision.causes
    assert (cause.verdict, cause.reason, cause.ids) == (B, IN_PROGRESS, ("run",))
    assert made.decision.actions == (IN_PROGRESS.remedy,)
    assert made.decision.selection == Selection(partial=False, verdict=B, criteria=0)
    assert [s.derived for s in made.stages] == [False, False, True]
    assert {s.since for s in made.stages} == {made.run.started}
    assert IN_PROGRESS.kind is Kind.NOT_RUN


def test_criteria_are_named_where_they_are_given() -> None:
    """Each criterion is in its stage, BLOCKED and never observed."""
    tests = (criterion("shop.open"), criterion("api.a"), criterion("api.b"))
    made = marker_of(run(finished=None), Rule.CONFIRMED, STAGES, tests)
    assert [s.id for s in made.criteria] == ["api.a", "api.b", "shop.open"]
    for status in made.criteria:
        assert (status.verdict, status.observed, status.reason) == (B, None, IN_PROGRESS)
        assert status.selected
    assert made.decision.selection.criteria == 3


def test_the_former_record_is_kept() -> None:
    """The record of a run in progress keeps the last finished one, to carry over from."""
    former = record(STAGES, {"api.a": C, "shop.open": C})
    made = marker_of(run(finished=None), Rule.CONFIRMED, STAGES, former=former)
    assert made.last_finished is former
    assert marker_of(run(finished=None), Rule.CONFIRMED, STAGES).last_finished is None
    assert made.final.verdict is Verdict.BLOCKED


def test_a_run_that_an_error_ended_before_it_collected_a_test() -> None:
    """Its marker says so; one that finished, or went wrong otherwise, isn't broken off."""
    ended = reason(f"{BROKEN_OFF}: INTERNALERROR", Kind.INCONCLUSIVE)
    assert broken_off(run(finished=None, incidents=(DIED, ended)))
    assert not broken_off(run(finished=None, incidents=(DIED,)))
    assert not broken_off(run(finished=None))
    assert not broken_off(run(incidents=(ended,)))


def test_what_is_not_known_of_the_rest_was_not_run() -> None:
    """It caps FINAL without being about what the run selected."""
    rest = rest_of("test_a.py")
    assert rest.kind is Kind.NOT_COLLECTED


def test_a_record_that_could_not_be_written_may_have_confirmed_all() -> None:
    """So what its run saw isn't known, though it ran."""
    made = marker_of(run(), Rule.CONFIRMED, STAGES, why=UNWRITTEN)
    assert (made.final.verdict, made.final.kind) == (B, Kind.INCONCLUSIVE)
