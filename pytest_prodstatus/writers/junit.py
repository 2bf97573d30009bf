"""JUnit XML: the verdicts as properties, in the file that `--junitxml` wrote or in one of our own.

pytest's outcomes stay as they are; a criterion that has no test case (it was not reached, not
collected, or no test provides it) gets one. Properties of test cases are in no schema, and are
read or ignored by Jenkins' JUnit plugin, GitLab, Datadog and their like. Jenkins' xUnit plugin
refuses a file that has them.
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
from pytest_prodstatus.writers.words import override_line

# What XML 1.0 can't hold; DEL as well, as pytest does.
_ILLEGAL = re.compile("[^\t\n\r -~\x80-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COUNTED = {Verdict.FAILED: "failures", Verdict.BLOCKED: "skipped"}


class JUnitError(ValueError):
    """A file that isn't what `--junitxml` writes; the message says what it is."""


def write(record: Record, config: Config) -> str:
    """Return a JUnit file of every row of the record."""
    started = record.run.started
    took = (record.run.finished or started) - started
    root = Xml.Element("testsuites")
    counts = dict.fromkeys(("tests", "errors", "failures", "skipped"), "0")
    length = f"{max(0.0, took.total_seconds()):.3f}"
    named = {"name": escape_xml(config.title), **counts, "time": length}
    suite = Xml.SubElement(root, "testsuite", named, timestamp=started.isoformat())
    _add_properties(suite, _of_suite(record))
    for row in rows_of(record):
        _add_case(suite, row, "")
    return _text(root)


def with_verdicts(content: bytes, record: Record, prefix: str = "") -> str:
    """Return a JUnit file of pytest with the verdicts in it.

    Args:
        content: the file.
        record: of the same run.
        prefix: what `--junitprefix` put before every class name.

    Raises:
        JUnitError: it holds no test suite, or several.
    """
    try:
        root = Xml.fromstring(content)  # noqa: S314  pytest wrote it, in this run
    except Xml.ParseError as error:
        msg = f"it is no XML: {error}"
        raise JUnitError(msg) from None
    suites = [root] if root.tag == "testsuite" else root.findall("testsuite")
    if len(suites) != 1:
        msg = f"it has {len(suites)} test suites, where pytest writes one"
        raise JUnitError(msg)
    (suite,) = suites
    cases: dict[str, list[Xml.Element]] = {}
    for case in suite.findall("testcase"):
        address = f"{case.get('classname', '')}.{case.get('name', '')}"
        cases.setdefault(address, []).append(case)
    _add_properties(suite, _of_suite(record))
    for row in rows_of(record):
        if row.asked:
            known = cases.get(".".join(_address(row, prefix)), [])
            for case in known:
                _add_properties(case, _of_row(row))
            if not known:
                _add_case(suite, row, prefix)
    return _text(root)


def _text(root: Xml.Element) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>' + Xml.tostring(root, encoding="unicode")


def _add_case(suite: Xml.Element, row: Row, prefix: str) -> None:
    """Add a test case for a row that has none, and count it."""
    classname, name = _address(row, prefix)
    seconds = row.status.duration if row.status else 0.0
    case = Xml.SubElement(
        suite, "testcase", classname=escape_xml(classname), name=name, time=f"{seconds:.3f}"
    )
    _add_properties(case, _of_row(row))
    message = escape_xml(row.reason.text if row.reason else "")
    if row.verdict is Verdict.FAILED:
        failure = Xml.SubElement(case, "failure", message=message)
        failure.text = escape_xml(row.status.detail) if row.status else ""
    elif row.verdict is Verdict.BLOCKED:
        Xml.SubElement(case, "skipped", type="prodstatus", message=message)
    for counter in ("tests", _COUNTED.get(row.verdict)):
        if counter:
            suite.set(counter, str(int(suite.get(counter, "0")) + 1))


def _address(row: Row, prefix: str) -> tuple[str, str]:
    """Return class name and name, as pytest makes them of a node id; other rows go by their ids."""
    nodeid = row.status.nodeid if row.status else None
    if nodeid is None:
        return "prodstatus", escape_xml(row.id)
    path, bracket, parameters = nodeid.partition("[")
    names = path.split("::")
    names[0] = re.sub(r"\.py$", "", names[0].replace("/", "."))
    before = [prefix] if prefix else []
    return ".".join([*before, *names[:-1]]), escape_xml(f"{names[-1]}{bracket}{parameters}")


def _add_properties(element: Xml.Element, properties: Iterator[tuple[str, str]]) -> None:
    """Add properties to a test case or suite, after the ones that it has."""
    holder = element.find("properties")
    if holder is None:
        holder = Xml.Element("properties")
        element.insert(0, holder)
    for name, value in properties:
        Xml.SubElement(
            holder, "property", name=escape_xml(f"prodstatus.{name}"), value=escape_xml(value)
        )


def _of_suite(record: Record) -> Iterator[tuple[str, str]]:
    yield "final", record.final.verdict.value
    if record.final.reason:
        yield "final.reason", record.final.reason.text
    yield "open", str(record.decision.open).lower()
    yield "target", record.run.target
    yield "run", record.run.id
    for number, override in enumerate(record.overrides, 1):
        yield f"override.{number}", override_line(override)
    for stage in record.stages:
        yield f"stage.{stage.id}", stage.verdict.value


def _of_row(row: Row) -> Iterator[tuple[str, str]]:
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
    """Return text that XML can hold, as pytest writes it: `#x1B` for an escape character."""
    return _ILLEGAL.sub(
        lambda match: f"#x{ord(match[0]):0{2 if ord(match[0]) < 256 else 4}X}", text
    )
