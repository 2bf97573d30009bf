"""A status document in Markdown: its prose, its fields, and the stages that it describes."""

from __future__ import annotations

import codecs
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.markdown import Document, Outline, OutlineError, read_outline, scan
from pytest_prodstatus.writers.document import write_document
from tests.unit.given import HOSTILE, B, C, F, declared, record

OAUTH, KEY = "OAUTH STATUS", "API_KEY STATUS"


def found(text: str) -> list[tuple[int, str, str]]:
    """Return each field's line, title and value."""
    fields = Document.decode(text.encode()).fields([OAUTH, KEY])
    return [(field.line, field.title, field.value) for field in fields]


FORMS = [
    "**OAUTH STATUS:** v",
    "**OAUTH STATUS**: v",
    "**OAUTH STATUS** : v",
    "__OAUTH STATUS:__ v",
    "** OAUTH  STATUS :** v",
    "**Oauth status:** v",
    "OAUTH STATUS: v",
    "OAUTH STATUS : v",
    "# OAUTH STATUS: v",
    "### **OAUTH STATUS:** v",
    "- **OAUTH STATUS:** v",
    "* OAUTH STATUS: v",
    "+ OAUTH STATUS: v",
    "1. OAUTH STATUS: v",
    "12) **OAUTH STATUS:** v",
    "> **OAUTH STATUS:** v",
    "> - OAUTH STATUS: v",
    "  - **OAUTH STATUS:** v",
    "   **OAUTH STATUS:** v",
    "**OAUTH STATUS:**v",
    "-\t**OAUTH STATUS:** v",
]


@pytest.mark.parametrize("line", FORMS)
def test_a_field_in_bold_a_heading_a_list_or_plain(line: str) -> None:
    """Its value is the rest of the line."""
    assert found(f"before\n\n{line}\n\nafter\n") == [(2, OAUTH, "v")]


@pytest.mark.parametrize(
    "line", ["**API_KEY STATUS:** v", "API_KEY STATUS: v", "__API_KEY STATUS:__ v"]
)
def test_a_title_may_have_an_underscore(line: str) -> None:
    """Else its field would never be found, and every run would add another."""
    assert found(line) == [(0, KEY, "v")]


NONE = [
    "OAUTH STATUS",
    "**OAUTH STATUS**",
    "**OAUTH STATUS",
    "Oauth status: prose that begins so",
    "see OAUTH STATUS: v",
    "see **OAUTH STATUS:** v",
    "**OTHER STATUS:** v",
    "**OAUTH STATUSES:** v",
    "`OAUTH STATUS: v`",
    "| OAUTH STATUS: | v |",
    "<b>OAUTH STATUS:</b> v",
    "\n    OAUTH STATUS: v",
    "\n    **OAUTH STATUS:** v",
    "```\n**OAUTH STATUS:** v\n```",
    "~~~\n**OAUTH STATUS:** v\n~~~",
    "- ```\n  **OAUTH STATUS:** v\n  ```",
    "1. a\n   - ```\n     **OAUTH STATUS:** v\n     ```",
    "> ```\n> **OAUTH STATUS:** v\n> ```",
    "- a\n\n      **OAUTH STATUS:** v",
    "<!--\n**OAUTH STATUS:** v\n-->",
    "<!-- **OAUTH STATUS:** v -->",
    "<pre>\n**OAUTH STATUS:** v\n</pre>",
]


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_field(text: str) -> None:
    """Code, comments, prose and other titles are not fields."""
    assert found(text) == []


def test_a_field_that_stands_twice_is_found_twice() -> None:
    """In the order of the lines."""
    code = "```\nOAUTH STATUS: no\n```\n"
    text = f"OAUTH STATUS: a\n{code}**API_KEY STATUS:** b\n- **OAUTH STATUS:** c\n"
    assert found(text) == [(0, OAUTH, "a"), (4, KEY, "b"), (5, OAUTH, "c")]


BODY = "a\r\nbé\rc\n\n\u2028d\x0be\x0cf\x85g"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_encodings_by_their_mark(mark: bytes, encoding: str) -> None:
    """The text is decoded, and encoded byte for byte; only CR and LF end a line."""
    content = mark + BODY.encode(encoding)
    document = Document.decode(content)
    assert document.lines == ("a\r\n", "bé\r", "c\n", "\n", "\u2028d\x0be\x0cf\x85g")
    assert (document.mark, document.encoding) == (mark, encoding)
    assert document.encode() == content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"caf\xe9 \xff\xfe\n\x80",
        b"\xff\xfea",
        b"\xff\xfe\x00\xd8a\x00",
        b"\xfe\xff\xdc\x00",
        codecs.BOM_UTF32_LE + b"\xff\xff\xff\xff",
        codecs.BOM_UTF8 + b"\xff",
        b"\xed\xa0\x80",
    ],
)
def test_invalid_bytes_survive(content: bytes) -> None:
    """Bytes that aren't valid in the encoding are kept."""
    assert Document.decode(content).encode() == content


@given(st.binary(max_size=40), st.sampled_from([b"", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE]))
def test_any_bytes_survive(content: bytes, mark: bytes) -> None:
    """Decoding and encoding restores the bytes."""
    assert Document.decode(mark + content).encode() == mark + content


@pytest.mark.parametrize(
    ("content", "end"),
    [(b"a\r\nb\n", "\r\n"), (b"a\rb\n", "\r"), (b"a\nb\r\n", "\n"), (b"a", "\n"), (b"", "\n")],
)
def test_the_line_end_is_the_first_one(content: bytes, end: str) -> None:
    """New lines get the end that the document begins with."""
    assert Document.decode(content).line_end == end


ROOT = Path(__file__).parents[3]
MEANT = {C: "It holds.", F: "It doesn't.", B: "Nobody knows."}


def outline(text: str) -> Outline:
    """Return the outline of a text."""
    return read_outline(text.encode(), "STATUS.md")


def meanings(text: str) -> dict[Verdict, str]:
    """Return the meanings of a text's only stage."""
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
    """'CONFIRMED if …' is a meaning too, and a wrapped meaning is one sentence."""
    read = meanings(
        "**API STATUS:**\n- CONFIRMED if it\n  holds\nfor long.\n- Failed: no.\n- Other\n"
    )
    assert read == {C: "if it holds for long.", F: "no."}


def test_a_meaning_that_stands_twice_is_the_first() -> None:
    """The second belongs to something without a title."""
    read = meanings("**API STATUS:**\n- CONFIRMED: a\n- CONFIRMED: b\n- FAILED: c\n")
    assert read == {C: "a"}


def test_meanings_end_with_their_stage() -> None:
    """Text after another title, other prose or code belongs to no former stage."""
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
    """Notes, the document's own fields and heading, and code are not stages."""
    assert [s.title for s in outline(f"{text}\n\n**API STATUS:** x\n").sections] == ["API STATUS"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le")],
)
def test_any_line_end_and_encoding(end: str, mark: bytes, encoding: str) -> None:
    """Documents are read in every form in which they are updated."""
    text = "**API STATUS:** é\n- CONFIRMED: ÿ\n- FAILED: ж\n".replace("\n", end)
    (section,) = read_outline(mark + text.encode(encoding), "x").sections
    assert section.meanings == {C: "ÿ", F: "ж"}


def test_a_title_that_stands_twice_is_one_stage() -> None:
    """Each occurrence may have some of the meanings."""
    text = "**API STATUS:** x\n- FAILED: b\n\n## API status\n\n- CONFIRMED: a\n- FAILED: c\n"
    assert meanings(text) == {C: "a", F: "b"}


def test_missing_meanings_are_reported() -> None:
    """A stage without all three meanings is accepted, with a notice of the missing ones."""
    assert outline("x\n**API STATUS:** y\n- FAILED: no\n").notices == (
        "STATUS.md line 2: API STATUS doesn't say what CONFIRMED or BLOCKED means",
    )


def test_a_table_is_not_read_but_reported() -> None:
    """There is one notice per table, with its first line and an example."""
    table = "| API STATUS | CONFIRMED |\n|---|---|\n| SHOP STATUS | FAILED |\n"
    (notice, *_) = outline(f"{table}\n**API STATUS:**\n- CONFIRMED: a\n").notices
    assert notice.startswith("STATUS.md line 1: a table isn't read; write each as")
    with pytest.raises(OutlineError, match=r"STATUS.md line 1: a table isn't read"):
        outline(table)


@pytest.mark.parametrize("text", ["", "# Hello\n\nworld\n", "\0\0", "## Plans\n- one\n"])
def test_a_document_without_stages_is_refused(text: str) -> None:
    """The message says what a title looks like."""
    with pytest.raises(OutlineError, match=r"no title of a stage was found; write each as"):
        outline(text)


def test_the_project_s_own_document_gives_its_catalogue() -> None:
    """The nine fields of this project, generated and read back: titles, meanings and heading."""
    config = declared((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    stages = config.catalogue.stages
    made = record(config.catalogue, {"oauth.access-token-accepted": C})
    read = read_outline(write_document(made, config, None).content, "STATUS.md")
    assert len(stages) == 9
    assert [s.title for s in read.sections] == [stage.title for stage in stages]
    assert [(s.meanings[C], s.meanings[F], s.meanings[B]) for s in read.sections] == [
        (stage.confirmed, stage.failed, stage.blocked) for stage in stages
    ]
    assert read.title == config.title
    assert read.notices == ()


PARTS = [
    "**API STATUS:** x", "SHOP STATUS: y", "## Mail status", "- CONFIRMED: a", "* FAILED = b",
    "BLOCKED - c", "", "prose", "```", "<!--", "-->", "> - CONFIRMED: q", "| a STATUS |", *HOSTILE,
]  # fmt: skip


@given(st.lists(st.sampled_from(PARTS), max_size=12))
def test_any_document_gives_stages_or_one_sentence(lines: list[str]) -> None:
    """Titles and meanings are one line each, or the document is refused."""
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


def prose(text: str) -> list[str]:
    """Return the lines that are prose, without the blank ones."""
    return [line for line in scan(text.splitlines(keepends=True)).prose if line]


CASES = {
    "plain": ("a\n\nb\n", ["a", "b"]),
    "a fence": ("a\n```\nno\n```\nb\n", ["a", "b"]),
    "a fence with tildes": ("~~~ python\nno\n```\nno\n~~~\nb\n", ["b"]),
    "a longer fence": ("````\n```\nno\n````\nb\n", ["b"]),
    "a closing fence has nothing behind it": ("```\n``` x\nno\n```\nb\n", ["b"]),
    "an indented fence": ("   ```\nno\n  ```\nb\n", ["b"]),
    "a fence that is indented code closes nothing": ("```\nno\n    ```\nno\n```\nb\n", ["b"]),
    "no fence: a code span": ("``` a ``` b\nc\n", ["``` a ``` b", "c"]),
    "two backticks are no fence": ("``\na\n", ["``", "a"]),
    "a fence in a list item": ("- a\n  ```\n  no\n  ```\n  b\n", ["a", "b"]),
    "a fence in a nested list item": (
        "1. a\n   - b\n     ```\n     no\n     ```\n   c\n",
        ["a", "b", "c"],
    ),
    "a fence on the item's own line": ("- ```\n  no\n  ```\n- b\n", ["b"]),
    "an item ends its fence": ("- ```\n  no\nb\n", ["b"]),
    "a fence in a quote": ("> ```\n> no\n> ```\n> b\nc\n", ["b", "c"]),
    "a quote ends its fence": ("> ```\n> no\nb\n", ["b"]),
    "a quote in an item": ("- > ```\n  > no\n  > ```\n  > b\n", ["b"]),
    "a blank line in an item's fence": ("- ```\n\n  no\n  ```\n", []),
    "a comment": ("a\n\n<!-- no\nno\n-->\nb\n", ["a", "b"]),
    "a comment on one line": ("<!-- no -->\nb\n", ["b"]),
    "a comment with blank lines": ("<!--\n\nno\n\n-->\nb\n", ["b"]),
    "a comment in an item": ("- a\n  <!--\n  no\n  -->\n  b\n", ["a", "b"]),
    "a comment in prose": ("a <!-- b\nno\n--> no\nc\n", ["a <!-- b", "c"]),
    "a comment in prose ends with its paragraph": ("a <!-- b\nno\n\nc\n", ["a <!-- b", "c"]),
    "a whole comment in prose": ("a <!-- b --> c\nd\n", ["a <!-- b --> c", "d"]),
    "a comment's mark in a code span": ("a `<!--` b\nc\n", ["a `<!--` b", "c"]),
    "preformatted": ("<pre>\nno\n\nno\n</pre>\nb\n", ["b"]),
    "a script": ("<script>no\nno</script>\nb\n", ["b"]),
    "a quote's mark is no prose": ("> a\n>b\n", ["a", "b"]),
    "indented code": ("a\n\n    b\n", ["a"]),
    "indented code in an item": ("- a\n\n      b\n", ["a"]),
    "an indented line of a paragraph": ("a\n    b\n", ["a", "b"]),
    "front matter": ("---\nlayout: page\nmore: |\n  text\n---\na\n", ["a"]),
    "front matter of TOML": ("+++\ntitle = 'x'\n[more]\n+++\na\n", ["a"]),
    "a rule is no front matter": ("---\n\na\n\n---\n", ["---", "a", "---"]),
    "front matter that nothing ends": ("---\nb: c\n", ["---", "b: c"]),
    "a heading": ("## a ##\nb\n", ["a", "b"]),
    "an underlined heading": ("a\n===\nb\n---\n", ["a", "===", "b", "---"]),
    "raw HTML": ("<details>\n<summary>no</summary>\n\na\n\n</details>\n", ["a"]),
    "a task": ("- [x] a\n- [ ] b\n1. [X] c\n[x] d\n", ["a", "b", "c", "[x] d"]),
    "a paragraph goes on without its item's mark": ("- a\nb\n  ```\n  no\nc\n", ["a", "b", "c"]),
    "a paragraph goes on without its quote's mark": ("> a\nb\n> c\n", ["a", "b", "c"]),
    "an empty item": ("-\n  a\n", ["a"]),
    "tabs": ("-\ta\n\n\tb\n", ["a", "b"]),
    "CR LF": ("```\r\nno\r\n```\r\nb\r\n", ["b"]),
}


@pytest.mark.parametrize(("text", "left"), CASES.values(), ids=list(CASES))
def test_what_is_left_as_prose(text: str, left: list[str]) -> None:
    """Code and comments are left out; quote and list marks are stripped."""
    assert prose(text) == left


@pytest.mark.parametrize(
    ("text", "at"),
    [("a\n```\nb\n", 1), ("```\n", 0), ("a\n<!--\nb\n", 1), ("- ```\n", None), ("> ```\n", None),
     ("a <!-- b\n", None), ("```\n```\n", None), ("", None), ("<pre>\n", 0)],
)  # fmt: skip
def test_what_nothing_closes(text: str, at: int | None) -> None:
    """The line of an open fence or comment, which would swallow text added at the end."""
    assert Document.decode(text.encode()).open_from == at


PIECES = [
    "FIELD", "text", "", "", "```", "````", "~~~", "<!--", "-->", "  ```", "> quoted", "> ```", ">",
    "- item", "- ```", "  inside", "  - nested", "    ```", "    deep", "1. one", "   ```", "# h",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_it_agrees_with_a_complete_parser(lines: list[str]) -> None:
    """A line is prose if and only if markdown-it-py has it outside code and comments."""
    text = "".join(f"{line}\n" for line in lines)
    hidden: set[int] = set()
    for token in MarkdownIt("commonmark").parse(text):
        if token.type in ("fence", "code_block", "html_block") and token.map:
            hidden |= set(range(*token.map))
    found = scan(text.splitlines(keepends=True)).prose
    plain = [n for n, line in enumerate(lines) if line == "FIELD"]
    assert [n for n in plain if found[n] is None] == [n for n in plain if n in hidden]
