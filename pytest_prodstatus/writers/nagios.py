"""The output of a monitoring plugin for Nagios, Icinga and what is compatible with them.

OK only if everything is CONFIRMED. An override opens the gate and not the monitor: what FAILED
stays CRITICAL until it is fixed. It warns of what a person accepted by a waiver, and of what ends
soon.

Source: the Monitoring Plugins Development Guidelines (monitoring-plugins.org).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial

from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.exports import Export, Report
from pytest_prodstatus.writers.gate_report import GateReport

OK, WARNING, CRITICAL, UNKNOWN = 0, 1, 2, 3
_WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")
# UNKNOWN has the highest number, but what is known to be broken comes first.
_WORST_FIRST = (CRITICAL, UNKNOWN, WARNING, OK)
_SOON = timedelta(hours=1)
"""A CONFIRMED that ends so soon is a warning: that is time to judge again."""


def plugin_status(reports: Sequence[GateReport], now: datetime, *, blocked: int = UNKNOWN) -> int:
    """Return the exit status of the plugin, by the worst of several decisions.

    Args:
        reports: the decisions.
        now: the instant against which their ends are measured.
        blocked: the status of BLOCKED, UNKNOWN or CRITICAL.
    """
    found = {_status(report, now, blocked) for report in reports}
    return next((status for status in _WORST_FIRST if status in found), UNKNOWN)


def plugin_output(reports: Sequence[GateReport], now: datetime, *, blocked: int = UNKNOWN) -> str:
    """Return the plugin's output: the status with performance data, then a line for each reason.

    Args:
        reports: the decisions.
        now: the instant against which their ends are measured.
        blocked: the status of BLOCKED, UNKNOWN or CRITICAL.
    """
    word = _WORDS[plugin_status(reports, now, blocked=blocked)]
    text = "; ".join(f"{r.decision.query.target}: {r.headline}" for r in reports)
    data = " ".join(map(partial(_performance, now), reports, _labels(reports)))
    reasons = [reason for report in reports for reason in report.decision.reasons]
    return "\n".join([f"PRODSTATUS {word}: {_plain(text)} | {data}", *map(_plain, reasons)]) + "\n"


def broken(error: BaseException, status: int) -> str:
    """Return the plugin's line if there is no decision, because the program has an error."""
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"PRODSTATUS {_WORDS[status]}: {_plain(text)}"


def _status(report: GateReport, now: datetime, blocked: int) -> int:
    """Return the plugin's exit status, 0 to 3, for a decision."""
    decision = report.decision
    verdict = decision.present_verdict
    # Before the verdict, which a waiver doesn't change.
    if decision.confirmed and decision.waived:
        return WARNING
    if verdict is Verdict.FAILED:
        return CRITICAL
    if verdict is not Verdict.CONFIRMED:
        return blocked
    return WARNING if report.until is None or report.until - now <= _SOON else OK


def refused(text: str, status: int) -> str:
    """Return the plugin's output if it was called wrongly."""
    return f"PRODSTATUS {_WORDS[status]}: {_plain(text)}"


def _labels(reports: Sequence[GateReport]) -> list[str]:
    """Return a label for each report: its target, and its file if several are of one target."""
    targets = [report.decision.query.target for report in reports]
    names = (
        targets if len(reports) == 1 else [f"{r.decision.query.target} {r.source}" for r in reports]
    )
    # A label may contain anything but a quote and an equals sign.
    safe = [name.replace("'", "").replace("=", "") for name in names]
    return [
        f"{name} {number}" if name in safe[: number - 1] else name
        for number, name in enumerate(safe, start=1)
    ]


def _performance(now: datetime, report: GateReport, label: str) -> str:
    """Return how many seconds the gate stays open, with the limits below which it warns."""
    left = max(0, int((report.until - now).total_seconds())) if report.until else 0
    return f"'{label}'={left}s;{int(_SOON.total_seconds())}:;1:;0"


def _plain(text: str) -> str:
    """Return a text in one line that holds no performance data."""
    # What follows a bar is read as performance data, on any line.
    return " ".join(text.replace("|", "¦").split())


def write(report: Report) -> str:
    """Return a report's decision as the output of a plugin."""
    return plugin_output([report.gate], report.now)


EXPORT = Export(file="nagios.txt", about="the output of a Nagios or Icinga plugin", write=write)
