"""Text that is safe to print: no control or direction characters, bounded, on one line or several.

Separate from the writers because reasons, evidence and names are made safe once, when they enter
the model, and every output relies on it.
"""

from __future__ import annotations

import unicodedata
from typing import Annotated, TypeAlias

from msgspec import Meta

NAME_LIMIT = 100
"""Characters kept of the name of a value."""

IDENTITY = {"identity": True}
Identity: TypeAlias = Annotated[str, Meta(extra=IDENTITY)]
"""A text by which something is found and compared: no text of a test gets there, nor a secret."""

# Bidirectional controls reorder what a reader sees without changing the text (CVE-2021-42574).
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: str, *, limit: int = 600) -> str:
    r"""Return `text` on one line, harmless to a terminal, a page and a JSON parser.

    White space runs (line ends included) become one space; control and direction characters and
    lone surrogates become a visible escape such as `\x1b`. The line has at most `limit` characters;
    one that was cut says how long the text was. A line that went through once stays as it is.
    """
    # What is printable ASCII has no white space but spaces; as most texts are.
    plain = len(text) <= limit and text.isascii() and text.isprintable()
    if plain and "  " not in text and text[:1] != " " and text[-1:] != " ":
        return text
    # Bounded first: what is thrown away is never worth cleaning.
    cleaned = " ".join("".join(map(_visible, text[: 4 * limit])).split())
    if len(cleaned) > limit or len(text) > 4 * limit:
        told = f"… (cut from {len(text):,} characters)"
        return cleaned[: max(0, limit - len(told))] + told
    return cleaned


def several_lines(text: str, *, limit: int = 8_000) -> str:
    """Return `text` line by line, indentation kept, otherwise as harmless as `one_line` makes it.

    Of a text of more than `limit` characters the end is kept, since a traceback ends with what went
    wrong; the first line then says how long it was. A text that went through once stays as it is.
    """
    kept = text[-limit:]
    cleaned = "\n".join(
        "".join(map(_visible, line)).rstrip() for line in kept.expandtabs(4).splitlines()
    ).strip("\n")
    if len(text) <= limit and len(cleaned) <= limit:
        return cleaned
    told = f"… (cut from {len(text):,} characters)\n"
    return told + cleaned[-(limit - len(told)) :]


def utf8(text: str) -> str:
    """Return `text` with its lone surrogates, which UTF-8 can't write, as visible escapes."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _visible(char: str) -> str:
    if " " <= char <= "~":
        return char
    if char in "\t\n\r\v\f\x85\u2028\u2029":
        return " "
    if char in _DIRECTION or unicodedata.category(char) in ("Cc", "Cs", "Cn", "Co"):
        code = ord(char)
        if code > 0xFFFF:
            return f"\\U{code:08x}"
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return char
