"""Rows of what passed amount to just what the rule table makes of their phases."""

from __future__ import annotations

from datetime import datetime, timezone
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.attempts import Attempts
from pytest_prodstatus.intake import Reports
from pytest_prodstatus.model.outcome import reduce_phases
from pytest_prodstatus.model.verdict import Kind, Reason, Verdict
from pytest_prodstatus.reports import Payload, phase_of
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
}


def report(when: Any, outcome: Any = "passed", **more: Any) -> pytest.TestReport:
    """Return a report as pytest makes it, with a payload."""
    payload = Payload(
        evidence=more.pop("evidence", ()),
        blocked=more.pop("blocked", None),
        repeat=more.pop("repeat", False),
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
    for name, value in more.items():
        setattr(made, name, value)
    return made


def add(attempts: Attempts, one: pytest.TestReport) -> None:
    """Take a report in."""
    if not attempts.put_aside(one):
        attempts.read({NODEID})
        attempts.add(one)


def taken(reports: list[pytest.TestReport], **rule: bool) -> Any:
    """Return what the rows amount to."""
    attempts = Attempts()
    for one in reports:
        add(attempts, one)
    attempts.read({NODEID})
    return attempts.take(NODEID, **{"side_effects": False, "require_evidence": False, **rule})


@st.composite
def reported(draw: st.DrawFn) -> list[pytest.TestReport]:
    """Return reports of a test: attempts that passed whole, mostly, and whatever else there is."""
    made = []
    for _ in range(draw(st.integers(0, 3))):
        worker = draw(st.sampled_from(NODES))
        for when in draw(st.sampled_from([("setup", "call", "teardown")] * 4 + [
            ("setup",), ("setup", "teardown"), ("setup", "call"), ("call", "setup", "teardown"),
            ("setup", "call", "call", "teardown"), ("setup", "call", "teardown", "???"),
        ])):  # fmt: skip
            odd = draw(st.sampled_from(["", "", "", "", "xfail", "subtest", "blocked", "repeat"]))
            more = ODD.get(odd, {})
            outcome = draw(st.sampled_from(["passed"] * 6 + ["failed", "skipped", "rerun"]))
            seen = (entry(),) if draw(st.booleans()) else ()
            stop = draw(st.sampled_from([1.0, 2.0, 3.5, 0.0]))
            made.append(report(when, outcome, evidence=seen, stop=stop, **more, **worker))
    return made


@given(reported(), st.booleans(), st.booleans())
def test_rows_amount_to_their_phases(
    reports: list[pytest.TestReport], effects: bool, required: bool
) -> None:
    """Any reports in any order: verdict, reason, evidence, time, attempts, flaky, detail."""
    rule = {"side_effects": effects, "require_evidence": required}
    wanted = reduce_phases(list(map(phase_of, reports)), **rule) if reports else None
    assert taken(reports, **rule) == wanted


def test_a_plain_pass_is_one_row() -> None:
    """What passed as it should: all evidence, the time of all, the end of the last."""
    seen = taken([
        report("setup", evidence=(entry("a"),), stop=1.0), report("call", evidence=(entry("b"),)),
        report("teardown", stop=3.0),
    ])  # fmt: skip
    assert [one.name for one in seen.evidence] == ["a", "b"]
    assert (seen.duration, seen.attempts) == (1.5, 1)
    assert seen.observed_at == datetime.fromtimestamp(3, timezone.utc)


def test_what_was_taken_is_let_go() -> None:
    """Once: thousands of rows needn't stay while a record is made of them."""
    attempts = Attempts()
    add(attempts, report("setup"))
    attempts.read({NODEID})
    assert [phase.when for phase in attempts.phases(NODEID)] == ["setup"]
    assert attempts.take(NODEID, side_effects=False, require_evidence=False)
    assert attempts.take(NODEID, side_effects=False, require_evidence=False) is None
    assert attempts.phases(NODEID) == []


def test_what_went_wrong_is_not_taken_back() -> None:
    """A report of a failure that somebody turns into a pass afterwards is one of a failure."""
    attempts = Attempts()
    setup, call, teardown = report("setup"), report("call", "failed"), report("teardown")
    for one in (setup, call, teardown):
        add(attempts, one)
    call.outcome, call.longrepr = "passed", None
    attempts.read({NODEID})
    seen = attempts.take(NODEID, side_effects=False, require_evidence=False)
    assert seen
    assert seen.verdict is Verdict.FAILED


def test_phases_are_read_in_the_order_of_arrival() -> None:
    """Read in two goes, or all at once: a set-up begins an attempt wherever it stands."""
    reports = [report("setup"), report("call", "rerun"), report("teardown"),
               report("setup"), report("call"), report("teardown")]  # fmt: skip
    attempts = Attempts()
    for one in reports[:3]:
        add(attempts, one)
    attempts.read({NODEID})
    for one in reports[3:]:
        add(attempts, one)
    attempts.read({NODEID})
    seen = attempts.take(NODEID, side_effects=False, require_evidence=False)
    assert seen == taken(reports)
    assert seen is not None
    assert seen.flaky


def test_whom_a_test_asked_is_known_whatever_became_of_it() -> None:
    """Endpoints and snapshots of a report that failed count as those of one that passed."""
    at = datetime(2026, 1, 2, tzinfo=timezone.utc)
    attempts = Attempts()
    asked = Payload(endpoints={"shop": "https://shop.example"}, snapshots={"db": (at,)})
    for one in (report("setup"), report("call", "failed")):
        asked.attach(one)
        add(attempts, one)
    attempts.read({NODEID})
    assert attempts.endpoints == {"shop": "https://shop.example"}
    assert attempts.snapshots == {"db": {at}}


def test_of_other_tests_nothing_is_kept() -> None:
    """What passed and is no criterion is not read; what it asked is no part of the record."""
    attempts = Attempts()
    other = report("setup")
    Payload(endpoints={"shop": "https://shop.example"}).attach(other)
    add(attempts, other)
    attempts.read(set())
    assert attempts.phases(NODEID) == []
    assert attempts.endpoints == {}


def test_a_pass_that_became_something_else_is_that() -> None:
    """Before it is read: somebody saw that the test had failed after all."""
    attempts = Attempts()
    setup, call, teardown = report("setup"), report("call"), report("teardown")
    for one in (setup, call, teardown):
        add(attempts, one)
    call.outcome = "failed"
    attempts.read({NODEID})
    seen = attempts.take(NODEID, side_effects=False, require_evidence=False)
    assert seen
    assert seen.verdict is Verdict.FAILED


@pytest.mark.parametrize("nodes", [("", "", ""), ("gw0", "gw1", "gw0")], ids=["serial", "workers"])
def test_reports_that_say_the_same_names_share_them(nodes: tuple[str, ...]) -> None:
    """A test's phases have one dict of names and marks; one that differs stays as it is."""
    attempts = Attempts()
    names: list[dict[str, Any]] = [{"test_a": 1}, {"other": 1}, {"test_a": 1}]
    made = []
    for node, keywords in zip(nodes, names, strict=True):
        one = report("setup", **({"node": WORKERS[node]} if node else {}))
        one.keywords = keywords
        made.append(one)
        add(attempts, one)
    attempts.read({NODEID})
    assert [one.keywords for one in made] == names
    assert (made[0].keywords is made[2].keywords) == bool(nodes[0])


def test_reports_are_read_many_together() -> None:
    """So that thousands needn't be kept until the run ends."""
    taker = Mock(aside=[])
    taker.read.side_effect = taker.aside.clear
    hook = Reports(Mock(on=True), Mock(), taker).pytest_runtest_logreport
    for _ in range(2_500):
        for _ in hook(report("call")):
            pass
    assert (taker.read.call_count, len(taker.aside)) == (2, 500)
