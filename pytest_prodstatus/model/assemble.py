"""From what a run collected and observed to its record.

Every criterion of the catalogue gets a standing: observed in this run, carried over from the last
record of the same target (where this run wasn't asked to look), or not run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from pytest_prodstatus.model.catalogue import Catalogue, Criterion, base_of
from pytest_prodstatus.model.decision import decide
from pytest_prodstatus.model.duration import age, text_of
from pytest_prodstatus.model.judge import judge
from pytest_prodstatus.model.outcome import Observation
from pytest_prodstatus.model.reason import Kind, Reason
from pytest_prodstatus.model.record import Record, Rule, Run, Selection, StageResult, Standing
from pytest_prodstatus.model.verdict import Verdict, rollup

NOT_REACHED = Reason(text="it was not reached", kind=Kind.NOT_RUN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known when a run has ended (or, with nothing observed, when it begins).

    Attributes:
        catalogue: the stages.
        collected: every criterion whose test was collected, selected or not.
        selected: ids of the collected criteria that the run was asked to run.
        observations: by criterion id.
        not_run: why a selected criterion has no observation.
        stages: the stages the run was limited to; None for all.
        restricted: only a part of the suite was collected, so that a test which wasn't found may
            still exist, unless its file is one of `files`.
        files: the files that were collected whole.
        missing: the files that could not be collected, and why.
        former: the last finished record of the same target.
    """

    catalogue: Catalogue
    collected: Sequence[Criterion] = ()
    selected: frozenset[str] = frozenset()
    observations: Mapping[str, Observation] = field(default_factory=dict)
    not_run: Reason = NOT_REACHED
    stages: frozenset[str] | None = None
    restricted: bool = False
    files: frozenset[str] = frozenset()
    missing: Mapping[str, Reason] = field(default_factory=dict)
    former: Record | None = None


def assemble(facts: Facts, run: Run, rule: Rule, pytest_status: int, now: datetime) -> Record:
    """Return the record of a run.

    Args:
        facts: what was collected and observed.
        run: the run's own data; `complete` is computed here.
        rule: the gate's rule.
        pytest_status: the exit status before ours.
        now: the instant against which ages are measured.
    """
    standings = _standings(facts, run, now)
    complete = bool(standings) and all(
        standing.observed and not standing.carried_over for standing in standings
    )
    run = replace(run, complete=complete and not run.incidents)
    stages, final = judge(facts.catalogue, standings, incidents=run.incidents)
    selection = _selection(facts, standings, run.incidents, final.verdict)
    stages = _with_history(stages, facts.former, run.started)
    decision = decide(rule, stages, final, selection, pytest_status)
    return Record(run=run, final=final, decision=decision, stages=stages)


def _standings(facts: Facts, run: Run, now: datetime) -> list[Standing]:
    former = {s.id: s for s in facts.former.criteria} if facts.former else {}
    standings = {}
    for criterion in facts.collected:
        if criterion.id in facts.selected:
            standings[criterion.id] = _observed(criterion, facts, run)
        else:
            standings[criterion.id] = _not_selected(criterion, former.get(criterion.id), facts, now)
    for old in former.values():
        if old.id not in standings and old.stage in facts.catalogue.by_id:
            standing = _uncollected(old, facts, now)
            if standing is not None:
                standings[old.id] = standing
    provided = {base_of(name) for name in standings}
    for stage in facts.catalogue.stages:
        for name in stage.criteria:
            if name not in provided and name not in standings:
                standings[name] = _unprovided(name, stage.id, facts)
    return list(standings.values())


def _words(criterion_id: str) -> str:
    name = criterion_id.partition(".")[2].replace("-", " ")
    return name[:1].upper() + name[1:]


def _blank(criterion: Criterion, reason: Reason, *, selected: bool) -> Standing:
    return Standing(
        id=criterion.id,
        stage=criterion.stage,
        title=criterion.title,
        nodeid=criterion.nodeid or None,
        verdict=Verdict.BLOCKED,
        selected=selected,
        reason=reason,
        side_effects=criterion.side_effects,
    )


def _observed(criterion: Criterion, facts: Facts, run: Run) -> Standing:
    seen = facts.observations.get(criterion.id)
    if seen is None:
        return _blank(criterion, facts.not_run, selected=True)
    half = seen.reason is not None and seen.reason.kind is Kind.NOT_RUN
    return Standing(
        id=criterion.id,
        stage=criterion.stage,
        title=criterion.title,
        nodeid=criterion.nodeid,
        verdict=seen.verdict,
        observed=None if half else seen.verdict,
        observed_at=seen.observed_at,
        reason=seen.reason,
        evidence=seen.evidence,
        duration=seen.duration,
        attempts=seen.attempts,
        flaky=seen.flaky,
        side_effects=criterion.side_effects,
        run_id=run.id,
        subject=run.subject.release,
    )


def _not_selected(
    criterion: Criterion, old: Standing | None, facts: Facts, now: datetime
) -> Standing:
    if old is not None:
        return _carried(replace(old, title=criterion.title, nodeid=criterion.nodeid), facts, now)
    reason = Reason(text="it was not selected, and no earlier run observed it", kind=Kind.NOT_RUN)
    return _blank(criterion, reason, selected=False)


def _uncollected(old: Standing, facts: Facts, now: datetime) -> Standing | None:
    """Return how a known criterion stands whose test was not collected; None: it was deleted."""
    file = (old.nodeid or "").partition("::")[0]
    if file and file in facts.missing:
        return replace(_blank_from(old), reason=facts.missing[file], selected=True)
    if facts.restricted and file not in facts.files:
        return _carried(old, facts, now)
    return None


def _blank_from(old: Standing) -> Standing:
    return Standing(
        id=old.id,
        stage=old.stage,
        title=old.title,
        nodeid=old.nodeid,
        verdict=Verdict.BLOCKED,
        side_effects=old.side_effects,
    )


def _unprovided(name: str, stage_id: str, facts: Facts) -> Standing:
    """Return the standing of a declared criterion that no test provides."""
    selected = not facts.restricted and (facts.stages is None or stage_id in facts.stages)
    reason = Reason(
        text="no test provides it",
        kind=Kind.NOT_RUN,
        remedy=f"write a test of this name in stage {stage_id}, or take it out of the catalogue",
    )
    if facts.missing:
        # Which file would have provided it is unknown, but one that did not collect may have.
        reason = next(iter(facts.missing.values()))
    elif facts.restricted:
        reason = Reason(text="it was not selected, and no run observed it", kind=Kind.NOT_RUN)
    return Standing(
        id=name,
        stage=stage_id,
        title=_words(name),
        nodeid=None,
        verdict=Verdict.BLOCKED,
        selected=selected,
        reason=reason,
    )


def _carried(old: Standing, facts: Facts, now: datetime) -> Standing:
    """Return a former standing as it stands now: its own observation, and stale when too old."""
    own = replace(old, carried_over=True, selected=False)
    if old.observed is not Verdict.CONFIRMED:
        return replace(own, verdict=old.observed or Verdict.BLOCKED)
    valid_for = facts.catalogue.by_id[old.stage].valid_for
    if old.observed_at is None or now - old.observed_at > valid_for:
        since = age(now - old.observed_at) if old.observed_at else "an unknown time"
        reason = Reason(
            text=f"it was CONFIRMED {since} ago, and stays valid for {text_of(valid_for)}",
            kind=Kind.STALE,
            remedy=f"run stage {old.stage} again",
        )
        return replace(own, verdict=Verdict.BLOCKED, reason=reason)
    return replace(own, verdict=Verdict.CONFIRMED, reason=None)


def _selection(
    facts: Facts, standings: Sequence[Standing], incidents: Sequence[Reason], whole: Verdict
) -> Selection:
    selected = [standing.id for standing in standings if standing.selected]
    partial = len(selected) < len(standings) or facts.restricted or facts.stages is not None
    if not partial:
        return Selection(partial=False, verdict=whole, criteria=len(selected))
    by_stage: dict[str, list[Standing]] = {}
    for standing in standings:
        by_stage.setdefault(standing.stage, []).append(standing)
    unasked = frozenset(
        stage.id
        for stage in facts.catalogue.stages
        if not any(s.selected or s.observed for s in _below(stage.id, facts.catalogue, by_stage))
    )
    stages, _ = judge(facts.catalogue, standings, incidents=incidents, unasked=unasked)
    verdicts = [s.verdict for stage in stages for s in stage.criteria if s.selected]
    if facts.stages is not None:
        # A named stage with no criterion at all must not pass for want of a question.
        verdicts += [
            s.verdict for s in stages if s.id in facts.stages and not s.criteria and not s.derived
        ]
    verdicts += [Verdict.BLOCKED for _ in incidents]
    return Selection(partial=True, verdict=rollup(verdicts), criteria=len(selected))


def _below(
    stage_id: str, catalogue: Catalogue, by_stage: Mapping[str, list[Standing]]
) -> Iterable[Standing]:
    return (s for name in catalogue.closure([stage_id]) for s in by_stage.get(name, ()))


def _with_history(
    stages: tuple[StageResult, ...], former: Record | None, now: datetime
) -> tuple[StageResult, ...]:
    before = {stage.id: stage for stage in former.stages} if former else {}

    def dated(stage: StageResult) -> StageResult:
        old = before.get(stage.id)
        if old is None:
            return replace(stage, since=now)
        if old.verdict is stage.verdict:
            return replace(stage, since=old.since or now, previous=old.previous)
        return replace(stage, since=now, previous=old.verdict)

    return tuple(map(dated, stages))
