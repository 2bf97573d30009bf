"""Some properties hold for every catalogue and every outcome."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.gate import decide
from pytest_prodstatus.model.outcome import CRASHED, Phase, reduce_phases
from pytest_prodstatus.model.record import CriterionStatus, Final, Record, StageStatus
from pytest_prodstatus.model.rollup import judge
from pytest_prodstatus.model.verdict import Kind, Reason, Rule, Verdict
from pytest_prodstatus.model.violations import GateQuery
from tests.unit.given import (
    NOW,
    B,
    C,
    F,
    assembled,
    criterion,
    entry,
    observation,
    run,
    run_data,
    stage,
)
from tests.unit.given import status as stands

DIED = Reason(text="worker gw0 died", kind=Kind.CRASH)


@st.composite
def catalogues(draw: st.DrawFn) -> Catalogue:
    """Return stages that require and roll up earlier ones, with or without a stage `final`."""
    names = [f"s{n}" for n in range(draw(st.integers(1, 5)))]
    if draw(st.booleans()):
        names.append("final")
    stages = []
    for n, name in enumerate(names):
        earlier = st.lists(st.sampled_from(names[:n]), unique=True) if n else st.just([])
        derived = n > 0 and (name == "final" or draw(st.integers(0, 3)) == 0)
        declared = draw(st.lists(st.sampled_from("xyz"), unique=True, max_size=2))
        stages.append(
            stage(
                name,
                requires=tuple(draw(earlier)) if name != "final" else (),
                rollup=tuple(names[:n] if name == "final" else draw(earlier)) if derived else (),
                criteria=tuple(f"{name}.{word}" for word in declared),
            )
        )
    return Catalogue(stages=tuple(draw(st.permutations(stages))))


@st.composite
def judgements(draw: st.DrawFn) -> tuple[Catalogue, list[CriterionStatus], list[Reason]]:
    """Return a catalogue, some criteria with verdicts, and incidents, which are rare."""
    made = draw(catalogues())
    # Often all CONFIRMED, so that FINAL is CONFIRMED in enough examples.
    verdicts = draw(st.sampled_from([[C], [C, C, C, B], [C, B, F]]))
    statuses = [
        stands(f"{member.id}.{word}", draw(st.sampled_from(verdicts)))
        for member in made.stages
        for word in draw(st.lists(st.sampled_from("wxyz"), unique=True, max_size=3))
    ]
    return made, statuses, [DIED] * draw(st.sampled_from([0, 0, 0, 1]))


@given(judgements(), st.randoms(use_true_random=False))
def test_the_order_of_criteria_changes_nothing(
    given_: tuple[Catalogue, list[CriterionStatus], list[Reason]], chance: Any
) -> None:
    """Verdicts, reasons, causes and order follow the catalogue, not the order of the run."""
    made, statuses, incidents = given_
    shuffled = chance.sample(statuses, len(statuses))
    assert judge(made, shuffled, incidents=incidents) == judge(made, statuses, incidents=incidents)


@given(judgements(), st.data())
def test_worse_input_never_improves_anything(
    given_: tuple[Catalogue, list[CriterionStatus], list[Reason]], data: st.DataObject
) -> None:
    """A worse or another unconfirmed criterion, or an incident, makes nothing better."""
    made, statuses, incidents = given_
    worse, more = list(statuses), list(incidents)
    change = data.draw(st.sampled_from(["criterion", "another", "incident"]))
    if change == "criterion" and statuses:
        n = data.draw(st.integers(0, len(statuses) - 1))
        verdict = max(statuses[n].verdict, data.draw(st.sampled_from([B, F])))
        worse[n] = stands(statuses[n].id, verdict)
    elif change == "another":
        into = data.draw(st.sampled_from(made.stages))
        worse.append(stands(f"{into.id}.more", data.draw(st.sampled_from([B, F]))))
    else:
        more.append(DIED)
    before, final = judge(made, statuses, incidents=incidents)
    after, final_after = judge(made, worse, incidents=more)
    assert all(now.verdict >= then.verdict for then, now in zip(before, after, strict=True))
    assert final_after.verdict >= final.verdict


@given(judgements())
def test_only_positive_observations_confirm(
    given_: tuple[Catalogue, list[CriterionStatus], list[Reason]],
) -> None:
    """FINAL and stages are CONFIRMED if and only if all that they depend on was CONFIRMED."""
    made, statuses, incidents = given_
    results, final = judge(made, statuses, incidents=incidents)
    of_stage = {member.id: [s for s in statuses if s.stage == member.id] for member in made.stages}

    def holds(name: str) -> bool:
        member = made.by_id[name]
        seen = bool(of_stage[name]) or bool(member.rollup)
        below = all(map(holds, (*member.requires, *member.rollup)))
        capped = name == "final" and incidents
        return seen and below and not capped and all(s.verdict is C for s in of_stage[name])

    assert {r.id: r.verdict is C for r in results} == {name: holds(name) for name in made.by_id}
    rolled = ["final"] if "final" in made.by_id else list(made.by_id)
    assert (final.verdict is C) is (all(map(holds, rolled)) and not incidents)


@given(judgements())
def test_every_closed_verdict_has_its_reason_and_root(
    given_: tuple[Catalogue, list[CriterionStatus], list[Reason]],
) -> None:
    """Every verdict but CONFIRMED has a reason and its place; the stage `final` gives FINAL."""
    made, statuses, incidents = given_
    results, final = judge(made, statuses, incidents=incidents)
    roots = {s.id for s in statuses} | set(made.by_id) | {"run"}
    everything: list[StageStatus | Final] = [*results, final]
    for result in everything:
        assert (result.reason is None) is (result.verdict is C)
        assert (result.cause is None) is (result.verdict is C)
        assert result.cause is None or result.cause in roots
    for result in results:
        if result.id == "final":
            assert (result.verdict, result.reason, result.cause) == (
                final.verdict, final.reason, final.cause,
            )  # fmt: skip
        assert all((s.reason is None) is (s.verdict is C) for s in result.criteria)


OUTCOMES = ["passed", "skipped", "failed"]


@st.composite
def attempts(draw: st.DrawFn, worker: str = "gw0") -> list[Phase]:
    """Return one worker's phases: whole attempts, halves, reruns, crashes."""

    def phase(when: str, outcome: str, **more: Any) -> Phase:
        xfail = outcome in ("passed", "skipped") and draw(st.integers(0, 5)) == 0
        return Phase(
            when=when, outcome=outcome, text=outcome, worker=worker, xfail=xfail and when == "call",
            evidence=(entry(),) if draw(st.booleans()) else (), **more,
        )  # fmt: skip

    phases = []
    for _ in range(draw(st.integers(1, 2))):
        outcome = st.sampled_from([*OUTCOMES, "passed", "passed", "rerun"])
        made = [phase("setup", draw(outcome))]
        made += [phase("call", draw(outcome), subtest=True)] * draw(st.integers(0, 1))
        made += [phase("call", draw(outcome)), phase("teardown", draw(outcome))]
        keep = draw(st.integers(1, len(made))) if draw(st.integers(0, 3)) == 0 else len(made)
        phases += made[:keep]
        if draw(st.integers(0, 6)) == 0:
            phases.append(Phase(when=CRASHED, outcome="failed", worker=worker))
    return phases


def merged(parts: list[list[Phase]], chance: Any) -> list[Phase]:
    """Return the phases of several workers in one order, which keeps each worker's own order."""
    todo = [list(part) for part in parts]
    arrived = []
    while any(todo):
        arrived.append(chance.choice([part for part in todo if part]).pop(0))
    return arrived


RUNS = st.tuples(attempts("gw0"), attempts("gw1"), attempts("gw2"))


@given(RUNS, st.randoms(use_true_random=False), st.booleans(), st.booleans())
def test_the_order_of_workers_changes_no_verdict(
    runs: tuple[list[Phase], ...], chance: Any, effects: bool, required: bool
) -> None:
    """The verdict is the same in any order of the workers' reports."""
    rule = {"side_effects": effects, "require_evidence": required}
    one, other = (reduce_phases(merged(list(runs), chance), **rule) for _ in range(2))
    assert (one.verdict, one.flaky, one.attempts) == (other.verdict, other.flaky, other.attempts)
    assert sorted(map(str, one.evidence)) == sorted(map(str, other.evidence))
    assert one.verdict is max(
        reduce_phases(of_worker, **rule).verdict if not required else one.verdict
        for of_worker in runs
    )


@given(attempts(), st.data(), st.booleans())
def test_a_worse_phase_never_improves_a_verdict(
    phases: list[Phase], data: st.DataObject, effects: bool
) -> None:
    """A worse phase (passed < skipped < failed) of any attempt makes no verdict better."""
    n = data.draw(st.integers(0, len(phases) - 1))
    old = phases[n]
    if old.outcome not in OUTCOMES or old.when == CRASHED or old.xfail:
        return
    worse = data.draw(st.sampled_from(OUTCOMES[OUTCOMES.index(old.outcome) :]))
    changed = [*phases[:n], replace(old, outcome=worse, text=worse), *phases[n + 1 :]]
    before = reduce_phases(phases, side_effects=effects).verdict
    after = reduce_phases(changed, side_effects=effects).verdict
    # A failed set-up alone is BLOCKED like a skipped one: neither saw the criterion.
    assert after >= before


@given(attempts(), st.booleans())
def test_confirmed_means_that_the_last_attempt_passed_whole(
    phases: list[Phase], required: bool
) -> None:
    """CONFIRMED requires that all phases passed, without failed subtest, crash or `wasxfail`."""
    seen = reduce_phases(phases, require_evidence=required)
    if seen.verdict is C:
        starts = [n for n, p in enumerate(phases) if p.when == "setup"]
        last = phases[starts[-1] :]
        assert [p.when for p in last if not p.subtest] == ["setup", "call", "teardown"]
        assert all(p.outcome == "passed" and not p.xfail for p in last)
        assert seen.evidence or not required
        assert seen.reason is None
    else:
        assert seen.reason is not None


@st.composite
def records(draw: st.DrawFn) -> tuple[Catalogue, Record]:
    """Return a record of a run that observed some of what it collected, after another run."""
    made = draw(catalogues())
    tests = [
        criterion(f"{member.id}.{word}")
        for member in made.stages
        for word in draw(st.lists(st.sampled_from("wxyz"), unique=True, max_size=3))
    ]
    verdicts = st.sampled_from(draw(st.sampled_from([[C], [C, C, B, F]])))

    def ran(former: Record | None, **more: Any) -> Record:
        some = st.lists(st.sampled_from(tests), unique=True) if tests else st.just([])
        chosen = tests if draw(st.booleans()) else draw(some)
        seen = {c.id: observation(draw(verdicts)) for c in chosen if draw(st.integers(0, 9))}
        result = run_data(
            made, seen, collected=tuple(tests), selected=frozenset(c.id for c in chosen),
            former=former, **more,
        )  # fmt: skip
        rule = draw(st.sampled_from(Rule))
        incidents = (DIED,) * draw(st.sampled_from([0, 0, 0, 1]))
        return assembled(
            result, run(incidents=incidents), rule, draw(st.sampled_from([0, 0, 1])), NOW
        )

    former = ran(None) if draw(st.booleans()) else None
    return made, ran(former, restricted=draw(st.booleans()))


@given(records())
def test_final_confirmed_is_a_full_set_of_observations(made: tuple[Catalogue, Record]) -> None:
    """If FINAL is CONFIRMED, so is every declared criterion of it by its own observation."""
    stages, record = made
    required = {"final"} if "final" in stages.by_id else set(stages.by_id)
    depends = stages.closure(required)
    if record.final.verdict is C:
        status = {s.id: s for s in record.criteria if s.stage in depends}
        assert {name for s in depends for name in stages.by_id[s].criteria} <= set(status)
        assert all(s.verdict is s.observed is Verdict.CONFIRMED for s in status.values())
        assert not record.run.incidents
    if record.decision.open:
        assert record.decision.rule.admits(record.final.verdict)
    assert record.run.complete is (
        any(True for _ in record.criteria)
        and not record.run.incidents
        and all(s.observed and not s.carried_over for s in record.criteria)
    )


@given(records())
def test_exit_status_0_means_open_or_off(made: tuple[Catalogue, Record]) -> None:
    """The exit status is never 0 if the rule doesn't admit the verdict on the selection."""
    _, record = made
    decision = record.decision
    if decision.exit_code == 0 and decision.rule is not Rule.OFF:
        assert decision.rule.admits(decision.selection.verdict)
        selected = [s for s in record.criteria if s.selected]
        assert decision.rule is not Rule.CONFIRMED or all(
            s.verdict is C or (s.reason and s.reason.kind is Kind.UPSTREAM) for s in selected
        )
    if F in {s.verdict for s in record.criteria if s.selected} and decision.selection.partial:
        assert decision.selection.verdict is F


@given(records(), st.data())
def test_a_closed_gate_names_the_rule_that_closes_it(
    made: tuple[Catalogue, Record], data: st.DataObject
) -> None:
    """The gate is open without an override if and only if no rule closes it, for any stages."""
    stages, record = made
    record = replace(record, run=replace(record.run, catalogue=stages.digest))
    require = data.draw(st.lists(st.sampled_from(sorted(stages.by_id)), unique=True))
    query = GateQuery(target=record.run.target, require=tuple(require))
    decision = decide(record, stages, query, NOW)
    assert decision.confirmed is (not decision.rules)
    assert ("rule verdict" in decision.sentence) is (not decision.open)
