"""Reading the outcome of each test from pytest's own JUnit file."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

OUTCOMES = ("failure", "error", "skipped")


def read_outcomes(file: Path) -> Counter[tuple[str, str, str]]:
    """Return class, name and outcome of every test, with how often each is there."""
    # Counted, since parametrized tests may share a name.
    found: Counter[tuple[str, str, str]] = Counter()
    for case in ElementTree.parse(file).iter("testcase"):
        # A test may have two: it failed, and its tear-down was an error.
        outcomes = [child.tag for child in case if child.tag in OUTCOMES]
        found[case.get("classname", ""), case.get("name", ""), "+".join(outcomes) or "passed"] += 1
    return found


def skipped_in(file: Path) -> list[str]:
    """Return the tests that were skipped, each with why."""
    return [
        f"{case.get('classname')}::{case.get('name')}: {skip.get('message')}"
        for case in ElementTree.parse(file).iter("testcase")
        for skip in case.iter("skipped")
    ]
