"""CTRF, the Common Test Report Format (https://ctrf.io): the record as `ctrf.json`.

Written by specification 0.0.0 and its schema. CTRF has no status for BLOCKED. Tools treat `skipped`
and `pending` as harmless, so BLOCKED becomes `other`, which the specification reserves for outcomes
that no other status covers. `rawStatus` is the verdict itself.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pytest_prodstatus import __version__
from pytest_prodstatus.model.codec import data_of, json_text
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.exports import Export, Report, Row
from pytest_prodstatus.writers.words import override_line, stage_line

SPECIFICATION = "0.0.0"
# Every status of the specification: its summary must count each of them.
_STATUSES = ("passed", "failed", "skipped", "pending", "other")
STATUS = {Verdict.CONFIRMED: "passed", Verdict.FAILED: "failed", Verdict.BLOCKED: "other"}


def write(report: Report) -> str:
    """Return the report as JSON text: a test for each row, and a summary that counts these."""
    record = report.record
    run = record.run
    ended = run.finished or run.started
    tests = [_test(row) for row in report.rows]
    statuses = [test["status"] for test in tests]
    data = {
        "reportFormat": "CTRF",
        "specVersion": SPECIFICATION,
        "runId": run.id,
        "timestamp": ended.isoformat(timespec="milliseconds"),
        "generatedBy": f"pytest-prodstatus {__version__}",
        "results": {
            "tool": {"name": "pytest-prodstatus", "version": __version__},
            "summary": {
                "tests": len(tests),
                **{name: statuses.count(name) for name in _STATUSES},
                "flaky": sum(bool(test.get("flaky")) for test in tests),
                "suites": len({test["suite"][0] for test in tests}),
                "start": _milliseconds(run.started),
                "stop": _milliseconds(ended),
                "duration": _milliseconds(ended) - _milliseconds(run.started),
            },
            "tests": tests,
            "environment": _environment(report),
            "extra": _extra(report),
        },
    }
    return json_text(data) + "\n"


def _test(row: Row) -> dict[str, Any]:
    """Return a row as a test of CTRF."""
    reason, status = row.reason, row.status
    extra: dict[str, Any] = {
        "stage": row.stage,
        "verdict": row.verdict.value,
        "reason": reason.text if reason else None,
        "kind": reason.kind.value if reason else None,
        "remedy": reason.remedy if reason else None,
        **({"owner": reason.owner} if reason and reason.owner else {}),
        **({"runbook": reason.runbook} if reason and reason.runbook else {}),
    }
    if status:
        extra |= {
            "observed": status.observed.value if status.observed else None,
            "carriedOver": status.carried_over,
            "run": status.run_id,
            "evidence": [data_of(entry) for entry in status.evidence],
        }
    test = {
        "testId": row.id,
        "name": row.title,
        "suite": [row.stage_title],
        "status": STATUS[row.verdict],
        "rawStatus": row.verdict.value,
        "duration": round(status.duration * 1000) if status else 0,
        "message": reason.text if reason else None,
        "filePath": row.file,
        **(_timing(status) if status else {}),
        "extra": extra,
    }
    return _without_none(test)


def _timing(status: CriterionStatus) -> dict[str, Any]:
    """Return start and end in milliseconds since 1970, the traceback and the retries."""
    # A record has no start of a criterion: its end and duration give it.
    stop = _milliseconds(status.observed_at) if status.observed_at else None
    return {
        "trace": status.detail or None,
        "start": None if stop is None else stop - round(status.duration * 1000),
        "stop": stop,
        "retries": status.attempts - 1 if status.attempts > 1 else None,
        "flaky": status.flaky or None,
    }


def _environment(report: Report) -> dict[str, Any]:
    """Return CTRF's `environment`: the run's target, release, commit and endpoints."""
    run, decision = report.record.run, report.gate.decision
    return _without_none(
        {
            "reportName": report.config.title,
            "testEnvironment": run.target,
            # Not by an override or a waiver, which open the gate and heal nothing.
            "healthy": decision.confirmed and decision.present_verdict is Verdict.CONFIRMED,
            "appVersion": run.subject.release,
            "commit": run.commit,
            "extra": {"endpoints": dict(run.subject.endpoints)},
        }
    )


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that aren't None; CTRF has no null for an unknown value."""
    return {name: value for name, value in values.items() if value is not None}


def _extra(report: Report) -> dict[str, Any]:
    """Return what CTRF has no field for: the verdict and the gate."""
    record, gate = report.record, report.gate
    final = record.final
    return {
        "final": {
            "verdict": final.verdict.value,
            "reason": final.reason.text if final.reason else None,
        },
        "open": gate.decision.open,
        "gate": gate.decision.sentence,
        "now": gate.headline,
        "until": utc_isoformat(gate.until) if gate.until else None,
        "complete": record.run.complete,
        "finished": record.run.finished is not None,
        "overrides": [override_line(override) for override in record.overrides],
        "stages": {
            stage.id: stage.verdict.value if stage.applies else stage_line(stage)
            for stage in record.stages
        },
    }


def _milliseconds(instant: datetime) -> int:
    """Return an instant as CTRF has it: milliseconds since 1970, UTC."""
    return round(instant.timestamp() * 1000)


EXPORT = Export(file="ctrf.json", about="Common Test Report Format", write=write)
