"""What the reports of a run said of every criterion, kept small, since most of thousands pass.

A test whose phases passed one after the other, as they should, is kept as one short row; the first
report that says anything else makes phases of it, which the rule table reduces.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TypeAlias

import pytest

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.outcome import Observation, Phase, plain_pass, reduce_phases
from pytest_prodstatus.payload import Payload
from pytest_prodstatus.phases import phase_of
from pytest_prodstatus.spool import worker_id

_ORDER = ("setup", "call", "teardown")
_ALL = len(_ORDER)

_Passed: TypeAlias = tuple[int, str, float, float, tuple[Entry, ...]]
"""The first phases of one attempt, which all passed: how many, the worker, how long they took, when
the last one stopped (seconds since 1970; 0.0 for unknown) and the evidence.

A plain tuple, since the garbage collector looks at each object of any other kind again and again.
"""

_NOTHING: _Passed = (0, "", 0.0, 0.0, ())


class Attempts:
    """The phases of every test, by its node id, in the order of arrival."""

    def __init__(self) -> None:
        self._passed: dict[str, _Passed] = {}
        self._phases: dict[str, list[Phase]] = {}

    def __contains__(self, nodeid: str) -> bool:
        return nodeid in self._passed or nodeid in self._phases

    def add(self, nodeid: str, report: pytest.TestReport, payload: Payload | None) -> None:
        """Take in one report about the test `nodeid`."""
        phases = self._phases.get(nodeid)
        if phases is None:
            before = self._passed.get(nodeid, _NOTHING)
            after = _after(before, report, payload)
            if after is not None:
                self._passed[nodeid] = after
                return
            phases = self._phases[nodeid] = _phases(before)
            self._passed.pop(nodeid, None)
        phases.append(phase_of(report))

    def phases(self, nodeid: str) -> list[Phase]:
        """Return a test's phases so far; none where no report spoke of it."""
        return self._phases.get(nodeid) or _phases(self._passed.get(nodeid, _NOTHING))

    def take(
        self, nodeid: str, *, side_effects: bool, require_evidence: bool
    ) -> Observation | None:
        """Return what a test's phases amount to, and forget them; None where there are none."""
        passed = self._passed.pop(nodeid, _NOTHING)
        number, _, duration, stop, evidence = passed
        if number == _ALL:
            return plain_pass(evidence, _instant(stop), duration, require_evidence=require_evidence)
        phases = self._phases.pop(nodeid, None) or _phases(passed)
        if not phases:
            return None
        return reduce_phases(phases, side_effects=side_effects, require_evidence=require_evidence)


def _after(before: _Passed, report: pytest.TestReport, payload: Payload | None) -> _Passed | None:
    """Return `before` with a phase more; None where the report is no plain next phase."""
    number, former, duration, stop, evidence = before
    if number == _ALL or report.when != _ORDER[number] or report.outcome != "passed":
        return None
    told = vars(report)
    if "wasxfail" in told or "context" in told:
        return None
    worker = worker_id(told["node"]) if "node" in told else former
    if number and worker != former:
        return None
    if payload is not None:
        if payload.blocked or payload.repeat:
            return None
        if payload.evidence:
            evidence += payload.evidence
    stopped = told.get("stop") or 0.0
    stopped = stopped if stopped > stop else stop
    return number + 1, worker, duration + (told.get("duration") or 0.0), stopped, evidence


def _phases(passed: _Passed) -> list[Phase]:
    """Return the phases of a row; the last has the time and the evidence of all."""
    number, worker, duration, stop, evidence = passed
    phases = [Phase(when=when, outcome="passed", worker=worker) for when in _ORDER[:number]]
    if phases:
        phases[-1] = Phase(
            when=_ORDER[number - 1],
            outcome="passed",
            worker=worker,
            evidence=evidence,
            duration=duration,
            stopped=_instant(stop),
        )
    return phases


def _instant(stop: float) -> datetime | None:
    return datetime.fromtimestamp(stop, timezone.utc) if stop else None
