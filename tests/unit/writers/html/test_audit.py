"""The run for whoever audits it: every number that the verdict rests on."""

from __future__ import annotations

import re
from typing import Any

from msgspec.structs import replace

from pytest_prodstatus.model.causes import cause_line
from pytest_prodstatus.model.record import Record, Selection, Subject
from pytest_prodstatus.writers.html.page import audit
from tests.unit.given import HOUR, NOW, B, C, catalogue, record, run


def rows(made: Record) -> list[tuple[str, str]]:
    """Return the rows, names and values without tags."""
    found = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', audit(made))
    return [(name, re.sub(r"<[^>]*>", "", value)) for name, value in found]


def made(verdict: Any = C, **more: Any) -> Record:
    """Return a record of one criterion and a run."""
    return record(catalogue("a"), {"a.x": verdict}, of=run(**more))


def test_when_whom_and_with_what() -> None:
    """Snapshots with each of their instants."""
    subject = Subject(
        endpoints={"api": "https://api.example/?a&b"}, snapshots={"database": (NOW - HOUR, NOW)}
    )
    told = rows(made(subject=subject, catalogue="c0ffee", versions={"a": "1", "b": "2"}))
    assert told == [
        ("Run", "run-1"),
        ("Time", "2026-11-22 11:00:00 UTC to 2026-11-22 12:00:00 UTC, 1 h"),
        ("Decision", "open by the rule “confirmed”, exit status 0"),
        ("Asked", "api https://api.example/?a&amp;b"),
        ("Read as of", "database 2026-11-22 11:00:00 UTC, 2026-11-22 12:00:00 UTC"),
        ("Suite commit", "0123456789abcdef"),
        ("Catalogue", "c0ffee"),
        ("Made with", "a 1, b 2"),
    ]


def test_every_cause_of_a_closed_gate_has_a_row() -> None:
    """In the decision's order."""
    closed = made(B)
    assert [told for name, told in rows(closed) if name == "Closed by"] == [
        *map(cause_line, closed.decision.causes)
    ]
    assert closed.decision.causes


def test_a_partial_run_says_what_was_selected() -> None:
    """Its verdict is the one that the exit status goes by."""
    whole = made(B)
    part = Selection(partial=True, verdict=C, criteria=1)
    told = dict(rows(replace(whole, decision=replace(whole.decision, selection=part))))
    assert told["Decision"].endswith("; of what was selected (1 criterion) CONFIRMED")
    assert "selected" not in dict(rows(whole))["Decision"]


def test_a_run_in_progress_has_no_end() -> None:
    """Nor a suite's commit where there is none."""
    told = dict(rows(made(finished=None, commit=None)))
    assert told["Time"] == "2026-11-22 11:00:00 UTC to now"
    assert "Suite commit" not in told
