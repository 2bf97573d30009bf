"""JUnit XML with the verdicts as properties, in the file of `--junitxml` or in one of our own.

The outcomes that pytest wrote stay. A criterion without a test case gets one: it was not reached,
not collected, or no test provides it. No JUnit schema has properties of test cases; Jenkins' JUnit
plugin, GitLab, Datadog and similar tools read or ignore them, but Jenkins' xUnit plugin refuses a
file that has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree as Xml

from pytest_prodstatus.model.evidence import shown
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.exports import Row, rows_of
from pytest_prodstatus.writers.words import override_line, stage_line

# Characters that XML 1.0 doesn't allow, and DEL, as in `_pytest/junitxml.py`.
_ILLEGAL = re.compile("[^\t\n\r -~\x80-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTER = {Verdict.FAILED: "failures", Verdict.BLOCKED: "skipped"}


class JUnitError(ValueError):
    """A file that `--junitxml` can't have written; the message says what is wrong with it."""


def write(record: Record, config: Config) -> str:
    """Return a JUnit file with a test case for each row of the record."""
    started = record.run.started
    took = (record.run.finished or started) - started
    root = Xml.Element("testsuites")
    counts = dict.fromkeys(("tests", "errors", "failures", "skipped"), "0")
    length = f"{max(0.0, took.total_seconds()):.3f}"
    named = {"name": escape_xml(config.title), **counts, "time": length}
    suite = Xml.SubElement(root, "testsuite", named, timestamp=started.isoformat())
    _add_properties(suite, _suite_properties(record))
    for row in rows_of(record):
        _add_case(suite, row, "")
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
    _add_properties(suite, _suite_properties(record))
    for row in rows_of(record):
        if row.selected:
            # pytest writes a second case of the same name if call and teardown both fail.
            own = cases.get(".".join(_case_names(row, prefix)), [])
            for case in own:
                _add_properties(case, _row_properties(row))
            if not own:
                _add_case(suite, row, prefix)
    return _to_xml(root)


def _to_xml(root: Xml.Element) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>' + Xml.tostring(root, encoding="unicode")


def _add_case(suite: Xml.Element, row: Row, prefix: str) -> None:
    """Add a test case for a row that has none, and count it in the suite's attributes."""
    classname, name = _case_names(row, prefix)
    seconds = row.status.duration if row.status else 0.0
    case = Xml.SubElement(
        suite, "testcase", classname=escape_xml(classname), name=name, time=f"{seconds:.3f}"
    )
    _add_properties(case, _row_properties(row))
    message = escape_xml(row.reason.text if row.reason else "")
    if row.verdict is Verdict.FAILED:
        failure = Xml.SubElement(case, "failure", message=message)
        failure.text = escape_xml(row.status.detail) if row.status else ""
    elif row.verdict is Verdict.BLOCKED:
        Xml.SubElement(case, "skipped", type="prodstatus", message=message)
    for counter in ("tests", _COUNTER.get(row.verdict)):
        if counter:
            suite.set(counter, str(int(suite.get(counter, "0")) + 1))


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


def _suite_properties(record: Record) -> Iterator[tuple[str, str]]:
    yield "final", record.final.verdict.value
    if record.final.reason:
        yield "final.reason", record.final.reason.text
    yield "open", str(record.decision.open).lower()
    yield "target", record.run.target
    yield "run", record.run.id
    for number, override in enumerate(record.overrides, 1):
        yield f"override.{number}", override_line(override)
    for stage in record.stages:
        line = stage.verdict.value if stage.applies else stage_line(stage)
        yield f"stage.{stage.id}", line


def _row_properties(row: Row) -> Iterator[tuple[str, str]]:
    yield "stage", row.stage
    yield "criterion", row.id
    yield "verdict", row.verdict.value
    if row.reason:
        yield "kind", row.reason.kind.value
        yield "reason", row.reason.text
    if row.reason and row.reason.remedy:
        yield "remedy", row.reason.remedy
    for entry in row.status.evidence if row.status else ():
        yield f"evidence.{entry.name}", shown(entry)


def escape_xml(text: str) -> str:
    """Replace the characters that XML doesn't allow as pytest does: ESC by `#x1B`."""
    return _ILLEGAL.sub(
        lambda match: f"#x{ord(match[0]):0{2 if ord(match[0]) < 256 else 4}X}", text
    )
