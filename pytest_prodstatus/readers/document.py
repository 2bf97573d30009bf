"""The fields of a status document: where they stand, so that a value can be replaced in place.

A field is a line that begins with its title and a colon, bold or plain, in a heading, a list item
or by itself: `**OAUTH STATUS:** value`. Its value is the rest of the line. Lines in code and HTML
comments are no fields.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from pytest_prodstatus.readers.blocks import Blocks

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
LABEL = re.compile(
    r"[ ]{0,3}(?:#{1,6}[ ]+)?"
    r"(?P<label>"
    r"(?P<bold>\*\*|__)[ ]*(?P<strong>[^*:]+?)[ ]*(?::[ ]*(?P=bold)|(?P=bold)[ ]*:)"
    r"|(?P<plain>[^\s*:`<>][^*:`<>]*):)"
)
"""The title of a field, at the beginning of a line of prose."""

_ALONE = re.compile(
    r"[ ]{0,3}(?:#{1,6}[ ]+)(?:\*\*|__)?[ ]*(?P<heading>[^*`<>#]+?)[ ]*(?:\*\*|__)?[ ]*#*[ ]*$"
    r"|[ ]{0,3}(?:\*\*|__)[ ]*(?P<bold>[^*`<>_]+?)[ ]*(?:\*\*|__)[ ]*$"
)


# Two spaces or a backslash at the end are Markdown's hard line break, a person's choice.
_HARD_BREAK = re.compile(r" {2,}$|(?<!\\)(?:\\\\)*(\\)$")


class Document(NamedTuple):
    """A document's text, by lines with their ends, and how it was encoded.

    Bytes that aren't valid in the encoding survive as surrogates (PEP 383).
    """

    lines: tuple[str, ...]
    encoding: str = "utf-8"
    mark: bytes = b""

    @classmethod
    def decode(cls, content: bytes) -> Document:
        """Return the document in `content`, by its byte-order mark, else as UTF-8."""
        mark, encoding = next(
            ((mark, name) for mark, name in _MARKS if content.startswith(mark)), (b"", "utf-8")
        )
        try:
            text = content[len(mark) :].decode(encoding, _errors(encoding))
        except UnicodeDecodeError:
            # Half a code unit can't be kept in UTF-16 text; read it as what it may be instead.
            mark, encoding = b"", "utf-8"
            text = content.decode(encoding, _errors(encoding))
        return cls(tuple(line for line in _LINE.findall(text) if line), encoding, mark)

    def encode(self) -> bytes:
        """Return the bytes: for a decoded document, just those it was decoded from."""
        return self.mark + "".join(self.lines).encode(self.encoding, _errors(self.encoding))

    @property
    def line_end(self) -> str:
        """The line end that the document's first line has; a line feed where it has none."""
        first = self.lines[0] if self.lines else ""
        return first[len(first.rstrip("\r\n")) :] or "\n"


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"


class FieldLine(NamedTuple):
    """One line that is a field: its index, its key, and where its value begins in the line."""

    line: int
    key: str
    value_at: int


def find_fields(lines: Sequence[str], blocks: Blocks, keys: Mapping[str, str]) -> list[FieldLine]:
    """Return the field lines whose titles are known, in order.

    Args:
        lines: the document's lines.
        blocks: which of them are prose.
        keys: what each field is called by the caller, by its title.
    """
    known = {_folded(title): key for title, key in keys.items()}
    exact = {" ".join(title.split()): key for title, key in keys.items()}
    found = []
    for index, text in enumerate(blocks.prose):
        match = LABEL.match(text) if text else None
        if not match:
            continue
        strong, plain = match["strong"], match["plain"]
        # Prose may well begin with a title in other letters; only bold settles that it is a field.
        key = known.get(_folded(strong)) if strong else exact.get(" ".join(plain.split()))
        at = lines[index].find(match["label"])
        if key is not None and at >= 0:
            found.append(FieldLine(index, key, at + len(match["label"])))
    return found


def split_field(line: str, field: FieldLine) -> tuple[str, str, str]:
    """Return a field's line in three: up to the colon, the value, and how the line ends."""
    body = line.rstrip("\r\n")
    head, rest = body[: field.value_at], body[field.value_at :]
    hard = _HARD_BREAK.search(rest)
    kept = (hard[1] or hard[0]) if hard else ""
    value = rest[: len(rest) - len(kept)]
    return head, value.strip(), f"{kept}{line[len(body) :]}"


def lone_title(text: str) -> str | None:
    """Return the title that a line of prose holds alone, as a heading or in bold; None for none."""
    match = _ALONE.match(text)
    return (match["heading"] or match["bold"]) if match else None


def find_titles(lines: Sequence[str], blocks: Blocks, titles: Iterable[str]) -> dict[str, int]:
    """Return the lines on which known titles stand alone, the first of each.

    Not those in a list or quote, which a line below them would break.
    """
    known = {_folded(title): title for title in titles}
    found: dict[str, int] = {}
    for index, text in enumerate(blocks.prose):
        alone = lone_title(text) if text and text.strip() == lines[index].strip() else None
        title = known.get(_folded(alone)) if alone else None
        if title is not None:
            found.setdefault(title, index)
    return found


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()
