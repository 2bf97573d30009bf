"""JUnit XML with the verdicts, in the file of `--junitxml` or in one of our own.

FAILED is a `failure` and BLOCKED an `error`, in every test case of a criterion: GitLab and Jenkins
take a skipped test for a harmless one, and of several cases with one name GitLab reads the first. A
criterion without a test case gets one: it was not reached, not collected, or no test provides it.

The rest stands in properties. No JUnit schema has properties of test cases; Jenkins' JUnit plugin,
GitLab, Datadog and similar tools read or ignore them, but Jenkins' xUnit plugin refuses a file that
has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from xml.etree import ElementTree as Xml

from pytest_prodstatus.model.evidence import shown
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import several_lines, utc_isoformat
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.writers.exports import Export, Report, Row, rows_of
from pytest_prodstatus.writers.words import override_line, stage_line

# Characters that XML 1.0 doesn't allow, and DEL, as in `_pytest/junitxml.py`.
_ILLEGAL = re.compile("[^\t\n\r -~\x80-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# What GitHub's or Azure's runner would obey if the file is printed into a log; as an entity, it
# is the same text.
_WORKFLOW_COMMAND = re.compile(
    r"(?:^|\r)[^\S\r\n]*:(?=:)|##(?:vso)?\[", re.MULTILINE | re.IGNORECASE
)
_OUTCOMES = {"failure": "failures", "error": "errors", "skipped": "skipped"}
"""The elements that say that a case didn't pass, and the attributes that count them."""
_OF_TEAR_DOWN = "failed on teardown with "
"""How the message of an `<error>` begins that pytest writes for a tear-down."""
_OUTCOME_OF = {Verdict.FAILED: "failure", Verdict.BLOCKED: "error"}


class JUnitError(ValueError):
    """A file that `--junitxml` can't have written; the message says what is wrong with it."""


def write(report: Report) -> str:
    """Return a JUnit file with a test case for each row of a report."""
    record, config = report.record, report.config
    started = record.run.started
    took = (record.run.finished or started) - started
    root = Xml.Element("testsuites")
    length = f"{max(0.0, took.total_seconds()):.3f}"
    named = {"name": escape_xml(config.title), "time": length}
    suite = Xml.SubElement(root, "testsuite", named, timestamp=started.isoformat())
    gate = report.gate
    _add_properties(suite, _suite_properties(record, gate.decision.open))
    now = {"now": gate.headline, "gate": gate.decision.decision}
    if gate.until:
        now["until"] = utc_isoformat(gate.until)
    _add_properties(suite, iter(now.items()))
    for row in report.rows:
        _mark_case(_add_case(suite, row, ""), row)
    _count(suite)
    return _to_xml(root)


def with_verdicts(content: bytes, record: Record, prefix: str = "") -> str:
    """Add the verdicts to a JUnit file that pytest wrote.

    Args:
        content: the file's bytes.
        record: of the same run.
        prefix: the value of `--junitprefix`, which precedes every class name.

    Returns:
        The new text, with a test case for each selected row that had none.

    Raises:
        JUnitError: the file isn't XML, or doesn't have exactly one test suite.
    """
    try:
        root = Xml.fromstring(content)  # noqa: S314  pytest wrote it, in this run
    except Xml.ParseError as error:
        msg = f"it is not XML: {error}"
        raise JUnitError(msg) from None
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    if len(suites) != 1:
        msg = f"it has {len(suites)} test suites, but pytest writes one"
        raise JUnitError(msg)
    (suite,) = suites
    cases: dict[str, list[Xml.Element]] = {}
    for case in suite.findall("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}"
        cases.setdefault(name, []).append(case)
    _add_properties(suite, _suite_properties(record, record.decision.open))
    rows = rows_of(record)
    details = {escape_xml(row.status.detail) for row in rows if row.reason and row.status}
    for row in rows:
        if row.selected:
            # pytest writes a second case of the same name if call and teardown both fail.
            own = cases.get(".".join(_case_names(row, prefix)), [])
            for case in own or [_add_case(suite, row, prefix)]:
                if row.reason is None:
                    _move_tear_downs(case, suite, details)
                _mark_case(case, row)
    _count(suite)
    return _to_xml(root)


def _to_xml(root: Xml.Element) -> str:
    """Return the document as text that no CI system's runner obeys."""
    text = _WORKFLOW_COMMAND.sub(
        lambda found: f"{found[0][:-1]}&#{ord(found[0][-1])};",
        Xml.tostring(root, encoding="unicode"),
    )
    return f'<?xml version="1.0" encoding="utf-8"?>{text}'


def _add_case(suite: Xml.Element, row: Row, prefix: str) -> Xml.Element:
    """Add a test case for a row that has none."""
    classname, name = _case_names(row, prefix)
    seconds = row.status.duration if row.status else 0.0
    return Xml.SubElement(
        suite, "testcase", classname=escape_xml(classname), name=name, time=f"{seconds:.3f}"
    )


def _move_tear_downs(case: Xml.Element, suite: Xml.Element, details: Set[str]) -> None:
    """Take from the case of a CONFIRMED criterion the tear-down that failed after it.

    pytest writes what several tests share into the case of the test that came last. The cases of
    its users have it by their detail; if none has, it gets a case of its own.
    """
    for error in case.findall("error"):
        if not error.get("message", "").startswith(_OF_TEAR_DOWN):
            continue
        case.remove(error)
        # xdist's name of the worker may stand above it there.
        text = several_lines(error.text or "")
        if not any(detail.endswith(text) for detail in details):
            name = f"tear-down after {case.get('name', '')}"
            named = {"classname": case.get("classname", ""), "name": name, "time": "0.000"}
            Xml.SubElement(suite, "testcase", named).append(error)


def _mark_case(case: Xml.Element, row: Row) -> None:
    """Give a test case the verdict of its row: as its outcome, and in properties.

    A case that pytest calls failed stays so if the row is CONFIRMED: nothing here betters it.
    """
    _add_properties(case, _row_properties(row))
    if row.reason is None:
        return
    outcomes = [child for child in case if child.tag in _OUTCOMES]
    texts = [outcome.text for outcome in outcomes if outcome.text]
    for outcome in outcomes:
        case.remove(outcome)
    marked = Xml.Element(
        _OUTCOME_OF[row.verdict], type=row.reason.kind.value, message=escape_xml(row.reason.text)
    )
    detail = escape_xml(row.status.detail) if row.status else ""
    marked.text = "\n\n".join(texts) or detail or None
    # After the properties, and before what the test printed, as in every schema.
    case.insert(1, marked)


def _count(suite: Xml.Element) -> None:
    """Count the test cases of a suite in its attributes."""
    cases = suite.findall("testcase")
    suite.set("tests", str(len(cases)))
    for tag, counter in _OUTCOMES.items():
        suite.set(counter, str(sum(case.find(tag) is not None for case in cases)))


def _case_names(row: Row, prefix: str) -> tuple[str, str]:
    """Return a test case's class name and name, as pytest derives them from the node id.

    A row without a test is named by its id.
    """
    nodeid = row.status.nodeid if row.status else None
    if nodeid is None:
        return "prodstatus", escape_xml(row.id)
    path, bracket, parameters = nodeid.partition("[")
    names = path.split("::")
    names[0] = re.sub(r"\.py$", "", names[0].replace("/", "."))
    prefixes = [prefix] if prefix else []
    return ".".join([*prefixes, *names[:-1]]), escape_xml(f"{names[-1]}{bracket}{parameters}")


def _add_properties(element: Xml.Element, properties: Iterator[tuple[str, str]]) -> None:
    """Append properties to those of a test case or suite.

    Args:
        element: the test case or suite.
        properties: names, without the prefix `prodstatus.`, and values.
    """
    parent = element.find("properties")
    if parent is None:
        parent = Xml.Element("properties")
        element.insert(0, parent)
    for name, value in properties:
        Xml.SubElement(
            parent, "property", name=escape_xml(f"prodstatus.{name}"), value=escape_xml(value)
        )


def _suite_properties(record: Record, is_open: bool) -> Iterator[tuple[str, str]]:
    """Yield name and value of each property of the suite.

    Args:
        record: of the run.
        is_open: whether the gate is open.
    """
    yield "final", record.final.verdict.value
    if record.final.reason:
        yield "final.reason", record.final.reason.text
    yield "open", str(is_open).lower()
    yield "target", record.run.target
    yield "run", record.run.id
    for number, override in enumerate(record.overrides, 1):
        yield f"override.{number}", override_line(override)
    for stage in record.stages:
        line = stage.verdict.value if stage.applies else stage_line(stage)
        yield f"stage.{stage.id}", line


def _row_properties(row: Row) -> Iterator[tuple[str, str]]:
    """Yield name and value of each property of a criterion's case."""
    yield "stage", row.stage
    yield "criterion", row.id
    yield "verdict", row.verdict.value
    if row.reason:
        yield "kind", row.reason.kind.value
        yield "reason", row.reason.text
    if row.reason and row.reason.remedy:
        yield "remedy", row.reason.remedy
    if row.reason and row.reason.owner:
        yield "owner", row.reason.owner
    if row.reason and row.reason.runbook:
        yield "runbook", row.reason.runbook
    for entry in row.status.evidence if row.status else ():
        # A sentence has no name.
        yield f"evidence.{entry.name}".rstrip("."), shown(entry)


def escape_xml(text: str) -> str:
    """Replace the characters that XML doesn't allow as pytest does: ESC by `#x1B`."""
    return _ILLEGAL.sub(
        lambda match: f"#x{ord(match[0]):0{2 if ord(match[0]) < 256 else 4}X}", text
    )


EXPORT = Export(file="junit.xml", about="JUnit XML of every criterion", write=write)
