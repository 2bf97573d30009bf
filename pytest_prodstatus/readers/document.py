"""The fields of a status document: where they stand, so that a value can be replaced in place.

A field is a line that begins with its title and a colon, bold or plain, in a heading, a list item
or by itself: `**OAUTH STATUS:** value`. Its value is the rest of the line. Lines in code fences,
indented code and HTML comments are no fields.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_FENCE = re.compile(
    r"(?P<lead>(?:>[ ]?|[-*+][ ]+|\d{1,9}[.)][ ]+)*)(?P<fence>`{3,}|~{3,})(?P<info>.*)"
)
_ITEM = re.compile(r"[ ]*(?:[-*+]|\d{1,9}[.)])[ ]+")
_LABEL = re.compile(
    r"[ ]{0,3}(?:#{1,6}[ ]+|>[ ]?|[-*+][ ]+|\d{1,9}[.)][ ]+)*"
    r"(?P<label>"
    r"(?P<bold>\*\*|__)[ ]*(?P<strong>[^*_:]+?)[ ]*(?::[ ]*(?P=bold)|(?P=bold)[ ]*:)"
    r"|(?P<plain>[^*_:`<>|]+):)"
)


@dataclass(frozen=True, slots=True)
class Document:
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
        errors = "surrogateescape" if encoding == "utf-8" else "surrogatepass"
        body = content[len(mark) :]
        if encoding != "utf-8" and len(body) % 2:
            # Half a code unit can't be kept in UTF-16 text; read it as what it may be instead.
            mark, encoding, errors, body = b"", "utf-8", "surrogateescape", content
        text = body.decode(encoding, errors)
        return cls(tuple(line for line in _LINE.findall(text) if line), encoding, mark)

    def encode(self) -> bytes:
        """Return the bytes: for a decoded document, just those it was decoded from."""
        errors = "surrogateescape" if self.encoding == "utf-8" else "surrogatepass"
        return self.mark + "".join(self.lines).encode(self.encoding, errors)

    @property
    def line_end(self) -> str:
        """The line end that the document's first line has; a line feed where it has none."""
        first = self.lines[0] if self.lines else ""
        return first[len(first.rstrip("\r\n")) :] or "\n"


@dataclass(frozen=True, slots=True)
class FieldLine:
    """One line that is a field: its index, its key, and where its value begins in the line."""

    index: int
    key: str
    value_at: int


def find_fields(lines: Sequence[str], keys: Mapping[str, str]) -> list[FieldLine]:
    """Return the field lines whose titles are known, in order.

    Args:
        lines: the document's lines.
        keys: what each field is called by the caller, by its title.
    """
    known = {_folded(title): key for title, key in keys.items()}
    exact = {" ".join(title.split()): key for title, key in keys.items()}
    found = []
    for index, text in enumerate(_outside_code(lines)):
        match = _LABEL.match(text) if text else None
        if not match:
            continue
        strong, plain = match["strong"], match["plain"]
        # Prose may well begin with a title in other letters; only bold settles that it is a field.
        key = known.get(_folded(strong)) if strong else exact.get(" ".join(plain.split()))
        at = lines[index].find(match["label"])
        if key is not None and at >= 0:
            found.append(FieldLine(index, key, at + len(match["label"])))
    return found


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()


def _outside_code(lines: Iterable[str]) -> Iterable[str]:
    """Yield each line's text, empty where it is inside a code fence or an HTML comment."""
    fence = ""
    comment = False
    width = 0
    for raw in lines:
        line = raw.rstrip("\r\n").expandtabs(4)
        item = _ITEM.match(line)
        indent = len(line) - len(line.lstrip(" "))
        if line and not item and indent < width:
            width = 0
        # Inside a list item, its content's column is where indentation counts from.
        content = line[width:] if indent >= width else line
        if fence:
            closing = content.strip()
            if set(closing) == {fence[0]} and len(closing) >= len(fence):
                fence = ""
            yield ""
            continue
        if comment:
            comment = "-->" not in line
            yield ""
            continue
        opened = _FENCE.match(content.lstrip(" ")) if _indent(content) < 4 else None
        if opened and not (opened["fence"][0] == "`" and "`" in opened["info"]):
            fence = opened["fence"]
            yield ""
            continue
        if content.lstrip(" ").startswith("<!--"):
            comment = "-->" not in content
            yield ""
            continue
        if item and _indent(content) < 4:
            width = item.end()
        yield content


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip(" "))
