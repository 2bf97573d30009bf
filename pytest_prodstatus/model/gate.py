"""The gate: decide by a record whether a release may be deployed now.

It requires CONFIRMED, even if the run ended by a softer rule, and it judges the record's
observations again at the present instant. Waivers change the decision but never a verdict; an
override opens the gate over any verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue, CatalogueError, base_of
from pytest_prodstatus.model.criterion_status import applicable
from pytest_prodstatus.model.record import Cause, CriterionStatus, Override, Record, StageStatus
from pytest_prodstatus.model.rollup import Judged, actions_of, cause_line, causes, judge
from pytest_prodstatus.model.verdict import (
    EXIT_BLOCKED,
    EXIT_FAILED,
    EXIT_OPEN,
    Reason,
    Verdict,
    because,
    rollup,
)
from pytest_prodstatus.model.violations import (
    NOT_ABOUT_QUERY,
    GateQuery,
    Violation,
    ViolationKind,
    contradictions,
    own_status,
    record_violations,
    reevaluate,
    run_again,
)
from pytest_prodstatus.model.waiver import Waiver, Waivers


class UnknownStageError(ValueError):
    """A required stage that doesn't exist; the message lists those that do."""


class Waived(Struct, frozen=True, kw_only=True):
    """A criterion that isn't CONFIRMED, and the waiver that accepts this."""

    status: CriterionStatus
    waiver: Waiver


class GateDecision(Struct, frozen=True, kw_only=True):
    """Whether the gate is open, and why.

    Attributes:
        query: the conditions of the decision.
        verdict: the verdict on the stages in question, now, without waivers; None if the record
            says nothing about the query.
        effective_verdict: the same, with waived criteria counted as CONFIRMED.
        violations: the rules that the record, the document or a waiver breaks. Each closes the
            gate, even if all verdicts are CONFIRMED.
        causes: the root causes of what is neither CONFIRMED nor waived, the worst first.
        waived: the criteria in question that aren't CONFIRMED but waived.
        override: the override of the target's gate that is in force.
        not_applicable: a sentence for each stage that isn't judged, with its reason and owner.
        stages: every stage as it is judged now, without waivers; () if nothing is known.
    """

    query: GateQuery
    verdict: Verdict | None
    effective_verdict: Verdict | None = None
    violations: tuple[Violation, ...] = ()
    causes: tuple[Cause, ...] = ()
    waived: tuple[Waived, ...] = ()
    override: Override | None = None
    not_applicable: tuple[str, ...] = ()
    stages: tuple[StageStatus, ...] = ()

    @property
    def present_verdict(self) -> Verdict:
        """What may be shown as the verdict now: at best BLOCKED if the record breaks a rule."""
        return self._at_best(self.verdict)

    def present_verdict_of(self, stage: StageStatus) -> Verdict:
        """Return what may be shown as the verdict of one of the stages now."""
        return self._at_best(stage.verdict)

    def _at_best(self, verdict: Verdict | None) -> Verdict:
        """Return the verdict, but at best BLOCKED if it is unknown or the record breaks a rule."""
        known = Verdict.BLOCKED if verdict is None else verdict
        return max(known, Verdict.BLOCKED) if self.violations else known

    @property
    def confirmed(self) -> bool:
        """Whether the gate is open without its override."""
        return not self.violations and self.effective_verdict is Verdict.CONFIRMED

    @property
    def open(self) -> bool:
        """Whether the gate is open."""
        return self.confirmed or self.override is not None

    @property
    def exit_code(self) -> int:
        """The exit status: 0 if the gate is open, 1 if the verdict is FAILED, else 10."""
        if self.open:
            return EXIT_OPEN
        # With waivers: a FAILED that is waived doesn't make it 1.
        return EXIT_FAILED if self.effective_verdict is Verdict.FAILED else EXIT_BLOCKED

    @property
    def decision(self) -> str:
        """Open or closed, and whether by waivers or an override, in a few words."""
        if not self.confirmed:
            return "open by an override" if self.override else "closed"
        return f"open, {len(self.waived)} waived" if self.waived else "open"

    @property
    def what(self) -> str:
        """What the decision is about, in words: FINAL or the required stages."""
        return f"stages {', '.join(self.query.require)}" if self.query.require else "FINAL"

    @property
    def closing(self) -> tuple[tuple[ViolationKind, str], ...]:
        """Why the gate would be closed without its override: rules and sentences, worst first."""
        unconfirmed = tuple((ViolationKind.VERDICT, cause_line(cause)) for cause in self.causes)
        rejected = tuple((violation.kind, violation.text) for violation in self.violations)
        # A FAILED criterion is worse than any rule that the record breaks.
        failed = self.effective_verdict is Verdict.FAILED
        return (*unconfirmed, *rejected) if failed else (*rejected, *unconfirmed)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the gate would be closed without its override: one sentence each, the worst first."""
        return tuple(text for _, text in self.closing)

    @property
    def rules(self) -> tuple[ViolationKind, ...]:
        """The rules that would close the gate without its override, each once, the worst first."""
        return tuple(dict.fromkeys(rule for rule, _ in self.closing))

    @property
    def actions(self) -> tuple[str, ...]:
        """What to do, each action once; what helps every stage comes first."""
        # What a broken rule asks for, such as another run, is about the whole record.
        general = [violation.remedy for violation in self.violations if violation.remedy]
        return tuple(dict.fromkeys([*general, *actions_of(self.causes)]))

    @property
    def sentence(self) -> str:
        """The whole decision in one sentence."""
        about = f"target {self.query.target}"
        if not self.open:
            about += f", rule {self.rules[0]}"  # a closed gate has one
        parts = [f"gate {self.decision} ({about})"]
        if self.verdict:
            parts.append(f"{self.what} {self.verdict}")
        more = f" (and {len(self.reasons) - 1} more)" if len(self.reasons) > 1 else ""
        return ": ".join([*parts, *self.reasons[:1]]) + more


def decide(
    record: Record,
    catalogue: Catalogue,
    query: GateQuery,
    now: datetime,
    *,
    waivers: Waivers | None = None,
    override: Override | None = None,
    require_evidence: bool = False,
    found: Sequence[Violation] = (),
) -> GateDecision:
    """Decide by one record whether the gate is open.

    Args:
        record: the record as it was read; its verdicts are computed again, not trusted.
        catalogue: the catalogue as it is declared today.
        query: what the decision is about.
        now: the instant at which ages are measured.
        waivers: the project's.
        override: the override of the target's gate that is in force.
        require_evidence: the configuration requires evidence today.
        found: further violations, such as a document that was edited by hand.

    Raises:
        UnknownStageError: the query requires a stage that doesn't exist.
    """
    waivers = waivers or Waivers()
    try:
        # If the project declares no stages, those of the record are the catalogue.
        declared = catalogue.with_stages_of(known=[stage.id for stage in record.stages])
    except CatalogueError as error:
        broken = Violation(
            kind=ViolationKind.UNREADABLE, text=f"the record's stages make no catalogue: {error}"
        )
        return decision_without_record((broken,), query, override)
    # Since the run, the `expires` of a stage that didn't apply may have come.
    at_run, stages = declared.at(record.run.started), declared.at(now)
    roots = queried_stages(stages, query.require)
    violations = [*found, *record_violations(record, stages, query, now)]
    if not roots:
        violations.append(
            Violation(kind=ViolationKind.UNREADABLE, text="the record has no stage at all")
        )
    if any(violation.kind in NOT_ABOUT_QUERY for violation in violations):
        return decision_without_record(violations, query, override)
    incidents = record.run.incidents
    # Judged twice: as the run could, to find out whether the record was edited, and as of now.
    own_statuses = [own_status(status) for status in record.criteria]
    known_statuses = [status for status in own_statuses if status.stage in stages.by_id]
    as_written = judge(at_run, applicable(known_statuses, at_run), incidents=incidents)
    # Another catalogue may give other verdicts, which isn't a contradiction.
    same_catalogue = record.run.catalogue == stages.digest
    violations += _contradictions(
        record, own_statuses, as_written if same_catalogue else None, query
    )
    # An observation of another release doesn't count for the record's, which is the query's, too.
    release = record.run.subject.release
    known_statuses = applicable(known_statuses, stages)
    statuses = reevaluate(known_statuses, stages, release, now, require_evidence=require_evidence)
    violations += waiver_violations(waivers, statuses, now)
    valid_waivers = waivers.in_force(_known_ids(statuses), now)
    waived = _waived(statuses, valid_waivers, stages.with_needs(roots))
    # Usually every CONFIRMED still counts; then the first judgement is still right.
    judged_now = (
        as_written
        if statuses == known_statuses and at_run == stages
        else judge(stages, statuses, incidents=incidents)
    )
    effective_verdict = judged_now
    # A waived criterion may block others, so the whole is judged again without it.
    if waived:
        effective_verdict = judge(
            stages, _treat_as_confirmed(statuses, waived), incidents=incidents
        )
    return GateDecision(
        query=query,
        verdict=_verdict(judged_now, query, incidents),
        effective_verdict=_verdict(effective_verdict, query, incidents),
        violations=tuple(violations),
        causes=causes(stages, effective_verdict[0], incidents, roots),
        waived=waived,
        override=override,
        not_applicable=tuple(
            f"{stage.title} is {stage.reason.text}"
            for stage in judged_now[0]
            if stage.reason and not stage.applies
        ),
        stages=tuple(judged_now[0]),
    )


def decision_without_record(
    violations: Sequence[Violation], query: GateQuery, override: Override | None = None
) -> GateDecision:
    """Decide if there is no record, or if the record is about something else.

    The gate is closed, unless an override opens it.

    Args:
        violations: why there is no verdict.
        query: what the decision is about.
        override: the override of the target's gate that is in force.
    """
    return GateDecision(query=query, verdict=None, violations=tuple(violations), override=override)


def end_of_open(record: Record, catalogue: Catalogue, decision: GateDecision) -> datetime | None:
    """Return when an open gate closes by itself: when the first thing that it rests on ends.

    That is a CONFIRMED, a waiver or the override; None if it is closed, or rests on none of them.

    Args:
        record: the record.
        catalogue: the catalogue as it is declared today.
        decision: the decision by them.
    """
    # An override beside a gate that would be open anyway isn't what it rests on.
    if not decision.confirmed:
        return decision.override.until if decision.override else None
    stages = catalogue.with_stages_of(known=[stage.id for stage in record.stages])
    relevant = stages.with_needs(queried_stages(stages, decision.query.require))
    ends = [
        status.observed_at + stages.by_id[status.stage].valid_for
        for status in record.criteria
        if status.observed_at and status.observed is Verdict.CONFIRMED and status.stage in relevant
    ]
    return min([*ends, *(item.waiver.expires for item in decision.waived)], default=None)


def named_stages(text: str) -> tuple[str, ...]:
    """Return the stages that a text such as `oauth,order` names.

    Raises:
        UnknownStageError: it names none, so what it is about would be FINAL.
    """
    names = tuple(filter(None, (name.strip() for name in text.split(","))))
    if not names:
        msg = f"--require {text!r}: it names no stage; write one or more, as in 'oauth,order'"
        raise UnknownStageError(msg)
    return names


def queried_stages(catalogue: Catalogue, require: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of the stages that a decision is about: the required ones, else FINAL's.

    Raises:
        UnknownStageError: one of `require` is not a stage of the catalogue.
    """
    for name in require:
        if name not in catalogue.by_id:
            known = ", ".join(catalogue.by_id) or "none"
            msg = f"--require {name!r}: there is no such stage; stages are {known}"
            raise UnknownStageError(msg)
        if not (stage := catalogue.by_id[name]).applies:
            msg = (
                f"--require {name!r}: the stage is not applicable: {stage.reason} ({stage.owner}); "
                "require a stage that is judged"
            )
            raise UnknownStageError(msg)
    return tuple(require) or catalogue.roots


def waiver_violations(
    waivers: Waivers, statuses: Iterable[CriterionStatus], now: datetime
) -> list[Violation]:
    """Return a violation for each waiver that breaks a rule.

    Args:
        waivers: the project's.
        statuses: every criterion that exists.
        now: the instant at which they expire or not.
    """
    known = _known_ids(statuses)
    broken = (text for _, text in waivers.broken(known, now))
    return [
        Violation(
            kind=ViolationKind.WAIVER,
            text=text,
            remedy="correct the waiver in pyproject.toml, or take it out",
        )
        for text in (*broken, *waivers.misplaced(known))
    ]


def ending_waivers(
    waivers: Waivers, statuses: Iterable[CriterionStatus], now: datetime
) -> list[str]:
    """Return a sentence for each waiver in force that ends soon.

    Args:
        waivers: the project's.
        statuses: every criterion that exists.
        now: the instant from which "soon" counts.
    """
    return list(waivers.ending(_known_ids(statuses), now))


def _known_ids(statuses: Iterable[CriterionStatus]) -> set[str]:
    """Return the ids that a waiver may name: of the criteria, with and without parameters."""
    ids = {status.id for status in statuses}
    return ids | {base_of(name) for name in ids}


def _verdict(judged: Judged, query: GateQuery, incidents: Sequence[Reason]) -> Verdict:
    """Return the verdict on what the query asks for: FINAL, or the required stages."""
    stages, final = judged
    if not query.require:
        return final.verdict
    # `judge` lets incidents cap FINAL alone, so they are counted for other stages here.
    required = [stage.verdict for stage in stages if stage.id in query.require]
    return rollup([*required, *(Verdict.BLOCKED for _ in incidents)])


def _contradictions(
    record: Record,
    own_statuses: Sequence[CriterionStatus],
    as_written: Judged | None,
    query: GateQuery,
) -> tuple[Violation, ...]:
    """Return one violation for all contradictions of a record; none if it has none."""
    found = list(contradictions(record, own_statuses, as_written))
    if not found:
        return ()
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    text = f"the record contradicts itself: {found[0]}{more}"
    return (
        Violation(kind=ViolationKind.CONTRADICTION, text=text, remedy=run_again(query, record.run)),
    )


def _waived(
    statuses: Sequence[CriterionStatus], valid_waivers: Sequence[Waiver], relevant: Collection[str]
) -> tuple[Waived, ...]:
    """Return the criteria that have a waiver, among those that keep the stages from CONFIRMED."""
    unconfirmed = [
        s for s in statuses if s.verdict is not Verdict.CONFIRMED and s.stage in relevant
    ]
    covering = ((s, next((w for w in valid_waivers if w.covers(s.id)), None)) for s in unconfirmed)
    return tuple(Waived(status=s, waiver=w) for s, w in covering if w)


def _treat_as_confirmed(
    statuses: Sequence[CriterionStatus], waived: Sequence[Waived]
) -> list[CriterionStatus]:
    """Return the statuses with those that are waived as CONFIRMED."""
    names = {item.status.id for item in waived}
    return [
        replace(s, verdict=Verdict.CONFIRMED, **because(None)) if s.id in names else s
        for s in statuses
    ]
