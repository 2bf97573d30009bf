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
from datetime import datetime

from msgspec.structs import replace

from pytest_prodstatus.model.assemble import compose
from pytest_prodstatus.model.catalogue import DEFAULT_VALID_FOR, Catalogue, Stage
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


class MergeError(ValueError):
    """Records that aren't shards of one run; the message names one and what differs."""


_COMMON: Mapping[str, Callable[[Record], object]] = {
    "run id": lambda record: record.run.id,
    "target": lambda record: record.run.target,
    "subject": lambda record: record.run.subject.release,
    "suite commit": lambda record: record.run.commit,
    "catalogue": lambda record: record.run.catalogue,
    "gate's rule": lambda record: record.decision.rule.value,
}
"""What all shards of one run must have in common, by its name in messages."""


def merge(
    shards: Mapping[str, Record], declared: Catalogue, *, require_evidence: bool = False
) -> Record:
    """Merge the shards of one run into the record of that run.

    Args:
        shards: at least one record, by its name for messages.
        declared: the catalogue as it is declared today.
        require_evidence: a CONFIRMED without evidence isn't carried over.

    Raises:
        MergeError: a record is not a finished shard of the same run, or was made with another
            catalogue than `declared`.
        CatalogueError: the stages of a record make no catalogue.
    """
    _check_shards(shards, declared)
    in_order = [
        shards[name] for name in sorted(shards, key=lambda name: (shards[name].run.started, name))
    ]
    finished = max(shard.run.finished for shard in in_order if shard.run.finished)
    known = [s.id for shard in in_order for s in shard.stages]
    catalogue = declared.with_stages_of(known=known).at(in_order[0].run.started)
    statuses = [
        _merge_criterion(
            seen, catalogue.by_id[seen[0].stage], finished, require_evidence=require_evidence
        )
        for seen in _statuses_by_id(in_order).values()
        if catalogue.by_id[seen[0].stage].applies
    ]
    all_selected = all(status.selected for status in statuses)
    run = _merge_runs([shard.run for shard in in_order], finished, all_selected=all_selected)
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
    decision = replace(
        record.decision,
        exit_code=exit_status(record.decision.rule, verdict, status),
        selection=Selection(partial=False, verdict=verdict, criteria=number),
    )
    return replace(record, decision=decision, stages=stages, history=history, overrides=overrides)


def unobserved(record: Record) -> list[CriterionStatus]:
    """Return the criteria that the record's own run did not observe."""
    return [status for status in record.criteria if not status.observed_now]


def _check_shards(shards: Mapping[str, Record], declared: Catalogue) -> None:
    first, reference = next(iter(shards.items()))
    for name, shard in shards.items():
        for what, value in _COMMON.items():
            own, other = value(shard), value(reference)
            if own != other:
                msg = (
                    f"{name}: its {what} is {own!r}, and that of {first} is {other!r}; "
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


def _statuses_by_id(in_order: Iterable[Record]) -> dict[str, list[CriterionStatus]]:
    found: dict[str, list[CriterionStatus]] = {}
    for shard in in_order:
        for status in shard.criteria:
            found.setdefault(status.id, []).append(own_status(status))
    return found


def _merge_criterion(
    seen: Sequence[CriterionStatus], stage: Stage, finished: datetime, *, require_evidence: bool
) -> CriterionStatus:
    """Choose the status of one criterion from all shards, which come in the order of their start.

    A shard that ran it counts first (the worst verdict, then the oldest), then one that selected
    it, then the newest status that was carried over.
    """
    observed = [s for s in seen if s.observed_now]
    if observed:
        return min(observed, key=lambda s: (-s.verdict.severity, _observed_timestamp(s, math.inf)))
    selected = [s for s in seen if s.selected]
    if selected:
        return selected[0]  # an undivided run carries over only what it didn't select
    carried_statuses = [s for s in seen if s.carried_over]
    if carried_statuses:
        newest = max(carried_statuses, key=lambda s: _observed_timestamp(s, -math.inf))
        return _carried_status(newest, stage, finished, require_evidence=require_evidence)
    # None of them observed anything: prefer a reason with a remedy.
    return next((s for s in seen if s.reason and s.reason.remedy), seen[0])


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
        remedy=f"merge the shard that ran stage {stage.id} too, or run the stage in one",
    )
    return replace(status, verdict=Verdict.BLOCKED, **because(reason))


def _observed_timestamp(status: CriterionStatus, unknown: float) -> float:
    return status.observed_at.timestamp() if status.observed_at else unknown


def _merge_runs(runs: Sequence[Run], finished: datetime, *, all_selected: bool) -> Run:
    first = runs[0]
    selections = None if all_selected else "; ".join(_sorted_unique(run.selection for run in runs))
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
        incidents=tuple(dict.fromkeys(i for run in runs for i in run.incidents)),
        shard=False,
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
