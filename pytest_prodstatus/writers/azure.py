"""Logging commands for Azure Pipelines: issues, output variables and the result of the task.

Azure obeys them if a step prints them: `prodstatus export azure`. The result is Failed unless the
gate is open; a step that the gate itself ends is failed without it.

Source: learn.microsoft.com/azure/devops/pipelines/scripts/logging-commands, and the escapes of
microsoft/azure-pipelines-agent, CommandStringConvertor.cs.
"""

from __future__ import annotations

from collections.abc import Iterator

from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.writers.exports import Export, Report

_SHOWN = 10


def write(report: Report) -> str:
    """Return a report's decision as logging commands."""
    return "\n".join(_commands(report)) + "\n"


def _commands(report: Report) -> Iterator[str]:
    gate = report.gate
    decision = gate.decision
    kind = "warning" if decision.open else "error"
    for reason in decision.reasons[:_SHOWN]:
        yield _command("task.logissue", reason, type=kind)
    for waived in decision.waived[:_SHOWN]:
        text = f"{waived.status.id} is {waived.status.verdict}, waived by {waived.waiver.owner}"
        yield _command("task.logissue", text, type="warning")
    if decision.override:
        text = f"the gate is opened by {decision.override.who}: {decision.override.reason}"
        yield _command("task.logissue", text, type="warning")
    values = {
        "verdict": decision.present_verdict.value,
        "open": str(decision.open).lower(),
        "until": utc_isoformat(gate.until) if gate.until else "",
    }
    for name, value in values.items():
        yield _command("task.setvariable", value, variable=name, isoutput="true")
    result = "Failed" if not decision.open else "SucceededWithIssues" if decision.reasons else ""
    if decision.open and decision.waived:
        result = "SucceededWithIssues"
    yield _command("task.complete", gate.headline, result=result or "Succeeded")


def _command(name: str, text: str, **properties: str) -> str:
    values = ";".join(f"{key}={_escape_property(value)}" for key, value in properties.items())
    return f"##vso[{name} {values}]{_escape_data(text)}"


def _escape_data(text: str) -> str:
    return text.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape_data(text).replace("]", "%5D").replace(";", "%3B")


EXPORT = Export(file="azure.txt", about="logging commands for Azure Pipelines", write=write)
