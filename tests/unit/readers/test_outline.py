"""The stages of a status document from another hand: its titles and what the verdicts mean."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.config import read_config
from pytest_prodstatus.readers.markdown import Outline, OutlineError, read_outline
from pytest_prodstatus.writers.document import write_document
from tests.unit import properties  # noqa: F401  the profile
from tests.unit.given import HOSTILE, B, C, F, record

ROOT = Path(__file__).parents[3]
MEANT = {C: "It holds.", F: "It doesn't.", B: "Nobody knows."}


def outline(text: str) -> Outline:
    """Return the outline of a text."""
    return read_outline(text.encode(), "STATUS.md")


def meanings(text: str) -> dict[Verdict, str]:
    """Return the meanings of the one stage in a text."""
    (section,) = outline(text).sections
    return dict(section.meanings)


@pytest.mark.parametrize(
    "title",
    [
        "**OAUTH STATUS:** **CONFIRMED** (seen)",
        "**OAUTH STATUS:**",
        "**OAUTH STATUS**: pending",
        "__OAUTH STATUS:__ ?",
        "OAUTH STATUS: unknown",
        "## OAUTH STATUS: unknown",
        "### **OAUTH STATUS:** x",
        "# OAUTH STATUS:",
        "## OAUTH STATUS",
        "## OAUTH STATUS ##",
        "### **OAUTH STATUS**",
        "**OAUTH STATUS**",
        "- **OAUTH STATUS:** x",
        "> **OAUTH STATUS:** x",
        "1. OAUTH STATUS: x",
    ],
)
@pytest.mark.parametrize("gap", ["", "\n"])
def test_titles_of_many_forms(title: str, gap: str) -> None:
    """A title is a field, a heading or a line in bold, with its meanings below it."""
    lead = "> " if title.startswith(">") else ""
    body = "".join(f"{lead}- {verdict}: {text}\n" for verdict, text in MEANT.items())
    (section,) = outline(f"Words.\n\n{title}\n{gap and lead + gap}{body}").sections
    assert section.title == "OAUTH STATUS"
    assert section.line == 3
    assert section.meanings == MEANT


@pytest.mark.parametrize(
    "form",
    [
        "- {0}: {1}",
        "* {0}: {1}",
        "+ **{0}**: {1}",
        "- **{0}:** {1}",
        "1. {0}: {1}",
        "• {0}: {1}",
        "{0} = {1}",
        "{0}: {1}",
        "  - `{0}` → {1}",
        "- {0} - {1}",
        "- {0} – {1}",
        "- {0} — {1}",
        "- {0} -> {1}",
        "- {0} => {1}",
        "- [ ] {0}: {1}",
        "- ✅ {0}: {1}",
        "> - {0}: {1}",
        "- _{0}_: {1}",
    ],
)
def test_meanings_in_any_bullet_style(form: str) -> None:
    """Bullets, numbers, boxes, bold, colons, equals signs, dashes and arrows."""
    body = "\n".join(form.format(verdict, text) for verdict, text in MEANT.items())
    assert meanings(f"**API STATUS:** x\n\n{body}\n") == MEANT


def test_a_meaning_may_be_a_condition_and_several_lines() -> None:
    """'CONFIRMED if …' is one too, and a wrapped meaning is one sentence."""
    told = meanings(
        "**API STATUS:**\n- CONFIRMED if it\n  holds\nfor long.\n- Failed: no.\n- Other\n"
    )
    assert told == {C: "if it holds for long.", F: "no."}


def test_a_meaning_that_stands_twice_is_the_first() -> None:
    """The second begins something else, which nobody gave a title."""
    told = meanings("**API STATUS:**\n- CONFIRMED: a\n- CONFIRMED: b\n- FAILED: c\n")
    assert told == {C: "a"}


def test_meanings_end_with_their_stage() -> None:
    """What follows another title, other prose or code belongs to no stage before it."""
    read = outline(
        "**API STATUS:** x\n- CONFIRMED: a\n\n**SHOP STATUS:** x\n- CONFIRMED: b\n\n"
        "Prose.\n- FAILED: of nothing\n\n**MAIL STATUS:** x\n```\n- FAILED: code\n```\n"
    )
    assert [(s.title, dict(s.meanings)) for s in read.sections] == [
        ("API STATUS", {C: "a"}),
        ("SHOP STATUS", {C: "b"}),
        ("MAIL STATUS", {}),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "**Note:** this",
        "Current status: fine",
        "**STATUS:** draft",
        "## Summary",
        "**LAST RUN:** x\n- CONFIRMED: y",
        "**API STATUS SINCE:** x\n- CONFIRMED: y",
        "```\n**SHOP STATUS:** x\n- CONFIRMED: y\n```",
        "<!-- **SHOP STATUS:** x -->",
        "# Production status\n\n- CONFIRMED: it was seen to hold.",
        "- CONFIRMED: a legend",
    ],
)
def test_what_is_no_title(text: str) -> None:
    """Notes, fields of the document itself, code, and the document's own heading are no stages."""
    assert [s.title for s in outline(f"{text}\n\n**API STATUS:** x\n").sections] == ["API STATUS"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")],
)
def test_any_line_end_and_encoding(end: str, mark: bytes, encoding: str) -> None:
    """A document is read as the one that is updated."""
    text = "**API STATUS:** é\n- CONFIRMED: ÿ\n- FAILED: ж\n".replace("\n", end)
    (section,) = read_outline(mark + text.encode(encoding), "x").sections
    assert section.meanings == {C: "ÿ", F: "ж"}


def test_a_title_that_stands_twice_is_one_stage() -> None:
    """Each place may tell a part of it."""
    text = "**API STATUS:** x\n- FAILED: b\n\n## API status\n\n- CONFIRMED: a\n- FAILED: c\n"
    assert meanings(text) == {C: "a", F: "b"}


def test_what_is_not_told_is_said() -> None:
    """A stage without all three meanings is taken, with a notice of what is missing."""
    assert outline("x\n**API STATUS:** y\n- FAILED: no\n").notices == (
        "STATUS.md line 2: API STATUS doesn't say what CONFIRMED or BLOCKED means",
    )


def test_a_table_is_not_read_and_said() -> None:
    """One notice a table, with its first line and what to write instead."""
    table = "| API STATUS | CONFIRMED |\n|---|---|\n| SHOP STATUS | FAILED |\n"
    (notice, *_) = outline(f"{table}\n**API STATUS:**\n- CONFIRMED: a\n").notices
    assert notice.startswith("STATUS.md line 1: a table isn't read; write each as")
    with pytest.raises(OutlineError, match=r"STATUS.md line 1: a table isn't read"):
        outline(table)


@pytest.mark.parametrize("text", ["", "# Hello\n\nworld\n", "\0\0", "## Plans\n- one\n"])
def test_a_document_without_stages_is_refused(text: str) -> None:
    """One sentence says what was looked for."""
    with pytest.raises(OutlineError, match=r"no title of a stage was found; write each as"):
        outline(text)


def test_the_project_s_own_document_gives_its_catalogue() -> None:
    """The nine fields of this project, generated and read back: titles, meanings and heading."""
    config = read_config((ROOT / "pyproject.toml").read_text(encoding="utf-8"), "pyproject.toml")
    stages = config.catalogue.stages
    made = record(config.catalogue, {"oauth.access-token-accepted": C})
    read = read_outline(write_document(made, config, None), "STATUS.md")
    assert len(stages) == 9
    assert [s.title for s in read.sections] == [stage.title for stage in stages]
    assert [(s.meanings[C], s.meanings[F], s.meanings[B]) for s in read.sections] == [
        (stage.confirmed, stage.failed, stage.blocked) for stage in stages
    ]
    assert read.title == config.title
    assert read.notices == ()


LINES = [
    "**API STATUS:** x", "SHOP STATUS: y", "## Mail status", "- CONFIRMED: a", "* FAILED = b",
    "BLOCKED - c", "", "prose", "```", "<!--", "-->", "> - CONFIRMED: q", "| a STATUS |", *HOSTILE,
]  # fmt: skip


@given(st.lists(st.sampled_from(LINES), max_size=12))
def test_any_document_gives_stages_or_one_sentence(lines: list[str]) -> None:
    """Whatever it holds: titles and meanings on one line each, or a refusal."""
    try:
        read = read_outline("\n".join(lines).encode("utf-8", "surrogateescape"), "x")
    except UnicodeEncodeError:
        return
    except OutlineError as refused:
        read = Outline(title="", sections=(), notices=(str(refused),))
    assert all(len(notice.splitlines()) == 1 for notice in read.notices)
    for section in read.sections:
        assert all(
            len(text.splitlines()) == 1 for text in (section.title, *section.meanings.values())
        )
    assert len({s.title.casefold() for s in read.sections}) == len(read.sections)
