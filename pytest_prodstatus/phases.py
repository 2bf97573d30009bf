"""From pytest's reports to the core's phases and reasons."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from pytest_prodstatus.model.outcome import Phase, finding_of
from pytest_prodstatus.model.reason import Kind, Reason
from pytest_prodstatus.model.text import one_line, several_lines
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.payload import Payload
from pytest_prodstatus.spool import worker_id

_WENT_WRONG = ("failed", "rerun")


def phase_of(report: pytest.TestReport) -> Phase:
    """Return what one report says about its criterion."""
    payload = Payload.of(report) or Payload()
    stop = getattr(report, "stop", None)
    return Phase(
        when=str(report.when),
        outcome=str(report.outcome),
        xfail=hasattr(report, "wasxfail"),
        # pytest's own SubtestReport and pytest-subtests' carry the subtest's context.
        subtest=hasattr(report, "context"),
        text=_text(report),
        detail=several_lines(report.longreprtext) if report.outcome in _WENT_WRONG else "",
        blocked=payload.blocked,
        evidence=payload.evidence,
        repeat=payload.repeat,
        worker=worker_id(getattr(report, "node", None)),
        stopped=datetime.fromtimestamp(stop, timezone.utc) if stop else None,
        duration=float(report.duration or 0.0),
    )


def verdict_of(report: pytest.TestReport, *, require_evidence: bool) -> Verdict:
    """Return what one report of a criterion says by itself."""
    plain = report.outcome == "passed" and not hasattr(report, "wasxfail")
    finding = None if plain else finding_of(phase_of(report))
    if finding:
        return finding[0]
    payload = Payload.of(report)
    recorded = payload is not None and payload.recorded
    return Verdict.BLOCKED if require_evidence and not recorded else Verdict.CONFIRMED


def _text(report: pytest.TestReport) -> str:
    if hasattr(report, "wasxfail"):
        return one_line(str(report.wasxfail or "").removeprefix("reason: "))
    return problem_of(report)


def missing_of(report: pytest.CollectReport) -> Reason:
    """Return why the criteria of a file that failed to collect, or skipped itself, didn't run."""
    file, problem = report.nodeid.partition("::")[0], problem_of(report)
    if report.failed:
        told = f"{report.nodeid or 'the suite'} did not collect: {problem}"
        return Reason(text=told, kind=Kind.COLLECTION_ERROR)
    payload = Payload.of(report)
    skipped = Reason(text=f"{file} was skipped: {problem}", kind=Kind.SKIPPED)
    return payload.blocked if payload and payload.blocked else skipped


def problem_of(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Return the first line of what went wrong in a report, or the reason of a skip; else ""."""
    longrepr = report.longrepr
    if isinstance(longrepr, tuple):
        return one_line(longrepr[2].removeprefix("Skipped: "))
    crash = getattr(longrepr, "reprcrash", None)
    message = str(getattr(crash, "message", None) or longrepr or "")
    lines = [line for line in message.splitlines() if line.strip()]
    if not lines:
        return ""
    # A collection error is one text, whose last line names the exception.
    line = lines[-1] if crash is None and len(lines) > 1 else lines[0]
    return one_line(line.removeprefix("E ").strip().removeprefix("AssertionError: "))
