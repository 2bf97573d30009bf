"""Each row of the rule table in docs/verdicts.md holds."""

from __future__ import annotations

from datetime import timedelta
from itertools import product

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.evidence import Entry
from pytest_prodstatus.model.outcome import (
    CRASHED,
    Phase,
    finding_of,
    plain_pass,
    reduce_phases,
    suspected,
    worse_of,
)
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from tests.unit.given import NOW, B, C, F, entry, reason


def phase(when: str, outcome: str = "passed", text: str = "boom", **more: object) -> Phase:
    """Return one report."""
    return Phase(when=when, outcome=outcome, text="" if outcome == "passed" else text, **more)  # type: ignore[arg-type]


SETUP, CALL, TEARDOWN = phase("setup"), phase("call"), phase("teardown")
CALL_FAILED = phase("call", "failed")
CRASH = phase(CRASHED, "failed", "worker 'gw0' crashed")
PASS = (SETUP, CALL, TEARDOWN)
RERUN = (SETUP, phase("call", "rerun"))
RETRIED = (SETUP, phase("call", "retried", raised=reason("boom")))
ARMED = reason("not armed", Kind.NOT_ARMED, remedy="set REAL_PLACEORDER=1")


def subtest(outcome: str) -> Phase:
    """Return the report of one subtest."""
    return phase("call", outcome, subtest=True)


def skipped(when: str, **more: object) -> Phase:
    """Return a phase that was skipped."""
    return phase(when, "skipped", "not today", **more)


# What happened, its phases, the verdict, the kind of the reason and its sentence.
TABLE: dict[str, tuple[tuple[Phase, ...], Verdict, Kind | None, str]] = {
    "set-up, call and tear-down passed": (PASS, C, None, ""),
    "all subtests passed too": ((SETUP, subtest("passed"), CALL, TEARDOWN), C, None, ""),
    "the tear-down of what others share failed": (  # `teardown` lays it on all of them
        (SETUP, CALL, phase("teardown", "failed", wider=True)), C, None, "",
    ),
    # FAILED
    "call failed": ((SETUP, CALL_FAILED, TEARDOWN), F, Kind.OBSERVED, "boom"),
    "strict xpass": (
        (SETUP, phase("call", "failed", "[XPASS(strict)] late"), TEARDOWN),
        F, Kind.OBSERVED, "[XPASS(strict)] late",
    ),
    "tear-down failed": (
        (SETUP, CALL, phase("teardown", "failed")), F, Kind.OBSERVED, "tear-down failed: boom",
    ),
    "a subtest failed, its parent passed": (
        (SETUP, subtest("failed"), CALL, TEARDOWN), F, Kind.OBSERVED, "boom",
    ),
    "a subtest failed, then its parent": (
        (SETUP, subtest("failed"), phase("call", "failed", "parent"), TEARDOWN),
        F, Kind.OBSERVED, "boom",
    ),
    "the worker died in the body": (
        (SETUP, CRASH), F, Kind.CRASH,
        "the worker process died while it ran (worker 'gw0' crashed)",
    ),
    "the worker died before a word": ((CRASH,), F, Kind.CRASH, "the worker process died"),
    "the worker died in tear-down after a pass": (
        (SETUP, CALL, CRASH), F, Kind.CRASH, "the worker process died",
    ),
    "the worker died after all passed": ((*PASS, CRASH), F, Kind.CRASH, "the worker process died"),
    "the worker died for an unknown reason": (
        (phase(CRASHED, "failed", ""),), F, Kind.CRASH, "(no more is known)",
    ),
    "xfail": (
        (SETUP, phase("call", "skipped", "bug 7", xfail=True), TEARDOWN),
        F, Kind.KNOWN_FAILURE, "it failed as its xfail mark expects: bug 7",
    ),
    "xfail in tear-down": (
        (SETUP, CALL, phase("teardown", "skipped", "bug 7", xfail=True)),
        F, Kind.KNOWN_FAILURE, "bug 7",
    ),
    "xfail, without a reason": (
        (SETUP, phase("call", "skipped", "", xfail=True), TEARDOWN),
        F, Kind.KNOWN_FAILURE, "no reason given",
    ),
    # BLOCKED
    "xfail in set-up": (
        (phase("setup", "skipped", "bug 7", xfail=True), TEARDOWN),
        B, Kind.KNOWN_FAILURE, "its set-up failed as xfail expects: bug 7",
    ),
    "xfail in set-up, without a reason": (
        (phase("setup", "skipped", "", xfail=True), TEARDOWN),
        B, Kind.KNOWN_FAILURE, "its set-up failed as xfail expects: no reason given",
    ),
    "xfail(run=False)": (
        (phase("setup", "skipped", "[NOTRUN] bug 7", xfail=True), TEARDOWN),
        B, Kind.KNOWN_FAILURE, "it was not run, as its xfail mark says: bug 7",
    ),
    "xfail(run=False), without a reason": (
        (SETUP, phase("call", "skipped", "[NOTRUN]", xfail=True), TEARDOWN),
        B, Kind.KNOWN_FAILURE, "it was not run, as its xfail mark says: no reason given",
    ),
    "xpass, not strict": (
        (SETUP, phase("call", "passed", xfail=True), TEARDOWN),
        B, Kind.KNOWN_FAILURE, "it passed against its xfail mark",
    ),
    "skipped in set-up": ((skipped("setup"), TEARDOWN), B, Kind.SKIPPED, "not today"),
    "skipped in the call": ((SETUP, skipped("call"), TEARDOWN), B, Kind.SKIPPED, "not today"),
    "skipped in tear-down": ((SETUP, CALL, skipped("teardown")), B, Kind.SKIPPED, "not today"),
    "skipped without a reason": (
        (phase("setup", "skipped", ""), TEARDOWN), B, Kind.SKIPPED, "skipped without a reason",
    ),
    "a skipped subtest": (
        (SETUP, subtest("skipped"), CALL, TEARDOWN), B, Kind.SKIPPED, "boom",
    ),
    "Blocked raised in set-up": (
        (skipped("setup", blocked=ARMED), TEARDOWN), B, Kind.NOT_ARMED, "not armed",
    ),
    "Blocked raised in the call": (
        (SETUP, skipped("call", blocked=ARMED), TEARDOWN), B, Kind.NOT_ARMED, "not armed",
    ),
    "Blocked raised in tear-down": (
        (SETUP, CALL, skipped("teardown", blocked=ARMED)), B, Kind.NOT_ARMED, "not armed",
    ),
    "Blocked raised as well, and the tear-down of what others share failed": (
        (SETUP, CALL, phase("teardown", "failed", wider=True, blocked=ARMED)),
        B, Kind.NOT_ARMED, "not armed",
    ),
    "set-up failed": (
        (phase("setup", "failed"), TEARDOWN), B, Kind.SETUP_ERROR, "set-up failed: boom",
    ),
    "an unknown outcome": (
        (SETUP, phase("call", "maybe"), TEARDOWN),
        B, Kind.INCONCLUSIVE, "pytest reported the unknown outcome 'maybe'",
    ),
    # BLOCKED, not-run: half a run
    "interrupted in set-up": ((SETUP,), B, Kind.NOT_RUN, "it did not run to its end"),
    "interrupted in the body": ((SETUP, CALL), B, Kind.NOT_RUN, "it did not run to its end"),
    "--setup-plan": ((SETUP, TEARDOWN), B, Kind.NOT_RUN, "it did not run to its end"),
    "a tear-down alone": ((TEARDOWN,), B, Kind.NOT_RUN, "it did not run to its end"),
    "only subtests, never the call": (
        (SETUP, subtest("passed"), TEARDOWN), B, Kind.NOT_RUN, "it did not run to its end",
    ),
    "a call without set-up": ((CALL, TEARDOWN), B, Kind.NOT_RUN, "it did not run to its end"),
    # Several rows: the worst verdict wins, and of equals the first in time gives the reason
    "set-up failed, tear-down too": (
        (phase("setup", "failed"), phase("teardown", "failed", "worse")),
        F, Kind.OBSERVED, "tear-down failed: worse",
    ),
    "call failed, tear-down too": (
        (SETUP, CALL_FAILED, phase("teardown", "failed", "later")), F, Kind.OBSERVED, "boom",
    ),
    "skipped, then tear-down failed": (
        (SETUP, skipped("call"), phase("teardown", "failed")),
        F, Kind.OBSERVED, "tear-down failed: boom",
    ),
    "a skipped subtest, then a failed one": (
        (SETUP, subtest("skipped"), subtest("failed"), CALL, TEARDOWN), F, Kind.OBSERVED, "boom",
    ),
    "skipped twice": (
        (SETUP, phase("call", "skipped", "first"), phase("teardown", "skipped", "second")),
        B, Kind.SKIPPED, "first",
    ),
    "a failed subtest, then the worker died": (
        (SETUP, subtest("failed"), CRASH), F, Kind.OBSERVED, "boom",
    ),
    "skipped, then interrupted": ((SETUP, skipped("call")), B, Kind.SKIPPED, "not today"),
    # Reruns
    "passed only after a rerun": ((*RERUN, *PASS), C, None, ""),
    "passed after a rerun of set-up": ((phase("setup", "rerun"), *PASS), C, None, ""),
    "passed after a rerun of tear-down": (
        (SETUP, CALL, phase("teardown", "rerun"), *PASS), C, None, "",
    ),
    "reruns exhausted": (
        (*RERUN, SETUP, phase("call", "failed", "again"), TEARDOWN), F, Kind.OBSERVED, "again",
    ),
    "a rerun that never came": (RERUN, F, Kind.OBSERVED, "boom"),
    "a rerun of set-up that never came": (
        (phase("setup", "rerun"),), B, Kind.SETUP_ERROR, "set-up failed: boom",
    ),
    "a rerun that was interrupted": ((*RERUN, SETUP), B, Kind.NOT_RUN, "did not run to its end"),
    "a rerun whose worker died": ((*RERUN, SETUP, CRASH), F, Kind.CRASH, "died while it ran"),
    "a failed subtest, then a rerun that passed": (
        (SETUP, subtest("failed"), phase("call", "rerun"), *PASS), C, None, "",
    ),
    "a retry without a set-up of its own": ((*RETRIED, CALL, TEARDOWN), C, None, ""),
    "a retry that failed too": (
        (*RETRIED, phase("call", "failed", "again"), TEARDOWN), F, Kind.OBSERVED, "again",
    ),
    "a retry with a subtest that failed": (
        (*RETRIED, subtest("failed"), CALL, TEARDOWN), F, Kind.OBSERVED, "boom",
    ),
    "a retry that never came": ((*RETRIED, TEARDOWN), F, Kind.OBSERVED, "boom"),
    "an outcome of a plugin's own": (
        (SETUP, phase("call", "delayed"), TEARDOWN), B, Kind.INCONCLUSIVE, "'delayed'",
    ),
    "a call that a plugin withheld before it ran it again": (
        (SETUP, TEARDOWN, *PASS), C, None, "",
    ),
    "a call that a plugin withheld, and that failed again": (
        (SETUP, TEARDOWN, SETUP, CALL_FAILED, TEARDOWN), F, Kind.OBSERVED, "boom",
    ),
    "a call that a plugin withheld for good": (
        (SETUP, TEARDOWN), B, Kind.NOT_RUN, "did not run to its end",
    ),
    "a set-up that failed before it was run again": (
        (phase("setup", "failed"), TEARDOWN, *PASS), B, Kind.SETUP_ERROR, "boom",
    ),
    # Twice in one process without a rerun: nothing supersedes a failure
    "run twice, first failed": (
        (SETUP, CALL_FAILED, TEARDOWN, *PASS), F, Kind.OBSERVED, "boom",
    ),
    "run twice, then failed": ((*PASS, SETUP, CALL_FAILED, TEARDOWN), F, Kind.OBSERVED, "boom"),
}  # fmt: skip


@pytest.mark.parametrize(("phases", "verdict", "kind", "text"), TABLE.values(), ids=list(TABLE))
def test_the_rule_table(
    phases: tuple[Phase, ...], verdict: Verdict, kind: Kind | None, text: str
) -> None:
    """Each way that a criterion can go has one verdict, and a reason unless it is CONFIRMED."""
    seen = reduce_phases(phases)
    assert seen.verdict is verdict
    assert (seen.reason.kind if seen.reason else None) is kind
    assert text in (seen.reason.text if seen.reason else "")
    assert (seen.reason is None) is (verdict is C)


REMEDIES = {
    "xfail": "an xfail is not a waiver: fix the failure and remove the mark",
    "xfail in set-up": "fix what is known to fail, and remove the xfail",
    "xpass, not strict": "remove the mark",
    "Blocked raised in the call": "set REAL_PLACEORDER=1",
}


@pytest.mark.parametrize(("row", "remedy"), REMEDIES.items())
def test_a_reason_names_the_remedy_if_one_is_known(row: str, remedy: str) -> None:
    """Every BLOCKED, and every xfail, has a remedy if one is known."""
    seen = reduce_phases(TABLE[row][0])
    assert seen.reason is not None
    assert seen.reason.remedy == remedy


@pytest.mark.parametrize(
    "row",
    [
        "passed only after a rerun",
        "passed after a rerun of set-up",
        "a retry without a set-up of its own",
        "a call that a plugin withheld before it ran it again",
    ],
)
def test_a_pass_after_a_rerun_is_flaky(row: str) -> None:
    """A pass after a rerun is CONFIRMED, and flaky with the number of its attempts."""
    seen = reduce_phases(TABLE[row][0])
    assert (seen.flaky, seen.attempts) == (True, 2)


@pytest.mark.parametrize(
    "row", ["reruns exhausted", "run twice, first failed", "a rerun that never came"]
)
def test_what_is_not_confirmed_is_not_flaky(row: str) -> None:
    """Only a criterion that was CONFIRMED in the end is flaky."""
    assert not reduce_phases(TABLE[row][0]).flaky


def test_one_attempt_is_one_attempt() -> None:
    """A plain pass is neither flaky nor repeated; several runs of it are several attempts."""
    assert (reduce_phases(PASS).flaky, reduce_phases(PASS).attempts) == (False, 1)
    assert (reduce_phases(PASS * 2).flaky, reduce_phases(PASS * 2).attempts) == (False, 2)


class TestEvidence:
    """A pass without evidence is BLOCKED if evidence is required."""

    def test_none(self) -> None:
        """A pass without required evidence is BLOCKED, no-evidence, with the remedy."""
        seen = reduce_phases(PASS, require_evidence=True)
        assert seen.verdict is B
        assert seen.reason is not None
        assert seen.reason.kind is Kind.NO_EVIDENCE
        assert seen.reason.remedy == "record what was seen with the evidence fixture"
        assert reduce_phases(PASS).verdict is C

    @pytest.mark.parametrize("when", ["setup", "call", "teardown"])
    def test_some(self, when: str) -> None:
        """Evidence of any phase is enough."""
        phases = [phase(p.when, evidence=(entry(),) if p.when == when else ()) for p in PASS]
        seen = reduce_phases(phases, require_evidence=True)
        assert (seen.verdict, seen.evidence) == (C, (entry(),))

    def test_of_a_superseded_attempt(self) -> None:
        """Evidence of an attempt that doesn't count is not evidence of the one that does."""
        first = (SETUP, phase("call", "rerun", evidence=(entry(),)))
        assert reduce_phases((*first, *PASS), require_evidence=True).verdict is B
        assert reduce_phases((*first, *PASS)).evidence == ()

    def test_of_another_worker(self) -> None:
        """With `--dist each` a test runs on each worker, and each run must record something."""
        phases = [
            phase(
                p.when, worker=worker, evidence=(entry(),) * (p.when == "call" and worker != "gw1")
            )
            for worker in ("gw0", "gw1", "gw2")
            for p in PASS
        ]
        assert reduce_phases(phases, require_evidence=True).verdict is B
        others = [p for p in phases if p.worker != "gw1"]
        assert reduce_phases(others, require_evidence=True).verdict is C

    def test_a_failure_stays_a_failure(self) -> None:
        """Missing evidence never hides a failure, and never adds to it."""
        seen = reduce_phases((SETUP, CALL_FAILED, TEARDOWN), require_evidence=True)
        assert (seen.verdict, seen.reason and seen.reason.kind) == (F, Kind.OBSERVED)

    def test_the_order_is_that_of_recording(self) -> None:
        """Evidence reads in the order in which it was seen, over all that counts."""
        one, two, three = (entry(f"n{n}", n) for n in range(3))
        phases = (phase("setup", evidence=(one,)), phase("call", evidence=(two, three)), TEARDOWN)
        assert reduce_phases(phases).evidence == (one, two, three)


class TestSideEffects:
    """A criterion with side effects starts once; each start counts."""

    REFUSED = (skipped("setup", repeat=True), TEARDOWN)

    def test_a_rerun_supersedes_nothing(self) -> None:
        """A failure that acted on the world isn't undone by another attempt."""
        seen = reduce_phases((*RERUN, *PASS), side_effects=True)
        assert (seen.verdict, seen.flaky) == (F, False)

    def test_a_refused_repeat_says_nothing(self) -> None:
        """The one real start gives the verdict, before or after the refusals."""
        for phases in ((*PASS, *self.REFUSED), (*self.REFUSED, *PASS)):
            seen = reduce_phases(phases, side_effects=True)
            assert (seen.verdict, seen.attempts) == (C, 1)

    def test_a_refused_rerun_leaves_the_failure(self) -> None:
        """A criterion that FAILED stays so if it is refused a second start."""
        seen = reduce_phases((*RERUN, *self.REFUSED), side_effects=True)
        assert (seen.verdict, seen.attempts) == (F, 1)

    def test_a_refusal_alone_is_blocked(self) -> None:
        """If every start was refused, nothing was seen, so it is BLOCKED."""
        seen = reduce_phases(self.REFUSED * 2, side_effects=True)
        assert (seen.verdict, seen.reason and seen.reason.kind) == (B, Kind.SKIPPED)

    def test_every_start_gives_evidence(self) -> None:
        """What a failed start recorded is kept."""
        first = (SETUP, phase("call", "rerun", evidence=(entry("order_id", "42"),)))
        assert reduce_phases((*first, *PASS), side_effects=True).evidence


class TestWorkers:
    """Under `--dist each`, or after a crash, several workers report on one criterion."""

    @staticmethod
    def on(worker: str, phases: tuple[Phase, ...]) -> list[Phase]:
        """Return phases as one worker reports them."""
        return [replace(p, worker=worker) for p in phases]

    def test_attempts_interleave(self) -> None:
        """Two passes whose reports arrive mixed are two whole attempts, not four halves."""
        mixed = [
            p for pair in zip(self.on("a", PASS), self.on("b", PASS), strict=True) for p in pair
        ]
        seen = reduce_phases(mixed)
        assert (seen.verdict, seen.attempts, seen.flaky) == (C, 2, False)

    @pytest.mark.parametrize("row", list(TABLE))
    def test_the_worst_worker_decides(self, row: str) -> None:
        """A pass on another worker supersedes nothing, in any order of the reports."""
        phases, verdict, *_ = TABLE[row]
        a, b = self.on("a", phases), self.on("b", PASS)
        assert reduce_phases([*a, *b]).verdict is verdict
        assert reduce_phases([*b, *a]).verdict is verdict

    def test_a_rerun_supersedes_only_its_own_worker(self) -> None:
        """Another worker's pass is not a rerun of this one's failure."""
        seen = reduce_phases([*self.on("a", RERUN), *self.on("b", PASS)])
        assert seen.verdict is F


def test_a_criterion_was_seen_when_its_last_counted_phase_ended() -> None:
    """The observation is dated by its end; durations add up over all attempts."""
    times = [NOW + timedelta(seconds=n) for n in range(4)]
    first = (phase("setup", duration=1.0, stopped=times[3]), phase("call", "rerun", duration=2.0))
    last = [phase(p.when, duration=4.0, stopped=t) for p, t in zip(PASS, times, strict=False)]
    seen = reduce_phases((*first, *last))
    assert seen.observed_at == times[2]
    assert seen.duration == 15.0
    assert reduce_phases(PASS).observed_at is None


def test_a_pass_by_something_older_has_its_age() -> None:
    """The oldest date counts, and only for a CONFIRMED; a date later than the end doesn't count."""
    hour = timedelta(hours=1)
    end = replace(TEARDOWN, stopped=NOW)
    call = replace(CALL, seen_at=NOW - hour)
    assert reduce_phases((SETUP, call, end)).observed_at == NOW - hour
    older = replace(SETUP, seen_at=NOW - 2 * hour)
    assert reduce_phases((older, call, end)).observed_at == NOW - 2 * hour
    assert reduce_phases((SETUP, replace(CALL, seen_at=NOW + hour), end)).observed_at == NOW
    failed = replace(call, outcome="failed")
    assert reduce_phases((SETUP, failed, end)).observed_at == NOW


@pytest.mark.parametrize(
    ("when", "outcome", "xfail"),
    list(product(["setup", "call", "teardown"], ["passed", "failed", "skipped", "?"], [0, 1])),
)
def test_only_a_plain_pass_has_nothing_against_it(when: str, outcome: str, xfail: int) -> None:
    """Of all phases in reports, only `passed` without `wasxfail` gives no finding."""
    finding = finding_of(phase(when, outcome, xfail=bool(xfail)))
    assert (finding is None) is (outcome == "passed" and not xfail)
    assert finding is None or finding[0] is not C


class TestDetail:
    """What went wrong in full comes from the phase that gave the reason."""

    def test_of_the_worst_phase(self) -> None:
        """The detail is that of the worst phase, however early another one is."""
        attempt = (
            phase("setup"),
            phase("call", "skipped", "later", detail="no"),
            phase("teardown", "failed", "boom", detail="Traceback: boom"),
        )
        assert reduce_phases(attempt).detail == "Traceback: boom"

    def test_of_equals_the_first(self) -> None:
        """Of equal phases, the first gives the detail, as it gives the reason."""
        attempt = (
            SETUP, phase("call", "failed", "a", detail="A"),
            phase("teardown", "failed", "b", detail="B"),
        )  # fmt: skip
        assert reduce_phases(attempt).detail == "A"

    def test_of_nothing(self) -> None:
        """A pass, and a criterion that only didn't run, have no detail."""
        assert reduce_phases(PASS).detail == ""
        assert reduce_phases((SETUP,)).detail == ""


@pytest.mark.parametrize("required", [False, True])
@pytest.mark.parametrize("evidence", [(), (entry(),)])
def test_a_plain_pass_is_what_the_table_makes_of_it(
    required: bool, evidence: tuple[Entry, ...]
) -> None:
    """The short way for a plain pass gives the same observation as the table."""
    phases = (SETUP, CALL, replace(TEARDOWN, evidence=evidence, stopped=NOW, duration=2.5))
    wanted = reduce_phases(phases, require_evidence=required)
    assert plain_pass(evidence, NOW, 2.5, require_evidence=required) == wanted
    assert plain_pass(evidence, NOW, 2.5) == reduce_phases(phases)


DOUBT = reason("it was never awaited", Kind.INCONCLUSIVE)


def test_a_suspect_pass_is_blocked() -> None:
    """A suspect pass is BLOCKED; its evidence is kept, so that a person can judge it."""
    held = reduce_phases(PASS)
    seen = suspected(held, DOUBT, "Traceback")
    assert (seen.verdict, seen.reason, seen.detail) == (B, DOUBT, "Traceback")
    assert seen == replace(held, verdict=B, reason=DOUBT, detail="Traceback")


def test_the_last_doubt_of_an_attempt_is_kept() -> None:
    """Whichever of its phases has it, since what comes after may find nothing."""
    for attempt in (
        (replace(SETUP, doubt=reason("before")), replace(CALL, doubt=DOUBT), TEARDOWN),
        (SETUP, CALL, replace(TEARDOWN, doubt=DOUBT)),
    ):
        assert reduce_phases(attempt).doubt == DOUBT
    assert reduce_phases(PASS).doubt is None


def test_a_suspect_pass_after_a_rerun_is_not_flaky() -> None:
    """Only a CONFIRMED criterion is flaky."""
    held = reduce_phases((*RERUN, TEARDOWN, *PASS))
    assert held.flaky
    assert not suspected(held, DOUBT).flaky


@pytest.mark.parametrize("attempt", [(SETUP, CALL_FAILED, TEARDOWN), (SETUP, CALL)])
def test_suspicion_adds_nothing_to_a_failure(attempt: tuple[Phase, ...]) -> None:
    """A failure keeps its own reason, which says more than a suspicion."""
    seen = reduce_phases(attempt)
    assert suspected(seen, DOUBT) == seen


RAISED = reason("down")
BROKEN = reason("NameError: x", Kind.ERROR, remedy="the test raised NameError: look at it first")
REFUSED = reason("evidence takes no float", Kind.EVIDENCE_ERROR, remedy="record another value")


@pytest.mark.parametrize(
    ("when", "raised", "verdict", "kind"),
    [
        ("setup", BROKEN, B, Kind.SETUP_ERROR),
        ("setup", REFUSED, B, Kind.EVIDENCE_ERROR),
        ("call", RAISED, F, Kind.OBSERVED),
        ("call", BROKEN, F, Kind.ERROR),
        ("call", REFUSED, B, Kind.EVIDENCE_ERROR),
        ("teardown", RAISED, F, Kind.OBSERVED),
        ("teardown", BROKEN, F, Kind.ERROR),
        ("teardown", REFUSED, B, Kind.EVIDENCE_ERROR),
    ],
)
@pytest.mark.parametrize("outcome", ["failed", "rerun", "retried", "passed"])
def test_a_failure_has_the_kind_of_its_exception(
    when: str, raised: Reason, verdict: Verdict, kind: Kind, outcome: str
) -> None:
    """An assertion was observed; any other exception may be the test's own fault: so see first."""
    found = finding_of(phase(when, outcome, "boom", raised=raised))
    assert found is not None
    assert (found[0], found[1].kind) == (verdict, kind)
    assert found[1].remedy == raised.remedy


def test_a_refused_value_is_said_once() -> None:
    """The reason is the sentence about the value, without the exception's name or a prefix."""
    found = finding_of(phase("teardown", "failed", "EvidenceError: evidence", raised=REFUSED))
    assert found == (B, REFUSED)


@pytest.mark.parametrize(
    ("outcome", "xfail", "verdict", "kind"),
    [
        ("passed", False, F, Kind.OBSERVED),
        ("passed", True, F, Kind.OBSERVED),
        ("skipped", False, F, Kind.OBSERVED),
        ("skipped", True, F, Kind.KNOWN_FAILURE),
        ("failed", False, F, Kind.OBSERVED),
    ],
)
def test_what_left_the_test_counts_whatever_was_reported(
    outcome: str, xfail: bool, verdict: Verdict, kind: Kind
) -> None:
    """An exception that left a test is a failure, unless an xfail mark expected it."""
    call = phase("call", outcome, xfail=xfail, raised=RAISED)
    seen = reduce_phases([SETUP, call, TEARDOWN])
    assert seen.reason is not None
    assert (seen.verdict, seen.reason.kind) == (verdict, kind)


def test_a_set_up_that_raised_is_a_set_up_error() -> None:
    """A set-up that raised is BLOCKED, setup-error, also if a hook reports that it passed."""
    seen = reduce_phases([phase("setup", raised=RAISED), CALL, TEARDOWN])
    assert seen.reason is not None
    assert (seen.verdict, seen.reason.kind) == (B, Kind.SETUP_ERROR)


def test_a_blocked_that_the_test_swallowed_counts() -> None:
    """`blocked()` counts, although the test swallowed its exception and passed."""
    seen = reduce_phases([SETUP, phase("call", blocked=ARMED), TEARDOWN])
    assert (seen.verdict, seen.reason) == (B, ARMED)


@pytest.mark.parametrize("last", [CALL, skipped("call"), CALL_FAILED, phase("call", xfail=True)])
@pytest.mark.parametrize("first", [CALL, skipped("call"), CALL_FAILED])
def test_of_two_accounts_the_worse_counts(first: Phase, last: Phase) -> None:
    """The worse counts of what a report said before other hooks had it, and after."""

    def severity(one: Phase) -> int:
        found = finding_of(one)
        return found[0].severity if found else -1

    worse = worse_of(first, last)
    assert severity(worse) == max(severity(first), severity(last))
    assert worse is last or severity(first) > severity(last)


def test_an_attempt_that_nobody_reported_is_counted() -> None:
    """A pass after a start without a report is flaky: that start may have shown something else."""
    phases = [
        Phase(when=when, outcome="passed", attempt=3) for when in ("setup", "call", "teardown")
    ]
    seen = reduce_phases(phases)
    assert (seen.verdict, seen.attempts, seen.flaky) == (Verdict.CONFIRMED, 3, True)
