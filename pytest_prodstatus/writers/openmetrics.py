"""OpenMetrics 1.0 of the gate's decisions: for `/metrics`, and for GitLab's `reports:metrics`.

A pure function of decisions, of any number of targets. A monitor keeps the last value for ever, so
each target also has when it was judged and until when its gate stays open; the latter is 0 if it is
closed, so one alert, `prodstatus_until_timestamp_seconds < time()`, covers everything.

Source: OpenMetrics 1.0 (prometheus/OpenMetrics, specification.md). The tests read it with
prometheus-client's parser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from pytest_prodstatus.model.text import utf8
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.exports import Export, Report
from pytest_prodstatus.writers.gate_report import GateReport

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

Labels = Mapping[str, str]
Sample = tuple[Labels, float]


class Family(NamedTuple):
    """One metric with its samples.

    Attributes:
        name: its name.
        about: one line for a person.
        samples: labels and values.
        by_verdict: its samples have one of three verdicts, of which just one has the value 1.
    """

    name: str
    about: str
    samples: Sequence[Sample]
    by_verdict: bool = False


def metrics(reports: Sequence[GateReport]) -> str:
    """Return decisions as OpenMetrics text.

    Args:
        reports: the decisions as of now, one for each target.
    """
    lines: list[str] = []
    for family in families(reports, verdict_label=None):
        kind = "stateset" if family.by_verdict else "gauge"
        lines.append(f"# TYPE {family.name} {kind}")
        if family.name.endswith("_seconds"):
            lines.append(f"# UNIT {family.name} seconds")
        lines += [f"# HELP {family.name} {escape_help(family.about)}", *sample_lines(family)]
    return "\n".join([*lines, "# EOF"]) + "\n"


def families(reports: Sequence[GateReport], *, verdict_label: str | None) -> Iterator[Family]:
    """Yield each metric with its samples, one or more for each decision.

    Args:
        reports: the decisions.
        verdict_label: the label of a verdict; None for the metric's name, as in a StateSet.
    """
    yield Family(
        "prodstatus_verdict",
        "FINAL, or the required stages, as of now.",
        [
            sample
            for report in reports
            for sample in _states(
                _target(report),
                report.decision.present_verdict,
                verdict_label or "prodstatus_verdict",
            )
        ],
        by_verdict=True,
    )
    yield Family(
        "prodstatus_stage_verdict",
        "A stage as of now.",
        [
            sample
            for report in reports
            for stage in report.decision.stages
            if stage.applies  # a stage that isn't judged has no verdict to alert on
            for sample in _states(
                {**_target(report), "stage": stage.id},
                report.decision.present_verdict_of(stage),
                verdict_label or "prodstatus_stage_verdict",
            )
        ],
        by_verdict=True,
    )
    yield Family(
        "prodstatus_gate_open",
        "Whether the gate is open, also by a waiver or an override.",
        [(_target(report), float(report.decision.open)) for report in reports],
    )
    yield Family(
        "prodstatus_waived",
        "Criteria that are not CONFIRMED and waived.",
        [(_target(report), float(len(report.decision.waived))) for report in reports],
    )
    yield Family(
        "prodstatus_overridden",
        "Whether a person has opened the gate by an override.",
        [(_target(report), float(report.decision.override is not None)) for report in reports],
    )
    yield Family(
        "prodstatus_judged_timestamp_seconds",
        "When the run ended; 0 if it has not.",
        [
            (_target(report), _seconds(report.run.finished if report.run else None))
            for report in reports
        ],
    )
    yield Family(
        "prodstatus_until_timestamp_seconds",
        "Until when the gate stays open by itself; 0 if it is closed.",
        [(_target(report), _seconds(report.until)) for report in reports],
    )
    yield Family(
        "prodstatus_run",
        "The run that judged, and the release; the value is 1.",
        [
            (
                {
                    **_target(report),
                    "run": report.run.id,
                    "release": report.run.subject.release or "",
                },
                1.0,
            )
            for report in reports
            if report.run
        ],
    )


def sample_lines(family: Family) -> Iterator[str]:
    """Yield a line for each sample of a family."""
    for labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escape_label(text)}"' for name, text in labels.items())
        yield f"{family.name}{{{pairs}}} {_number(value)}"


def escape_help(text: str) -> str:
    """Escape the text of a HELP line."""
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _states(labels: Labels, verdict: Verdict, label: str) -> Iterable[Sample]:
    """Return a sample for each verdict: 1 for the present one, 0 for the others."""
    # All three: a StateSet must have a sample for each of its states.
    return (({**labels, label: each.value}, float(each is verdict)) for each in Verdict)


def _target(report: GateReport) -> Labels:
    """Return the label that names a decision's target."""
    return {"target": report.decision.query.target}


def _seconds(at: datetime | None) -> float:
    """Return an instant in seconds since 1970; 0.0 for none."""
    return at.timestamp() if at else 0.0


def _number(value: float) -> str:
    """Return a number as text, without a fraction if it is whole."""
    return str(int(value)) if value == int(value) else repr(value)


def _escape_label(text: str) -> str:
    """Escape the value of a label."""
    # This format has no escape for a CR.
    escaped = utf8(text).replace("\\", "\\\\").replace('"', '\\"')
    return escaped.replace("\n", "\\n").replace("\r", " ")


def write(report: Report) -> str:
    """Return a report's decision as OpenMetrics text."""
    return metrics([report.gate])


EXPORT = Export(file="metrics.txt", about="OpenMetrics, for GitLab and Prometheus", write=write)
