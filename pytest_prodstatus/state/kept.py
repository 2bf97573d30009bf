"""Between the history's rows and its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import RowMapping

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.retrospect import Flip, KeptRun, Unmet
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.state.history_schema import criteria, flips, runs


def run_values(kept: KeptRun, project: str) -> dict[str, Any]:
    """Return the row of a run, without its number."""
    return {
        "project": project,
        "target": kept.target,
        "run": kept.run,
        "started": kept.started,
        "finished": kept.finished,
        "final": kept.final.value,
        "gate_open": kept.open,
        "complete": kept.complete,
        "partial": kept.partial,
        "selection": kept.selection,
        "suite_commit": kept.commit,
        "suite_dirty": kept.dirty,
        "subject_release": kept.release,
        "catalogue": kept.catalogue,
        "versions": kept.versions,
        "stages": {name: verdict and verdict.value for name, verdict in kept.stages.items()},
        "causes": kept.causes,
    }


def criterion_values(record: Record, run_id: int) -> Iterator[dict[str, Any]]:
    """Yield the rows of a run's criteria that aren't plainly CONFIRMED."""
    for standing in record.criteria:
        if standing.verdict is not Verdict.CONFIRMED or standing.flaky:
            yield {
                "run_id": run_id,
                "criterion": standing.id,
                "stage": standing.stage,
                "verdict": standing.verdict.value,
                "kind": standing.reason and standing.reason.kind.value,
                "reason": standing.reason and standing.reason.text,
                # What was carried over was flaky in the run that observed it.
                "flaky": standing.flaky and not standing.carried_over,
            }


def run_of(row: RowMapping) -> KeptRun:
    """Return the run in a row."""
    return KeptRun(
        run=row[runs.c.run],
        target=row[runs.c.target],
        started=row[runs.c.started],
        finished=row[runs.c.finished],
        final=Verdict(row[runs.c.final]),
        open=row[runs.c.gate_open],
        complete=row[runs.c.complete],
        partial=row[runs.c.partial],
        selection=row[runs.c.selection],
        commit=row[runs.c.suite_commit],
        dirty=row[runs.c.suite_dirty],
        release=row[runs.c.subject_release],
        catalogue=row[runs.c.catalogue],
        versions=row[runs.c.versions],
        stages=verdicts_of(row[runs.c.stages]),
        causes=row[runs.c.causes],
    )


def verdicts_of(names: dict[str, str | None]) -> dict[str, Verdict | None]:
    """Return the verdicts of a run's stages."""
    return {name: Verdict(told) if told else None for name, told in names.items()}


def flip_of(row: RowMapping) -> Flip:
    """Return the flip in a row."""
    previous = row[flips.c.previous]
    return Flip(
        stage=row[flips.c.stage],
        at=row[flips.c.started],
        run=row[flips.c.run],
        verdict=Verdict(row[flips.c.verdict]),
        previous=Verdict(previous) if previous else None,
    )


def unmet_of(row: RowMapping) -> Unmet:
    """Return the criterion in a row."""
    return Unmet(
        criterion=row[criteria.c.criterion],
        stage=row[criteria.c.stage],
        verdict=Verdict(row[criteria.c.verdict]),
        kind=row[criteria.c.kind],
        reason=row[criteria.c.reason],
    )
