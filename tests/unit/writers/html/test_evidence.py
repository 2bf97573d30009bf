"""Evidence in HTML: each type as what it is, harmless whatever it says."""

from __future__ import annotations

import re

import pytest

from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.writers.html.criterion import evidence
from tests.unit.given import HOUR, NOW, each_hostile_text, entry


def words(told: str) -> str:
    """Return the words without the tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", told).split())


@pytest.mark.parametrize(
    ("value", "told"),
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
def test_a_value_is_shown_as_what_it_is(value: object, told: str) -> None:
    """Amounts with their currency, instants in UTC, what was cut with its number."""
    assert words(evidence([entry("n", value)])).endswith(told)


def test_an_id_can_be_copied() -> None:
    """An id is a text in one piece with a digit in it; a word or a sentence is none."""
    assert "<code>order-4711</code>" in evidence([entry("n", "order-4711")])
    assert "<code>cxyz123</code>" in evidence([entry("n", ["cxyz123"])])
    for text in ("production", "no 4711", "a1"):
        assert "<code>" not in evidence([entry("n", text)])


def test_every_entry_is_dated() -> None:
    """Once for all that were recorded within the same second."""
    moment = HOUR / 36_000
    told = evidence([entry("a"), entry("b", 3, NOW + moment), entry("c", 3, NOW + HOUR)])
    assert told.count("12:00:00 UTC") == 1
    assert told.count("13:00:00 UTC") == 1
    assert evidence([]) == ""


@each_hostile_text
def test_hostile_text_makes_no_markup(text: str) -> None:
    """Neither as a name nor as a value, a key or an item."""
    told = evidence([entry(text, text), entry("l", [text]), entry("m", {text: text})])
    tags = set(re.findall(r"<(/?\w+[^>]*)>", told))
    known = {"p", "dl", "dt", "dd", "ul", "li", "code"}
    assert {tag.split()[0].strip("/") for tag in tags} <= known
    assert {part for tag in tags for part in tag.split()[1:]} <= {
        'class="seen"',
        'class="evidence"',
    }
