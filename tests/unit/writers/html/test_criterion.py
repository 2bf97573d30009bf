"""A criterion in HTML has its notes, its evidence and its traceback."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from pytest_prodstatus.model.attachment import folder_of
from pytest_prodstatus.model.evidence import Attachment, Money
from pytest_prodstatus.model.record import Failures
from pytest_prodstatus.model.verdict import Kind
from pytest_prodstatus.writers.html.criterion import (
    TRACES,
    Page,
    criterion,
    evidence,
    instants_of,
    timeline,
)
from tests.unit.given import HOUR, NOW, B, C, F, each_hostile_text, entry, reason, status

PAGE = Page.of(NOW, 1)


def html(verdict: Any = C, page: Page = PAGE, **more: Any) -> str:
    """Return a criterion's HTML."""
    return criterion(status("a.x", verdict, **more), 7, 2 * HOUR, page)


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
    """Notes are beside the title, so they are visible while the criterion is folded."""
    assert f'<span class="note">{note}</span>' in str(html(**more)).partition("</summary>")[0]
    assert '<span class="note">' not in html()


def test_a_carried_over_verdict_names_its_origin() -> None:
    """A carried-over verdict names the run and the release that observed it, and its end."""
    text = html(carried_over=True, run_id="run-7", subject="v1")
    assert "valid until 2026-11-22 14:00:00 UTC" in text
    assert "valid until" not in html(B, carried_over=True)
    assert "by run <code>run-7</code> on release <code>v1</code>" in text
    assert "by run" not in html(run_id="run-7")


def test_what_never_failed_may_be_unable_to() -> None:
    """The page says when it was last seen to fail; without a history it says nothing."""
    assert "seen to fail" not in html()
    never = Page.of(NOW, 1, failures=Failures(runs=12, last={"a.y": NOW}))
    assert ", never seen to fail in 12 runs" in html(page=never)
    assert "never seen to fail" in html(B, page=never)
    assert "seen to fail" not in html(F, page=never)
    assert "seen to fail" not in html(B, nodeid=None, page=never)
    once = Page.of(NOW, 1, failures=Failures(runs=12, last={"a.x": NOW - HOUR}))
    assert ", last seen to fail 2026-11-22 11:00 UTC" in html(page=once)


def test_a_confirmed_one_is_folded() -> None:
    """Only a criterion that isn't CONFIRMED is open, with its reason and remedy."""
    assert 'id="c7">' in html()
    text = html(F, reason=reason("no money", remedy="pay"))
    assert 'id="c7" open>' in text
    assert "<b>observed:</b> no money" in text
    assert "<b>What to do:</b> pay" in text


def test_a_verdict_by_upstream_says_what_it_was_by_itself() -> None:
    """The criterion's own observation is shown, so that no one fixes what isn't broken."""
    assert "By itself it was CONFIRMED." in html(B, observed=C)
    assert "By itself" not in html(B)


def test_one_that_never_ran_says_so() -> None:
    """A criterion that never ran has no duration and no instant."""
    text = html(B, observed=None, observed_at=None)
    assert "not run" in text
    assert " ended " not in text


def test_tracebacks_share_their_room() -> None:
    """The end of each traceback is kept; one that was cut says how long it was."""
    detail = "\n".join(f"line {n}" for n in range(1000))
    few, many = html(F, detail=detail), html(F, Page.of(NOW, 50), detail=detail)
    for text, limit in ((few, 6_000), (many, TRACES // 50)):
        pre = re.findall(r"<pre>(.*)</pre>", text, re.DOTALL)[0]
        assert len(pre) <= limit
        assert pre.startswith("… (cut from 8,889 characters)")
        assert pre.endswith("line 999")
    assert "(1,000 lines)" in few


def test_a_node_id_with_control_characters_is_made_visible() -> None:
    """A node id may contain any character, so control characters are escaped."""
    assert r"t.py::a\x1b[31m" in html(nodeid="t.py::a\x1b[31m")
    assert html(duration=timedelta(seconds=1.5).total_seconds()).count("1.50 s") == 1


def words(text: str) -> str:
    """Return the words without the tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("two words", "two words"),
        (42, "42"),
        (True, "yes"),
        (Money("9.90", "USD"), "9.90 USD"),
        (NOW, "2026-11-22 12:00:00 UTC"),
        (["a", 1], "a 1"),
        ([], "none"),
        ({}, "none"),
        ({"found": 3, "sold": 2}, "found 3 sold 2"),
        ({"sold": NOW - HOUR, "paid": NOW}, "11:00:00 UTC sold 2026-11-22 12:00:00 UTC paid + 1 h"),
        (list(range(60)), "49 … (60 in all)"),
    ],
    ids=repr,
)
def test_a_value_is_shown_as_what_it_is(value: object, expected: str) -> None:
    """Amounts show their currency, instants UTC, cut values their number."""
    assert words(evidence([entry("n", value)])).endswith(expected)


def test_an_id_can_be_copied() -> None:
    """An id is a text without spaces and with a digit; words and sentences are not ids."""
    assert "<code>order-4711</code>" in evidence([entry("n", "order-4711")])
    assert "<code>cxyz123</code>" in evidence([entry("n", ["cxyz123"])])
    for text in ("production", "no 4711", "a1"):
        assert "<code>" not in evidence([entry("n", text)])


def test_every_entry_is_dated() -> None:
    """Every entry is dated; entries of the same second are dated once."""
    moment = HOUR / 36_000
    text = evidence([entry("a"), entry("b", 3, NOW + moment), entry("c", 3, NOW + HOUR)])
    assert text.count("12:00:00 UTC") == 1
    assert text.count("13:00:00 UTC") == 1
    assert evidence([]) == ""


@each_hostile_text
def test_hostile_text_makes_no_markup(text: str) -> None:
    """No name, value, key or item becomes markup."""
    shown = evidence([entry(text, text), entry("l", [text]), entry("m", {text: text})])
    tags = set(re.findall(r"<(/?\w+[^>]*)>", shown))
    known = {"p", "dl", "dt", "dd", "ul", "li", "code"}
    assert {tag.split()[0].strip("/") for tag in tags} <= known
    assert {part for tag in tags for part in tag.split()[1:]} <= {
        'class="seen"',
        'class="evidence"',
    }


def test_a_mapping_of_instants_is_a_timeline() -> None:
    """A timeline is sorted by time, not by the order of the mapping."""
    instants = instants_of(entry("steps", {"paid": NOW, "sold": NOW - 26 * HOUR}))
    assert list(instants) == ["sold", "paid"]
    words = re.sub(r"<[^>]*>", "", timeline(instants))
    assert words == "2026-11-21 10:00:00 UTC sold 2026-11-22 12:00:00 UTC paid + 1 d 2 h"


@pytest.mark.parametrize("value", [3, "x", [NOW, NOW], {"a": NOW}, {"a": NOW, "b": 3}, {}])
def test_nothing_else_is(value: object) -> None:
    """A single instant, or a mapping that also has other values, is not a timeline."""
    assert instants_of(entry("steps", value)) == {}


@each_hostile_text
def test_what_was_attached_is_linked(text: str) -> None:
    """An attachment is linked relatively to its run's folder; without links it is named."""
    found = Attachment(name="a-b.png", media_type="image/png", size=1234, sha256="ab" * 32)
    page = html(run_id=text, attachments=(found,))
    links = re.findall('href="([^"]*)"', page)
    assert links == [f"attachments/{folder_of(text)}/abababababababab-a-b.png"]
    assert "a-b.png</a> (image/png, 1,234 bytes)" in page
    assert "<a " not in html(run_id=text, attachments=(found,), page=Page.of(NOW, 1, linked=False))
    assert "Attached" not in html()
