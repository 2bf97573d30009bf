"""Between the history's rows, read by their columns' names, and its values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import RowMapping

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.retrospect import Flip, KeptRun, Unmet
from pytest_prodstatus.model.verdict import Verdict


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
        run=row["run"],
        target=row["target"],
        started=row["started"],
        finished=row["finished"],
        final=Verdict(row["final"]),
        open=row["gate_open"],
        complete=row["complete"],
        partial=row["partial"],
        selection=row["selection"],
        commit=row["suite_commit"],
        dirty=row["suite_dirty"],
        release=row["subject_release"],
        catalogue=row["catalogue"],
        versions=row["versions"],
        stages=verdicts_of(row["stages"]),
        causes=row["causes"],
    )


def verdicts_of(names: dict[str, str | None]) -> dict[str, Verdict | None]:
    """Return the verdicts of a run's stages."""
    return {name: Verdict(told) if told else None for name, told in names.items()}


def flip_of(row: RowMapping) -> Flip:
    """Return the flip in a row."""
    previous = row["previous"]
    return Flip(
        stage=row["stage"],
        at=row["started"],
        run=row["run"],
        verdict=Verdict(row["verdict"]),
        previous=Verdict(previous) if previous else None,
    )


def unmet_of(row: RowMapping) -> Unmet:
    """Return the criterion in a row."""
    return Unmet(
        criterion=row["criterion"],
        stage=row["stage"],
        verdict=Verdict(row["verdict"]),
        kind=row["kind"],
        reason=row["reason"],
    )
