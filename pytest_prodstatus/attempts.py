"""What the reports of a run said of every criterion, at little cost, since most of thousands pass.

While tests run, a report that its phase passed is put aside until many are read together; whatever
else is said becomes a phase at once, so that nobody can take it back. The phases of a test that
passed one after the other, as they should, make one short row; all others go to the rule table.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

import pytest

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.outcome import Observation, Phase, plain_pass, reduce_phases
from pytest_prodstatus.reports import ATTRIBUTE, Payload, phase_of
from pytest_prodstatus.spool import worker_id

_ORDER = ("setup", "call", "teardown")
_ALL = len(_ORDER)
_NEXT = (*_ORDER, "")

_Passed: TypeAlias = tuple[int, str, float, float, tuple[Entry, ...]]
"""The first phases of one attempt, which all passed: how many, the worker, how long they took, when
the last one stopped (seconds since 1970; 0.0 for unknown) and the evidence.

A plain tuple, since the garbage collector looks at each object of any other kind again and again.
"""

_NOTHING: _Passed = (0, "", 0.0, 0.0, ())


class Attempts:
    """The phases of every criterion, by its node id, in the order of arrival.

    Attributes:
        aside: reports that a phase passed, of any test, which weren't read yet.
        endpoints, snapshots: whom the tests asked, and as of when, by the reports that were read.
    """

    def __init__(self) -> None:
        self.endpoints: dict[str, str] = {}
        self.snapshots: dict[str, set[datetime]] = {}
        self.aside: list[pytest.TestReport] = []
        self._passed: dict[str, _Passed] = {}
        self._phases: dict[str, list[Phase]] = {}

    def put_aside(self, report: pytest.TestReport) -> bool:
        """Keep one report that a phase passed, of any test, and return whether it is one."""
        if not _is_pass(vars(report)):
            return False
        self.aside.append(report)
        return True

    def add(self, report: pytest.TestReport) -> None:
        """Take in any other report about a criterion, once those before it were read."""
        self._of(report.nodeid).append(phase_of(report))
        self._note(report)

    def read(self, criteria: Container[str]) -> None:
        """Read what was put aside, of the tests that are criteria, by node id."""
        shared: dict[str, object] = {}
        for one in self.aside:
            nodeid = one.nodeid
            if nodeid not in criteria:
                continue
            told = vars(one)
            worker = worker_id(told["node"]) if "node" in told else ""
            # Pytest keeps every report to the end, each phase's with a dict of the test's names and
            # marks, which our mark makes larger; those that say the same may be one.
            keywords = told.get("keywords")
            last = shared.get(worker)
            if keywords == last and keywords is not None:
                told["keywords"] = last
            else:
                shared[worker] = keywords
            payload = self._note(one) if ATTRIBUTE in told else None
            # Whoever had the report since may have made something else of it.
            if nodeid not in self._phases and _is_pass(told):
                after = _after(self._passed.get(nodeid, _NOTHING), told, worker, payload)
                if after is not None:
                    self._passed[nodeid] = after
                    continue
            self._of(nodeid).append(phase_of(one))
        self.aside.clear()

    def _of(self, nodeid: str) -> list[Phase]:
        """Return the list of a test's phases, which is no row any more."""
        if nodeid not in self._phases:
            self._phases[nodeid] = _phases(self._passed.pop(nodeid, _NOTHING))
        return self._phases[nodeid]

    def _note(self, report: pytest.TestReport) -> Payload | None:
        """Return a report's payload, and note whom its test asked."""
        payload = Payload.of(report)
        if payload and (payload.endpoints or payload.snapshots):
            self.endpoints.update(payload.endpoints)
            for name, instants in payload.snapshots.items():
                self.snapshots.setdefault(name, set()).update(instants)
        return payload

    def phases(self, nodeid: str) -> list[Phase]:
        """Return a test's phases, as far as they were read."""
        return self._phases.get(nodeid) or _phases(self._passed.get(nodeid, _NOTHING))

    def take(
        self, nodeid: str, *, side_effects: bool, require_evidence: bool
    ) -> Observation | None:
        """Return what the phases amount to that were read of a test, and forget them.

        None where there are none.
        """
        passed = self._passed.pop(nodeid, _NOTHING)
        number, _, duration, stop, evidence = passed
        if number == _ALL:
            return plain_pass(evidence, _instant(stop), duration, require_evidence=require_evidence)
        phases = self._phases.pop(nodeid, None) or _phases(passed)
        if not phases:
            return None
        return reduce_phases(phases, side_effects=side_effects, require_evidence=require_evidence)


def _is_pass(told: Mapping[str, Any]) -> bool:
    return told["outcome"] == "passed" and "wasxfail" not in told and "context" not in told


def _after(
    before: _Passed, told: dict[str, Any], worker: str, payload: Payload | None
) -> _Passed | None:
    """Return `before` with a phase more that passed; None where it isn't the plain next one."""
    number, former, duration, stop, evidence = before
    if told["when"] != _NEXT[number] or (number and worker != former):
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
