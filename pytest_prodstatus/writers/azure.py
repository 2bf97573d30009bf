"""Logging commands for Azure Pipelines: issues, output variables and the result of the task.

Azure obeys them if a step prints them: `prodstatus gate --format azure`. The result is Failed
unless the gate is open.

Source: learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands, and the escapes of
microsoft/azure-pipelines-agent, CommandStringConvertor.cs.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_prodstatus.model.gate import GateDecision
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.model.verdict import rollup
from pytest_prodstatus.writers.exports import Export, Report
from pytest_prodstatus.writers.gate_report import GateReport

_SHOWN = 10
"""Reasons and waivers of a decision that become issues, each at most."""


def write(report: Report) -> str:
    """Return a report's decision as logging commands."""
    return "".join(f"{line}\n" for line in commands([report.gate]))


def commands(reports: Sequence[GateReport]) -> Iterator[str]:
    """Yield the logging commands of decisions, of which each must be open."""
    for report in reports:
        yield from _issues(report.decision)
    decisions = [report.decision for report in reports]
    opened = all(decision.open for decision in decisions)
    # If one of several has no end, the whole has none.
    ends = [report.until for report in reports if report.until]
    until = min(ends) if opened and len(ends) == len(reports) else None
    values = {
        "verdict": rollup(decision.present_verdict for decision in decisions).value,
        "open": str(opened).lower(),
        "until": utc_isoformat(until) if until else "",
    }
    for name, value in values.items():
        # isoutput: only so can later jobs read it.
        yield _command("task.setvariable", value, variable=name, isoutput="true")
    accepted = any(decision.reasons or decision.waived for decision in decisions)
    result = "Failed" if not opened else "SucceededWithIssues" if accepted else "Succeeded"
    text = "; ".join(report.headline for report in reports)
    yield _command("task.complete", text, result=result)


def _issues(decision: GateDecision) -> Iterator[str]:
    """Yield a command for each reason, waiver and override of a decision."""
    kind = "warning" if decision.open else "error"
    for reason in decision.reasons[:_SHOWN]:
        yield _command("task.logissue", reason, type=kind)
    for waived in decision.waived[:_SHOWN]:
        text = f"{waived.status.id} is {waived.status.verdict}, waived by {waived.waiver.owner}"
        yield _command("task.logissue", text, type="warning")
    if decision.override:
        text = f"the gate is opened by {decision.override.who}: {decision.override.reason}"
        yield _command("task.logissue", text, type="warning")


def _command(name: str, text: str, **properties: str) -> str:
    """Return a line that Azure's agent obeys."""
    values = ";".join(f"{key}={value.translate(_OF_VALUE)}" for key, value in properties.items())
    return f"##vso[{name} {values}]{text.translate(_OF_TEXT)}"


# %AZP25, not %25: the agent's own escape, which it replaces after the others.
_OF_TEXT = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A"})
_OF_VALUE = {**_OF_TEXT, **str.maketrans({"]": "%5D", ";": "%3B"})}


EXPORT = Export(file="azure.txt", about="logging commands for Azure Pipelines", write=write)
