"""What pytest's own JUnit file says of each test."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

OUTCOMES = ("failure", "error", "skipped")


def read_outcomes(file: Path) -> Counter[tuple[str, str, str]]:
    """Return class, name and outcome of every test, with how often each is there."""
    seen: Counter[tuple[str, str, str]] = Counter()
    for case in ElementTree.parse(file).iter("testcase"):
        told = [child.tag for child in case if child.tag in OUTCOMES]
        seen[case.get("classname", ""), case.get("name", ""), "+".join(told) or "passed"] += 1
    return seen


def skipped_in(file: Path) -> list[str]:
    """Return the tests that were skipped, each with why."""
    return [
        f"{case.get('classname')}::{case.get('name')}: {skip.get('message')}"
        for case in ElementTree.parse(file).iter("testcase")
        for skip in case.iter("skipped")
    ]
