"""What the reports of a run say of every criterion, at little cost, since most of thousands pass.

Every report of a test comes in here once, redacted first of all and taken in last. While tests run,
a report that its phase passed is kept until many are read together; whatever else is reported
becomes a phase at once, so that no hook can take it back. The phases of a test that passed one
after the other, as they should, make one short row; all others go to the rule table.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping
from datetime import datetime, timezone
from typing import Any, TypeAlias

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Criterion
from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.outcome import (
    CRASHED,
    Observation,
    Phase,
    plain_pass,
    reduce_phases,
    suspected,
    worse_of,
)
from pytest_prodstatus.model.text import several_lines
from pytest_prodstatus.model.verdict import Reason
from pytest_prodstatus.redaction import Redaction, only_passed
from pytest_prodstatus.reports import ATTRIBUTE, FIRST, MANIFEST, Payload, phase_of, take_manifest
from pytest_prodstatus.spool import Spool, worker_id

_ORDER = ("setup", "call", "teardown")
_ALL = len(_ORDER)
_NEXT = (*_ORDER, "")
_MANY = 1_000
"""Reports that are read together: one by one costs more, and so does to keep them all."""

_Passed: TypeAlias = tuple[int, str, float, float, tuple[Entry, ...]]
"""The first phases of one attempt, which all passed: how many, the worker, how long they took, when
the last one stopped (seconds since 1970; 0.0 for unknown) and the evidence.

A plain tuple, since the garbage collector looks at each object of any other kind again and again.
"""

_NOTHING: _Passed = (0, "", 0.0, 0.0, ())


class Attempts:
    """The phases of every criterion, in the order of arrival.

    Attributes:
        criteria: by node id; None before they are known.
        failed: a criterion's report failed.
        failed_elsewhere: node ids of other tests that failed.
        interrupted: ids of workers that were told to stop, which xdist takes for crashes.
        endpoints, snapshots: what the tests contacted, and as of when, by the reports that were
            read.
    """

    def __init__(self, redaction: Redaction, spool: Spool, *, require_evidence: bool) -> None:
        self.criteria: Mapping[str, Criterion] | None = None
        self.failed = False
        self.failed_elsewhere: list[str] = []
        self.interrupted: set[str] = set()
        self.endpoints: dict[str, str] = {}
        self.snapshots: dict[str, set[datetime]] = {}
        self._redaction = redaction
        self._spool = spool
        self._require_evidence = require_evidence
        self._unread: list[pytest.TestReport] = []
        self._early: list[tuple[pytest.TestReport, Phase | None]] = []
        self._passed: dict[str, _Passed] = {}
        self._phases: dict[str, list[Phase]] = {}
        self._doubts: dict[str, tuple[Reason, str]] = {}
        self._end_forked_process: Callable[[], object] = _nothing
        self._speak: Callable[[], object] = _nothing
        self._take_manifest: Callable[[str], object] = _nothing

    def connect(
        self,
        end_forked_process: Callable[[], object],
        speak: Callable[[], object],
        take_manifest: Callable[[str], object],
    ) -> None:
        """Say whom to call about what a report may show.

        Args:
            end_forked_process: ends a process that a test forked and that came back from it.
            speak: lets the terminal use our words: more than a pass was reported.
            take_manifest: takes in what the worker of a first report collected.
        """
        self._end_forked_process = end_forked_process
        self._speak = speak
        self._take_manifest = take_manifest

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """See a report first and last: also of a subtest, a rerun or a crash.

        One wrapper does all of it, since a report of each phase of each test comes here.
        """
        self._end_forked_process()
        values = report.__dict__
        if MANIFEST in values:
            self._take_manifest(take_manifest(report))
        plain = only_passed(values)
        first = None
        if not plain:
            self.redact(report)
            first = self._first(report)
        yield
        if plain and values["outcome"] == "passed":
            self._keep(report)
        else:
            self.take(report, first)

    def _first(self, report: pytest.TestReport) -> Phase | None:
        """Return what a report says before other hooks have it, if it has something against it."""
        first = vars(report).pop(FIRST, report.outcome)
        if first not in ("failed", "skipped"):
            return None
        phase = phase_of(report)
        return phase if phase.outcome == first else replace(phase, outcome=first)

    def redact(self, report: pytest.TestReport) -> None:
        """Take secrets out of a report that says more than that its phase passed."""
        if self._redaction.on:
            self._redaction.mask(report)
            self._speak()

    def take(self, report: pytest.TestReport, first: Phase | None = None) -> None:
        """Take in one report of any test.

        Args:
            report: as all hooks have left it.
            first: what it said before other hooks had it; the worse of the two counts.
        """
        criteria = self.criteria
        if criteria is None:
            # A worker may die in its first test, and its manifest with it.
            self._early.append((report, first))
        elif _is_pass(vars(report)) and first is None:
            self._keep(report)
        elif report.nodeid not in criteria:
            if report.failed or (first is not None and first.outcome == "failed"):
                self.failed_elsewhere.append(report.nodeid)
        elif report.when != CRASHED or worker_id(getattr(report, "node", None)) not in (
            self.interrupted
        ):
            self.read()
            phase = phase_of(report)
            phase = phase if first is None else worse_of(first, phase)
            self.failed = self.failed or report.failed or phase.outcome == "failed"
            self._of(report.nodeid).append(phase)
            self._note(report)

    def begin(self, criteria: Mapping[str, Criterion]) -> None:
        """Take in what was reported so far, now that the criteria are known."""
        self.criteria = criteria
        early, self._early = self._early, []
        for report, first in early:
            self.take(report, first)

    def _keep(self, report: pytest.TestReport) -> None:
        self._unread.append(report)
        if len(self._unread) >= _MANY:
            self.read()

    def read(self) -> None:
        """Read the reports that were kept, of those tests that are criteria."""
        if self.criteria is None:
            return
        criteria = self.criteria
        for report in self._unread:
            nodeid = report.nodeid
            if nodeid not in criteria:
                continue
            values = vars(report)
            worker = worker_id(values["node"]) if "node" in values else ""
            payload = self._note(report) if ATTRIBUTE in values else None
            # Another hook may have made something else of the report since.
            if nodeid not in self._phases and _is_pass(values):
                after = _after(self._passed.get(nodeid, _NOTHING), values, worker, payload)
                if after is not None:
                    self._passed[nodeid] = after
                    continue
            self._of(nodeid).append(phase_of(report))
        self._unread.clear()

    def _of(self, nodeid: str) -> list[Phase]:
        """Return the list of a test's phases, which is no row any more."""
        if nodeid not in self._phases:
            self._phases[nodeid] = _phases(self._passed.pop(nodeid, _NOTHING))
        return self._phases[nodeid]

    def _note(self, report: pytest.TestReport) -> Payload | None:
        """Return a report's payload, and note what its test contacted."""
        payload = Payload.of(report)
        if payload and (payload.endpoints or payload.snapshots):
            self.endpoints.update(payload.endpoints)
            for name, instants in payload.snapshots.items():
                self.snapshots.setdefault(name, set()).update(instants)
        return payload

    @pytest.hookimpl
    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str
    ) -> None:
        """Note a warning that makes a criterion's pass worth nothing.

        It comes once the criterion has ended, of all its attempts together.
        """
        if when != "runtest" or nodeid not in (self.criteria or {}):
            return
        # Not above, since few runs have such a warning, and every judged run pays for the import.
        from pytest_prodstatus.reports import suspect_pass

        text = str(warning_message.message)  # redacted by now
        reason = suspect_pass(warning_message.category, text)
        if reason is not None:
            detail = several_lines(text) if "\n" in text else ""
            self._doubts.setdefault(nodeid, (reason, detail))

    def observe(self, criterion: Criterion) -> Observation | None:
        """Reduce the phases of one criterion to an observation, and forget them.

        Returns:
            What was observed; None if no report was about the criterion.
        """
        nodeid, acts = criterion.nodeid, criterion.side_effects
        passed = self._passed.pop(nodeid, _NOTHING)
        phases = self._phases.pop(nodeid, None)
        required = self._require_evidence
        if phases is None and passed[0] == _ALL:
            _, _, duration, stop, evidence = passed
            seen = plain_pass(evidence, _instant(stop), duration, require_evidence=required)
        else:
            phases = phases or _phases(passed)
            if not phases:
                return None
            seen = reduce_phases(phases, side_effects=acts, require_evidence=required)
            if acts and any(phase.when == CRASHED for phase in phases):
                lines = self._spool.read_evidence(criterion.id)
                seen = replace(seen, evidence=tuple(map(Payload.entry_from_text, lines)))
        return suspected(seen, *self._doubts[nodeid]) if nodeid in self._doubts else seen


def _nothing(*_: object) -> None:
    """Stand in for what isn't connected."""


def _is_pass(values: Mapping[str, Any]) -> bool:
    """Return whether a report's attributes say that its phase passed: the one definition of it."""
    return values["outcome"] == "passed" and "wasxfail" not in values and "context" not in values


def _after(
    before: _Passed, values: dict[str, Any], worker: str, payload: Payload | None
) -> _Passed | None:
    """Return `before` with a phase more that passed; None if it isn't the plain next one."""
    number, former, duration, stop, evidence = before
    if values["when"] != _NEXT[number] or (number and worker != former):
        return None
    if payload is not None:
        if payload.blocked or payload.raised or payload.repeat:
            return None
        if payload.evidence:
            evidence += payload.evidence
    stopped = values.get("stop") or 0.0
    stopped = stopped if stopped > stop else stop
    return number + 1, worker, duration + (values.get("duration") or 0.0), stopped, evidence


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
