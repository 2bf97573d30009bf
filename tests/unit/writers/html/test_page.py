"""The page is well-formed, self-contained, small, and safe with hostile text."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import datetime
from html.parser import HTMLParser
from typing import Any

import pytest
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.diff import since_open
from pytest_prodstatus.model.record import Override, Past, Record, Selection, Subject
from pytest_prodstatus.model.rollup import cause_line
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Rule, Verdict
from pytest_prodstatus.model.waiver import Waiver, Waivers
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.html.page import audit, write_block, write_page
from tests.unit.given import (
    HOSTILE,
    HOUR,
    NOW,
    B,
    C,
    F,
    catalogue,
    each_hostile_text,
    in_progress,
    record,
    run,
    stage,
)
from tests.unit.writers.shown import full, many

VOID = {"meta", "br", "link", "img", "input", "hr"}
UNSEEN = {"style", "script"}


class Page(HTMLParser):
    """The page's tags, attributes and words; raises if a tag isn't closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.values: list[str] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.inline: dict[str, str] = {}
        self.ids: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))
        self.values += [value for name, value in attrs if value and name != "aria-label"]
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in UNSEEN:
            self.inline[self.open[-1]] = data
        elif self.open:
            self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


PLAIN = Page(write_page(*full("plain")))
PLAIN_ID = Page(write_page(*full("plain1")))
"""With what is shown as an id, so that it can be copied."""


@each_hostile_text
def test_hostile_text_is_shown_and_nothing_else(text: str) -> None:
    """No text becomes a tag or an attribute, or an attribute's value unless that is a label."""
    page = Page(write_page(*full(text)))
    is_id = " " not in one_line(text) and any(map(str.isdigit, text))
    assert page.tags == (PLAIN_ID if is_id else PLAIN).tags
    assert page.values == PLAIN.values
    assert page.inline == PLAIN.inline


def test_all_that_is_known_is_shown() -> None:
    """The page shows verdicts, reasons, remedies, evidence, age, flakiness and side effects."""
    text = PLAIN.text
    for expected in (
        "FAILED", "BLOCKED", "A STATUS", "The gate is closed: do not deploy", "observed: plain",
        "What to do: plain", "plain plain", "acts on the world", "seen 60 min ago", "upstream:",
        "By itself it was CONFIRMED.", "flaky: 1 attempts", "Release plain", "Endpoint plain plain",
        "commit plain with local changes", "Looked at plain", "root cause",
        "no: not every criterion was observed in this run", "What went wrong outside the criteria",
        "What to do next", "Rolls up A STATUS , B STATUS", "Requires A STATUS",
        "FAILED means: plain", "1 CONFIRMED 1 BLOCKED 2 FAILED", "Since 2026-11-22 11:00:00 UTC",
        "What went wrong in full (1 line) plain", "Run plain", "because of a.old",
        "the last 2 runs", "by run run-1 on release v1", "What changed since the run before",
    ):  # fmt: skip
        assert expected in text, expected


def test_nothing_is_requested_from_outside() -> None:
    """Every link is to a part of the page; the policy forbids all requests."""
    text = write_page(*full("plain"))
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"https?:|//|url\(|@import|<script|<link|<img|<iframe|javascript", own)
    assert "default-src 'none'" in text
    anchors = re.findall(r'href="([^"]*)"', own)
    assert anchors
    assert all(a.startswith("#") and a[1:] in PLAIN.ids for a in anchors)
    assert len(PLAIN.ids) == len(set(PLAIN.ids))


@pytest.mark.parametrize("kind", ["style", "script"])
def test_only_the_inline_style_and_script_are_allowed(kind: str) -> None:
    """The policy names style and script by digest, so nothing in a record can bring its own."""
    text = write_page(*full("plain"))
    inline = re.findall(rf"<{kind}>(.*?)</{kind}>", text, re.DOTALL)
    assert inline == [PLAIN.inline[kind]]
    digest = base64.b64encode(hashlib.sha256(inline[0].encode()).digest()).decode()
    assert f"; {kind}-src 'sha256-{digest}';" in text
    assert "unsafe" not in text
    assert not re.search(r" (?:style|on\w+)=", text)


def test_the_script_makes_no_markup_from_text() -> None:
    """The script makes no markup of text, sends no request, and evaluates nothing."""
    script = PLAIN.inline["script"]
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|write\(|eval|Function|fetch|XMLH", script
    )


def test_what_is_not_confirmed_is_open() -> None:
    """A reader sees what's wrong without a click; the traceback is folded."""
    text = write_page(*full("plain"))
    opened = re.findall(r'<details class="criterion \w" id="c\d+"( open)?>', text)
    assert [bool(o) for o in opened] == [s.verdict is not C for s in full("plain")[0].criteria]
    assert '<details class="trace"><summary>' in text


@pytest.mark.parametrize("verdict", [C, B, F])
def test_the_final_verdict_is_the_first_word(verdict: object) -> None:
    """FINAL is the first word, also in the title of the window."""
    made = record(catalogue("a"), {"a.x": verdict})
    page = Page(write_page(made, Config(title="T", catalogue=catalogue("a"))))
    assert page.text.startswith(f"{verdict} · T · demo demo T {verdict} The gate is ")
    assert ("The gate is open" in page.text) is (verdict is C)


def test_a_run_in_progress_says_so() -> None:
    """The page of a run in progress says so, and confirms nothing."""
    page = Page(write_page(in_progress(), Config()))
    assert "Started 2026-11-22 11:00:00 UTC" in " ".join(page.text.split())
    assert page.text.count("in progress") == 1
    assert "The run is in progress: nothing is confirmed yet" in page.text
    assert "Wait until the run has ended. If it was killed, run again." in page.text
    assert "The gate is" not in page.text
    assert "CONFIRMED" not in page.text


@pytest.mark.parametrize(("number", "is_long"), [(200, False), (201, True)])
def test_only_a_long_page_leaves_out_what_is_out_of_sight(number: int, is_long: bool) -> None:
    """The height of what isn't laid out is a guess, so a short page has none of it."""
    assert ('class="criteria many"' in write_page(*many(number, 2))) is is_long


def test_a_stage_says_until_when_it_is_confirmed() -> None:
    """The `valid_for` of a stage gives the end of its validity."""
    made = catalogue(stage("a", valid_for=2 * HOUR))
    page = Page(write_page(record(made, {"a.x": C}), Config(catalogue=made)))
    assert page.text.count("Valid until 2026-11-22 14:00:00 UTC") == 2  # FINAL's, and the stage's


def test_a_page_needs_no_declared_catalogue() -> None:
    """The stages of the record are enough, and there may be none."""
    assert "A STATUS" in Page(write_page(record(catalogue("a"), {"a.x": C}), Config())).text
    assert "there are no stages" in Page(write_page(record(Catalogue(), {}), Config())).text


def test_the_same_record_gives_the_same_page() -> None:
    """The same record gives the same page, byte for byte."""
    assert write_page(*full("plain")) == write_page(*full("plain"))


def test_a_hundred_criteria_stay_small() -> None:
    """A page of a hundred criteria with reasons and tracebacks is smaller than 150 kB."""
    page = write_page(*many(100))
    assert len(page.encode()) < 150_000


def test_control_characters_never_reach_the_page() -> None:
    """Control characters are escaped before they reach the page."""
    for text in HOSTILE:
        assert not re.search(
            r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", write_page(*full(text))
        )


def waiver(name: str = "a.x", expires: datetime = NOW + HOUR) -> Waiver:
    """Return a waiver for a criterion."""
    return Waiver(criterion=name, reason="<i>known</i>", owner="Ann & Co", expires=expires)


@pytest.mark.parametrize(
    ("verdict", "waivers", "expected"),
    [
        (B, [waiver()], "BLOCKED The gate is open, 1 waived"),
        (C, [waiver()], "CONFIRMED The gate is open Everything"),
        (B, [waiver(expires=NOW)], "BLOCKED The gate is closed: do not deploy a.x BLOCKED"),
        (C, [waiver(expires=NOW)], "closed: do not deploy the waiver of 'a.x' (Ann & Co) expired"),
        (C, [waiver("a.gone")], "the waiver of 'a.gone' (Ann & Co) is about no criterion"),
    ],
    ids=["waived", "not-needed", "expired", "expired-and-not-needed", "of-nothing"],
)
def test_waivers_change_the_gate_and_no_verdict(
    verdict: Verdict, waivers: list[Waiver], expected: str
) -> None:
    """The head shows the gate's decision at the end of the run, and each waiver's owner."""
    made = catalogue("a")
    config = Config(catalogue=made, waivers=Waivers(given=tuple(waivers)))
    seen = record(made, {"a.x": verdict}, of=run(catalogue=made.digest))
    text = write_page(seen, config)
    page = Page(text)
    assert expected in page.text
    by = "Waived until 2026-11-22 13:00 UTC by Ann & Co: a.x, because <i>known</i>"
    in_force = verdict is B and waivers[0].expires > NOW
    assert (by in page.text) is in_force
    assert ('class="note">waived until 2026-11-22 13:00 UTC by Ann &amp; Co<' in text) is in_force


def test_a_rule_of_the_run_opens_no_gate() -> None:
    """A deployment needs CONFIRMED, regardless of how the run ended."""
    made = catalogue("a")
    seen = record(made, {"a.x": B}, rule=Rule.NOT_FAILED)
    assert seen.decision.open
    assert "The gate is closed" in Page(write_page(seen, Config(catalogue=made))).text


def past(number: int, final: Verdict, **more: Any) -> Past:
    """Return a former run with two stages, of which `a` has FINAL's verdict."""
    given = {
        "run": f"run-{number}",
        "started": NOW - number * HOUR,
        "commit": "c0",
        "release": "v0",
    }
    return Past(**{**given, "final": final, "stages": {"a": final, "b": C}, **more})


def test_what_changed_since_the_run_before() -> None:
    """Verdicts, release and commit are listed if they changed, and nothing else."""
    made = record(catalogue("a", "b"), {"a.x": F, "b.x": C})
    config = Config(catalogue=catalogue("a", "b"))
    page = Page(write_page(replace(made, history=(past(2, F), past(1, C))), config))
    changes = page.text.partition("What changed since the run before What Was Is ")[2]
    assert changes.startswith(
        "A STATUS CONFIRMED FAILED release v0 v1 suite commit c0 0123456789abcdef Criteria and"
    )
    same = past(1, F, commit=made.run.commit, release="v1")
    assert "What changed" not in Page(write_page(replace(made, history=(same,)), config)).text


def test_the_last_run_that_was_confirmed_is_named() -> None:
    """The newest CONFIRMED run is named if this run isn't CONFIRMED."""
    made = record(catalogue("a"), {"a.x": F})
    history = (past(3, C), past(2, C), past(1, B))
    page = Page(write_page(replace(made, history=history), Config()))
    expected = "Last CONFIRMED 2026-11-22 10:00 UTC, run run-2 , release v0 , suite commit c0 ."
    assert expected in page.text
    confirmed = record(catalogue("a"), {"a.x": C})
    assert "Last CONFIRMED" not in write_page(replace(confirmed, history=history), Config())


@pytest.mark.parametrize("verdict", [C, F])
def test_an_override_is_never_silent(verdict: Verdict) -> None:
    """An override opens a closed gate, and is shown with every verdict."""
    word = Override(target="demo", reason="<hot> fix", who="Ann", since=NOW, until=NOW + HOUR)
    made = replace(record(catalogue("a"), {"a.x": verdict}), overrides=(word,))
    text = Page(write_page(made, Config())).text
    assert "OVERRIDE until 2026-11-22 13:00 UTC, by Ann: <hot> fix" in text
    assert ("The gate is open by an override, not by what was seen" in text) is (verdict is F)
    assert "do not deploy" not in text


def audited(made: Record) -> list[tuple[str, str]]:
    """Return the rows of the audit as names and values, without tags."""
    found = re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', audit(made))
    return [(name, re.sub(r"<[^>]*>", "", value)) for name, value in found]


def record_of_one(verdict: Any = C, **more: Any) -> Record:
    """Return a record of a run with one criterion."""
    return record(catalogue("a"), {"a.x": verdict}, of=run(**more))


def test_when_whom_and_with_what() -> None:
    """The audit lists the run, its decision, and what it read, with all instants."""
    subject = Subject(
        endpoints={"api": "https://api.example/?a&b"}, snapshots={"database": (NOW - HOUR, NOW)}
    )
    rows = audited(
        record_of_one(subject=subject, catalogue="c0ffee", versions={"a": "1", "b": "2"})
    )
    assert rows == [
        ("Run", "run-1"),
        ("Time", "2026-11-22 11:00:00 UTC to 2026-11-22 12:00:00 UTC, 1 h"),
        ("Decision", "open, exit status 0"),
        ("Endpoint", "api https://api.example/?a&amp;b"),
        ("Read as of", "database 2026-11-22 11:00:00 UTC, 2026-11-22 12:00:00 UTC"),
        ("Suite commit", "0123456789abcdef"),
        ("Catalogue", "c0ffee"),
        ("Made with", "a 1, b 2"),
    ]


def test_every_cause_of_a_closed_gate_has_a_row() -> None:
    """Causes are listed in the decision's order."""
    closed = record_of_one(B)
    assert [value for name, value in audited(closed) if name == "Closed by"] == [
        *map(cause_line, closed.decision.causes)
    ]
    assert closed.decision.causes


def test_a_partial_run_says_what_was_selected() -> None:
    """The verdict on the selection, which decides the exit status, is shown."""
    complete = record_of_one(B)
    part = Selection(partial=True, verdict=C, criteria=1)
    rows = dict(audited(replace(complete, decision=replace(complete.decision, selection=part))))
    assert rows["Decision"].endswith("; of what was selected (1 criterion) CONFIRMED")
    assert "selected" not in dict(audited(complete))["Decision"]


def test_a_run_in_progress_has_no_end() -> None:
    """The audit of a run in progress has no end, and no commit if none is known."""
    rows = dict(audited(record_of_one(finished=None, commit=None)))
    assert rows["Time"] == "since 2026-11-22 11:00:00 UTC"
    assert "Suite commit" not in rows


TAG = re.compile(r"</?\w+[^>]*>")


@each_hostile_text
def test_hostile_text_makes_no_markup_in_another_report(text: str) -> None:
    """The tags and their attributes are those of a plain text."""
    assert TAG.findall(write_block(*full(text))) == TAG.findall(write_block(*full("plain")))


def test_what_is_not_confirmed_is_listed() -> None:
    """Unconfirmed criteria are listed with reason and remedy, also if they never ran."""
    made, config = full("plain")
    block = write_block(made, config)
    listed = block.partition("Criteria that are not CONFIRMED")[2]
    unconfirmed = [status.id for status in made.criteria if status.verdict is not C]
    assert re.findall(r'<tr><th scope="row">([^<]*)</th>', listed) == unconfirmed
    assert "observed: plain<br>→ plain" in listed


def test_if_all_is_confirmed_no_criterion_is_listed() -> None:
    """If all is CONFIRMED, only the stages are listed."""
    made = record(catalogue("a"), {"a.x": C})
    block = write_block(made, full("plain")[1])
    assert "Criteria that are not" not in block
    assert '<th scope="row">A STATUS</th>' in block


def test_what_changed_since_the_last_open_run() -> None:
    """Each changed criterion has both verdicts, a hundred at most; if none changed, it says so."""
    opened = record(catalogue("a"), {"a.x": C, "a.gone": C, "a.y": C})
    made = record(catalogue("a"), {"a.x": F, "a.y": B})
    assert "Since the last open run" not in write_page(made, Config())
    page = Page(write_page(replace(made, since_open=since_open(opened, made)), Config()))
    changes = page.text.partition("Since the last open run ")[2]
    assert changes.startswith(
        "The gate was last open 2026-11-22 11:00:00 UTC, run run-1 , release v1. "
        "Criterion Was Is Change "
        "a.gone CONFIRMED not there lost a.x CONFIRMED FAILED introduced "
        "a.y CONFIRMED BLOCKED newly BLOCKED "
    )
    same = replace(made, since_open=since_open(made, made))
    assert "No criterion has changed since." in Page(write_page(same, Config())).text
    many = record(catalogue("a"), {f"a.x{number}": C for number in range(150)})
    long = Page(write_page(replace(made, since_open=since_open(many, made)), Config())).text
    assert "52 more criteria changed." in long
    assert long.count("lost") == 100 - long.count("added")
