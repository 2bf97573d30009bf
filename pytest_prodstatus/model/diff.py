"""The differences between two runs, by their records alone.

Every difference holds both sides, so reversing it is exact: the differences from A to B, reversed,
are those from B to A, and a run doesn't differ from itself. What isn't CONFIRMED on either side is
listed as well (`still`), but is not a difference.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from pytest_prodstatus.model.evidence import shown
from pytest_prodstatus.model.history import Change, changes
from pytest_prodstatus.model.record import (
    ChangeKind,
    CriterionChange,
    CriterionStatus,
    Override,
    Record,
    SinceOpen,
    StageStatus,
)
from pytest_prodstatus.model.verdict import Kind, Verdict
from pytest_prodstatus.model.waiver import Waiver

_T = TypeVar("_T")

WORSE = frozenset({ChangeKind.INTRODUCED, ChangeKind.BLOCKED, ChangeKind.LOST})
"""The kinds of change that are worse than before; so is a new criterion that isn't CONFIRMED."""


class RunSide(Struct, frozen=True, kw_only=True):
    """One of the two runs.

    Attributes:
        run: its id.
        target: the system that it judged.
        release: the release that it judged; null if it isn't known.
        commit: the suite's commit; null if it isn't known.
        started, finished: in UTC; `finished` is null while the run is in progress.
        final: its FINAL verdict.
        open: whether the gate was open, by the whole catalogue.
        gate: the same in words; they name a signature if the gate wanted one that the run didn't
            make, and the record doesn't know whether it got one since.
        selection: what it selected, in words; null for everything.
    """

    run: str
    target: str
    release: str | None
    commit: str | None
    started: datetime
    finished: datetime | None
    final: Verdict
    open: bool
    gate: str
    selection: str | None


class CriterionSide(Struct, frozen=True, kw_only=True, gc=False):
    """A criterion in one of the two runs.

    Attributes:
        verdict: its verdict.
        observed: the verdict by its own outcome; null if it never ran to its end.
        kind, reason: why it isn't CONFIRMED; null if it is.
    """

    verdict: Verdict
    observed: Verdict | None
    kind: Kind | None
    reason: str | None


class CriterionDiff(Struct, frozen=True, kw_only=True, gc=False):
    """How one criterion changed.

    Attributes:
        id: the criterion.
        change: what sort of change it is.
        before, after: the criterion in the two runs; null if it isn't in that one.
    """

    id: str
    change: ChangeKind
    before: CriterionSide | None
    after: CriterionSide | None


class StageDiff(Struct, frozen=True, kw_only=True):
    """A stage whose verdict changed.

    Attributes:
        id: the stage.
        before, after: its verdict, or "not applicable"; null if the stage isn't in that run.
    """

    id: str
    before: str | None
    after: str | None


class EvidenceDiff(Struct, frozen=True, kw_only=True, gc=False):
    """A value of evidence that changed, although the verdict of its criterion did not.

    Attributes:
        criterion: the criterion.
        verdict: its verdict in both runs.
        name: the value's name; a further one of the same name has its number, as in `total (2)`.
        before, after: the value; null if it wasn't recorded in that run.
    """

    criterion: str
    verdict: Verdict
    name: str
    before: str | None
    after: str | None


class RunDiff(Struct, frozen=True, kw_only=True):
    """What differs between two runs.

    Attributes:
        before, after: the runs.
        changes: how suite, release, catalogue and versions differ.
        stages: the stages whose verdict differs, by id.
        criteria: the criteria that changed, by id.
        still: the criteria that are CONFIRMED in neither run, with the same verdict, by id.
        evidence: values that changed under an unchanged verdict, by criterion.
        waivers_added, waivers_removed: waivers that only one of the runs has.
        overrides_added, overrides_removed: overrides that only one of the runs has.
    """

    before: RunSide
    after: RunSide
    changes: tuple[Change, ...]
    stages: tuple[StageDiff, ...]
    criteria: tuple[CriterionDiff, ...]
    still: tuple[CriterionDiff, ...]
    evidence: tuple[EvidenceDiff, ...]
    waivers_added: tuple[Waiver, ...]
    waivers_removed: tuple[Waiver, ...]
    overrides_added: tuple[Override, ...]
    overrides_removed: tuple[Override, ...]

    @property
    def empty(self) -> bool:
        """Whether nothing differs; what still isn't CONFIRMED is not a difference."""
        return not (
            self.changes
            or self.stages
            or self.criteria
            or self.evidence
            or self.waivers_added
            or self.waivers_removed
            or self.overrides_added
            or self.overrides_removed
        )

    @property
    def worse(self) -> bool:
        """Whether one is newly FAILED or BLOCKED, was lost, or was added and isn't CONFIRMED."""
        return any(
            item.change in WORSE
            or (
                item.change is ChangeKind.ADDED
                and item.after is not None
                and item.after.verdict is not Verdict.CONFIRMED
            )
            for item in self.criteria
        )

    def of_kind(self, kind: ChangeKind) -> tuple[CriterionDiff, ...]:
        """Return the criteria that changed in one way."""
        if kind is ChangeKind.STILL:
            return self.still
        return tuple(item for item in self.criteria if item.change is kind)


def diff(before: Record, after: Record) -> RunDiff:
    """Compare the records of two runs, of any target and schema."""
    was = {status.id: status for status in before.criteria}
    now = {status.id: status for status in after.criteria}
    ids = sorted(was.keys() | now.keys())
    criteria, still = _divided(_criterion_diffs(ids, was, now))
    return RunDiff(
        before=_run_side(before),
        after=_run_side(after),
        changes=changes(before.run, after.run),
        stages=tuple(_stage_diffs(before.stages, after.stages)),
        criteria=criteria,
        still=still,
        evidence=tuple(
            item
            for name in ids
            if name in was and name in now
            for item in _evidence_diffs(was[name], now[name])
        ),
        waivers_added=_only_in(after.waivers, before.waivers),
        waivers_removed=_only_in(before.waivers, after.waivers),
        overrides_added=_only_in(after.overrides, before.overrides),
        overrides_removed=_only_in(before.overrides, after.overrides),
    )


def since_open(opened: Record, record: Record) -> SinceOpen:
    """Return the differences from the last run with an open gate, as a record keeps them.

    Args:
        opened: the record of that run.
        record: the later record, which will keep them.
    """
    return SinceOpen(
        run=opened.past,
        criteria=tuple(
            CriterionChange(
                id=item.id,
                change=item.change,
                before=item.before.verdict if item.before else None,
                after=item.after.verdict if item.after else None,
            )
            for item in diff(opened, record).criteria
        ),
    )


def share_nothing(before: Record, after: Record) -> bool:
    """Return whether two records have stages, but none in common: they are of two projects."""
    was, now = ({stage.id for stage in record.stages} for record in (before, after))
    return bool(was and now) and was.isdisjoint(now)


def _run_side(record: Record) -> RunSide:
    run = record.run
    return RunSide(
        run=run.id,
        target=run.target,
        release=run.subject.release,
        commit=run.commit,
        started=run.started,
        finished=run.finished,
        final=record.final.verdict,
        open=record.decision.open,
        gate=record.decision.gate,
        selection=run.selection,
    )


def _stage_diffs(
    before: Iterable[StageStatus], after: Iterable[StageStatus]
) -> Iterator[StageDiff]:
    was, now = {stage.id: stage.word for stage in before}, {s.id: s.word for s in after}
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield StageDiff(id=name, before=was.get(name), after=now.get(name))


def _criterion_diffs(
    ids: Iterable[str], was: Mapping[str, CriterionStatus], now: Mapping[str, CriterionStatus]
) -> Iterator[CriterionDiff]:
    for name in ids:
        before, after = was.get(name), now.get(name)
        # The usual case, decided before anything is made.
        if before and after and before.verdict is after.verdict is Verdict.CONFIRMED:
            continue
        item = _criterion_diff(name, _criterion_side(before), _criterion_side(after))
        if item is not None:
            yield item


def _divided(
    found: Iterable[CriterionDiff],
) -> tuple[tuple[CriterionDiff, ...], tuple[CriterionDiff, ...]]:
    """Divide criteria into those that changed and those that still aren't CONFIRMED."""
    changed: list[CriterionDiff] = []
    still: list[CriterionDiff] = []
    for item in found:
        (still if item.change is ChangeKind.STILL else changed).append(item)
    return tuple(changed), tuple(still)


def _criterion_side(status: CriterionStatus | None) -> CriterionSide | None:
    if status is None:
        return None
    return CriterionSide(
        verdict=status.verdict,
        observed=status.observed,
        kind=status.kind,
        reason=status.sentence,
    )


def _criterion_diff(
    name: str, before: CriterionSide | None, after: CriterionSide | None
) -> CriterionDiff | None:
    """Return how a criterion changed, with both sides; None if it is CONFIRMED in both runs."""
    change = _change(before, after)
    return change and CriterionDiff(id=name, change=change, before=before, after=after)


def _change(before: CriterionSide | None, after: CriterionSide | None) -> ChangeKind | None:
    """Decide how a criterion changed; None if it is CONFIRMED in both runs."""
    if before is None:
        return None if after is None else ChangeKind.ADDED
    # A BLOCKED of its own shows neither that it held nor that it failed.
    was_seen = before.observed in (Verdict.CONFIRMED, Verdict.FAILED)
    if after is None:
        return ChangeKind.LOST if was_seen else ChangeKind.REMOVED
    if was_seen and after.observed is None and after.verdict is not Verdict.CONFIRMED:
        # Before the verdicts: a FAILED that isn't run any more must not look better.
        return ChangeKind.LOST
    if after.verdict is before.verdict:
        return None if after.verdict is Verdict.CONFIRMED else ChangeKind.STILL
    return {
        Verdict.CONFIRMED: ChangeKind.RESOLVED,
        Verdict.BLOCKED: ChangeKind.BLOCKED,
        Verdict.FAILED: ChangeKind.INTRODUCED,
    }[after.verdict]


def _evidence_diffs(before: CriterionStatus, after: CriterionStatus) -> Iterator[EvidenceDiff]:
    """Yield the values that differ; none if the verdict changed, or one run observed nothing."""
    if before.verdict is not after.verdict or before.observed is None or after.observed is None:
        return
    if before.evidence == after.evidence and before.attachments == after.attachments:
        return  # as if carried over
    was, now = _values(before), _values(after)
    for name in sorted(was.keys() | now.keys()):
        if was.get(name) != now.get(name):
            yield EvidenceDiff(
                criterion=after.id,
                verdict=after.verdict,
                name=name,
                before=was.get(name),
                after=now.get(name),
            )


def _values(status: CriterionStatus) -> dict[str, str]:
    """Return the values by name, without the instants at which they were recorded.

    An attachment is listed by its size and digest.
    """
    values: dict[str, str] = {}
    for one in status.attachments or ():
        values[f"{one.name} (attached)"] = f"{one.size:,} bytes, sha256 {one.sha256[:12]}"
    for entry in status.evidence:
        # A test may record one name several times, such as in a loop: the order pairs them.
        first = name = entry.name or "sentence"
        number = 1
        while name in values:
            number += 1
            name = f"{first} ({number})"
        values[name] = shown(entry)
    return values


def _only_in(own: tuple[_T, ...], other: tuple[_T, ...]) -> tuple[_T, ...]:
    """Return the items that `other` lacks, each once and in order."""
    return tuple(item for item in dict.fromkeys(own) if item not in other)
