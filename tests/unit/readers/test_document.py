"""Where the fields of a status document stand, in any of the ways that a person writes them."""

from __future__ import annotations

import codecs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.readers.markdown import Document
from tests.unit import properties  # noqa: F401  the profile

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
    """Else its line would never be found, and one more added by every run."""
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
    """Code, comments, prose and other titles."""
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
    """The text is read, and written back byte for byte; only CR and LF end a line."""
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
    """What isn't text in the document's encoding is kept as it is."""
    assert Document.decode(content).encode() == content


@given(st.binary(max_size=40), st.sampled_from([b"", codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE]))
def test_any_bytes_survive(content: bytes, mark: bytes) -> None:
    """Decoding and encoding is the identity."""
    assert Document.decode(mark + content).encode() == mark + content


@pytest.mark.parametrize(
    ("content", "end"),
    [(b"a\r\nb\n", "\r\n"), (b"a\rb\n", "\r"), (b"a\nb\r\n", "\n"), (b"a", "\n"), (b"", "\n")],
)
def test_the_line_end_is_the_first_one(content: bytes, end: str) -> None:
    """New lines get the end that the document begins with."""
    assert Document.decode(content).line_end == end
