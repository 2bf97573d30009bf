"""The status document is generated once; then only its field values change."""

from __future__ import annotations

import codecs
import re
import subprocess
import sys
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from msgspec.structs import replace

from pytest_prodstatus.model.catalogue import Catalogue
from pytest_prodstatus.model.record import Override, Record, Subject
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.readers import DocumentError
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.readers.markdown import Document
from pytest_prodstatus.writers.document import (
    LAST_RUN,
    changed_by_hand,
    escape_markdown,
    field_values,
    write_document,
)
from tests.unit.given import (
    HOSTILE,
    NOW,
    B,
    C,
    F,
    catalogue,
    each_hostile_text,
    entry,
    in_progress,
    observation,
    reason,
    record,
    run,
    stage,
)

MEANT = {"confirmed": "It is valid.", "failed": "It is not.", "blocked": "Nobody knows."}
SHOP = catalogue(stage("oauth", **MEANT), stage("api-key", title="API_KEY STATUS"), "sale")
CONFIG = Config(title="My shop", catalogue=SHOP, success_criteria=("It sells.", "It pays."))
SEEN = {
    "oauth.x": observation(evidence=(entry("token_id", "t-1"),)),
    "api-key.x": observation(F, reason=reason("it expired", remedy="renew it")),
    "sale.x": observation(B, reason=reason("no sales", remedy="sell something")),
}
RECORD = record(SHOP, dict(SEEN))
LATER = record(
    SHOP, {**SEEN, "api-key.x": C}, of=run(id="run-2", started=NOW, finished=NOW), former=RECORD
)
WITHOUT_ACTIONS = replace(LATER, decision=replace(LATER.decision, actions=()))
VALUES = field_values(RECORD)


def updated(text: str, made: Record = RECORD, config: Config = CONFIG) -> str:
    """Return the text of a document after a run."""
    return write_document(made, config, text.encode()).content.decode()


GENERATED = """\
# My shop

Every value below comes from a run of the acceptance suite, not from a person.

- **CONFIRMED**: it was seen to hold.
- **FAILED**: it was seen not to hold.
- **BLOCKED**: it could not be seen either way; the reason and what to do are given.

**FINAL STATUS:** **FAILED** (api-key.x FAILED: it expired (and 1 more))

**LAST RUN:** 2026-11-22 12:00 UTC, target demo, release v1, suite commit 0123456789ab, BY

**NEXT ACTIONS:**

1. renew it
2. sell something

**OAUTH STATUS:** **CONFIRMED** (token id t-1)

- CONFIRMED: It is valid.
- FAILED: It is not.
- BLOCKED: Nobody knows.
- **OAUTH STATUS SINCE:** 2026-11-22 11:00 UTC

**API_KEY STATUS:** **FAILED** (x: it expired)

- **API_KEY STATUS SINCE:** 2026-11-22 11:00 UTC

**SALE STATUS:** **BLOCKED** (x: no sales)

- **SALE STATUS SINCE:** 2026-11-22 11:00 UTC

## Success criteria

- It sells.
- It pays.
"""


def test_a_missing_document_is_generated() -> None:
    """A new document has a legend, the run, actions, each stage and the success criteria."""
    from pytest_prodstatus import __version__

    made = write_document(RECORD, CONFIG, None).content.decode()
    assert made == GENERATED.replace("BY", f"run run-1, by pytest-prodstatus {__version__}")


def test_a_generated_document_says_what_was_before() -> None:
    """A document gives the former verdict, and since when the present one is valid."""
    made = write_document(LATER, CONFIG, None).content.decode()
    assert "- **API_KEY STATUS SINCE:** 2026-11-22 12:00 UTC, before that FAILED\n" in made
    assert "**NEXT ACTIONS:**\n\n1. sell something\n\n" in made


# Of another's line, or none: without one, the document is generated again, and never read.
@pytest.mark.parametrize("added", [b"", b"\nSeen by Ada.\n"], ids=["generated", "in place"])
@pytest.mark.parametrize("before", [RECORD, LATER, WITHOUT_ACTIONS])
@pytest.mark.parametrize("after", [RECORD, LATER, WITHOUT_ACTIONS])
def test_a_generated_document_updates_to_what_would_be_generated(
    before: Record, after: Record, added: bytes
) -> None:
    """Generating and updating agree, byte for byte, on the content and on the digest."""
    existing = write_document(before, CONFIG, None).content + added
    updated = write_document(after, CONFIG, existing)
    generated = write_document(after, CONFIG, None)
    assert updated.content == generated.content + added
    assert updated.digest == generated.digest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"1. sell something", b"1. sell something\n\nAsk Ada."),
        (b"before that FAILED\n", b"before that FAILED <!-- INC-7 -->\n"),
        (b"before that FAILED\n", b"before that FAILED  \n"),
        (b"# My shop", b"# Our shop"),
        (b"- It pays.\n", b""),
        (b"\n", b"\r\n"),
        (b"# ", b"\xef\xbb\xbf# "),
    ],
)
def test_what_a_person_changed_in_a_generated_document_stays(old: bytes, new: bytes) -> None:
    """Only a document that is as it was generated, but for its values, is generated again."""
    existing = write_document(LATER, CONFIG, None).content
    edited = existing.replace(old, new, 1 if old != b"\n" else -1)
    assert edited != existing
    assert write_document(LATER, CONFIG, edited).content == edited


def test_a_run_in_progress_confirms_nothing() -> None:
    """A killed run leaves no stale CONFIRMED behind."""
    config = Config(catalogue=catalogue("oauth"))
    made = write_document(in_progress(), config, b"**OAUTH STATUS:** **CONFIRMED** (x)\n")
    assert made.content.startswith(b"**OAUTH STATUS:** **BLOCKED** (")
    document = write_document(in_progress(), config, None).content.decode()
    assert "**LAST RUN:** in progress since 2026-11-22 11:00 UTC" in document


def test_the_last_run_says_what_is_known() -> None:
    """The last run shows local changes and missing observations, but no unknown commit."""
    made = record(SHOP, dict(SEEN), of=run(dirty=True, incidents=(reason("died"),)))
    value = field_values(made)["LAST RUN"]
    assert "commit 0123456789ab (with local changes)" in value
    assert "not every criterion was observed in this run" in value
    bare = field_values(record(SHOP, {}, of=run(commit=None, subject=Subject())))["LAST RUN"]
    assert "commit" not in bare
    assert "release" not in bare
    done = field_values(replace(RECORD, decision=replace(RECORD.decision, actions=())))
    assert done["NEXT ACTIONS"] == "none"
    assert VALUES["NEXT ACTIONS"] == "1. renew it\n2. sell something"


FORMS = [
    "**OAUTH STATUS:** {}", "**OAUTH STATUS**: {}", "__OAUTH STATUS:__ {}", "OAUTH STATUS: {}",
    "## OAUTH STATUS: {}", "- **OAUTH STATUS:** {}", "> - OAUTH STATUS: {}",
    "3. **oauth status:** {}",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("old", ["", "**CONFIRMED** (old)", "anything: at **all**"])
def test_only_the_value_is_replaced(form: str, end: str, old: str) -> None:
    """Only the value is replaced, in any form of line and with any line end."""
    only = replace(RECORD, stages=RECORD.stages[:1])
    text = f"# Mine{end}{end}{form.format(old)}{end}{end}  my own\twords {end}{end}{end}last"
    new = form.format(VALUES["OAUTH STATUS"])
    after = f"# Mine{end}{end}{new}{end}{end}  my own\twords {end}{end}{end}last"
    assert updated(text, only) == after


def test_mixed_line_ends_stay() -> None:
    """Each line keeps its own line end."""
    only = replace(RECORD, stages=RECORD.stages[:1])
    got = updated("a\r\nOAUTH STATUS: x\rb\nOAUTH STATUS: y\r\n\u2028\x0b\x85c", only)
    value = VALUES["OAUTH STATUS"]
    assert got == f"a\r\nOAUTH STATUS: {value}\rb\nOAUTH STATUS: {value}\r\n\u2028\x0b\x85c"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [(b"", "utf-8"), (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"),
     (codecs.BOM_UTF16_BE, "utf-16-be")],
)  # fmt: skip
def test_the_encoding_stays(mark: bytes, encoding: str) -> None:
    """The mark is kept and the value written in the document's encoding."""
    old = "é\r\n**OAUTH STATUS:** old\r\n漢\r\n"
    got = write_document(
        replace(RECORD, stages=RECORD.stages[:1]), CONFIG, mark + old.encode(encoding)
    )
    assert got.content == mark + old.replace("old", VALUES["OAUTH STATUS"]).encode(encoding)


def test_invalid_bytes_stay() -> None:
    """Bytes that aren't UTF-8 belong to the person who wrote them."""
    only = replace(RECORD, stages=RECORD.stages[:1])
    got = write_document(only, CONFIG, b"caf\xe9\xff\n**OAUTH STATUS:** \xff\n\x00\x80").content
    assert (
        got == b"caf\xe9\xff\n**OAUTH STATUS:** " + VALUES["OAUTH STATUS"].encode() + b"\n\x00\x80"
    )


@pytest.mark.parametrize(
    ("old", "kept"),
    [("x  ", "  "), ("x   ", "   "), ("x\\", "\\"), ("x\\\\\\", "\\"), ("x\\\\", ""), ("x ", ""),
     ("  ", "  "), ("", ""), ("\\", "\\")],
)  # fmt: skip
def test_a_hard_line_break_is_kept(old: str, kept: str) -> None:
    """Two spaces or an unescaped backslash at the end of a line are kept."""
    only = replace(RECORD, stages=RECORD.stages[:1])
    got = updated(f"**OAUTH STATUS:**{old}\nnext\n", only)
    assert got == f"**OAUTH STATUS:** {VALUES['OAUTH STATUS']}{kept}\nnext\n"
    assert updated(got, only) == got


def test_code_and_comments_are_not_touched() -> None:
    """An example of a field in code or a comment isn't a field."""
    example = "**OAUTH STATUS:** example"
    blocks = [
        f"```\n{example}\n```", f"~~~ md\n{example}\n~~~", f"- a\n  ```\n  {example}\n  ```",
        f"> ```\n> {example}\n> ```", f"text\n\n    {example}", f"<!--\n\n{example}\n-->",
    ]  # fmt: skip
    text = "\n\n".join([*blocks, "**OAUTH STATUS:** old", *blocks, ""])
    got = updated(text, replace(RECORD, stages=RECORD.stages[:1]))
    assert got == text.replace("old", VALUES["OAUTH STATUS"])


class TestAbsent:
    """A stage without a field gets one after the last known field and its meanings."""

    def test_after_the_meanings(self) -> None:
        """A new field goes before the next paragraph, with its own meanings."""
        text = (
            "**API_KEY STATUS:** x\n\n- CONFIRMED: a\n- **BLOCKED**: b\n\nA person's words.\n\n"
            "**LAST RUN:** never\n"
        )
        got = updated(text)
        assert got == (
            f"**API_KEY STATUS:** {VALUES['API_KEY STATUS']}\n\n- CONFIRMED: a\n- **BLOCKED**: b\n"
            f"\n**OAUTH STATUS:** {VALUES['OAUTH STATUS']}\n\n- CONFIRMED: It is valid.\n"
            "- FAILED: It is not.\n- BLOCKED: Nobody knows.\n"
            f"\n**SALE STATUS:** {VALUES['SALE STATUS']}\n\n"
            f"\nA person's words.\n\n**LAST RUN:** {VALUES['LAST RUN']}\n"
        )

    @pytest.mark.parametrize("text", ["", "words", "words\n", "words\r\n", "# Title\n\n- item"])
    def test_at_the_end_if_there_is_no_field(self, text: str) -> None:
        """A new field goes to the end, after a blank line, with the document's line end."""
        got = updated(text)
        end = "\r\n" if "\r" in text else "\n"
        assert got.startswith(text)
        assert f"{end}{end}**OAUTH STATUS:** {VALUES['OAUTH STATUS']}{end}{end}" in f"{end}{got}"
        assert got.count("STATUS:**") == 3

    @pytest.mark.parametrize(
        "text",
        [
            "**OAUTH STATUS:** x\n```\ncode\n\nmore\n```\nwords\n",
            "**OAUTH STATUS:** x\n\n```\ncode\n```\n",
            "**OAUTH STATUS:** x\n<!--\n\ncomment\n\n-->\n",
            "**OAUTH STATUS:** x\n# Next\n\nwords\n",
            "- **OAUTH STATUS:** x\n- another\n\nwords\n",
            "> **OAUTH STATUS:** x\n> words\n\nwords\n",
            "**OAUTH STATUS:** x\n```\nnever closed\n\n",
            "words\n\n```\nnever closed",
            "words\n\n<!-- never closed\n\nwords",
            "- ```\n  never closed",
            "**OAUTH STATUS:** x",
        ],
    )
    def test_never_inside_code(self, text: str) -> None:
        """A new field is never inside code, so the next run finds it; no line is lost."""
        got = updated(text)
        assert updated(got) == got
        assert got.count("**SALE STATUS:**") == 1
        kept = [line for line in text.split("\n") if line and "OAUTH" not in line]
        left = iter(got.split("\n"))
        assert all(line in left for line in kept)
        shown = [t.content for t in MarkdownIt().parse(got) if t.type == "inline"]
        assert any(content.startswith("**SALE STATUS:**") for content in shown)


LINES = [
    "", "", "words", "**OAUTH STATUS:** old", "- **API_KEY STATUS:** x  ", "OAUTH STATUS: y\\",
    "# head", "```", "~~~", "<!--", "-->", "> quoted", "> ```", "- item", "  ```", "    code",
    "- CONFIRMED: meaning", "**LAST RUN:** never", "| a | b |", "1. one", "trailing  ",
]  # fmt: skip


@given(
    st.lists(st.tuples(st.sampled_from(LINES), st.sampled_from(["\n", "\r\n", "\r"])), max_size=10),
    st.sampled_from([RECORD, LATER]),
)
def test_an_update_keeps_every_other_line_and_is_idempotent(
    lines: list[tuple[str, str]], made: Record
) -> None:
    """The same input gives the same bytes, and a second run changes nothing."""
    text = "".join(line + end for line, end in lines).encode()
    once = write_document(made, CONFIG, text).content
    assert once == write_document(made, CONFIG, text).content
    assert write_document(made, CONFIG, once).content == once
    left = iter(once.splitlines(keepends=True))
    for line in text.splitlines(keepends=True):
        if b" STATUS:" not in line and b"LAST RUN:" not in line:
            assert line in left, (line, once)


# The tokens that a Markdown parser makes of a value that is only words.
PLAIN = {
    "inline",
    "text",
    "code_inline",
    "strong_open",
    "strong_close",
    "paragraph_open",
    "paragraph_close",
    "softbreak",
}


def parsed(text: str) -> list[Token]:
    """Return all tokens, inner ones too, with every extension that can be misled."""
    parser = MarkdownIt("commonmark").enable(["strikethrough", "table"])
    return [t for token in parser.parse(text) for t in (token, *(token.children or ()))]


@each_hostile_text
def test_hostile_values_render_as_text(text: str) -> None:
    """No value makes a link, image, code, HTML, emphasis, entity or block."""
    failed = observation(F, reason=reason(text, remedy=text), evidence=(entry(text, text),))
    seen = {"oauth.x": failed, "api-key.x": observation(evidence=(entry(text, text),))}
    made = record(SHOP, dict(seen), of=run(id=text, subject=Subject(release=text)))
    for title, value in field_values(made).items():
        tokens = parsed(f"**{title}:** {value}")
        assert {t.type for t in tokens} <= PLAIN | {"text_special"}
        assert [t.type for t in tokens].count("strong_open") <= 2
        words = "".join(t.content for t in tokens if not t.children)
        assert "\ufffd" not in words


BEGINS = ["# x", "###### x", "#", "> x", "- x", "+ x", "-", "--- ", "1. x", "12) x", "[ ] x",
          "[x]: y", "* x", "    x", "***", "___", "```", "~~~ x", "<div>", "=== x"]  # fmt: skip
PIECES = st.sampled_from(
    [*BEGINS, *"\\`*_[](){}<>!#+-.:/|~&;' ", "\n", "](", "http://a.example", "www.", "x", "1",
     "<b>", "<!--", "-->", "&lt;", "C:\\www.x", "[x](y)", "![", "x://", "_www.a_"]
)  # fmt: skip


@pytest.mark.parametrize("text", [*BEGINS, "- ---", "\\http://a.example`"])
def test_nothing_at_the_beginning_becomes_a_block(text: str) -> None:
    """Neither of a field's value nor of a list's item."""
    assert_is_text(text)


@example("--- -")
@example("- - -")
@given(st.lists(PIECES, max_size=8).map("".join))
def test_nothing_in_a_line_becomes_markup(text: str) -> None:
    """Escaped text reads as it was; only an address and what would be a tag is code."""
    assert_is_text(text)


def assert_is_text(text: str) -> None:
    """Assert that a text shows as it is, alone, in an item and in a field."""
    line = one_line(text)
    for before in ("", "1. ", "- ", "**X STATUS:** **FAILED** ("):
        tokens = parsed(f"{before}{escape_markdown(line)}")
        own = {"ordered_list", "bullet_list", "list_item"}
        kinds = {t.type for t in tokens if t.type.rsplit("_", 1)[0] not in own}
        assert kinds <= PLAIN | {"text_special"}
        assert sum(t.type == "list_item_open" for t in tokens) == before.endswith((". ", "- "))
        words = [t for t in tokens if t.type in ("text", "text_special", "code_inline")]
        shown = "".join(t.content for t in words).removeprefix("X STATUS:").strip()
        assert shown.removeprefix("FAILED (") == line.strip()
        before = ""
        for word in words:
            address = "://" in word.content or "www." in word.content
            assert word.tag != "code" or address or before.endswith("<")
            before = word.content
        loose = "".join("\0" if t.tag == "code" else t.content for t in words)
        assert "://" not in loose
        assert not re.search(r"(?<![^\W_])www\.", loose, re.IGNORECASE)


class Tags(HTMLParser):
    """What a browser makes of HTML: its tags and comments."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        """Note a tag."""
        self.seen.append(tag)

    def handle_comment(self, data: str) -> None:
        """Note a comment, or what a browser takes for one."""
        self.seen.append(f"<!--{data}")

    def handle_decl(self, decl: str) -> None:
        """Note a declaration."""
        self.seen.append(f"<!{decl}")


@given(st.lists(PIECES, max_size=8).map("".join))
def test_nothing_in_a_line_becomes_html(given_text: str) -> None:
    """Within HTML, escaped text opens no tag and no comment."""
    assert Tags(f"<p>{escape_markdown(one_line(given_text))}</p>").seen == ["p"]


@each_hostile_text
def test_hostile_values_are_harmless_in_a_document_s_html(text: str) -> None:
    """If a person put a field into HTML, its value opens no tag there."""
    failed = observation(F, reason=reason(text, remedy=text))
    made = record(SHOP, {"oauth.x": failed})
    got = updated("<div>\n**OAUTH STATUS:** x\n</div>\n", made)
    assert Tags(got).seen == ["div"]


def test_a_value_reads_as_it_was() -> None:
    """Escaping changes what is written, not what is shown."""
    text = r"a\b `c` *d* [e](f) <g> &amp; h|i ~j~ k_l _m_ http://n.example www.o.example 1 < 2 & 3"
    made = record(SHOP, {"oauth.x": observation(F, reason=reason(text))})
    tokens = parsed(field_values(made)["OAUTH STATUS"])
    kinds = ("text", "text_special", "code_inline")
    assert text in "".join(t.content for t in tokens if t.type in kinds)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("orders [2] are not paid, hosts[eu] is", "orders [2] are not paid, hosts[eu] is"),
        ("took 7 s -> 9 s, < 3 s and >= 2 & so", "took 7 s -> 9 s, < 3 s and >= 2 & so"),
        ("see http://a.example/b?c=1&d=2.", "see `http://a.example/b?c=1&d=2`."),
        ("http://a.example: <urlopen error>", "`http://a.example`: <`urlopen error`>"),
        ("<Response [500]>, not '<b>7' or <x", "<`Response [500]`>, not '<`b`>7' or <`x`"),
        ("set API_KEY, then use --target demo", "set API_KEY, then use --target demo"),
    ],
)
def test_what_a_terminal_shows_reads_well(text: str, written: str) -> None:
    """Only what would become markup is escaped."""
    assert escape_markdown(text) == written


def test_links_don_t_make_themselves() -> None:
    """GitHub turns a bare address into a link unless it is broken up."""
    made = record(
        SHOP, {"oauth.x": observation(F, reason=reason("http://evil.example www.evil.example"))}
    )
    value = field_values(made)["OAUTH STATUS"]
    assert "`http://evil.example` `www.evil.example`" in value


def test_a_backslash_at_the_end_of_the_actions_doesn_t_grow() -> None:
    """An escaped backslash is not a hard line break."""
    made = record(SHOP, {"oauth.x": observation(B, reason=reason("x", remedy="use C:\\"))})
    first = write_document(made, CONFIG, None).content
    assert b"1. use C:\\\\\n" in first
    assert write_document(made, CONFIG, first).content == first


def test_a_document_without_a_declared_catalogue() -> None:
    """Without a catalogue, a document has the record's stages without meanings, and FINAL."""
    made = record(Catalogue(declared=False).with_stages_of([]), {})
    assert b"LAST RUN" in write_document(made, Config(), None).content
    assert write_document(RECORD, Config(), None).content.count(b"STATUS:**") == 4


def test_what_was_carried_over_is_dated() -> None:
    """A CONFIRMED of yesterday doesn't read like one of today."""
    old = {"oauth.x": observation(observed_at=NOW - timedelta(hours=5))}
    before = record(SHOP, dict(old))
    made = record(SHOP, {}, former=before, restricted=True)
    value = field_values(made)["OAUTH STATUS"]
    assert value == "**CONFIRMED** (1 criterion held (carried over, seen 2026-11-22 07:00 UTC))"


def test_hostile_text_is_what_was_meant() -> None:
    """The list of hostile texts contains every mark of Markdown."""
    assert set("\\`*_[]<>|~#!&-") <= set("".join(HOSTILE))


def test_an_override_stands_in_final_s_field_until_it_ends() -> None:
    """Without a stage FINAL, an override is in the last run's field; the verdict stays."""
    word = Override(
        target="demo", reason="the *fix*", who="Ana", since=NOW, until=NOW + timedelta(hours=2)
    )
    text = "; OVERRIDE until 2026-11-22 14:00 UTC, by Ana: the \\*fix\\*"
    with_final = record(catalogue("a", stage("final", rollup=("a",))), {"a.x": F})
    for made, title in ((with_final, "FINAL STATUS"), (RECORD, LAST_RUN)):
        plain = field_values(made)
        assert field_values(replace(made, overrides=(word,))) == {
            **plain,
            title: plain[title] + text,
        }


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize(
    "title", ["## Oauth status", "### **OAUTH STATUS** ###", "**OAUTH STATUS**"]
)
@pytest.mark.parametrize("below", ["\n- CONFIRMED: yes\n", "- CONFIRMED: yes\n", "\n\nProse\n", ""])
def test_a_title_that_stands_alone_gets_its_field_below(title: str, end: str, below: str) -> None:
    """A heading without a colon stays; its field is added below it and updated there."""
    text = f"Before\n\n{title}\n{below}".replace("\n", end)
    once = updated(text)
    field = next(line for line in once.split(end) if line.startswith("**OAUTH STATUS:** **"))
    lines = once.split(end)
    assert lines.index(field) == 4
    assert lines[2] == title
    kept = [line for line in text.split(end) if line]
    assert [line for line in lines if line in kept and line] == kept
    assert updated(once) == once


def test_a_title_alone_in_a_quote_or_list_is_left() -> None:
    """A line below it would break the list; the field is added at the end."""
    text = "> ## OAUTH STATUS\n> words\n\n- ## OAUTH STATUS\n  words\n"
    assert updated(text).startswith(text)


STAGES = catalogue("oauth", "order")
WRITTEN = record(STAGES, {"oauth.token": C, "order.bought": B})
OWN = (
    b"# My shop\r\n\r\nNotes.\r\n\r\n"
    b"**OAUTH STATUS:** ?  \r\n\r\n- OAUTH STATUS: ?\r\n\r\n> ORDER STATUS: ?\\\r\n\r\nThe end.\r\n"
)


def written(existing: bytes | None, of: Record = WRITTEN) -> tuple[bytes, Record]:
    """Return a document as a run writes it, and its record."""
    made = write_document(of, Config(catalogue=STAGES), existing)
    return made.content, replace(of, document=made.digest)


FROM_NOTHING, OF_FROM_NOTHING = written(None)
IN_PLACE, OF_IN_PLACE = written(OWN)
BOTH = pytest.mark.parametrize(
    ("content", "of"),
    [(FROM_NOTHING, OF_FROM_NOTHING), (IN_PLACE, OF_IN_PLACE)],
    ids=["generated", "in place"],
)


@BOTH
def test_untouched(content: bytes, of: Record) -> None:
    """Other line ends or another encoding don't count as an edit."""
    assert changed_by_hand(content, of) == ""
    for other in (
        content.replace(b"\r\n", b"\n"),
        content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        content.decode().encode("utf-8-sig"),
        content.decode().encode("utf-16"),
    ):
        assert changed_by_hand(other, of) == ""


@BOTH
def test_other_edits_do_not_count(content: bytes, of: Record) -> None:
    """Other text, the order of the fields, or a repeated field doesn't count as an edit."""
    fence = b"\n```\n**OAUTH STATUS:** **CONFIRMED** (in a fence)\n```\n"
    assert changed_by_hand(content.replace(b"# ", b"# Mine: ", 1) + fence, of) == ""
    line = next(line for line in content.splitlines() if line.startswith(b"**OAUTH STATUS:"))
    assert changed_by_hand(line + b"\n\n" + content, of) == ""


@BOTH
def test_a_field_that_was_edited_is_named(content: bytes, of: Record) -> None:
    """The message shows its present value."""
    edited = content.replace(b"**BLOCKED** (bought", b"**CONFIRMED** (bought")
    assert edited != content
    assert changed_by_hand(edited, of) == (
        "its field 'ORDER STATUS' was edited by hand and says "
        r"'**CONFIRMED** (bought: seen to be BLOCKED)'"
    )


def test_one_of_two_places_that_was_edited_is_named() -> None:
    """A field that occurs twice must be right twice."""
    first, second = IN_PLACE.split(b"- OAUTH STATUS", 1)
    for edited in (
        first.replace(b"CONFIRMED", b"FAILED") + b"- OAUTH STATUS" + second,
        first + b"- OAUTH STATUS" + second.replace(b"CONFIRMED", b"FAILED", 1),
    ):
        assert changed_by_hand(edited, OF_IN_PLACE).startswith("its field 'OAUTH STATUS' was")


@BOTH
def test_a_field_that_was_removed_is_named(content: bytes, of: Record) -> None:
    """A field that was deleted, renamed or hidden in a comment is named as removed."""
    lines = content.splitlines(keepends=True)
    for gone in (
        b"".join(line for line in lines if b"ORDER STATUS:" not in line),
        content.replace(b"ORDER STATUS:", b"ORDERS:"),
        b"<!--\n" + content.replace(b"-->", b"") + b"\n-->",
    ):
        assert changed_by_hand(gone, of).endswith("STATUS' was removed")


def test_a_field_of_no_stage_counts_too() -> None:
    """A removed field of the document itself counts, though the message can't name it."""
    message = changed_by_hand(FROM_NOTHING.replace(b"**LAST RUN:**", b"**LAST:**"), OF_FROM_NOTHING)
    assert message == "its fields are not those that the run wrote"
    edited = FROM_NOTHING.replace(b"NEXT ACTIONS:** none", b"NEXT ACTIONS:** deploy")
    assert edited != FROM_NOTHING
    assert changed_by_hand(edited, OF_FROM_NOTHING) == (
        "its field 'NEXT ACTIONS' was edited by hand and says 'deploy'"
    )


def test_no_document_and_no_digest() -> None:
    """A missing document or digest counts as a difference."""
    assert changed_by_hand(None, OF_FROM_NOTHING) == "it is missing"
    assert changed_by_hand(FROM_NOTHING, WRITTEN) == (
        "the record doesn't say what was written into it"
    )
    assert changed_by_hand(b"", OF_FROM_NOTHING) == "its field 'OAUTH STATUS' was removed"


def test_a_long_value_is_cut() -> None:
    """A long value is cut, so that the message stays readable."""
    edited = FROM_NOTHING.replace(b"**BLOCKED** (", b"**BLOCKED** (" + b"x" * 500)
    assert len(changed_by_hand(edited, OF_FROM_NOTHING)) < 200


@each_hostile_text
def test_hostile_text_is_found_as_it_was_written(text: str) -> None:
    """Any field is read back just as it was written."""
    made = record(STAGES, {"oauth.token": observation(F, reason=reason(text)), "order.bought": C})
    for existing in (None, OWN, OWN.decode().encode("utf-16")):
        content, of = written(existing, made)
        assert changed_by_hand(content, of) == ""


ONE = replace(RECORD, stages=RECORD.stages[:1])
OAUTH = VALUES["OAUTH STATUS"]


def seen_in(text: str, made: Record = ONE) -> tuple[str, tuple[str, ...]]:
    """Return a document after a run, and what the run says about it."""
    written = write_document(made, CONFIG, text.encode())
    again = write_document(made, CONFIG, written.content)
    assert again == written, "a second run changes nothing"
    after = replace(made, document=written.digest)
    assert changed_by_hand(written.content, after) == ""
    return written.content.decode(), written.notices


@pytest.mark.parametrize(
    "form",
    [
        "- [x] **OAUTH STATUS:** {}",
        "1. [ ] OAUTH STATUS: {}",
        "> - [X] **OAUTH STATUS:** {}",
        "OAUTH STATUS: {}\n============",
        "**OAUTH STATUS:** {}\n---",
        "## OAUTH STATUS: {} ##",
        "### **OAUTH STATUS:** {} ###  ",
        "**OAUTH STATUS:** {} <!-- updated by CI -->",
        "**OAUTH STATUS:** {}<br>",
        "- **OAUTH STATUS:** {} <br/> <!-- a --> ",
        "**OAUTH STATUS:** {} <!-- goes on\nhere -->",
        "## OAUTH STATUS: {} <!-- a --> ##",
        "✅ **OAUTH STATUS:** {}",
        "🚀 OAUTH STATUS: {}",
        "words\n    **OAUTH STATUS:** {}",
        "| what | Status |\n|---|:--|\n| OAUTH STATUS | {} |",
        "what | verdict | who\n---|---|---\n[**oauth status**:](#x) | {} | Ana",
        "| a | b |\n|---|---|\n| `OAUTH STATUS` | {} |\n| other | CONFIRMED |",
        "| OAUTH | x |\n|---|---|\n|OAUTH STATUS| {}|",
    ],
)
@pytest.mark.parametrize("old", ["?", "✅ CONFIRMED (a, b)"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_only_the_value_of_a_richer_line_is_replaced(form: str, old: str, end: str) -> None:
    """Task lists, underlined headings, closing marks, comments, breaks, symbols, tables."""
    form = f"# Mine\n\n{form}\n\nlast\n".replace("\n", end)
    text, notices = seen_in(form.format(old))
    assert text == form.format(OAUTH)
    assert notices == ()


def test_front_matter_is_not_touched() -> None:
    """It belongs to the page's generator, and is no prose."""
    text = "---\nlayout: page\nOAUTH STATUS: draft\n---\n\n**OAUTH STATUS:** old\n"
    assert seen_in(text) == (text.replace("old", OAUTH), ())


def test_a_lone_title_that_is_underlined_gets_its_field_below_the_line() -> None:
    """An inserted line between a title and its underline would break the heading."""
    text, _ = seen_in("OAUTH STATUS\n============\n\nwords\n")
    assert text.startswith(f"OAUTH STATUS\n============\n\n**OAUTH STATUS:** {OAUTH}\n\nwords\n")


MEANINGS = "- CONFIRMED: a\n- FAILED: b\n"


@pytest.mark.parametrize("ours", ["first", "second"])
def test_a_title_under_two_headings_belongs_to_the_one_with_the_meanings(ours: str) -> None:
    """The other field is someone else's: it stays, and the run names it."""
    below = {"first": (MEANINGS, ""), "second": ("", MEANINGS)}[ours]
    text = (
        f"# Shop\n\n## Payments\n**OAUTH STATUS:** ❌ down\n{below[0]}\n"
        f"## Login\n**OAUTH STATUS:** ❌ down\n{below[1]}"
    )
    got, (notice,) = seen_in(text)
    before, after = got.split("## Login")
    assert (OAUTH in before, OAUTH in after) == (ours == "first", ours == "second")
    assert got.count("❌ down") == 1
    line = {"first": 9, "second": 4}[ours]
    assert notice.startswith(f"line {line}: 'OAUTH STATUS' stands under another heading")


def test_a_field_that_a_run_wrote_stays_one_under_any_heading() -> None:
    """An earlier release updated all of them; no stale CONFIRMED may stay."""
    text = "# A\n**OAUTH STATUS:** **FAILED** (x)\n\n# B\n**OAUTH STATUS:** **CONFIRMED** (y)\n"
    got, notices = seen_in(text)
    assert got.count(OAUTH) == 2
    assert notices == ()


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("| a | b | c |\n|---|---|---|\n| OAUTH STATUS | CONFIRMED | x |\n", "in a table without"),
        ("> | a | status |\n> |---|---|\n> | OAUTH STATUS | CONFIRMED |\n", "in a table without"),
        ("| OAUTH STATUS | SALE |\n|---|---|\n| CONFIRMED | x |\n", "in a table without"),
        ("<details>\n<summary>OAUTH STATUS: CONFIRMED</summary>\n</details>\n", "in HTML"),
        ("<b>OAUTH STATUS:</b> CONFIRMED\n", "within a line"),
        ("see **OAUTH STATUS:** CONFIRMED\n", "within a line"),
    ],
)
def test_a_known_title_in_another_shape_is_named(text: str, where: str) -> None:
    """It isn't updated, so a run never leaves it without a word; the stage gets a field."""
    got, (notice, *_) = seen_in(text)
    assert got.startswith(text)
    assert f"**OAUTH STATUS:** {OAUTH}" in got
    assert where in notice


@pytest.mark.parametrize(
    "text",
    [
        "<!-- OAUTH STATUS: CONFIRMED -->\n",
        "```\nOAUTH STATUS: CONFIRMED\n```\n",
        "The OAUTH STATUS is explained below: CONFIRMED means that it holds.\n",
        "OAUTH STATUS and other things\n",
    ],
)
def test_what_states_no_verdict_is_not_named(text: str) -> None:
    """Comments, code, and prose about a title are no fields, and aren't named."""
    assert seen_in(f"{text}\n**OAUTH STATUS:** x\n")[1] == ()


def test_a_document_in_another_encoding() -> None:
    """The first byte that isn't UTF-8 is named with its line; UTF-16 without a mark is refused."""
    written = write_document(ONE, CONFIG, "a\ncafé\n**OAUTH STATUS:** x\n".encode("latin-1"))
    assert written.notices == ("line 2: the byte 0xE9 is not UTF-8; save the document as UTF-8",)
    assert written.content.startswith(b"a\ncaf\xe9\n**OAUTH STATUS:** **CONFIRMED**")
    for encoding in ("utf-16-le", "utf-16-be"):
        content = "**OAUTH STATUS:** x\n".encode(encoding)
        with pytest.raises(DocumentError, match="UTF-16 without a byte-order mark"):
            write_document(ONE, CONFIG, content)
        assert "UTF-16" in changed_by_hand(content, replace(ONE, document="0" * 16))


def with_actions(number: int) -> Record:
    """Return a record with so many next actions."""
    actions = tuple(f"fix *number* {n}" for n in range(number))
    return replace(ONE, decision=replace(ONE.decision, actions=actions))


class TestNextActions:
    """They are a list, where a list can stand."""

    @pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
    @pytest.mark.parametrize("rest", ["", "\n", "\n\nwords\n", "\n\n# Next\n", "\n\n\n> q\n"])
    @pytest.mark.parametrize("old", ["", " none", " call Bob", "\n\n1. call Bob\n2. fix it"])
    def test_a_list_is_written_replaced_and_removed(self, old: str, rest: str, end: str) -> None:
        """The list is written, replaced and removed, and all else in the document stays."""
        field = f"**OAUTH STATUS:** x\n\n**NEXT ACTIONS:**{old}{rest}".replace("\n", end)
        head = f"**OAUTH STATUS:** {OAUTH}\n\n**NEXT ACTIONS:**"
        three, _ = seen_in(field, with_actions(3))
        items = "".join(f"\n{n + 1}. fix \\*number\\* {n}" for n in range(3))
        assert three == f"{head}\n{items}{rest}".replace("\n", end)
        one, _ = seen_in(three, with_actions(1))
        assert one == f"{head}\n\n1. fix \\*number\\* 0{rest}".replace("\n", end)
        none, _ = seen_in(one, with_actions(0))
        assert none == f"{head} none{rest}".replace("\n", end)

    @pytest.mark.parametrize(
        "form",
        [
            "- **NEXT ACTIONS:** {}\n- more\n",
            "> **NEXT ACTIONS:** {}\n",
            "## NEXT ACTIONS: {}\n",
            "**NEXT ACTIONS:** {}\nmore\n",
            "**NEXT ACTIONS:** {}  \n",
            "**NEXT ACTIONS:** {} <!-- c -->\n",
            "**NEXT ACTIONS:** {}\n\n1. a person's list\n",
            "**NEXT ACTIONS:** {}\n\n- a person's list\n",
            "**NEXT ACTIONS:** {}\n\n    code\n",
        ],
    )
    def test_elsewhere_the_actions_stay_in_the_line(self, form: str) -> None:
        """The actions stay in one line in a list, quote or heading, or before adjoining text."""
        form = f"**OAUTH STATUS:** {OAUTH}\n\n{form}"
        text, _ = seen_in(form.format("none"), with_actions(2))
        assert text == form.format("1. fix \\*number\\* 0 2. fix \\*number\\* 1")

    @pytest.mark.parametrize(
        "text",
        [
            "**NEXT ACTIONS:**\n\n1. a\n   goes on\n",
            "**NEXT ACTIONS:**\n\n2. a\n",
            "**NEXT ACTIONS:**\n\n1. a\n3. b\n",
            "**NEXT ACTIONS:**\n\n- **SALE STATUS:** y\n",
        ],
    )
    def test_another_list_is_never_taken_for_the_value(self, text: str) -> None:
        """A list that isn't the value keeps its lines."""
        got, _ = seen_in(text, with_actions(2))
        assert [line for line in text.split("\n")[1:] if line not in got.split("\n")] == []

    def test_ten_are_listed(self) -> None:
        """Ten actions are listed, and the number of the others is given."""
        value = field_values(with_actions(60))["NEXT ACTIONS"].split("\n")
        assert value[9:] == ["10. fix \\*number\\* 9", "11. and 50 more"]
        assert len(field_values(with_actions(10))["NEXT ACTIONS"].split("\n")) == 10


def test_a_document_of_6_000_failures_stays_readable() -> None:
    """A document of 6,000 failures is short enough for a person to read."""
    many = catalogue(*(f"stage-{n}" for n in range(9)))
    failed = {
        f"stage-{n % 9}.number-{n}": observation(F, reason=reason(f"order {n} is lost " * 20))
        for n in range(6_000)
    }
    made = record(many, dict(failed))
    text = write_document(made, Config(catalogue=many), None).content.decode()
    assert "(and 666 more)" in text
    assert "11. and 5,990 more\n" in text
    assert len(text) < 15_000
    assert max(map(len, text.splitlines())) < 500
    assert "**FINAL STATUS:** **FAILED** (" in text


def test_a_final_line_of_a_document_is_updated_where_there_is_one() -> None:
    """If no stage is FINAL; a person's document without one isn't given any."""
    text, _ = seen_in("**OAUTH STATUS:** x\n\n**FINAL STATUS:** y\n", RECORD)
    assert "\n**FINAL STATUS:** **FAILED** (api-key.x FAILED: it expired (and 1 more))\n" in text
    assert "FINAL" not in seen_in("**OAUTH STATUS:** x\n", RECORD)[0]
    stages = catalogue("a", stage("final", rollup=("a",)))
    assert (
        write_document(record(stages, {"a.x": C}), Config(catalogue=stages), None).content.count(
            b"**FINAL STATUS:**"
        )
        == 1
    )


def test_a_generated_document_has_the_digest_of_what_is_read_of_it() -> None:
    """A generated document has the digest of its fields, though it isn't parsed."""
    for made in (RECORD, LATER, with_actions(60), with_actions(0)):
        written = write_document(made, CONFIG, None)
        assert changed_by_hand(written.content, replace(made, document=written.digest)) == ""


@pytest.mark.slow  # runs a process
def test_markdown_it_is_imported_only_for_a_document_that_is_there() -> None:
    """A run in a fresh checkout makes its document anew."""
    code = (
        "import sys\n"
        "from tests.unit.writers.test_document import CONFIG, RECORD, write_document\n"
        "for name in list(sys.modules):\n"
        "    if name.startswith('markdown_it'): del sys.modules[name]\n"
        "write_document(RECORD, CONFIG, None)\n"
        "print('markdown_it' in sys.modules)\n"
        "write_document(RECORD, CONFIG, b'')\n"
        "print('markdown_it' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "True"]


BYTES = [
    *LINES, "---", "===", "key: value", "- [x] **OAUTH STATUS:** x", "| a | status |", "|---|---|",
    "| OAUTH STATUS | CONFIRMED | more", "**NEXT ACTIONS:**", "**NEXT ACTIONS:** none", "2. two",
    "1. **OAUTH STATUS:** x <!-- c -->", "<details>", "**OAUTH STATUS:** a <!-- open", "## ends ##",
    "\tdeep", "OAUTH STATUS", "é\udcff", "<br>", "> | OAUTH STATUS | x |", "**SALE STATUS:**x<br>",
]  # fmt: skip


@example([("**NEXT ACTIONS:**", "\n"), ("```", "\n")], RECORD)
@example([("  ```", "\n"), ("**OAUTH STATUS:** old", "\n")], RECORD)
@given(
    st.lists(st.tuples(st.sampled_from(BYTES), st.sampled_from(["\n", "\r\n", "\r"])), max_size=14),
    st.sampled_from([RECORD, LATER, with_actions(12), with_actions(0)]),
)
def test_bytes_outside_the_known_fields_never_change(
    lines: list[tuple[str, str]], made: Record
) -> None:
    """What a run may change is the values of the fields; it may add whole lines, and no more."""
    content = "".join(line + end for line, end in lines).encode("utf-8", "surrogateescape")
    document = Document.decode(content)
    fields = document.fields(field_values(made))
    # What stands outside the values, piece by piece, in order: from the former value to the next.
    kept, at = [], 0
    for field in fields:
        kept.append("".join(document.lines[at : field.line]) + field.head)
        rest = document.lines[field.last]
        value_end = len(rest) - len(field.end) if field.last == field.line else None
        tail = rest[value_end:] if value_end is not None else rest[len(rest.rstrip("\r\n")) :]
        at = field.last + 1
        kept.append(tail)
    kept.append("".join(document.lines[at:]))
    updated = write_document(made, CONFIG, content).content.decode("utf-8", "surrogateescape")
    found = 0
    for piece in kept:
        for part in piece.splitlines(keepends=True):
            place = updated.find(part.rstrip("\r\n"), found)
            assert place >= 0, (part, updated)
            found = place + len(part.rstrip("\r\n"))
    assert (
        write_document(made, CONFIG, updated.encode("utf-8", "surrogateescape")).content.decode(
            "utf-8", "surrogateescape"
        )
        == updated
    )
