"""Texts for GitHub stay within its limits, and can't be forged."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from markdown_it import MarkdownIt

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers import github
from pytest_prodstatus.writers.exports import Row
from pytest_prodstatus.writers.github import (
    ANNOTATIONS_LIMIT,
    SUMMARY_LIMIT,
    bounded_summary,
    outputs,
    workflow_commands,
)
from tests.unit.given import (
    B,
    C,
    F,
    catalogue,
    criterion,
    each_hostile_text,
    in_progress,
    observation,
    reason,
    record,
    stage,
)
from tests.unit.given import (
    report as report_of,
)
from tests.unit.model.test_codec import odd
from tests.unit.model.test_properties import records

STAGES = catalogue("api", "shop", stage("final", rollup=("api", "shop")))


@dataclass(frozen=True)
class Command:
    """A workflow command as the runner parses it."""

    name: str
    data: str
    properties: dict[str, str] = field(default_factory=dict)


def parsed(line: str) -> Command:
    """Parse a line by the rules of the runner's ActionCommand.TryParseV2."""
    assert "\n" not in line
    assert "\r" not in line
    assert line.startswith("::")
    end = line.index("::", 2)
    name, _, rest = line[2:end].partition(" ")
    pairs = (pair.split("=", 1) for pair in rest.split(",") if pair)
    return Command(
        name,
        _unescaped(line[end + 2 :], ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")),
        {
            key: _unescaped(
                value, ("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%")
            )
            for key, value in pairs
        },
    )


def _unescaped(text: str, *mapping: tuple[str, str]) -> str:
    for escaped, char in mapping:
        text = text.replace(escaped, char)
    return text


def values(text: str) -> dict[str, str]:
    """Parse a file of outputs by the rules of the runner's FileCommandManager."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        name, mark, delimiter = line.rstrip("\n").partition("<<")
        assert mark
        value = ""
        for following in lines:
            if following.rstrip("\n") == delimiter:
                break
            value += following
        else:
            pytest.fail(f"{name} never ends")
        found[name] = value.removesuffix("\n")
    return found


def nowhere(_: Row) -> tuple[str | None, int | None]:
    """Locate no row."""
    return None, None


def test_an_annotation_names_place_criterion_and_remedy() -> None:
    """A FAILED is an error and a BLOCKED a warning, at the test, with the remedy."""
    waits = observation(B, reason=reason("no sale", remedy="sell something, soon: 100%0A"))
    made = record(STAGES, {"api.a[x::y]": F, "shop.b": waits, "shop.c": C})
    lines = workflow_commands(made, lambda row: (f"t,1::2%2C/{row.file}", 7))
    error, warning = map(parsed, lines)
    assert error.name == "error"
    title = "api.a[x::y] FAILED"
    assert error.properties == {"file": "t,1::2%2C/test_api.py", "line": "7", "title": title}
    assert error.data == "seen to be FAILED"
    assert warning.name == "warning"
    assert warning.data == "no sale\n-> sell something, soon: 100%0A"


@each_hostile_text
def test_an_annotation_survives_any_text(text: str) -> None:
    """The runner reads any reason as one command with just that text."""
    why = reason(text, remedy=text)
    made = record(STAGES, {"api.a": observation(F, reason=why), "shop.b": C})
    (line,) = workflow_commands(made, lambda _: (text.splitlines()[0], 1))
    assert parsed(line).data == f"{why.text}\n-> {why.remedy}"
    assert parsed(line).properties["file"] == text.splitlines()[0]


def test_more_annotations_than_github_shows_are_counted() -> None:
    """At most ten of each kind are printed, causes first; the tenth counts the others."""
    many = {f"api.a{n:02}": F for n in range(25)} | {f"shop.b{n:02}": B for n in range(10)}
    commands = list(map(parsed, workflow_commands(record(STAGES, many), nowhere)))
    errors = [command for command in commands if command.name == "error"]
    assert len(errors) == ANNOTATIONS_LIMIT == 10
    assert errors[-1].data == "16 more are FAILED; the step's summary names them"
    assert len(commands) == 20
    assert "more" not in commands[-1].data


def test_what_did_not_run_is_annotated() -> None:
    """Criteria without a test, stages without criteria, and incidents are shown too."""
    stages = catalogue(stage("api", criteria=("api.gone",)), "shop")
    commands = map(parsed, workflow_commands(record(stages, {}), nowhere))
    assert [c.properties["title"] for c in commands] == ["api.gone BLOCKED", "shop BLOCKED"]
    (marker, *_) = map(parsed, workflow_commands(in_progress(), nowhere))
    assert marker.name == "warning"


def test_a_partial_run_annotates_its_selection() -> None:
    """A shard doesn't warn of criteria that the other shards run."""
    both = (criterion("api.a"), criterion("shop.b"))
    made = record(STAGES, {"api.a": F}, collected=both, selected=frozenset({"api.a"}))
    (command,) = map(parsed, workflow_commands(made, nowhere))
    assert command.properties["title"] == "api.a FAILED"


def test_a_confirmed_run_annotates_nothing() -> None:
    """If everything is CONFIRMED, there are no commands."""
    assert workflow_commands(record(STAGES, {"api.a": C, "shop.b": C}), nowhere) == []


@each_hostile_text
def test_outputs_cannot_be_forged(text: str) -> None:
    """With any reason, the outputs are verdict, open and reason, and no others."""
    why = reason(text)
    made = record(STAGES, {"api.a": observation(F, reason=why), "shop.b": C})
    read = values(outputs(made, "delimiter_0"))
    assert read["verdict"] == "FAILED"
    assert read["open"] == "false"
    assert set(read) == {"verdict", "open", "reason"}
    assert why.text[:50] in read["reason"]


def test_outputs_of_an_open_gate() -> None:
    """The outputs of an open gate are CONFIRMED, open, and an empty reason."""
    made = record(STAGES, {"api.a": C, "shop.b": C})
    assert values(outputs(made, "d")) == {"verdict": "CONFIRMED", "open": "true", "reason": ""}


def test_the_summary_shows_stages_and_what_is_not_confirmed() -> None:
    """FINAL comes first, then the stages and the unconfirmed criteria, the worst first."""
    waits = observation(B, reason=reason("no sale", remedy="sell something"))
    text = github.write(report_of(record(STAGES, {"api.a": waits, "shop.b": F, "shop.c": C})))
    html = MarkdownIt().enable("table").render(text)
    assert html.index("FINAL FAILED") < html.index("<table>")
    assert html.index("SHOP STATUS</td>") < html.index("API STATUS</td>")
    assert html.index("shop.b</strong> FAILED") < html.index("api.a</strong> BLOCKED")
    assert "sell something" in html
    assert "shop.c" not in html


@each_hostile_text
def test_the_summary_shows_any_text_as_it_is(text: str) -> None:
    """A text opens no tag, link or table cell of its own."""
    failed = observation(F, reason=reason(text, remedy=text))
    html = (
        MarkdownIt()
        .enable("table")
        .render(
            github.write(report_of(record(STAGES, {"api.a": failed, "shop.b": C}), title="Ours"))
        )
    )
    assert html.count("<td") == 3 * 3
    for before, code in re.findall("(.{4})<code>(.*?)</code>", html):
        assert "evil.example" in code or before == "&lt;"
    for tag in ("<script", "<img", "<svg", "<a ", "<em>"):
        assert tag not in html


@given(records())
def test_any_run_has_a_summary_and_commands(drawn: tuple[Catalogue, Record]) -> None:
    """The summary names FINAL, and the runner understands the commands."""
    made = drawn[1]
    assert f"FINAL {made.final.verdict}" in github.write(report_of(made))
    for line in workflow_commands(made, nowhere):
        parsed(line)


@pytest.fixture(scope="module")
def long_record() -> Record:
    """A record whose summary is longer than any limit."""
    long = observation(F, reason=reason("é" * 590, remedy="ж" * 590))
    return record(STAGES, {f"api.a{n}": long for n in range(700)} | {"shop.b": C})


@pytest.mark.parametrize("limit", [0, 300, 3_000, 40_000, SUMMARY_LIMIT])
def test_the_summary_keeps_its_limit(long_record: Record, limit: int) -> None:
    """A summary never exceeds its limit, and says how much was cut."""
    text = bounded_summary(long_record, Config(), limit)
    size = len(text.encode())
    assert size <= limit
    if limit >= 3_000:
        assert "FINAL FAILED" in text
        assert "more lines, which the page has" in text
    if limit > 40_000:
        assert size > limit // 2


def test_a_summary_of_hostile_evidence_is_text() -> None:
    """Every kind of value is rendered as text."""
    assert "FINAL" in github.write(report_of(odd()))
