"""A criterion in HTML: what is stale, carried over, flaky or acts on the world is marked."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.writers.html.criterion import TRACES, Page, criterion
from tests.unit.given import HOUR, NOW, B, C, F, reason, standing

PAGE = Page.of(NOW, 1)


def told(verdict: Any = C, page: Page = PAGE, **more: Any) -> str:
    """Return a criterion's HTML."""
    return criterion(standing("a.x", verdict, **more), 7, 2 * HOUR, page)


@pytest.mark.parametrize(
    ("more", "note"),
    [
        ({"verdict": B, "reason": reason("too old", Kind.STALE)}, "stale"),
        ({"carried_over": True, "observed_at": NOW - 5 * HOUR}, "carried over, seen 5 h ago"),
        ({"carried_over": True, "observed_at": None}, "carried over"),
        ({"flaky": True, "attempts": 3}, "flaky: 3 attempts"),
        ({"side_effects": True}, "acts on the world"),
    ],
    ids=["stale", "carried", "never-seen", "flaky", "side-effects"],
)
def test_what_is_special_is_marked(more: dict[str, Any], note: str) -> None:
    """Each beside the title, where it is seen without opening anything."""
    assert f'<span class="note">{note}</span>' in str(told(**more)).partition("</summary>")[0]
    assert '<span class="note">' not in told()


def test_where_a_carried_over_verdict_is_from_is_told() -> None:
    """The run that saw it, the release that it saw, and until when it counts."""
    text = told(carried_over=True, run_id="run-7", subject="v1")
    assert "valid until 2026-11-22 14:00:00 UTC" in text
    assert "valid until" not in told(B, carried_over=True)
    assert "by run <code>run-7</code> on release <code>v1</code>" in text
    assert "by run" not in told(run_id="run-7")


def test_a_confirmed_one_is_folded() -> None:
    """What isn't CONFIRMED is open and says why and what to do."""
    assert 'id="c7">' in told()
    text = told(F, reason=reason("no money", remedy="pay"))
    assert 'id="c7" open>' in text
    assert "<b>observed:</b> no money" in text
    assert "<b>What to do:</b> pay" in text


def test_a_verdict_by_upstream_says_what_it_was_by_itself() -> None:
    """So that nobody mends what isn't broken."""
    assert "By itself it was CONFIRMED." in told(B, observed=C)
    assert "By itself" not in told(B)


def test_one_that_never_ran_says_so() -> None:
    """It has no duration and no instant."""
    text = told(B, observed=None, observed_at=None)
    assert "not run" in text
    assert " ended " not in text


def test_tracebacks_share_their_room() -> None:
    """Of each the end is kept; what is cut says how long it was."""
    detail = "\n".join(f"line {n}" for n in range(1000))
    few, many = told(F, detail=detail), told(F, Page.of(NOW, 50), detail=detail)
    for text, limit in ((few, 6_000), (many, TRACES // 50)):
        pre = re.findall(r"<pre>(.*)</pre>", text, re.DOTALL)[0]
        assert len(pre) <= limit
        assert pre.startswith("… (cut from 8,889 characters)")
        assert pre.endswith("line 999")
    assert "(1,000 lines)" in few


def test_a_node_id_with_control_characters_is_made_visible() -> None:
    """Pytest's ids may hold anything."""
    assert r"t.py::a\x1b[31m" in told(nodeid="t.py::a\x1b[31m")
    assert told(duration=timedelta(seconds=1.5).total_seconds()).count("1.50 s") == 1
