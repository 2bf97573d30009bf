"""JUnit XML is valid by Jenkins' schema, but for the properties of test cases."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as Xml

import pytest
import xmlschema
from hypothesis import given
from junitparser import JUnitXml, Properties, TestCase, TestSuite
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers import junit
from pytest_prodstatus.writers.junit import JUnitError, with_verdicts
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    each_hostile_text,
    entry,
    in_progress,
    observation,
    reason,
    record,
    stage,
    status,
)
from tests.unit.given import (
    report as report_of,
)
from tests.unit.model.test_codec import odd
from tests.unit.model.test_properties import records

SCHEMA = xmlschema.XMLSchema(str(Path(__file__).parent / "schemas" / "junit-10.xsd"))
STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))

WRITTEN = """<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite
 name="pytest" errors="0" failures="1" skipped="0" tests="3" time="0.1" timestamp="2026-11-22T12:00"
 hostname="h"><testcase classname="test_api" name="test_a" time="0.1"><properties><property
 name="ours" value="1"/></properties><failure message="m">long</failure></testcase><testcase
 classname="test_api" name="test_a" time="0.1" /><testcase classname="test_unit" name="test_u"
 time="0.1" /></testsuite></testsuites>"""
"""A file of pytest's: a criterion that failed, its second attempt, and another test."""


def suite_of(text: str) -> TestSuite:
    """Return a file's only suite, as junitparser reads it, after validation by the schema."""
    root = Xml.fromstring(text.encode())
    for case in root.iter("testcase"):
        for element in case.findall("properties"):
            case.remove(element)  # the one thing that the schema doesn't know
    SCHEMA.validate(Xml.tostring(root, encoding="unicode"))
    (suite,) = JUnitXml.fromstring(text.encode())
    assert isinstance(suite, TestSuite)
    return suite


def properties_of(element: TestCase | TestSuite) -> dict[str, str]:
    """Return the properties of an element by name."""
    groups = element.iterchildren(Properties)  # type: ignore[no-untyped-call]
    return {item.name: item.value for group in groups for item in group}


def as_gitlab(text: str) -> dict[tuple[str | None, str | None], str]:
    """Return the status of each test as GitLab reads it: of several with one name the first."""
    found: dict[tuple[str | None, str | None], str] = {}
    for case in Xml.fromstring(text.encode()).iter("testcase"):
        outcomes = [tag for tag in ("failure", "error", "skipped") if case.find(tag) is not None]
        status = outcomes[0] if outcomes else "success"
        found.setdefault((case.get("classname"), case.get("name")), status)
    return found


def as_jenkins(text: str) -> list[str]:
    """Return the status of each case as Jenkins' junit step reads it: a skip hides all others."""
    statuses = []
    for case in Xml.fromstring(text.encode()).iter("testcase"):
        failed = case.find("error") is not None or case.find("failure") is not None
        status = "failed" if failed else "passed"
        statuses.append("skipped" if case.find("skipped") is not None else status)
    return statuses


OUTCOMES = {
    "passed": "",
    "failed": '<failure message="m">long</failure>',
    "error": '<error message="m">long</error>',
    "skipped": '<skipped type="pytest.skip" message="m">long</skipped>',
    "twice": '<failure message="m">long</failure><error message="m">more</error>',
}
"""What pytest may have written into a test case."""


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("verdict", [F, B])
def test_pytests_own_outcome_becomes_the_verdict(verdict: Verdict, outcome: str) -> None:
    """BLOCKED is an error and FAILED a failure, to every reader, in each case of a criterion."""
    case = f'<testcase classname="test_api" name="test_a" time="1">{OUTCOMES[outcome]}</testcase>'
    unit = '<testcase classname="test_unit" name="test_u" time="1"><skipped/></testcase>'
    made = record(STAGES, {"api.a": observation(verdict, reason=reason("why <&>")), "shop.c": C})
    text = with_verdicts(f'<testsuite name="pytest">{case}{unit}{case}</testsuite>'.encode(), made)
    suite = suite_of(text)
    expected = "failure" if verdict is F else "error"
    assert as_gitlab(text) == {
        ("test_api", "test_a"): expected,
        ("test_unit", "test_u"): "skipped",
        ("test_shop", "test_c"): "success",
    }
    assert as_jenkins(text) == ["failed", "skipped", "failed", "passed"]
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (
        4, 2 * (verdict is F), 2 * (verdict is B), 1,
    )  # fmt: skip
    (result,) = next(iter(suite)).result
    assert (result.message, result.type) == ("why <&>", "observed")
    assert ("long" in (result.text or "")) is (outcome != "passed")
    assert ("more" in (result.text or "")) is (outcome == "twice")


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_a_confirmed_criterion_is_never_bettered(outcome: str) -> None:
    """A case that pytest wrote as failed stays so, even if the criterion is CONFIRMED."""
    case = f'<testcase classname="test_api" name="test_a" time="1">{OUTCOMES[outcome]}</testcase>'
    text = with_verdicts(
        f'<testsuite name="pytest">{case}</testsuite>'.encode(), record(STAGES, {"api.a": C})
    )
    expected = {"passed": "success", "failed": "failure", "twice": "failure"}
    assert as_gitlab(text)["test_api", "test_a"] == expected.get(outcome, outcome)


@pytest.mark.parametrize("has_user", [True, False])
def test_a_confirmed_criterion_keeps_no_tear_down_of_others(has_user: bool) -> None:
    """A failed tear-down moves to the case of a criterion that used it, or to its own."""
    error = '<error message="failed on teardown with &quot;x&quot;">went &lt;down</error>'
    case = f'<testcase classname="test_api" name="test_a" time="1">{error}</testcase>'
    user = observation(F, reason=reason("down"), detail="went <down" if has_user else "")
    made = record(STAGES, {"api.a": C, "shop.c": user})
    text = with_verdicts(f'<testsuite name="pytest">{case}</testsuite>'.encode(), made)
    apart = {} if has_user else {("test_api", "tear-down after test_a"): "error"}
    assert as_gitlab(text) == {
        ("test_api", "test_a"): "success",
        ("test_shop", "test_c"): "failure",
        **apart,
    }
    assert text.count("went &lt;down") == 1
    suite_of(text)


def test_a_test_case_gets_stage_verdict_reason_and_evidence() -> None:
    """Every attempt has the final verdict, beside what the case had before."""
    failed = observation(F, reason=reason("no: <b>", remedy="fix it"), evidence=(entry("n", 3),))
    suite = suite_of(with_verdicts(WRITTEN.encode(), record(STAGES, {"api.a": failed})))
    first, second, other, *_ = suite
    expected = {
        "prodstatus.stage": "api",
        "prodstatus.criterion": "api.a",
        "prodstatus.verdict": "FAILED",
        "prodstatus.kind": "observed",
        "prodstatus.reason": "no: <b>",
        "prodstatus.remedy": "fix it",
        "prodstatus.evidence.n": "3",
    }
    assert properties_of(first) == {"ours": "1", **expected}
    assert properties_of(second) == expected
    assert properties_of(other) == {}
    text = with_verdicts(WRITTEN.encode(), record(STAGES, {"api.a": failed}))
    for element in Xml.fromstring(text.encode()).iter():
        assert [child.tag for child in element].count("properties") <= 1
        assert "properties" not in [child.tag for child in element][1:]
    assert first.result[0].text == "long"
    assert second.is_failure


def test_the_suite_gets_final_and_the_stages() -> None:
    """FINAL, the decision, the target and every stage's verdict are the suite's properties."""
    values = properties_of(suite_of(with_verdicts(WRITTEN.encode(), record(STAGES, {"api.a": F}))))
    assert values["prodstatus.final"] == "FAILED"
    assert values["prodstatus.open"] == "false"
    assert values["prodstatus.target"] == "demo"
    assert values["prodstatus.stage.api"] == "FAILED"
    assert values["prodstatus.stage.shop"] == "BLOCKED"


def test_a_criterion_without_test_case_gets_one() -> None:
    """A selected criterion without a case gets one; a carried-over criterion doesn't."""
    stages = catalogue(stage("api", criteria=("api.a", "api.gone")), "shop")
    former = record(stages, {"api.a": C, "shop.old": F})
    made = record(stages, {"api.a": C}, former=former, restricted=True, files=frozenset())
    assert {s.id for s in made.criteria} == {"api.a", "api.gone", "shop.old"}
    now = record(stages, {"api.a": C, "shop.crashed": F})
    suite = suite_of(with_verdicts(WRITTEN.encode(), now))
    added = {case.name: case for case in list(suite)[3:]}
    assert set(added) == {"api.gone", "test_crashed"}
    assert added["api.gone"].is_error
    assert added["test_crashed"].is_failure
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (5, 2, 1, 0)
    names = [case.name for case in suite_of(with_verdicts(WRITTEN.encode(), made))]
    assert "old" not in "".join(filter(None, names))


@pytest.mark.parametrize(
    ("nodeid", "prefix", "classname", "name"),
    [
        ("test_a.py::test_b", "", "test_a", "test_b"),
        ("tests/api/test_a.py::TestC::test_b", "", "tests.api.test_a.TestC", "test_b"),
        ("test_a.py::test_b[x::y/z.py]", "", "test_a", "test_b[x::y/z.py]"),
        ("test_a.py::test_b[\x1b]", "", "test_a", "test_b[#x1B]"),
        ("test_a.py::test_b", "ours", "ours.test_a", "test_b"),
    ],
)
def test_a_case_is_found_by_its_node_id(
    nodeid: str, prefix: str, classname: str, name: str
) -> None:
    """Class name and name are derived from the node id as pytest does."""
    suite = Xml.Element("testsuite", name="pytest", tests="1", failures="0", errors="0")
    Xml.SubElement(suite, "testcase", classname=classname, name=name, time="0.1")
    made = record(catalogue("api"), {"api.a": C})
    (result,) = made.stages
    moved = replace(result, criteria=(status("api.a", nodeid=nodeid),))
    made = replace(made, stages=(moved,))
    (case,) = suite_of(with_verdicts(Xml.tostring(suite), made, prefix))
    assert properties_of(case)["prodstatus.criterion"] == "api.a"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is not XML"),
        (b"<testsuites><testsuite", "it is not XML"),
        (b"<html/>", "it has 0 test suites"),
        (b"<testsuites><testsuite/><testsuite/></testsuites>", "it has 2 test suites"),
    ],
)
def test_another_file_is_refused(content: bytes, why: str) -> None:
    """The message says why pytest can't have written it."""
    with pytest.raises(JUnitError, match=why):
        with_verdicts(content, record(STAGES, {"api.a": C}))


def test_a_file_of_our_own_has_every_row() -> None:
    """A record gives a case for each criterion, and the totals."""
    made = record(STAGES, {"api.a": C, "api.b": F, "shop.c": B})
    suite = suite_of(junit.write(report_of(made, title="Ours")))
    assert suite.name == "Ours"
    assert (suite.tests, suite.failures, suite.skipped, suite.errors) == (3, 1, 0, 1)
    assert [properties_of(case)["prodstatus.verdict"] for case in suite] == [
        "CONFIRMED",
        "FAILED",
        "BLOCKED",
    ]
    assert suite.time == HOUR.total_seconds()
    assert suite.timestamp == (NOW - HOUR).isoformat()


def test_a_run_in_progress_passes_nothing() -> None:
    """Every case is an error until the run has ended."""
    suite = suite_of(junit.write(report_of(in_progress())))
    assert suite.tests == suite.errors == len(list(suite)) > 0


@each_hostile_text
def test_any_text_is_xml(text: str) -> None:
    """A parser reads the file with any reason, evidence and detail."""
    failed = observation(
        F, reason=reason(text, remedy=text), evidence=(entry(text, text),), detail=text
    )
    made = record(STAGES, {"api.a": failed, "shop.c": B})
    suite_of(junit.write(report_of(made, title=text)))
    suite_of(with_verdicts(WRITTEN.encode(), made))


@given(records())
def test_any_run_is_a_file(drawn: tuple[Catalogue, Record]) -> None:
    """For any run the counts match the cases, and only CONFIRMED passes, to every reader."""
    report = report_of(drawn[1], drawn[0])
    text = junit.write(report)
    assert set(as_gitlab(text).values()) <= {"success", "failure", "error"}
    suite = suite_of(text)
    confirmed = sum(row.verdict is Verdict.CONFIRMED for row in report.rows)
    assert as_jenkins(text).count("passed") == confirmed
    assert as_jenkins(text).count("failed") == suite.tests - confirmed
    cases = list(suite)
    assert suite.tests == len(cases)
    assert suite.skipped == 0
    assert suite.errors == sum(case.is_error for case in cases)
    assert suite.failures == sum(case.is_failure for case in cases)
    outcome = {"CONFIRMED": "passed", "FAILED": "failure", "BLOCKED": "error"}
    for case in cases:
        verdict = properties_of(case)["prodstatus.verdict"]
        found = {name for name in outcome.values() if getattr(case, f"is_{name}")}
        assert found == {outcome[verdict]}


def test_hostile_evidence_is_a_file() -> None:
    """Every kind of value is written as a property."""
    suite_of(junit.write(report_of(odd())))


def test_a_record_of_another_hand_is_xml_too() -> None:
    """A record that this process didn't clean still gives valid XML."""
    seen = observation(F, detail="nul\x00 lone\ud800 \x1b[31m\ufffe")
    suite = suite_of(junit.write(report_of(record(STAGES, {"api.a": seen, "shop.c": C}))))
    assert next(iter(suite)).result[0].text.startswith("nul#x00 lone#xD800 #x1B[31m")
