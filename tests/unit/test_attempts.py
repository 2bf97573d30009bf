"""Rows of passed phases give the same observation as the rule table."""

from __future__ import annotations

import math
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus import clock
from pytest_prodstatus.attempts import Attempts
from pytest_prodstatus.model.catalogue import Criterion
from pytest_prodstatus.model.outcome import reduce_phases
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.reports import SENT, TEST, Payload, phase_of, seconds, stop_of
from pytest_prodstatus.spool import Spool
from tests.unit.given import entry

NODEID = "test_a.py::test_a"
WORKERS = {
    name: SimpleNamespace(gateway=SimpleNamespace(id=name), _workerinfocache=name)
    for name in ("gw0", "gw1")
}

NODES: list[dict[str, Any]] = [{}, {}, *({"node": node} for node in WORKERS.values())]
ODD: dict[str, dict[str, Any]] = {
    "xfail": {"wasxfail": "reason: known"},
    "subtest": {"context": object()},
    "blocked": {"blocked": Reason(text="no", kind=Kind.NO_DATA)},
    "repeat": {"repeat": True},
    "dated": {"seen_at": datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc)},
}


def report(when: Any, outcome: Any = "passed", **more: Any) -> pytest.TestReport:
    """Return a report as pytest makes it, with a payload."""
    payload = Payload(
        evidence=more.pop("evidence", ()),
        blocked=more.pop("blocked", None),
        repeat=more.pop("repeat", False),
        seen_at=more.pop("seen_at", None),
    )
    longrepr = "E  it broke" if outcome in ("failed", "rerun") else None
    longrepr = ("test_a.py", 1, "Skipped: no") if outcome == "skipped" else longrepr  # type: ignore[assignment]
    made = pytest.TestReport(
        nodeid=NODEID,
        location=("test_a.py", 0, "test_a"),
        keywords={},
        outcome=outcome,
        longrepr=longrepr,
        when=when,
        duration=more.pop("duration", 0.5),
        start=1.0,
        stop=more.pop("stop", 2.0),
    )
    if payload != Payload():
        payload.attach(made)
    setattr(made, TEST, NODEID)
    if "node" in more:
        more.setdefault(SENT, (0.0, 0.0))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def criterion(*, side_effects: bool = False) -> Criterion:
    """Return the criterion that the reports are about."""
    return Criterion(
        id="api.a",
        stage="api",
        nodeid=NODEID,
        title="a",
        side_effects=side_effects,
        function=NODEID,
    )


def attempts_of(*reports: pytest.TestReport, require_evidence: bool = False) -> Attempts:
    """Return attempts that have received reports."""
    attempts = Attempts(Mock(on=True), Spool(), require_evidence=require_evidence)
    attempts.criteria = {NODEID: criterion()}
    add(attempts, *reports)
    return attempts


def add(attempts: Attempts, *reports: pytest.TestReport) -> None:
    """Call the hook about reports, as pytest does."""
    for item in reports:
        for _ in attempts.pytest_runtest_logreport(item):
            pass


def seen_by(attempts: Attempts, *, side_effects: bool = False) -> Any:
    """Return the observation of the criterion from all reports."""
    attempts.read()
    return attempts.observe(criterion(side_effects=side_effects))


def taken(
    reports: list[pytest.TestReport], *, side_effects: bool = False, require_evidence: bool = False
) -> Any:
    """Return the observation from the rows."""
    attempts = attempts_of(*reports, require_evidence=require_evidence)
    return seen_by(attempts, side_effects=side_effects)


@st.composite
def reported(draw: st.DrawFn) -> list[pytest.TestReport]:
    """Return reports of a test: mostly attempts that passed completely, and all other kinds."""
    made = []
    for _ in range(draw(st.integers(0, 3))):
        worker = draw(st.sampled_from(NODES))
        for when in draw(st.sampled_from([("setup", "call", "teardown")] * 4 + [
            ("setup",), ("setup", "teardown"), ("setup", "call"), ("call", "setup", "teardown"),
            ("setup", "call", "call", "teardown"), ("setup", "call", "teardown", "???"),
        ])):  # fmt: skip
            odd = draw(st.sampled_from(["", "", "", "", *ODD]))
            more = ODD.get(odd, {})
            outcome = draw(st.sampled_from(["passed"] * 6 + ["failed", "skipped", "rerun"]))
            seen = (entry(),) if draw(st.booleans()) else ()
            stop = draw(st.sampled_from([1.0, 2.0, 3.5, 4.5]))
            made.append(report(when, outcome, evidence=seen, stop=stop, **more, **worker))
    return made


@given(reported(), st.booleans(), st.booleans())
def test_rows_amount_to_their_phases(
    reports: list[pytest.TestReport], effects: bool, required: bool
) -> None:
    """Any reports in any order give the same observation as their phases by the rule table."""
    rule = {"side_effects": effects, "require_evidence": required}
    phases = list(map(phase_of, reports))
    wanted = reduce_phases(phases, **rule) if phases else None
    assert taken(reports, **rule) == wanted


def test_a_plain_pass_is_one_row() -> None:
    """A plain pass has all evidence, the time of all phases, and the end of the last."""
    seen = taken([
        report("setup", evidence=(entry("a"),), stop=1.0), report("call", evidence=(entry("b"),)),
        report("teardown", stop=3.0),
    ])  # fmt: skip
    assert [item.name for item in seen.evidence] == ["a", "b"]
    assert (seen.duration, seen.attempts) == (1.5, 1)
    assert seen.observed_at == datetime.fromtimestamp(3, timezone.utc)


def test_what_was_observed_is_let_go() -> None:
    """An observation is given once, so that thousands of rows don't stay in memory."""
    attempts = attempts_of(report("setup"))
    assert seen_by(attempts)
    assert seen_by(attempts) is None


def test_what_went_wrong_is_not_taken_back() -> None:
    """A report of a failure counts, even if another hook turns it into a pass afterwards."""
    call = report("call", "failed")
    attempts = attempts_of(report("setup"), call, report("teardown"))
    call.outcome, call.longrepr = "passed", None
    assert seen_by(attempts).verdict is Verdict.FAILED
    assert attempts.failed


def test_phases_are_read_in_the_order_of_arrival() -> None:
    """A set-up begins an attempt anywhere, if the reports are read in two parts or all at once."""
    reports = [report("setup"), report("call", "rerun"), report("teardown"),
               report("setup"), report("call"), report("teardown")]  # fmt: skip
    attempts = attempts_of(*reports[:3])
    attempts.read()
    add(attempts, *reports[3:])
    seen = seen_by(attempts)
    assert seen == taken(reports)
    assert seen.flaky


def test_what_a_test_contacted_is_known_whatever_became_of_it() -> None:
    """Endpoints and snapshots of a report that failed count as those of one that passed."""
    at = datetime(2026, 1, 2, tzinfo=timezone.utc)
    payload = Payload(endpoints={"shop": "https://shop.example"}, snapshots={"db": (at,)})
    reports = [report("setup"), report("call", "failed")]
    for item in reports:
        payload.attach(item)
    attempts = attempts_of(*reports)
    attempts.read()
    assert attempts.endpoints == {"shop": "https://shop.example"}
    assert attempts.snapshots == {"db": {at}}


def test_of_other_tests_nothing_is_kept() -> None:
    """Of a test that isn't a criterion, a pass is not read and no contact is recorded."""
    other = report("setup")
    Payload(endpoints={"shop": "https://shop.example"}).attach(other)
    attempts = Attempts(Mock(on=True), Spool(), require_evidence=False)
    attempts.criteria = {}
    add(attempts, other, report("call", "failed"))
    assert seen_by(attempts) is None
    assert attempts.endpoints == {}
    assert attempts.failed_elsewhere == [NODEID]


def test_a_pass_that_became_something_else_is_that() -> None:
    """A pass that a later hook turned into a failure counts as the failure."""
    call = report("call")
    attempts = attempts_of(report("setup"), call, report("teardown"))
    call.outcome = "failed"
    assert seen_by(attempts).verdict is Verdict.FAILED


def test_what_another_plugin_keeps_in_a_report_stays_as_it_is() -> None:
    """Each report keeps the dictionary of keywords with which it came."""
    reports = [report("setup"), report("call")]
    keywords: list[dict[str, Any]] = [{"test_a": 1}, {"test_a": 1}]
    for item, names in zip(reports, keywords, strict=True):
        item.keywords = names
    attempts_of(*reports).read()
    assert all(item.keywords is names for item, names in zip(reports, keywords, strict=True))


def test_reports_are_read_many_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports are read a thousand at a time, so that they needn't be kept until the end."""
    attempts, reads = attempts_of(), list[int]()
    read = attempts.read

    def counted() -> None:
        reads.append(1)
        read()

    monkeypatch.setattr(attempts, "read", counted)
    add(attempts, *(report("call") for _ in range(2_500)))
    assert len(reads) == 2


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, None, "soon", 1e300, []], ids=repr)
def test_what_is_no_number_of_seconds(value: object) -> None:
    """A hook may put anything into a report's instants: then it ended when it was read."""
    assert seconds(value) == 0.0
    assert abs(stop_of({"stop": value}) - clock.timestamp()) < 60
    assert stop_of({}) == 0.0
    assert stop_of({"stop": 5.5}) == 5.5
