"""The phases of every criterion, from the reports of a run, at little cost: most of them pass.

Every report of a test is redacted here before any other hook sees it, and taken in after all of
them. A report of a passed phase is kept until many are read together. Any other report becomes a
phase at once, so that no hook can better it. If the three phases of a test passed in their order,
they make one short row; all other phases go to the rule table.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from copy import copy
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from msgspec.structs import replace

from pytest_prodstatus import clock
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
from pytest_prodstatus.model.record import CriterionStatus
from pytest_prodstatus.model.teardown import TearDowns, TornDown
from pytest_prodstatus.model.text import several_lines
from pytest_prodstatus.model.verdict import Reason, Verdict
from pytest_prodstatus.redaction import Redaction, only_passed
from pytest_prodstatus.reports import (
    ATTRIBUTE,
    FILES,
    FIRST,
    INVENTED,
    SENT,
    STRIPPED,
    TEST,
    Payload,
    phase_of,
    seconds,
    stop_of,
    test_of,
)
from pytest_prodstatus.spool import Spool, worker_id

if TYPE_CHECKING:
    from pytest_prodstatus.model.clocks import Offset

_ORDER = ("setup", "call", "teardown")
_COMPLETE = len(_ORDER)
_NEXT = (*_ORDER, "")
_DEATH = "prodstatus_death"
"""The attribute of the report of a worker's death with a copy of it, as xdist made it."""
_BATCH = 1_000
"""Reports that are read together: one by one costs more, and so does to keep them all."""

_Passed: TypeAlias = tuple[int, str, float, float, tuple[Entry, ...], int]
"""The first phases of one attempt, which all passed: how many, the worker, how long they took, when
the last one stopped (seconds since 1970; 0.0 for unknown), the evidence, and how many assertions
passed.

A plain tuple, since the garbage collector looks at each object of any other kind again and again.
"""

_NOTHING: _Passed = (0, "", 0.0, 0.0, (), 0)

_STARTED = Phase(when="setup", outcome="passed")
"""All that is known of a criterion with side effects that started, if no report says so."""


class Attempts:
    """The phases of every criterion, in the order of arrival.

    Attributes:
        criteria: by node id; they are known before the first report comes.
        failed: a criterion's report failed.
        failed_elsewhere: node ids of other tests that failed.
        interrupted: ids of workers that a person interrupted, which xdist reports as crashes.
        ends: how the processes of workers ended that died, by the worker's id; "" if unknown.
        endpoints, snapshots: what the tests contacted, and as of when, by the reports that were
            read.
        notices: what they say about attachments, each sentence once.
    """

    def __init__(self, redaction: Redaction, spool: Spool, *, require_evidence: bool) -> None:
        self.criteria: Mapping[str, Criterion] = {}
        self.failed = False
        self.failed_elsewhere: list[str] = []
        self.interrupted: set[str] = set()
        self.ends: dict[str, str] = {}
        self.endpoints: dict[str, str] = {}
        self.snapshots: dict[str, set[datetime]] = {}
        self.notices: dict[str, None] = {}
        self._ended: set[tuple[str, str]] = set()
        self._redaction = redaction
        self._spool = spool
        self._require_evidence = require_evidence
        self._unread: list[pytest.TestReport] = []
        self._passed: dict[str, _Passed] = {}
        self._phases: dict[str, list[Phase]] = {}
        self._offsets: dict[str, Offset] = {}
        self._behind: dict[str, timedelta] = {}
        self._span = (clock.at(0), datetime.max.replace(tzinfo=timezone.utc))
        self._suspicions: dict[str, tuple[Reason, str]] = {}
        self._tear_downs = TearDowns()
        self._end_forked_process: Callable[[], object] = _nothing
        self._show_verdicts: Callable[[], object] = _nothing

    def connect(
        self, end_forked_process: Callable[[], object], show_verdicts: Callable[[], object]
    ) -> None:
        """Set the functions that a report may call for.

        Args:
            end_forked_process: ends a process that a test forked and that came back from it.
            show_verdicts: lets the terminal show verdicts; called if a phase didn't just pass.
        """
        self._end_forked_process = end_forked_process
        self._show_verdicts = show_verdicts

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> Generator[None]:
        """Redact a report before all other hooks, and take it in after them.

        It may be of a subtest, a rerun or a crash, too. One wrapper does all of it, since it is
        called for each phase of each test.
        """
        self._end_forked_process()
        values = report.__dict__
        if FILES in values:
            # Taken out, so that no other plugin writes it to a file.
            for digest, content in values.pop(FILES).items():
                self._spool.write_attachment(digest, content)
        death = values.pop(_DEATH, None)
        # A worker wrote down what it was before its own hooks; serially nothing has changed it yet.
        outcome = values.pop(FIRST, values["outcome"])
        if SENT in values:
            self._note_sent(values)
        elif outcome == "passed" and "node" in values and report.nodeid in self.criteria:
            Payload(blocked=STRIPPED).attach(report)
        if TEST not in values and values["when"] == "call" and outcome == "passed":
            self._doubt(report)
        plain = outcome == "passed" and only_passed(values)
        first = None
        if not plain and self._redaction.on:
            self._redaction.mask(report)
            self._show_verdicts()
        # A copy, since a later hook may change the report itself, as soft assertions do.
        if outcome in ("failed", "skipped"):
            first = copy(report)
            vars(first)["outcome"] = outcome
        yield
        if death is not None:
            self._take(death, None)
        elif plain and values["outcome"] == "passed":
            self._keep(report)
        else:
            self._take(report, first)

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_handlecrashitem(self, report: pytest.TestReport) -> None:
        """Keep xdist's report of a worker that died, which other hooks may change from here on."""
        vars(report)[_DEATH] = copy(report)

    def _doubt(self, report: pytest.TestReport) -> None:
        """Let a pass prove nothing that is reported of a criterion, and was not made of its call.

        Each report that pytest makes has the name of its test. One that a hook makes has none, and
        neither has one of another test that a hook gave this name.
        """
        if report.nodeid in self.criteria:
            Payload.block(report, INVENTED)

    def _note_sent(self, values: dict[str, Any]) -> None:
        """Compare the clock of the worker that sent a report with this process's."""
        sent, least = values.pop(SENT)
        worker = worker_id(values.get("node"))
        # Here and below: without workers there is no other clock, and no import.
        from pytest_prodstatus.model.clocks import Offset

        self._offsets.setdefault(worker, Offset()).note(sent, clock.timestamp(), least)

    def date(self, started: datetime, finished: datetime) -> dict[str, timedelta]:
        """Date what workers observed by this process's clock from now on, within the run.

        Returns:
            How far the clock of each worker is behind this one.
        """
        self._span = started, finished
        self._behind = {worker: offset.certain for worker, offset in self._offsets.items()}
        return self._behind

    def _dated(self, phase: Phase) -> Phase:
        """Return a phase with its instants by this process's clock."""
        if phase.stopped is None:
            return phase
        stopped, evidence = self._by_this_clock(phase.worker, phase.stopped, phase.evidence)
        return replace(phase, stopped=stopped, evidence=evidence)

    def _by_this_clock(
        self, worker: str, stopped: datetime, evidence: tuple[Entry, ...]
    ) -> tuple[datetime, tuple[Entry, ...]]:
        """Convert when a phase ended, and its evidence, to this process's clock."""
        behind = self._behind.get(worker)
        if behind is None:  # its own clock, but a hook may have dated the report after the run
            return min(stopped, self._span[1]), evidence
        from pytest_prodstatus.model.clocks import dated, dated_entries

        if behind:
            evidence = dated_entries(evidence, behind, *self._span)
        return dated(stopped, behind, *self._span), evidence

    def _take(self, report: pytest.TestReport, first: pytest.TestReport | None) -> None:
        """Take in one report of any test.

        Args:
            report: the report as all hooks have left it.
            first: the report before other hooks saw it, if it failed or was skipped; the worse of
                the two counts.
        """
        if _is_pass(vars(report)) and first is None:
            self._keep(report)
        elif test_of(report) not in self.criteria:
            payload = self._note_shared(report)
            failed = report.failed or (first is not None and first.failed)
            if failed and not (payload is not None and payload.wider):
                self.failed_elsewhere.append(test_of(report))
        # A worker that was ended on purpose did not crash: its test has a reason of its own.
        elif report.when != CRASHED or not self._was_ended(report):
            self.read()
            phase = phase_of(report)
            # Only then, since a failure's text is costly to put together.
            if first is not None and _account(first) != _account(report):
                phase = worse_of(phase_of(first), phase)
            if phase.when == CRASHED and self.ends.get(phase.worker):
                phase = replace(phase, text=self.ends[phase.worker])
            failed = report.failed or phase.outcome == "failed"
            self.failed = self.failed or (failed and not phase.wider)
            self._of(test_of(report)).append(phase)
            payload = self._note(report)
            if payload and payload.ended:
                self._ended.add((test_of(report), phase.worker))

    def _was_ended(self, report: pytest.TestReport) -> bool:
        """Return whether a worker was ended on purpose: by a person, or at the run's deadline."""
        worker = worker_id(getattr(report, "node", None))
        return worker in self.interrupted or (test_of(report), worker) in self._ended

    def _keep(self, report: pytest.TestReport) -> None:
        """Keep a report of a passed phase until a thousand are read together."""
        self._unread.append(report)
        if len(self._unread) >= _BATCH:
            self.read()

    def read(self) -> None:
        """Read the reports that were kept; those of other tests than criteria are dropped."""
        criteria = self.criteria
        for report in self._unread:
            nodeid = test_of(report)
            values = vars(report)
            if nodeid not in criteria:
                if ATTRIBUTE in values:
                    self._note_shared(report)
                continue
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
        """Return the list of a test's phases; its row, if it has one, becomes a list."""
        if nodeid not in self._phases:
            self._phases[nodeid] = _phases(self._passed.pop(nodeid, _NOTHING))
        return self._phases[nodeid]

    def _note(self, report: pytest.TestReport) -> Payload | None:
        """Return the payload of a criterion's report, and note what it contacted and used."""
        payload = self._note_shared(report)
        if payload and payload.uses:
            self._tear_downs.note_uses(test_of(report), payload.uses)
        if payload and (payload.endpoints or payload.snapshots):
            self.endpoints.update(payload.endpoints)
            for name, instants in payload.snapshots.items():
                self.snapshots.setdefault(name, set()).update(instants)
        if payload and payload.notices:
            self.notices.update(dict.fromkeys(payload.notices))
        return payload

    def _note_shared(self, report: pytest.TestReport) -> Payload | None:
        """Return the payload of any test's report, and note what it says of wider scopes."""
        payload = Payload.of(report)
        if payload and payload.torn:
            # xdist names the worker in the text of a report that has none.
            detail = report.longreprtext if report.longrepr else ""
            self.note_torn(payload.torn, detail, test_of(report))
        return payload

    def note_torn(self, torn: Iterable[TornDown], detail: str, nodeid: str = "") -> None:
        """Note tear-downs of wider scope that did not pass, with pytest's report of them.

        Args:
            torn: the tear-downs.
            detail: the report's text.
            nodeid: the test at which pytest reported them; "" for none.
        """
        detail = several_lines(detail)
        self._tear_downs.note_torn(
            [replace(one, detail=one.detail or detail) for one in torn], nodeid
        )

    def lay_tear_downs(self, statuses: list[CriterionStatus], run_id: str) -> list[CriterionStatus]:
        """Return statuses in which each criterion answers for what it shared with others.

        A failed tear-down that no criterion answers for is one of `failed_elsewhere`.
        """
        laid = self._tear_downs.lay(statuses, run_id)
        self.failed = self.failed or any(
            after.verdict is Verdict.FAILED and after is not before
            for before, after in zip(statuses, laid, strict=True)
        )
        known = self.failed_elsewhere
        known += [w for w in self._tear_downs.unused(statuses, run_id) if w not in known]
        return laid

    @pytest.hookimpl
    def pytest_warning_recorded(
        self, warning_message: warnings.WarningMessage, when: str, nodeid: str
    ) -> None:
        """Note a warning that makes a criterion's pass prove nothing.

        pytest calls this once the criterion has ended, for all its attempts together.
        """
        if when != "runtest" or nodeid not in self.criteria:
            return
        # Not above, since few runs have such a warning, and every judged run pays for the import.
        from pytest_prodstatus.reports import suspect_pass

        text = str(warning_message.message)  # redacted by now
        reason = suspect_pass(warning_message.category, text)
        if reason is None:
            return
        self.read()  # the reports say whose tear-down it was
        if not self._tear_downs.takes(nodeid, reason):
            detail = several_lines(text) if "\n" in text else ""
            self._suspicions.setdefault(nodeid, (reason, detail))

    def observe(self, criterion: Criterion) -> Observation | None:
        """Reduce the phases of one criterion to an observation, and forget them.

        Returns:
            What was observed; None if no report was about the criterion, and it isn't known to
            have acted on the world.
        """
        nodeid, acts = criterion.nodeid, criterion.side_effects
        passed = self._passed.pop(nodeid, _NOTHING)
        phases = self._phases.pop(nodeid, None)
        required = self._require_evidence
        # Most criteria end here, and no Phase is made for them.
        if phases is None and passed[0] == _COMPLETE:
            _, worker, duration, stop, evidence, assertions = passed
            stopped = _instant(stop)
            if stopped:
                stopped, evidence = self._by_this_clock(worker, stopped, evidence)
            seen = plain_pass(
                evidence,
                stopped,
                duration,
                require_evidence=required,
                assertions=assertions,
            )
        else:
            phases = phases or _phases(passed)
            if not phases and acts and self._spool.is_claimed(criterion.id):
                phases = [_STARTED]
            if not phases:
                return None
            phases = [self._dated(phase) for phase in phases]
            seen = reduce_phases(phases, side_effects=acts, require_evidence=required)
            # The process was interrupted, or died, before it reported: what it did in the world is
            # in the spool, line by line.
            lines = self._spool.read_evidence(criterion.id) if acts else []
            if len(lines) > len(seen.evidence):
                seen = replace(seen, evidence=tuple(map(Payload.entry_from_text, lines)))
        return suspected(seen, *self._suspicions[nodeid]) if nodeid in self._suspicions else seen


def _nothing(*_: object) -> None:
    """Do nothing, in place of a function that `connect` has not set yet."""


def _account(report: pytest.TestReport) -> tuple[str, bool]:
    """Return a report's outcome and whether it is an xfail: what a hook may change."""
    return report.outcome, hasattr(report, "wasxfail")


def _is_pass(values: Mapping[str, Any]) -> bool:
    """Return whether a report's attributes say that its phase passed: the one definition of it."""
    return values["outcome"] == "passed" and "wasxfail" not in values and "context" not in values


def _after(
    before: _Passed, values: dict[str, Any], worker: str, payload: Payload | None
) -> _Passed | None:
    """Return a row with one more passed phase; None if the phase isn't the attempt's next."""
    number, former, duration, stop, evidence, assertions = before
    # A rerun begins with another set-up, so the row of the first attempt can't go on.
    if values["when"] != _NEXT[number] or (number and worker != former):
        return None
    if payload is not None:
        # A row holds a plain pass alone: anything else needs phases, which the rule table reads.
        odd = payload.blocked or payload.raised or payload.repeat or payload.doubt
        if (
            odd
            or payload.attempt > 1
            or payload.torn
            or payload.stopped
            or payload.seen_at
            or payload.attachments
        ):
            return None
        assertions = max(assertions, payload.assertions)
        if payload.evidence:
            evidence += payload.evidence
    stopped = max(stop_of(values), stop)
    taken = duration + seconds(values.get("duration"))
    return number + 1, worker, taken, stopped, evidence, assertions


def _phases(passed: _Passed) -> list[Phase]:
    """Return the phases of a row; the last one carries the duration and evidence of all."""
    number, worker, duration, stop, evidence, assertions = passed
    phases = [Phase(when=when, outcome="passed", worker=worker) for when in _ORDER[:number]]
    if phases:
        phases[-1] = Phase(
            when=_ORDER[number - 1],
            outcome="passed",
            worker=worker,
            evidence=evidence,
            assertions=assertions,
            duration=duration,
            stopped=_instant(stop),
        )
    return phases


def _instant(stop: float) -> datetime | None:
    """Return seconds since 1970 as an aware instant; None for 0.0, which is unknown."""
    return clock.at(stop) if stop else None
