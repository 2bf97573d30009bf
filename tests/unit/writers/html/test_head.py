"""The head of the page has FINAL, the gate and its reason, next actions, and facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.gate import GateDecision
from pytest_prodstatus.model.record import Override, Record, Subject
from pytest_prodstatus.model.violations import GateQuery, Violation, ViolationKind
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.head import commit, facts, front
from tests.unit.given import HOUR, NOW, B, C, catalogue, record, run

ALL_CONFIRMED = record(catalogue("a"), {"a.x": C})
REFUSAL = Violation(kind=ViolationKind.WAIVER, text="a <waiver>", remedy="fix <it>")
WORD = Override(target="demo", reason="hot fix", who="Ann", since=NOW, until=NOW + HOUR)


def front_of(made: Record, level: int = 1, violations: Sequence[Violation] = ()) -> str:
    """Return the head's HTML, with these violations of the gate."""
    verdict = made.final.verdict
    decision = GateDecision(
        query=GateQuery(target="demo"),
        verdict=verdict,
        effective_verdict=verdict,
        violations=tuple(violations),
    )
    return front(made, Config(), decision if violations else None, level)


def with_actions(*actions: str) -> Record:
    """Return a record with these next actions."""
    return replace(ALL_CONFIRMED, decision=replace(ALL_CONFIRMED.decision, actions=actions))


def because(text: str) -> str:
    """Return the sentence below the verdict."""
    return "".join(re.findall(r'<p class="because">(.*?)</p>', text))


def test_the_sentence_below_the_verdict_says_why() -> None:
    """The sentence is FINAL's reason, else the first violation, else that all was seen to hold."""
    assert because(front_of(record(catalogue("a"), {"a.x": B}), violations=[REFUSAL])) == (
        "a.x BLOCKED: seen to be BLOCKED"
    )
    assert because(front_of(ALL_CONFIRMED, violations=[REFUSAL])) == "a &lt;waiver&gt;"
    assert because(front_of(ALL_CONFIRMED)) == "Everything that FINAL depends on was seen to hold."
    assert because(front_of(replace(ALL_CONFIRMED, run=run(finished=None)))) == ""


def test_what_closes_the_gate_is_listed_with_its_remedy() -> None:
    """A violation is listed with its remedy, if that is known; both are escaped."""
    assert "<li>a &lt;waiver&gt;: fix &lt;it&gt;</li>" in front_of(
        ALL_CONFIRMED, violations=[REFUSAL]
    )
    assert "<li>a &lt;waiver&gt;</li>" in front_of(
        ALL_CONFIRMED, violations=[replace(REFUSAL, remedy=None)]
    )
    assert "waivers" not in front_of(ALL_CONFIRMED)


@pytest.mark.parametrize("level", [1, 2])
def test_headings_go_down_by_one(level: int) -> None:
    """The page's head begins with h1, the block in another report with h2."""
    assert re.findall(r"<h(\d)", front_of(ALL_CONFIRMED, level)) == [str(level), str(level + 1)]


def test_a_gate_that_wants_signatures_is_not_said_to_be_open() -> None:
    """The page is written before the record is signed, and people decide by it."""
    text = front(ALL_CONFIRMED, Config(signed_by=("ci.pub",)), None, 1)
    assert "The gate is open, if a trusted key signed this record</h1>" in text
    assert "Valid until" in text


def test_an_override_that_opens_nothing_is_shown_too() -> None:
    """If the gate is open by its verdict, an override is shown all the same."""
    text = front_of(replace(ALL_CONFIRMED, overrides=(WORD,)))
    assert "The gate is open</h1>" in text
    assert '<p class="override">OVERRIDE until' in text


@pytest.mark.parametrize(
    ("number", "folded"), [(1, ""), (5, ""), (6, "1 thing more"), (8, "3 things more")]
)
def test_more_than_five_actions_are_folded(number: int, folded: str) -> None:
    """The folded list continues the numbers."""
    actions = [f"fix {n}" for n in range(1, number + 1)]
    text = front_of(with_actions(*actions))
    assert re.findall(r"<li>([^<]*)</li>", text) == actions
    assert re.findall(r"<summary>([^<]*)</summary>", text) == ([folded] if folded else [])
    seen, _, _ = str(text).partition("<details>")
    assert seen.count("<li>") == min(5, number)
    assert ('<ol start="6">' in text) is bool(folded)


def test_nothing_to_do_is_said() -> None:
    """Without actions a sentence stands in place of the list."""
    text = front_of(with_actions(), level=2)
    assert "<p>Nothing.</p>" in text
    assert "<ol" not in text
    assert '<h3 id="next">' in text


def facts_of(verdicts: dict[str, Any], **more: Any) -> dict[str, str]:
    """Return the facts by their names, without tags."""
    stages = catalogue("a") if verdicts else Catalogue()
    text = facts(record(stages, verdicts, of=run(**more)), Config(), None)
    found = re.findall(r"<dt>(.*?)</dt><dd[^>]*>(.*?)</dd>", text)
    return {name: re.sub(r"<[^>]*>", "", value).strip() for name, value in found}


def test_what_is_not_known_is_not_there() -> None:
    """An unknown release, commit or selection has no row."""
    bare = facts_of({"a.x": B}, commit=None, subject=Subject())
    assert bare == {
        "Target": "demo",
        "Judged": "2026-11-22 12:00:00 UTC",
        "Criteria": "1 BLOCKED",
    }
    assert {"Release", "Suite"} <= set(facts_of({"a.x": B}))


@pytest.mark.parametrize(("verdict", "shown"), [(C, True), (B, False)])
def test_only_an_open_gate_has_an_end(verdict: object, shown: bool) -> None:
    """A closed gate's verdict has no end of validity."""
    assert ("Valid until" in facts_of({"a.x": verdict, "a.y": C})) is shown


def test_criteria_are_counted_by_verdict() -> None:
    """A verdict without criteria is left out; so is the list, if there are none."""
    counted = facts_of({"a.x": C, "a.y": C, "a.z": B})["Criteria"]
    assert counted == "2 CONFIRMED 1 BLOCKED"
    assert facts_of({})["Criteria"] == "none"
    assert "Criteria" not in facts_of({}, finished=None)


def test_a_commit_says_that_it_was_changed() -> None:
    """A commit is shown in full or by its first letters, with a note if there were changes."""
    assert commit(run(dirty=True)) == "<code>0123456789abcdef</code> with local changes"
    assert commit(run(), letters=12) == "<code>0123456789ab</code>"
    assert commit(run(commit="<b>")) == "<code>&lt;b&gt;</code>"
