"""A CTRF report is valid by the published schema, and its totals match its rows."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
from hypothesis import given

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.writers import ctrf
from tests.unit.given import (
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    entry,
    in_progress,
    observation,
    record,
    stage,
)
from tests.unit.given import (
    report as report_of,
)
from tests.unit.model.test_codec import odd
from tests.unit.model.test_properties import records

SCHEMA = json.loads(
    (Path(__file__).parent / "schemas" / "ctrf-schema-0.0.json").read_text(encoding="utf-8")
)
VALIDATOR = jsonschema.Draft7Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))


def report(made: Record) -> dict[str, Any]:
    """Return a record's report, which must be valid."""
    data: dict[str, Any] = json.loads(ctrf.write(report_of(made)))
    VALIDATOR.validate(data)
    return data


def test_a_report_says_what_the_record_says() -> None:
    """A test has its criterion's status, verdict, reason, remedy and evidence."""
    seen = observation(C, evidence=(entry("count", 3),), duration=1.25, attempts=2, flaky=True)
    data = report(record(STAGES, {"api.a": seen, "api.b": F, "shop.c": B}))
    flaky, failed, blocked = data["results"]["tests"]
    assert (flaky["status"], failed["status"], blocked["status"]) == ("passed", "failed", "other")
    assert (flaky["flaky"], flaky["retries"], flaky["duration"]) == (True, 1, 1250)
    assert flaky["extra"]["evidence"][0]["value"] == 3
    assert flaky["stop"] - flaky["start"] == 1250
    assert failed["message"] == "seen to be FAILED"
    assert data["results"]["summary"]["flaky"] == 1
    assert blocked["rawStatus"] == blocked["extra"]["verdict"] == "BLOCKED"
    assert blocked["suite"] == ["SHOP STATUS"]
    assert blocked["filePath"] == "test_shop.py"
    assert data["results"]["environment"]["healthy"] is False
    assert data["results"]["extra"]["final"]["verdict"] == "FAILED"
    assert data["results"]["summary"]["duration"] == HOUR.total_seconds() * 1000
    assert data["results"]["summary"]["stop"] == NOW.timestamp() * 1000


@given(records())
def test_totals_equal_the_rows(drawn: tuple[Catalogue, Record]) -> None:
    """For any run, the summary counts its tests, and passed counts only CONFIRMED."""
    made = drawn[1]
    results = report(made)["results"]
    summary, tests = results["summary"], results["tests"]
    counts = Counter(test["status"] for test in tests)
    assert summary["tests"] == len(tests) == sum(counts.values())
    for status in ("passed", "failed", "skipped", "pending", "other"):
        assert summary[status] == counts[status]
    assert summary["passed"] == sum(test["rawStatus"] == "CONFIRMED" for test in tests)
    ids = [test["testId"] for test in tests]
    assert {s.id for s in made.criteria} <= set(ids)


def test_any_record_gives_a_valid_report() -> None:
    """A report is valid with hostile text, every kind of evidence, and a run in progress."""
    report(odd())
    data = report(in_progress(odd()))
    assert data["results"]["summary"]["passed"] == 0
    assert data["results"]["extra"]["finished"] is False


def test_the_same_record_gives_the_same_text() -> None:
    """Nothing in a report depends on when and where it is made."""
    made = record(STAGES, {"api.a": C, "shop.c": B})
    assert ctrf.write(report_of(made)) == ctrf.write(report_of(made))
