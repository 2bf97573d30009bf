"""A waiver covers one criterion, and one that breaks a rule closes the gate."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest

from pytest_prodstatus.model.waiver import SOON, WAIVER_MAX, Waiver, Waivers, end_of
from tests.unit.given import HOUR, NOW

SECOND = timedelta(seconds=1)
KNOWN = frozenset(["pay.in", "pay.out", "pay.out[eu]", "pay.out[us]", "oauth.token"])


def waiver(criterion: str = "pay.in", expires: datetime = NOW + HOUR) -> Waiver:
    """Return a waiver that expires in an hour."""
    return Waiver(criterion=criterion, reason="the bank is closed", owner="Ann", expires=expires)


def wrong(given: Waiver, **rules: Any) -> str:
    """Return how a single waiver breaks a rule; "" if it doesn't."""
    waivers = Waivers(given=(given,), **rules)
    sentences = [(item, text) for item, text in waivers.broken(KNOWN, NOW)]
    assert waivers.in_force(KNOWN, NOW) == (() if sentences else (given,))
    assert [item for item, _ in sentences] == [given] * len(sentences)
    return sentences[0][1] if sentences else ""


def test_a_good_one() -> None:
    """A waiver is valid if its criterion exists and is waivable, and its end is near enough."""
    assert wrong(waiver()) == ""
    assert wrong(waiver(), unwaivable=("oauth", "pay.out")) == ""


def test_an_unknown_criterion() -> None:
    """A waiver of a criterion that was renamed, or never existed, breaks a rule."""
    assert wrong(waiver("pay.off")) == "the waiver of 'pay.off' (Ann) is about no criterion"
    assert wrong(waiver("pay")) == "the waiver of 'pay' (Ann) is about no criterion"
    assert wrong(waiver("pay.out[eu]")) == ""


@pytest.mark.parametrize(
    ("criterion", "unwaivable", "protected"),
    [
        ("pay.in", "pay.in", True),
        ("pay.in", "pay", True),
        ("pay.in", "pay.out", False),
        ("pay.in", "oauth", False),
        ("pay.out[eu]", "pay.out[eu]", True),
        ("pay.out[eu]", "pay.out", True),
        ("pay.out[eu]", "pay.out[us]", False),
        ("pay.out[eu]", "pay", True),
        ("pay.out", "pay.out[us]", True),
    ],
)
def test_what_is_unwaivable(criterion: str, unwaivable: str, protected: bool) -> None:
    """No waiver, however wide, covers an unwaivable criterion, parameter or stage."""
    sentence = wrong(waiver(criterion), unwaivable=(unwaivable,))
    assert sentence.endswith("is about a criterion that is declared unwaivable") is protected


def test_when_it_expires() -> None:
    """A waiver no longer counts from the instant at which it expires."""
    assert wrong(waiver(expires=NOW)) == (
        "the waiver of 'pay.in' (Ann) expired on 2026-11-22 12:00 UTC"
    )
    assert wrong(waiver(expires=NOW + SECOND)) == ""


def test_how_long_it_may_live() -> None:
    """A waiver may last for thirty days from now, or as configured, and no second longer."""
    assert wrong(waiver(expires=NOW + WAIVER_MAX)) == ""
    assert wrong(waiver(expires=NOW + WAIVER_MAX + SECOND)) == (
        "the waiver of 'pay.in' (Ann) expires on 2026-12-22 12:00 UTC, "
        "which is more than 30d ahead (waiver_max)"
    )
    assert wrong(waiver(expires=NOW + HOUR), longest=HOUR) == ""
    assert wrong(waiver(expires=NOW + 2 * HOUR), longest=HOUR) != ""


def test_what_it_covers() -> None:
    """A waiver covers its criterion; without parameters it covers all of its items."""
    assert waiver("pay.in").covers("pay.in")
    assert waiver("pay.out").covers("pay.out[eu]")
    assert waiver("pay.out[eu]").covers("pay.out[eu]")
    assert not waiver("pay.out[eu]").covers("pay.out[us]")
    assert not waiver("pay.out[eu]").covers("pay.out")
    assert not waiver("pay.in").covers("pay.out")


def test_unwaivable_names_what_exists() -> None:
    """An unwaivable criterion that doesn't exist is named: a misspelt one would be unprotected."""
    waivers = Waivers(unwaivable=("oauth", "pay.in", "pay.off"))
    assert list(waivers.misplaced(KNOWN)) == [
        "unwaivable names 'pay.off', which is not a criterion"
    ]


def test_a_date_is_its_end() -> None:
    """A date means the end of that day in UTC."""
    assert end_of(date(2026, 12, 31)) == datetime(2027, 1, 1, tzinfo=timezone.utc)


def test_its_words_are_one_line() -> None:
    """Reason and owner are one line, for any text in the TOML."""
    made = Waiver(criterion="a.b", reason="a\nb", owner="Ann\x1b[2J", expires=NOW)
    assert (made.reason, made.owner) == ("a b", r"Ann\x1b[2J")
    assert list(Waivers(given=(made,))) == [made]


def test_one_that_ends_soon_is_announced() -> None:
    """Within three days, and only if it is in force: a broken one is reported as such."""
    given = (
        waiver("pay.in", NOW + SOON),
        waiver("pay.out", NOW + SOON + SECOND),
        waiver("pay.out[eu]", NOW),
        waiver("pay.off", NOW + HOUR),
    )
    assert list(Waivers(given=given).ending(KNOWN, NOW)) == [
        (
            "the waiver of 'pay.in' (Ann) ends on 2026-11-25 12:00 UTC, in 3 d: "
            "then it no longer opens the gate"
        )
    ]
