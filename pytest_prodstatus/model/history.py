"""The history of a target: its runs, since when each stage has its verdict, and what flipped.

`store/history` reads and writes these values; the functions here compute from them alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone

from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import FINAL
from pytest_prodstatus.model.record import Failures, Past, Record, Run, StageStatus
from pytest_prodstatus.model.verdict import Verdict


class SavedRun(Struct, frozen=True, kw_only=True):
    """One finished run as the history keeps it.

    Attributes:
        run: its id.
        started, finished: in UTC.
        final: its FINAL verdict.
        open: whether the gate was open, by the whole catalogue; if it wants a signature, only once
            the record was signed.
        complete: every criterion of the catalogue was observed in this run.
        partial: it was limited to a part of the catalogue; `selection` says which.
        commit, dirty: the suite's commit, and whether files differed from it.
        release: the release that was judged.
        catalogue: the digest of the declared catalogue.
        versions: with what the run was made, by name.
        stages: each stage's verdict by its id, in the catalogue's order, with FINAL; None if the
            run says nothing about the stage.
        causes: by stage id, the root cause of each verdict that isn't CONFIRMED.
    """

    run: str
    target: str
    started: datetime
    finished: datetime
    final: Verdict
    open: bool
    complete: bool
    partial: bool
    selection: str | None
    commit: str | None
    dirty: bool | None
    release: str | None
    catalogue: str
    versions: Mapping[str, str]
    stages: Mapping[str, Verdict | None]
    causes: Mapping[str, str]

    @property
    def past(self) -> Past:
        """This run in short, as a record keeps it."""
        return Past(
            run=self.run,
            started=self.started,
            commit=self.commit,
            release=self.release,
            final=self.final,
            stages={name: verdict for name, verdict in self.stages.items() if verdict},
        )


class Flip(Struct, frozen=True, kw_only=True):
    """A run in which a stage's verdict differed from the one before.

    Attributes:
        at: the start of that run, in UTC.
        previous: the verdict before it; None in the first run that observed the stage.
    """

    stage: str
    at: datetime
    run: str
    verdict: Verdict
    previous: Verdict | None


class Unconfirmed(Struct, frozen=True, kw_only=True):
    """A criterion that wasn't CONFIRMED in a run, and why."""

    criterion: str
    stage: str
    verdict: Verdict
    kind: str | None
    reason: str | None


class Change(Struct, frozen=True, kw_only=True):
    """What differed between two runs: `commit`, `release`, `catalogue` or a package's version."""

    name: str
    before: str | None
    after: str | None


class Regression(Struct, frozen=True, kw_only=True):
    """What has changed since a stage was last CONFIRMED.

    Attributes:
        confirmed: the last run in which it was CONFIRMED; None if that run is no longer kept.
        turned: the flip that ended it; None if the stage was never CONFIRMED.
        changes: how that flip's run differed from the last CONFIRMED one.
        unconfirmed: the criteria that aren't CONFIRMED in the newest run that observed the stage.
    """

    confirmed: SavedRun | None
    turned: Flip | None
    changes: tuple[Change, ...]
    unconfirmed: tuple[Unconfirmed, ...]


class StagePast(Struct, frozen=True, kw_only=True):
    """One stage over time.

    Attributes:
        verdict: the present one.
        since: the flip to it.
        flips: the flips within the runs that were read, the newest first.
        regression: what changed since it was last CONFIRMED; None if it is CONFIRMED.
    """

    id: str
    verdict: Verdict
    since: Flip
    flips: tuple[Flip, ...]
    regression: Regression | None


class Counted(Struct, frozen=True, kw_only=True):
    """A criterion of which the same was seen in some of the runs, how often, and when last."""

    criterion: str
    times: int
    newest: datetime


class History(Struct, frozen=True, kw_only=True):
    """A target's newest runs, and what follows from them.

    Attributes:
        project: the project that made the runs.
        runs: the newest first.
        stages: each stage over time.
        flaky: the criteria that were CONFIRMED only after a rerun.
        failed: the criteria that FAILED; no other one was seen to fail, so that it can is unproved.
    """

    project: str
    target: str
    runs: tuple[SavedRun, ...]
    stages: tuple[StagePast, ...]
    flaky: tuple[Counted, ...]
    failed: tuple[Counted, ...] = ()


def saved_run(record: Record) -> SavedRun:
    """Convert a finished record to the form that the history keeps.

    Raises:
        ValueError: the run is in progress.
    """
    run = record.run
    if run.finished is None:
        msg = f"run {run.id!r} is in progress: only a finished run is kept in the history"
        raise ValueError(msg)
    # As in `Record.past`: a stage that isn't judged has no verdict that could change.
    stages = {
        stage.id: stage.verdict if stage.applies and _is_informative(record, stage.cause) else None
        for stage in record.stages
    }
    causes = {stage.id: stage.cause for stage in record.stages if stage.cause}
    # If `final` is a declared stage, its verdict is FINAL's.
    if FINAL not in stages:
        stages[FINAL] = (
            record.final.verdict if _is_informative(record, record.final.cause) else None
        )
        if record.final.cause:
            causes[FINAL] = record.final.cause
    return SavedRun(
        run=run.id,
        target=run.target,
        started=run.started.astimezone(timezone.utc),
        finished=run.finished.astimezone(timezone.utc),
        final=record.final.verdict,
        # Of a record that must be signed, `prodstatus sign` says later that it opens the gate.
        open=record.decision.open,
        complete=run.complete,
        partial=record.decision.selection.partial,
        selection=run.selection,
        commit=run.commit,
        dirty=run.dirty,
        release=run.subject.release,
        catalogue=run.catalogue,
        versions=dict(run.versions),
        stages=stages,
        causes=causes,
    )


def changes(before: SavedRun | Run, after: SavedRun | Run) -> tuple[Change, ...]:
    """Compare two runs: return what differs in suite, release, catalogue and versions."""
    pairs: dict[str, tuple[str | None, str | None]] = {
        "commit": (_commit(before), _commit(after)),
        "release": (_release(before), _release(after)),
        "catalogue": (before.catalogue or None, after.catalogue or None),
    }
    for name in sorted({*before.versions, *after.versions}):
        pairs[name] = (before.versions.get(name), after.versions.get(name))
    return tuple(
        Change(name=name, before=old, after=new) for name, (old, new) in pairs.items() if old != new
    )


def with_past(
    record: Record,
    past: tuple[Past, ...],
    flips: Mapping[str, Flip],
    failures: Failures | None = None,
) -> Record:
    """Replace a record's past by the history's, if the history reaches back further.

    Args:
        record: the record of a run that is in that history.
        past: the runs before it, the oldest first.
        flips: each stage's newest flip, by stage id.
        failures: which criteria were seen to fail; None if that isn't known.
    """

    def with_since(stage: StageStatus) -> StageStatus:
        flip = flips.get(stage.id)
        # A verdict that says nothing about the system makes no flip (`_is_informative`).
        if flip is None or flip.verdict is not stage.verdict:
            return stage
        if flip.previous is None and stage.since and stage.since <= flip.at:
            return stage  # the history began after this machine's own records
        return replace(stage, since=flip.at, previous=flip.previous)

    # Both hold the newest runs up to the same limit, so the longer one reaches back further.
    history = past if len(past) >= len(record.history) else record.history
    stages = tuple(map(with_since, record.stages))
    return replace(record, history=history, stages=stages, failures=failures)


def is_foreign(record: Record) -> bool:
    """Return whether the run before this record's is of another project: they share no stage."""
    if not record.history:
        return False
    former = record.history[-1].stages.keys() - {FINAL}
    own = record.past.stages.keys() - {FINAL}
    return bool(former and own) and former.isdisjoint(own)


def _commit(run: SavedRun | Run) -> str | None:
    """Return the suite's commit, and whether files differed from it; None if it isn't known."""
    return f"{run.commit} with local changes" if run.commit and run.dirty else run.commit


def _release(run: SavedRun | Run) -> str | None:
    return run.release if isinstance(run, SavedRun) else run.subject.release


def _is_informative(record: Record, cause: str | None) -> bool:
    """Return whether a verdict with this cause says anything about the system.

    A partial run on a new machine is BLOCKED in every stage that it didn't select, because no
    earlier run is known. That is not a flip.
    """
    never_seen = (s.id for s in record.criteria if not s.selected and s.observed is None)
    empty = (s.id for s in record.stages if not s.criteria and record.decision.selection.partial)
    return cause not in {*never_seen, *empty}
