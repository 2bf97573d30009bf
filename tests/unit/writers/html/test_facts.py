"""The facts: what is known about the run, and nothing that isn't."""

from __future__ import annotations

import re
from typing import Any

import pytest

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Subject
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import commit, facts, head
from tests.unit.given import B, C, catalogue, record, run


def told(verdicts: dict[str, Any], **more: Any) -> dict[str, str]:
    """Return the facts by their names, without tags."""
    stages = catalogue("a") if verdicts else Catalogue()
    text = facts(head(record(stages, verdicts, of=run(**more)), Config()))
    found = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", text)
    return {name: re.sub(r"<[^>]*>", "", value).strip() for name, value in found}


def test_what_is_not_known_is_not_there() -> None:
    """No release, no commit, no selection: no row."""
    bare = told({"a.x": B}, commit=None, subject=Subject())
    assert bare == {
        "Target": "demo",
        "Judged": "2026-11-22 12:00:00 UTC",
        "Criteria": "1 BLOCKED",
    }
    assert {"Release", "Suite"} <= set(told({"a.x": B}))


@pytest.mark.parametrize(("verdict", "shown"), [(C, True), (B, False)])
def test_only_an_open_gate_has_an_end(verdict: object, shown: bool) -> None:
    """What is closed isn't valid until anything."""
    assert ("Valid until" in told({"a.x": verdict, "a.y": C})) is shown


def test_criteria_are_counted_by_verdict() -> None:
    """A verdict that none has isn't named; with no criteria, that is said."""
    counted = told({"a.x": C, "a.y": C, "a.z": B})["Criteria"]
    assert counted == "2 CONFIRMED 1 BLOCKED"
    assert told({})["Criteria"] == "none"
    assert told({}, finished=None)["Criteria"] == "named when the run has ended"


def test_a_commit_says_that_it_was_changed() -> None:
    """In full, or by its first letters."""
    assert commit(run(dirty=True)) == "<code>0123456789abcdef</code> with local changes"
    assert commit(run(), letters=12) == "<code>0123456789ab</code>"
    assert commit(run(commit="<b>")) == "<code>&lt;b&gt;</code>"
