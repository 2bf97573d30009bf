"""The head: FINAL and the gate in words, and why."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.violations import Ground, Refusal
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import front, head
from tests.unit.given import HOUR, NOW, B, C, catalogue, record, run

HELD = record(catalogue("a"), {"a.x": C})
REFUSAL = Refusal(ground=Ground.WAIVER, text="a <waiver>", remedy="mend <it>")
WORD = Override(target="demo", reason="hot fix", who="Ann", since=NOW, until=NOW + HOUR)


def told(made: Any, level: int = 1, **more: Any) -> str:
    """Return the head's HTML."""
    return front(head(made, Config())._replace(**more), level)


def because(text: str) -> str:
    """Return the sentence below the verdict."""
    return "".join(re.findall(r'<p class="because">(.*?)</p>', text))


def test_the_sentence_below_the_verdict_says_why() -> None:
    """FINAL's reason; else what closes the gate; else that all was seen to hold."""
    assert because(told(record(catalogue("a"), {"a.x": B}), refusals=[REFUSAL])) == (
        "A STATUS: seen to be BLOCKED"
    )
    assert because(told(HELD, refusals=[REFUSAL])) == "a &lt;waiver&gt;"
    assert because(told(HELD)) == "Everything that FINAL hangs on was seen to hold."
    assert because(told(replace(HELD, run=run(finished=None)))) == ""


def test_what_closes_the_gate_is_listed_with_its_remedy() -> None:
    """Where one is known, and escaped."""
    assert "<li>a &lt;waiver&gt;: mend &lt;it&gt;</li>" in told(HELD, refusals=[REFUSAL])
    assert "<li>a &lt;waiver&gt;</li>" in told(
        HELD, refusals=[dataclasses.replace(REFUSAL, remedy=None)]
    )
    assert "waivers" not in told(HELD)


@pytest.mark.parametrize("level", [1, 2])
def test_headings_go_down_by_one(level: int) -> None:
    """The page's head begins with h1, the block in another report with h2."""
    assert re.findall(r"<h(\d)", told(HELD, level)) == [str(level), str(level + 1)]


def test_an_override_that_opens_nothing_is_told_too() -> None:
    """The gate is open by what was seen; the override stands below."""
    text = told(replace(HELD, overrides=(WORD,)))
    assert "The gate is open</h1>" in text
    assert '<p class="override">OVERRIDE until' in text
