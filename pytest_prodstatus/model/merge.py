"""One record out of the shards of one run: what each machine or job saw of it.

Each criterion is taken from the shards that ran it, so the record equals that of the same run in
one piece, but for times and workers. The merged run was asked about the whole catalogue: it exits
by FINAL, however little each shard looked at.

A shard that got lost leaves nothing behind, and the shards that are left know of its criteria only
what an earlier run saw. Nobody can tell a lost shard from one that never was, so that memory is
taken at its worst: FAILED and BLOCKED count, and CONFIRMED only in a stage whose `valid_for` is
longer than the usual one. Such a stage is declared to outlive a run, like one real order a month.
Every other criterion that no shard ran is BLOCKED, as one is that a run in one piece didn't reach.
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
from pytest_prodstatus.model.violations import own_of


class MergeError(ValueError):
    """Records that aren't shards of one run; the message names one and what differs."""


_SAME: Mapping[str, Callable[[Record], object]] = {
    "run id": lambda record: record.run.id,
    "target": lambda record: record.run.target,
    "subject": lambda record: record.run.subject.release,
    "suite commit": lambda record: record.run.commit,
    "catalogue": lambda record: record.run.catalogue,
    "gate's rule": lambda record: record.decision.rule.value,
}
"""What shards of one run have in common."""


def merge(shards: Mapping[str, Record], declared: Catalogue) -> Record:
    """Return the record of the run that all `shards` are parts of.

    Args:
        shards: at least one, by its name for messages.
        declared: the catalogue as it is declared today.

    Raises:
        MergeError: a record is no finished shard of the same run, or was made with another
            catalogue than `declared`.
        CatalogueError: the stages of a record make no catalogue.
    """
    _refuse_strangers(shards, declared)
    parts = [
        shards[name] for name in sorted(shards, key=lambda name: (shards[name].run.started, name))
    ]
    catalogue = declared.with_stages_of(known=[s.id for part in parts for s in part.stages])
    finished = max(part.run.finished for part in parts if part.run.finished)
    statuses = [
        _one(seen, catalogue.by_id[seen[0].stage], finished) for seen in _by_id(parts).values()
    ]
    whole = all(status.selected for status in statuses)
    run = _run([part.run for part in parts], finished, whole=whole)
    failed = any(part.decision.exit_code == EXIT_FAILED for part in parts)
    status = EXIT_FAILED if failed else EXIT_OPEN
    record = compose(RunData(catalogue=catalogue), statuses, run, parts[0].decision.rule, status)
    history = max((part.history for part in parts), key=len)
    stages = tuple(_dated(stage, parts, history, run.started) for stage in record.stages)
    overrides = tuple(dict.fromkeys(each for part in parts for each in part.overrides))
    # Asked about the whole catalogue, whatever each shard was asked about.
    verdict, number = record.final.verdict, len(statuses)
    decision = replace(
        record.decision,
        exit_code=exit_status(record.decision.rule, verdict, status),
        selection=Selection(partial=False, verdict=verdict, criteria=number),
    )
    return replace(record, decision=decision, stages=stages, history=history, overrides=overrides)


def unobserved(record: Record) -> list[CriterionStatus]:
    """Return the criteria that the run of a record did not observe itself."""
    return [status for status in record.criteria if not status.observed_now]


def _refuse_strangers(shards: Mapping[str, Record], declared: Catalogue) -> None:
    first, model = next(iter(shards.items()))
    for name, shard in shards.items():
        for what, value in _SAME.items():
            own, other = value(shard), value(model)
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
                f"{name}: it was made with another catalogue than is declared now; "
                "merge with the configuration that ran"
            )
            raise MergeError(msg)
        for status in shard.criteria:
            if declared.declared and status.stage not in declared.by_id:
                msg = f"{name}: {status.id!r} is in no stage of the catalogue"
                raise MergeError(msg)


def _by_id(parts: Iterable[Record]) -> dict[str, list[CriterionStatus]]:
    found: dict[str, list[CriterionStatus]] = {}
    for part in parts:
        for status in part.criteria:
            found.setdefault(status.id, []).append(own_of(status))
    return found


def _one(seen: Sequence[CriterionStatus], stage: Stage, finished: datetime) -> CriterionStatus:
    """Return how one criterion stands by all shards, which come in the order of their start."""
    ran = [s for s in seen if s.observed_now]
    if ran:
        return min(ran, key=lambda s: (-s.verdict.severity, _seconds(s, math.inf)))
    asked = [s for s in seen if s.selected]
    if asked:
        return asked[0]  # a run in one piece carries nothing over that it was asked to look at
    older = [s for s in seen if s.carried_over]
    if older:
        newest = max(older, key=lambda s: _seconds(s, -math.inf))
        return _remembered(newest, stage, finished)
    # Of several that know nothing, one that knows what to do.
    return next((s for s in seen if s.reason and s.reason.remedy), seen[0])


def _remembered(old: CriterionStatus, stage: Stage, finished: datetime) -> CriterionStatus:
    """Return how a criterion stands that no shard was asked to look at, by an earlier run."""
    status = carried(old, stage, finished, release=None)
    outlives = stage.valid_for > DEFAULT_VALID_FOR
    if status.verdict is not Verdict.CONFIRMED or outlives:
        return status
    reason = Reason(
        text="no shard ran it, and an earlier run's CONFIRMED doesn't count: a shard may be lost",
        kind=Kind.NOT_RUN,
        remedy=f"merge the shard that ran stage {stage.id} too, or run the stage in one",
    )
    return replace(status, verdict=Verdict.BLOCKED, **because(reason))


def _seconds(status: CriterionStatus, unknown: float) -> float:
    return status.observed_at.timestamp() if status.observed_at else unknown


def _run(runs: Sequence[Run], finished: datetime, *, whole: bool) -> Run:
    first = runs[0]
    selections = None if whole else "; ".join(_each(run.selection for run in runs))
    subject = Subject(
        release=first.subject.release,
        endpoints=_joined(run.subject.endpoints for run in runs),
        snapshots={
            name: tuple(at for run in runs for at in run.subject.snapshots.get(name, ()))
            for name in _each(name for run in runs for name in run.subject.snapshots)
        },
    )
    known = [run.dirty for run in runs if run.dirty is not None]
    return replace(
        first,
        subject=subject,
        started=min(run.started for run in runs),
        finished=finished,
        dirty=any(known) if known else None,
        selection=selections,
        versions=_joined(run.versions for run in runs),
        incidents=tuple(dict.fromkeys(i for run in runs for i in run.incidents)),
        shard=False,
    )


def _each(names: Iterable[str | None]) -> list[str]:
    return sorted(filter(None, set(names)))


def _joined(maps: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Return what machines say by name; where they differ, all that they say."""
    told: dict[str, set[str]] = {}
    for each in maps:
        for name, text in each.items():
            told.setdefault(name, set()).add(text)
    return {name: ", ".join(sorted(texts)) for name, texts in sorted(told.items())}


def _dated(
    stage: StageStatus, parts: Sequence[Record], history: Sequence[Past], started: datetime
) -> StageStatus:
    """Return a stage with its `since` and `previous`, by the runs before this one."""
    since = started
    for past in reversed(history):
        verdict = past.stages.get(stage.id)
        if verdict is None:
            return replace(stage, since=since)
        if verdict is not stage.verdict:
            return replace(stage, since=since, previous=verdict)
        since = past.started
    # What is older than the history, a shard may still know by the record that it came after.
    for part in parts:
        for own in part.stages:
            same = own.id == stage.id and own.verdict is stage.verdict
            if same and own.since and own.since <= since:
                return replace(stage, since=own.since, previous=own.previous)
    return replace(stage, since=since)
