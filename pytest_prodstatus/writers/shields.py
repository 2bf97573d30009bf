"""A badge: the JSON of shields.io's endpoint.

A static file can't know that it became stale, so the message has the date. BLOCKED is neither grey
nor green. `isError` keeps the address of the badge from giving it another colour.

Source: shields.io/badges/endpoint-badge, which refuses unknown keys.
"""

from __future__ import annotations

from pytest_prodstatus.model.codec import json_text
from pytest_prodstatus.model.gate import GateDecision
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.exports import Export, Report
from pytest_prodstatus.writers.gate_report import GateReport

_COLOUR = {Verdict.CONFIRMED: "brightgreen", Verdict.BLOCKED: "orange", Verdict.FAILED: "red"}


def write(report: Report) -> str:
    """Return the badge of a report's decision."""
    return badge_of(report.gate)


def badge_of(report: GateReport) -> str:
    """Return the badge of a decision; there may be no record."""
    decision = report.decision
    badge: dict[str, object] = {
        "schemaVersion": 1,
        "label": decision.query.target,
        "message": report.headline,
        "color": _colour(decision),
    }
    if decision.present_verdict is not Verdict.CONFIRMED:
        badge["isError"] = True
    return json_text(badge) + "\n"


def _colour(decision: GateDecision) -> str:
    """Return the badge's colour: yellow if the gate is open with a verdict not CONFIRMED."""
    verdict = decision.present_verdict
    accepted = decision.confirmed and verdict is not Verdict.CONFIRMED
    return "yellow" if accepted else _COLOUR[verdict]


EXPORT = Export(file="badge.json", about="a badge, for shields.io's endpoint", write=write)
