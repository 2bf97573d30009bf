"""Merge the records of a run's shards (its machines or jobs) into one record.

Each criterion is taken from the shards that ran it. So the merged record equals the record of an
undivided run, except for times and workers. The merged run is about the whole catalogue: its exit
status follows FINAL, even if each shard ran only a small part.

A lost shard leaves nothing behind, and the other shards know its criteria only from an earlier run.
A lost shard can't be distinguished from one that never existed. Therefore earlier verdicts count
only if they are bad: FAILED and BLOCKED are kept, but a CONFIRMED is kept only in a stage whose
`valid_for` is longer than the default. Such a stage is declared to outlive a run, such as one real
order a month. Every other criterion that no shard ran is BLOCKED, like a criterion that an
undivided run didn't reach.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple, TypeAlias

from msgspec import UNSET
from msgspec.structs import replace

from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR, Catalogue, Stage, base_of
from pytest_prodstatus.model.clocks import DRIFT, dated_status, skew_reason
from pytest_prodstatus.model.criterion_status import RunData, carried
from pytest_prodstatus.model.record import (
    CriterionStatus,
    Past,
    Record,
    Run,
    Selection,
    StageStatus,
    Subject,
)
from pytest_prodstatus.model.verdict import (
    EXIT_FAILED,
    EXIT_OPEN,
    Kind,
    Reason,
    Verdict,
    because,
    exit_status,
)
from pytest_prodstatus.model.violations import own_status

REST_UNKNOWN = Reason(
    text="each shard was limited to some files of the suite, so a lost one wouldn't be noticed",
    kind=Kind.NOT_RUN,
    remedy="divide the run by --prodstatus-shard or --stage instead of by files; if all shards had "
    "the same path, make it the key paths in [tool.prodstatus]",
)
"""Why nothing is confirmed if no shard knows the criteria of the whole suite."""


class MergeError(ValueError):
    """Records that aren't shards of one run; the message names one and what differs."""


_COMMON: Mapping[str, Callable[[Record], object]] = {
    "run id": lambda record: record.run.id,
    "target": lambda record: record.run.target,
    "subject": lambda record: record.run.subject.release,
    "suite commit": lambda record: record.run.commit,
    "catalogue": lambda record: record.run.catalogue,
    "gate's rule": lambda record: record.decision.rule.value,
    # Two releases may judge by other rules.
    "release of pytest-prodstatus": lambda record: record.run.versions.get("pytest-prodstatus"),
    # The `expires` of one may have come between the starts of two shards.
    "list of stages that don't apply": lambda record: [
        s.id for s in record.stages if not s.applies
    ],
}
"""What all shards of one run must have in common, by its name in messages."""


_Rank: TypeAlias = tuple[int, int, float, tuple[datetime, str]]


class _Part(NamedTuple):
    """One shard, once its criteria were taken from it.

    Attributes:
        name: its name for messages.
        record: the shard without its criteria.
        incidents: what merging found wrong with it.
    """

    name: str
    record: Record
    incidents: tuple[Reason, ...]


def merge(
    shards: Iterable[tuple[str, Record]],
    declared: Catalogue,
    *,
    require_evidence: bool = False,
    now: datetime | None = None,
) -> Record:
    """Merge the shards of one run into the record of that run.

    Only one shard at a time is kept completely. Of each criterion, only the status that counts so
    far is kept, so the memory that this takes depends on the merged record alone.

    Args:
        shards: at least one record, in any order, each with its name for messages.
        declared: the catalogue as it is declared today.
        require_evidence: a CONFIRMED without evidence isn't carried over.
        now: the present instant, which no shard can have ended after; None if it isn't known.

    Raises:
        MergeError: a record is not a finished shard of the same run, or was made with another
            catalogue than `declared`.
        CatalogueError: the stages of a record make no catalogue.
    """
    chosen: dict[str, tuple[_Rank, CriterionStatus]] = {}
    parts: list[_Part] = []
    for name, shard in shards:
        _check_shard(name, shard, parts[0] if parts else None, declared)
        try:
            sane, incidents = _in_time(name, shard, now)
        except OverflowError:
            msg = f"{name}: its dates are centuries apart; set the clock right, and run it again"
            raise MergeError(msg) from None
        order = (sane.run.started, name)
        for status in map(own_status, sane.criteria):
            rank = _rank(status, order)
            known = chosen.get(status.id)
            if known is None or rank < known[0]:
                chosen[status.id] = rank, status
        parts.append(_Part(name, _without_criteria(sane), incidents))
    parts.sort(key=lambda part: (part.record.run.started, part.name))
    return _composed(parts, chosen, declared, require_evidence=require_evidence)


def _composed(
    parts: Sequence[_Part],
    chosen: dict[str, tuple[_Rank, CriterionStatus]],
    declared: Catalogue,
    *,
    require_evidence: bool,
) -> Record:
    """Build the merged record from the shards, in the order of their start, and what they saw."""
    in_order = [part.record for part in parts]
    finished = max(shard.run.finished for shard in in_order if shard.run.finished)
    known = [s.id for shard in in_order for s in shard.stages]
    catalogue = declared.with_stages_of(known=known).at(in_order[0].run.started)
    # A shard that collected only another part knows the criterion by its declared name alone. One
    # that looked for it, and found no test, has another suite.
    provided = {base_of(name) for name, (_, status) in chosen.items() if status.nodeid}
    statuses = [
        _merged_status(
            status, catalogue.by_id[status.stage], finished, require_evidence=require_evidence
        )
        for _, status in chosen.values()
        if status.nodeid or status.selected or status.id not in provided
    ]
    chosen.clear()
    run = _merge_runs(parts, finished, statuses)
    # A shard's 10 doesn't count, because its part alone was judged; FINAL decides that anew. A
    # status of another plugin is among the incidents of its run.
    failed = any(shard.decision.exit_code == EXIT_FAILED for shard in in_order)
    status = EXIT_FAILED if failed else EXIT_OPEN
    record = compose(RunData(catalogue=catalogue), statuses, run, in_order[0].decision.rule, status)
    # The longest: a shard on a new machine knows of no earlier run.
    history = max((shard.history for shard in in_order), key=len)
    stages = tuple(_with_since(stage, in_order, history, run.started) for stage in record.stages)
    overrides = tuple(dict.fromkeys(override for shard in in_order for override in shard.overrides))
    # The shards were partial runs; their merged run is not.
    verdict, number = record.final.verdict, len(statuses)
    lost = [s.remedy for s in statuses if not s.selected and s.kind is Kind.NOT_RUN and s.remedy]
    decision = replace(
        record.decision,
        exit_code=exit_status(record.decision.rule, verdict, status),
        actions=tuple(dict.fromkeys([*record.decision.actions, *lost])),
        selection=Selection(partial=False, verdict=verdict, criteria=number),
    )
    return replace(record, decision=decision, stages=stages, history=history, overrides=overrides)


def unobserved(record: Record) -> list[CriterionStatus]:
    """Return the criteria that the record's own run did not observe."""
    return [status for status in record.criteria if not status.observed_now]


def _check_shard(name: str, shard: Record, first: _Part | None, declared: Catalogue) -> None:
    reference, of_first = (first.record, first.name) if first else (shard, name)
    for what, value in _COMMON.items():
        own, other = value(shard), value(reference)
        if own != other:
            msg = (
                f"{name}: its {what} is {own!r}, and that of {of_first} is {other!r}; "
                "only shards of one run are merged"
            )
            raise MergeError(msg)
    if shard.run.finished is None:
        msg = f"{name}: its run is in progress or was killed; merge finished runs"
        raise MergeError(msg)
    if shard.run.catalogue != declared.digest:
        msg = (
            f"{name}: it was made with another catalogue than the declared one; "
            "merge with the configuration that ran"
        )
        raise MergeError(msg)
    for status in shard.criteria:
        if declared.declared and status.stage not in declared.by_id:
            msg = f"{name}: {status.id!r} is in no stage of the catalogue"
            raise MergeError(msg)


def _without_criteria(shard: Record) -> Record:
    """Return a shard without what grows with the catalogue."""
    stages = tuple(replace(stage, criteria=()) for stage in shard.stages)
    decision = replace(shard.decision, causes=(), actions=())
    return replace(shard, stages=stages, decision=decision, since_open=None, failures=None)


def _in_time(name: str, shard: Record, now: datetime | None) -> tuple[Record, tuple[Reason, ...]]:
    """Return a shard whose dates are possible, and an incident if its clock was far off.

    A clock that is behind isn't noticed: what it dates only seems older, and ends earlier.
    """
    run = shard.run
    if run.finished is None:
        return shard, ()
    ahead = run.finished - now if now else timedelta()
    dates = [s.observed_at for s in shard.criteria if s.observed_now and s.observed_at]
    beyond = max([run.finished, *dates]) - run.finished
    # Two clocks of one machine differ by some milliseconds, and a record stays as it is for that.
    ahead, beyond = (skew if skew > DRIFT else timedelta() for skew in (ahead, beyond))
    if ahead or beyond:
        started, finished = run.started - ahead, run.finished - ahead
        stages = tuple(
            replace(
                stage,
                criteria=tuple(dated_status(s, -ahead, started, finished) for s in stage.criteria),
            )
            for stage in shard.stages
        )
        run = replace(run, started=started, finished=finished)
        shard = replace(shard, run=run, stages=stages)
    whose = f"the clock of {name}"
    incidents = (
        skew_reason(whose, -ahead, "this machine's"),
        skew_reason(whose, -beyond, "the same clock at the end of the shard"),
    )
    return shard, tuple(incident for incident in incidents if incident)


def _rank(status: CriterionStatus, order: tuple[datetime, str]) -> _Rank:
    """Return what orders the statuses of one criterion from all shards; the lowest one counts.

    First comes what a shard observed (the worst verdict, then the oldest), then one that a shard
    selected, then the newest status that was carried over. Of equals the first to start counts.
    """
    observed_at = status.observed_at
    if status.observed_now:
        at = observed_at.timestamp() if observed_at else math.inf
        return 0, -status.verdict.severity, at, order
    if status.selected:
        return 1, 0, 0.0, order  # an undivided run carries over only what it didn't select
    if status.carried_over:
        return 2, 0, -observed_at.timestamp() if observed_at else math.inf, order
    # None of them observed anything: prefer a reason with a remedy.
    return 3, 0 if status.remedy else 1, 0.0, order


def _merged_status(
    status: CriterionStatus, stage: Stage, finished: datetime, *, require_evidence: bool
) -> CriterionStatus:
    """Return the status of a criterion in the merged record, from the one that counts."""
    if status.observed_now or status.selected:
        return status
    if status.carried_over:
        return _carried_status(status, stage, finished, require_evidence=require_evidence)
    return status if status.remedy else replace(status, remedy=_lost(stage))


def _lost(stage: Stage) -> str:
    """Return what to do about a criterion that no shard ran."""
    return f"merge the shard that ran stage {stage.id} too, or run the stage in one"


def _carried_status(
    old: CriterionStatus, stage: Stage, finished: datetime, *, require_evidence: bool
) -> CriterionStatus:
    """Return the status of a criterion that no shard selected, as an earlier run left it."""
    status = carried(old, stage, finished, release=None, require_evidence=require_evidence)
    outlives = stage.valid_for > DEFAULT_VALID_FOR
    if status.verdict is not Verdict.CONFIRMED or outlives:
        return status
    reason = Reason(
        text="no shard ran it, and an earlier run's CONFIRMED doesn't count: a shard may be lost",
        kind=Kind.NOT_RUN,
        remedy=_lost(stage),
    )
    return replace(status, verdict=Verdict.BLOCKED, **because(reason))


def _merge_runs(
    parts: Sequence[_Part], finished: datetime, statuses: Sequence[CriterionStatus]
) -> Run:
    runs = [part.record.run for part in parts]
    first = runs[0]
    all_selected = all(status.selected for status in statuses)
    selections = None if all_selected else "; ".join(_sorted_unique(run.selection for run in runs))
    # One shard that collected every file, or remembers it, names the criteria of all others.
    rest_unknown = all(run.rest_unknown is True for run in runs)
    incidents = [i for p in parts for i in (*p.record.run.incidents, *p.incidents)]
    incidents += [REST_UNKNOWN] if rest_unknown else []
    # A shard that was lost may have begun what it was to run. `--unmet` selects what it holds back.
    held = any(r.starts_unknown is True for r in runs) and not all(s.observed_now for s in statuses)
    starts_unknown = held or rest_unknown or not all_selected
    subject = Subject(
        release=first.subject.release,
        endpoints=_join_values(run.subject.endpoints for run in runs),
        snapshots={
            # Each shard read the databases at an instant of its own.
            name: tuple(at for run in runs for at in run.subject.snapshots.get(name, ()))
            for name in _sorted_unique(name for run in runs for name in run.subject.snapshots)
        },
    )
    # One suite with local changes is enough; None only if no shard knows.
    known = [run.dirty for run in runs if run.dirty is not None]
    return replace(
        first,
        subject=subject,
        started=min(run.started for run in runs),
        finished=finished,
        dirty=any(known) if known else None,
        selection=selections,
        versions=_join_values(run.versions for run in runs),
        incidents=tuple(dict.fromkeys(incidents)),
        shard=False,
        starts_unknown=starts_unknown or UNSET,
        rest_unknown=rest_unknown or UNSET,
    )


def _sorted_unique(names: Iterable[str | None]) -> list[str]:
    return sorted(filter(None, set(names)))


def _join_values(maps: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Join mappings by key; if their texts differ, all of them are listed."""
    texts_by_name: dict[str, set[str]] = {}
    for mapping in maps:
        for name, text in mapping.items():
            texts_by_name.setdefault(name, set()).add(text)
    return {name: ", ".join(sorted(texts)) for name, texts in sorted(texts_by_name.items())}


def _with_since(
    stage: StageStatus, in_order: Sequence[Record], history: Sequence[Past], started: datetime
) -> StageStatus:
    """Return a stage with its `since` and `previous`, found in the runs before this one."""
    since = started
    for past in reversed(history):
        verdict = past.stages.get(stage.id)
        if verdict is None:
            return replace(stage, since=since)
        if verdict is not stage.verdict:
            return replace(stage, since=since, previous=verdict)
        since = past.started
    # The change may be older than the history, but a shard's own record may still know it.
    for shard in in_order:
        for own in shard.stages:
            same = own.id == stage.id and own.verdict is stage.verdict
            if same and own.since and own.since <= since:
                return replace(stage, since=own.since, previous=own.previous)
    return replace(stage, since=since)
