"""Reduce pytest's outcomes of one test to one observation: the rule table of the project.

A test item has phases: set-up, call, tear-down, subtests, perhaps a crash. An attempt is the phases
of one worker from one set-up to the next. Each phase of the attempts that count may give a finding.
The worst finding is the verdict; among equals, the first in time gives the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from pytest_prodstatus.model.evidence import Attachment, Entry
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict

CRASHED = "???"
"""The phase in the report of a test whose worker died, as pytest-xdist names it (dsession.py)."""


class Phase(Struct, frozen=True, kw_only=True, gc=False):
    """One report about a criterion, in the order of arrival.

    Attributes:
        when: "setup", "call", "teardown", or `CRASHED`.
        outcome: "passed", "failed", "skipped" or "rerun".
        xfail: the report carries `wasxfail`.
        subtest: it reports one subtest, not the whole call.
        text: the first line of what went wrong, or the reason of a skip.
        detail: pytest's full report of what went wrong, bounded; "" if nothing did.
        blocked: the reason that `blocked()` gave if it was called, or that `evidence` refused a
            value; also if the test swallowed the exception.
        raised: the exception that left the test itself, even if a hook hid it. Its kind is
            observed for an assertion, evidence-error for a value that `evidence` refused, else
            error.
        evidence: what was recorded during this phase.
        attachments: what was attached during this phase.
        assertions: how many assertions have passed in this attempt so far.
        doubt: why a pass with so many assertions proves nothing, if one is required.
        repeat: the plugin refused to start a criterion with side effects a second time.
        wider: what went wrong is of wider scope than this test (`teardown`), if not `blocked`.
        worker: the process that ran it; "" for a serial run.
        stopped: its end in UTC, if known.
        seen_at: the earlier instant that the criterion dates what it shows by, if it does.
        duration: seconds.
        attempt: how often the test had begun in its process by then.
    """

    when: str
    outcome: str
    xfail: bool = False
    subtest: bool = False
    text: str = ""
    detail: str = ""
    blocked: Reason | None = None
    raised: Reason | None = None
    evidence: tuple[Entry, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    assertions: int = 0
    doubt: Reason | None = None
    repeat: bool = False
    wider: bool = False
    worker: str = ""
    stopped: datetime | None = None
    seen_at: datetime | None = None
    duration: float = 0.0
    attempt: int = 1


class Observation(Struct, frozen=True, kw_only=True, gc=False):
    """What the phases of one criterion give, before other stages are considered.

    Attributes:
        verdict: the worst finding.
        reason: why it isn't CONFIRMED; None if it is.
        evidence: what was recorded, in order.
        observed_at: the end of the last phase, in UTC; if it is CONFIRMED by what is older, the
            instant that the criterion named.
        duration: seconds, of all attempts.
        attempts: how often it was started.
        flaky: it was CONFIRMED only after a rerun.
        detail: pytest's full report of what went wrong.
        assertions: how many assertions passed in its last attempt.
        doubt: why a pass with so many assertions proves nothing, if one is required.
        attachments: what the attempts that count attached, in order.
    """

    verdict: Verdict
    reason: Reason | None
    evidence: tuple[Entry, ...] = ()
    observed_at: datetime | None = None
    duration: float = 0.0
    attempts: int = 0
    flaky: bool = False
    detail: str = ""
    assertions: int = 0
    doubt: Reason | None = None
    attachments: tuple[Attachment, ...] = ()


Finding = tuple[Verdict, Reason]

_NOT_RUN = "[NOTRUN]"
"""How pytest begins the reason of what `xfail(run=False)` keeps from running (skipping.py)."""

NO_EVIDENCE = Reason(
    text="it passed without recording evidence",
    kind=Kind.NO_EVIDENCE,
    remedy="record what was seen with the evidence fixture",
)
"""Why a CONFIRMED doesn't count if evidence is required, and it has none."""
NO_ASSERTION = Reason(
    text="it passed, and asserted nothing",
    kind=Kind.NO_ASSERTION,
    remedy="assert what must hold; if its calls prove it, put them below with evidence.held('…'):",
)
"""Why a pass doesn't count if none of its assertions passed, and one is required."""
NOT_COUNTED = Reason(
    text="its assertions were not counted when it was CONFIRMED: run it again",
    kind=Kind.INCONCLUSIVE,
    remedy="run it again",
)
"""Why a CONFIRMED of an earlier run doesn't count, if that run counted no assertions."""


def reduce_phases(
    phases: Sequence[Phase], *, side_effects: bool = False, require_evidence: bool = False
) -> Observation:
    """Reduce the phases of one criterion to an observation.

    Args:
        phases: in order of arrival, from any number of attempts and workers; not empty.
        side_effects: every attempt counts, even if it was rerun, because each changed the system.
        require_evidence: a CONFIRMED without evidence is BLOCKED.
    """
    attempts = _split_attempts(phases)
    # A refused repeat says nothing about what the one real start did.
    attempts = [a for a in attempts if not any(p.repeat for p in a[0])] or attempts
    counted = [attempt for attempt, superseded in attempts if side_effects or not superseded]
    findings = [finding for attempt in counted for finding in _findings(attempt)]
    evidence = tuple(entry for attempt in counted for phase in attempt for entry in phase.evidence)
    # Each attempt that counts must record something: with `--dist each` there are several.
    recorded = all(any(phase.evidence for phase in attempt) for attempt in counted)
    if not findings and require_evidence and not recorded:
        findings = [(Verdict.BLOCKED, NO_EVIDENCE)]
    # max() returns the first of equals.
    verdict, reason = max(findings, key=lambda f: f[0].severity, default=(Verdict.CONFIRMED, None))
    # A hook that runs a test again may report one attempt only.
    begun = max(len(attempts), *(phase.attempt for phase in phases))
    stops = [phase.stopped for attempt in counted for phase in attempt if phase.stopped]
    dates = [phase.seen_at for attempt in counted for phase in attempt if phase.seen_at]
    last = max(stops, default=None)
    # Only a CONFIRMED has a validity that an older date shortens.
    if dates and verdict is Verdict.CONFIRMED:
        last = min([*dates, *([last] if last else [])])
    return Observation(
        verdict=verdict,
        reason=reason,
        evidence=evidence,
        observed_at=last,
        duration=sum(phase.duration for phase in phases),
        attempts=begun,
        flaky=verdict is Verdict.CONFIRMED and len(counted) < begun,
        detail=_detail(counted, (verdict, reason)) if reason else "",
        # As for evidence, each of them must prove something.
        assertions=min((max(p.assertions for p in attempt) for attempt in counted), default=0),
        doubt=next((p.doubt for attempt in counted for p in reversed(attempt) if p.doubt), None),
        attachments=tuple(a for attempt in counted for p in attempt for a in p.attachments),
    )


def plain_pass(
    evidence: tuple[Entry, ...],
    observed_at: datetime | None,
    duration: float,
    *,
    require_evidence: bool = False,
    assertions: int = 0,
) -> Observation:
    """Build the observation of one attempt that passed: `reduce_phases` for the usual case.

    Of thousands of criteria most pass, and their phases are kept as one row (`attempts`).

    Args:
        evidence: what was recorded.
        observed_at: the end of its last phase, in UTC.
        duration: seconds.
        require_evidence: a CONFIRMED without evidence is BLOCKED.
        assertions: how many assertions passed.
    """
    lacking = require_evidence and not evidence
    return Observation(
        verdict=Verdict.BLOCKED if lacking else Verdict.CONFIRMED,
        reason=NO_EVIDENCE if lacking else None,
        evidence=evidence,
        observed_at=observed_at,
        duration=duration,
        attempts=1,
        assertions=assertions,
    )


def unproved(assertions: int | None, doubt: Reason | None = None) -> Reason | None:
    """Return why a pass that requires an assertion proves nothing; None if it proves something.

    Args:
        assertions: how many of its assertions passed in its last attempt; None if they weren't
            counted.
        doubt: what the process that ran it found out about that.
    """
    # A doubt of this kind only explains a count of 0. Any other doubt stands beside a count, too.
    if doubt is not None and (not assertions or doubt.kind is not Kind.NO_ASSERTION):
        return doubt
    if assertions is None:
        return NOT_COUNTED
    return None if assertions else NO_ASSERTION


def suspected(seen: Observation, reason: Reason, detail: str = "") -> Observation:
    """Turn a CONFIRMED into BLOCKED, if something outside the test makes its pass doubtful.

    Args:
        seen: the observation; one that isn't CONFIRMED stays as it is.
        reason: why the pass doesn't count.
        detail: what went wrong in full, on several lines.
    """
    if seen.verdict is not Verdict.CONFIRMED:
        return seen
    return replace(seen, verdict=Verdict.BLOCKED, reason=reason, detail=detail, flaky=False)


def finding_of(phase: Phase) -> Finding | None:
    """Return the verdict and reason of a phase that isn't CONFIRMED; None if it is."""
    match phase:
        # The order of the cases is the rule: the first one that matches decides.
        case Phase() if phase.when == CRASHED:
            text = f"the worker process died while it ran ({phase.text or 'no more is known'})"
            return Verdict.FAILED, Reason(text=text, kind=Kind.CRASH)
        case Phase(wider=True):
            # The failure itself falls on all users of the fixture (`teardown`).
            return (Verdict.BLOCKED, phase.blocked) if phase.blocked else None
        # A hook may turn a failure into a pass; what the test itself raised counts.
        case Phase(outcome="passed" | "skipped") if phase.raised and not _expected(phase):
            text = f"{phase.raised.text} (and it was reported as {phase.outcome})"
            return _failure(phase, text)
        case Phase(outcome="skipped", xfail=True) if phase.text.startswith(_NOT_RUN):
            why = phase.text.removeprefix(_NOT_RUN).strip() or "no reason given"
            text = f"it was not run, as its xfail mark says: {why}"
            remedy = "fix what is known to fail, and remove the mark"
            return Verdict.BLOCKED, Reason(text=text, kind=Kind.KNOWN_FAILURE, remedy=remedy)
        # By a mark or by `pytest.xfail`; nothing of what the criterion is about was looked at.
        case Phase(outcome="skipped", xfail=True, when="setup"):
            text = f"its set-up failed as xfail expects: {phase.text or 'no reason given'}"
            remedy = "fix what is known to fail, and remove the xfail"
            return Verdict.BLOCKED, Reason(text=text, kind=Kind.KNOWN_FAILURE, remedy=remedy)
        # pytest reports an expected failure as skipped, and an unexpected pass as passed or, if the
        # mark is strict, as failed.
        case Phase(outcome="skipped", xfail=True):
            text = f"it failed as its xfail mark expects: {phase.text or 'no reason given'}"
            remedy = "an xfail is not a waiver: fix the failure and remove the mark"
            return Verdict.FAILED, Reason(text=text, kind=Kind.KNOWN_FAILURE, remedy=remedy)
        case Phase(outcome="passed", xfail=True):
            text = "it passed against its xfail mark"
            return Verdict.BLOCKED, Reason(
                text=text, kind=Kind.KNOWN_FAILURE, remedy="remove the mark"
            )
        case Phase(outcome="passed"):
            return (Verdict.BLOCKED, phase.blocked) if phase.blocked else None
        case Phase(outcome="skipped"):
            skipped = Reason(text=phase.text or "skipped without a reason", kind=Kind.SKIPPED)
            return Verdict.BLOCKED, phase.blocked or skipped
        # "rerun" is pytest-rerunfailures' outcome of a failure that it runs again.
        case Phase(outcome="failed" | "rerun"):
            return _failure(phase, phase.text)
        case _ if phase.raised:
            return _failure(phase, phase.text)
        case _:
            text = f"pytest reported the unknown outcome {phase.outcome!r}"
            return Verdict.BLOCKED, Reason(text=text, kind=Kind.INCONCLUSIVE)


def _failure(phase: Phase, text: str) -> Finding:
    """Return the finding of a phase that failed, even if it was reported otherwise.

    Without an exception that left the test, such as after a soft assertion or a strict xpass, a
    plugin saw something that doesn't hold.
    """
    raised = phase.raised or Reason(text=text, kind=Kind.OBSERVED)
    if raised.kind is Kind.EVIDENCE_ERROR:
        return Verdict.BLOCKED, raised
    if phase.when == "setup":
        remedy = raised.remedy if raised.kind is Kind.ERROR else None
        text = f"set-up failed: {text}"
        return Verdict.BLOCKED, Reason(text=text, kind=Kind.SETUP_ERROR, remedy=remedy)
    prefix = "tear-down failed: " if phase.when == "teardown" else ""
    return Verdict.FAILED, replace(raised, text=f"{prefix}{text}")


def _expected(phase: Phase) -> bool:
    """Return whether an xfail mark, which pytest turns into a skip, expected the failure."""
    return phase.outcome == "skipped" and phase.xfail


def worse_of(first: Phase, last: Phase) -> Phase:
    """Return which of two reports of one phase gives the worse verdict; of equals the last."""
    # A phase without a finding is better than any verdict that a finding can have.
    severity = [finding[0].severity if (finding := finding_of(p)) else -1 for p in (first, last)]
    return first if severity[0] > severity[1] else last


def _detail(attempts: Iterable[Sequence[Phase]], finding: Finding) -> str:
    """Return the detail of the phase that gave the verdict's reason."""
    phases = (phase for attempt in attempts for phase in attempt)
    return next((phase.detail for phase in phases if finding_of(phase) == finding), "")


_OUTCOMES = ("passed", "failed", "skipped")
"""pytest's own. Any other is a plugin's, and says that the attempt isn't the last one."""


def _split_attempts(phases: Iterable[Phase]) -> list[tuple[list[Phase], bool]]:
    """Split phases into attempts, and mark those that a rerun of the same worker superseded.

    pytest-retry reports one set-up for all its calls, and flaky no call that it runs again.
    """
    by_worker: dict[str, list[list[Phase]]] = {}
    in_order: list[list[Phase]] = []
    for phase in phases:
        # With `--dist each`, the reports of several workers arrive mixed.
        of_worker = by_worker.setdefault(phase.worker, [])
        if not of_worker or phase.when == "setup":
            of_worker.append([])
            in_order.append(of_worker[-1])
        elif phase.when == "call" and _is_rerun(of_worker[-1]):
            of_worker.append([p for p in of_worker[-1] if p.when == "setup"])
            in_order.append(of_worker[-1])
        of_worker[-1].append(phase)
    last = {id(of_worker[-1]) for of_worker in by_worker.values()}
    return [
        (attempt, id(attempt) not in last and (_is_rerun(attempt) or _is_withheld(attempt)))
        for attempt in in_order
    ]


def _is_rerun(attempt: Iterable[Phase]) -> bool:
    """Return whether a plugin reported an outcome of its own, and so will run the test again."""
    return any(phase.outcome not in _OUTCOMES for phase in attempt)


def _is_withheld(attempt: Iterable[Phase]) -> bool:
    """Return whether a plugin kept the report of an attempt's call to itself."""
    return all(phase.outcome == "passed" and phase.when != "call" for phase in attempt)


def _findings(attempt: Sequence[Phase]) -> list[Finding]:
    """Return what speaks against CONFIRMED in one attempt, in the order of its phases."""
    findings = [finding for phase in attempt if (finding := finding_of(phase))]
    finished_phases = {phase.when for phase in attempt if not phase.subtest}
    # An attempt that ended in set-up has no call either, but the skip or the error comes first.
    if not finished_phases >= {"setup", "call", "teardown"}:
        # Last, so that any other finding of this severity gives the reason.
        text = "it did not run to its end"
        findings.append((Verdict.BLOCKED, Reason(text=text, kind=Kind.NOT_RUN)))
    return findings
