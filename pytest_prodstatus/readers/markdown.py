"""A status document in Markdown: its prose, its fields, and the stages it tells of.

A field is a line that begins with its title and a colon, bold or plain, in a heading, a list item
or by itself: `**OAUTH STATUS:** value`. Its value is the rest of the line, and can be replaced in
place. Lines in code and HTML comments are not fields: as much of CommonMark's block structure is
read as decides that.

A document that someone else wrote tells of stages by titles (a field's line, a heading, a line in
bold) and, below each, the meanings of its verdicts: `- CONFIRMED: …`, `FAILED = …`,
`* **BLOCKED** - …`. Tables aren't read.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from pytest_prodstatus.model.catalogue import SINCE, TAKEN_TITLES
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16's, with which it begins
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
# The title of a field, at the beginning of a line of prose.
_LABEL = re.compile(
    r"[ ]{0,3}(?:#{1,6}[ ]+)?"
    r"(?P<label>"
    r"(?P<bold>\*\*|__)[ ]*(?P<strong>[^*:]+?)[ ]*(?::[ ]*(?P=bold)|(?P=bold)[ ]*:)"
    r"|(?P<plain>[^\s*:`<>][^*:`<>]*):)"
)
# A title that stands alone in its line, as a heading or in bold.
_ALONE = re.compile(
    r"[ ]{0,3}(?:#{1,6}[ ]+)(?:\*\*|__)?[ ]*(?P<heading>[^*`<>#]+?)[ ]*(?:\*\*|__)?[ ]*#*[ ]*$"
    r"|[ ]{0,3}(?:\*\*|__)[ ]*(?P<bold>[^*`<>_]+?)[ ]*(?:\*\*|__)[ ]*$"
)
# Two spaces or a backslash at the end are Markdown's hard line break, a person's choice.
_HARD_BREAK = re.compile(r" {2,}$|(?<!\\)(?:\\\\)*(\\)$")
_WORDS = "|".join(verdict.value for verdict in Verdict)
_MEANING = re.compile(
    rf"(?:[^\w|]|_)*(?P<verdict>{_WORDS})(?![^\W_])[*_`\s]*(?:(?:[:=→–—]|-+>?)[>\s]*[*_`]*|(?=(?:if|when)\b))\s*"
    r"(?P<text>\S.*)",
    re.IGNORECASE,
)
_BULLET = re.compile(r"\s*(?:[-*+•>]|\d{1,9}[.)])(?:\s|$)")
_TABLE = re.compile(rf"\s*\|.*\b(?:STATUS|{_WORDS})\b", re.IGNORECASE)
_TOP = re.compile(r"[ ]{0,3}#[ ]+(?P<title>.*?)[ ]*#*[ ]*$")
_EXAMPLE = "write each as '**OAUTH STATUS:**' with lines such as '- CONFIRMED: …' below it"

_QUOTE = re.compile(r"[ ]{0,3}>[ ]?")
_ITEM = re.compile(r"(?P<mark>[ ]{0,3}(?:[-*+]|\d{1,9}[.)]))(?:[ ]{1,4}(?=[^ ])|[ ]*$|[ ](?=[ ]))")
_FENCE = re.compile(r"[ ]{0,3}(?P<fence>`{3,}(?=[^`]*$)|~{3,})")
_RAW = re.compile(r"[ ]{0,3}(?:<(?:pre|script|style|textarea)(?:[\s>]|$))", re.IGNORECASE)
_RAW_END = re.compile(r"</(?:pre|script|style|textarea)>", re.IGNORECASE)
_COMMENT = re.compile(r"[ ]{0,3}<!--")
_COMMENT_END = re.compile(r"-->")
# A heading or a rule: no paragraph goes on after it.
_BREAK = re.compile(r"[ ]{0,3}(?:#{1,6}(?:[ ]|$)|(?P<rule>[-*_=])[ ]*(?:(?P=rule)[ ]*)*$)")
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")


@dataclass(frozen=True)
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

    @cached_property
    def blocks(self) -> Blocks:
        """Which of the lines are prose."""
        return scan(self.lines)

    def fields(self, titles: Iterable[str]) -> list[FieldLine]:
        """Return the field lines with these titles, in order."""
        known = {_folded(title): title for title in titles}
        exact = {" ".join(title.split()): title for title in known.values()}
        found = []
        for index, text in enumerate(self.blocks.prose):
            match = _LABEL.match(text) if text else None
            if not match:
                continue
            strong, plain = match["strong"], match["plain"]
            # Prose may well begin with a title in other letters; only bold settles that it is one.
            title = known.get(_folded(strong)) if strong else exact.get(" ".join(plain.split()))
            before, label, rest = self.lines[index].partition(match["label"])
            if title is not None and label:
                value, end = _split(rest)
                found.append(FieldLine(index, title, before + label, value, end))
        return found

    def lone_titles(self, titles: Iterable[str]) -> dict[str, int]:
        """Return the lines on which these titles stand alone, the first of each.

        Not those in a list or quote, which a line below them would break.
        """
        known = {_folded(title): title for title in titles}
        found: dict[str, int] = {}
        for index, text in enumerate(self.blocks.prose):
            alone = (
                _lone_title(text) if text and text.strip() == self.lines[index].strip() else None
            )
            title = known.get(_folded(alone)) if alone else None
            if title is not None:
                found.setdefault(title, index)
        return found


class FieldLine(NamedTuple):
    """One line that is a field.

    Attributes:
        line: its index.
        title: the field's.
        head: the line as far as the colon.
        value: the value, without blanks around it.
        end: how the line ends, a hard line break included.
    """

    line: int
    title: str
    head: str
    value: str
    end: str

    def with_value(self, value: str) -> str:
        """Return the line with another value."""
        return f"{self.head} {value}{self.end}"


def _split(rest: str) -> tuple[str, str]:
    """Return the value in what follows a field's colon, and how the line ends."""
    body = rest.rstrip("\r\n")
    hard = _HARD_BREAK.search(body)
    kept = (hard[1] or hard[0]) if hard else ""
    return body[: len(body) - len(kept)].strip(), kept + rest[len(body) :]


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"


def _lone_title(text: str) -> str | None:
    """Return the title that a line of prose holds alone, as a heading or in bold; None for none."""
    match = _ALONE.match(text)
    return (match["heading"] or match["bold"]) if match else None


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()


class OutlineError(ValueError):
    """A document in which no stage was found; one sentence with what would do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One stage as a document tells of it.

    Attributes:
        title: as it stands there.
        line: on which, counted from 1.
        meanings: what each verdict means, as far as it is told.
    """

    title: str
    line: int
    meanings: Mapping[Verdict, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """What was read of a document.

    Attributes:
        title: its first heading of level 1; "" where it has none.
        sections: the stages, in order.
        notices: what was seen and not understood, one sentence each.
    """

    title: str
    sections: tuple[Section, ...]
    notices: tuple[str, ...]


def read_outline(content: bytes, source: str) -> Outline:
    """Return the stages in a document.

    Args:
        content: of the file, in UTF-8 or with a byte-order mark.
        source: its name, for messages.

    Raises:
        OutlineError: it tells of no stage.
    """
    document = Document.decode(content)
    lines, prose = document.lines, document.blocks.prose
    sections: dict[str, Section] = {}
    heading = ""
    notices = []
    for index, text in enumerate(prose):
        if not text:
            continue
        top = _TOP.match(text)
        if top and not heading:
            heading = one_line(top["title"].replace("*", ""))
        if _TABLE.match(text) and not (index and _TABLE.match(prose[index - 1] or "")):
            notices.append(f"{source} line {index + 1}: a table isn't read; {_EXAMPLE}")
        section = _section(lines, prose, index)
        if section is not None:
            first = sections.get(section.title.casefold(), section)
            # Of a title that stands twice, each place may tell a part.
            both = {**section.meanings, **first.meanings}
            sections[section.title.casefold()] = replace(first, meanings=both)
    if not sections:
        read = "; ".join(notices) or f"{source}: no title of a stage was found; {_EXAMPLE}"
        raise OutlineError(read)
    for section in sections.values():
        untold = [str(verdict) for verdict in Verdict if verdict not in section.meanings]
        if untold:
            told = f"{source} line {section.line}: {section.title} doesn't say what"
            notices.append(f"{told} {' or '.join(untold)} means")
    return Outline(title=heading, sections=tuple(sections.values()), notices=tuple(notices))


def _section(lines: Sequence[str], prose: Sequence[str | None], index: int) -> Section | None:
    """Return the stage whose title stands on a line; None where none does."""
    text = prose[index] or ""
    label = _LABEL.match(text)
    if _MEANING.match(text) or (label is None and _TOP.match(text)):
        return None
    found = (label["strong"] or label["plain"]) if label else _lone_title(text)
    title = one_line(found or "")
    upper = title.upper()
    if not title or upper in TAKEN_TITLES or upper.endswith(SINCE) or set(title) & set("*:`<>"):
        return None
    meanings = _meanings(lines, prose, index + 1)
    # Without meanings only the form of a title tells it from "Note: …" and "Status: draft".
    named = upper.endswith(" STATUS") and label and (label["strong"] or title == upper)
    return Section(title=title, line=index + 1, meanings=meanings) if meanings or named else None


def _meanings(lines: Sequence[str], prose: Sequence[str | None], start: int) -> dict[Verdict, str]:
    """Return the meanings that follow a title: at once, or after blank lines."""
    told: dict[Verdict, str] = {}
    last: Verdict | None = None
    for index in range(start, len(lines)):
        text = prose[index]
        meaning = _MEANING.match(text) if text else None
        if meaning:
            last = Verdict(meaning["verdict"].upper())
            if last in told:
                break
            told[last] = one_line(meaning["text"])
        elif text is None or (text and not (last and _goes_on(lines[index], text))):
            break
        elif text and last:
            told[last] = one_line(f"{told[last]} {text}")
        else:
            last = None  # after a blank line nothing goes on
    return told


def _goes_on(line: str, text: str) -> bool:
    """Return whether a line of prose continues the one before it."""
    begins = _LABEL.match(text) or text.lstrip().startswith(("#", "|"))
    return not begins and not _BULLET.match(line) and _lone_title(text) is None


class Blocks(NamedTuple):
    """The lines as prose or not.

    Attributes:
        prose: each line's text without quote and list marks; None where it is code or comment.
        open_from: the first line of a code fence or comment that nothing closes; None for none.
    """

    prose: tuple[str | None, ...]
    open_from: int | None


def scan(lines: Iterable[str]) -> Blocks:
    """Return which of `lines` are prose."""
    scanner = _Scanner()
    prose = tuple(scanner.take(index, line) for index, line in enumerate(lines))
    unclosed = scanner.hidden
    # A quote or a list item ends what is open in it; only the outermost level needs a closing line.
    outermost = unclosed is not None and unclosed.depth == 0 and not unclosed.inline
    return Blocks(prose=prose, open_from=unclosed.start if unclosed and outermost else None)


class _Hidden(NamedTuple):
    """An open code fence, comment or raw block: what ends it, in which container it is."""

    end: re.Pattern[str]
    depth: int
    start: int
    inline: bool = False


@dataclass(slots=True)
class _Scanner:
    # Open containers from the outside in: a list item's content column, or None for a quote.
    containers: list[int | None] = field(default_factory=list)
    hidden: _Hidden | None = None
    paragraph: bool = False

    def take(self, index: int, line: str) -> str | None:
        """Return one line's prose, or None."""
        rest = self._continued(line.rstrip("\r\n").expandtabs(4))
        hidden = self.hidden
        if hidden and hidden.depth <= len(self.containers) and (rest.strip() or not hidden.inline):
            if hidden.end.search(rest):
                self.hidden = None
            return None
        self.hidden = None
        rest = self._opened(rest)
        hides = self._hides(index, rest)
        goes_on = self.paragraph or not rest.startswith("    ")
        self.paragraph = bool(rest.strip()) and not hides and not _BREAK.match(rest) and goes_on
        if hides:
            return None
        return rest if rest.strip() else ""

    def _continued(self, rest: str) -> str:
        """Return the line without the marks of the open containers, closing those it leaves."""
        for depth, width in enumerate(self.containers):
            quote = _QUOTE.match(rest) if width is None else None
            if quote:
                rest = rest[quote.end() :]
            elif width is not None and (not rest.strip() or not rest[:width].strip()):
                rest = rest[width:]
            else:
                # A paragraph's further lines may lack the marks, and leave nothing.
                if not (self.paragraph and _is_plain(rest)):
                    del self.containers[depth:]
                    self.paragraph = False
                break
        return rest

    def _opened(self, rest: str) -> str:
        """Return the line without the marks of the containers that it opens."""
        while True:
            if quote := _QUOTE.match(rest):
                self.containers.append(None)
                rest = rest[quote.end() :]
            elif item := _ITEM.match(rest):
                # An empty item's content begins one column after its mark.
                empty = item.end() == len(rest)
                self.containers.append(len(item["mark"]) + 1 if empty else item.end())
                rest = rest[item.end() :]
            else:
                return rest

    def _hides(self, index: int, rest: str) -> bool:
        """Return whether this line begins something that is no prose."""
        depth = len(self.containers)
        if fence := _FENCE.match(rest):
            mark = fence["fence"]
            end = re.compile(rf"^[ ]{{0,3}}{re.escape(mark[0])}{{{len(mark)},}}[ ]*$")
            self.hidden = _Hidden(end, depth, index)
            return True
        for begins, ends in ((_COMMENT, _COMMENT_END), (_RAW, _RAW_END)):
            if begins.match(rest):
                if not ends.search(rest):
                    self.hidden = _Hidden(ends, depth, index)
                return True
        if "<!--" in _CODE_SPAN.sub("", rest).rpartition("-->")[2] and not rest.startswith("    "):
            # A comment that begins in a line of prose: over at a blank line at the latest.
            self.hidden = _Hidden(_COMMENT_END, depth, index, inline=True)
        return False


def _is_plain(rest: str) -> bool:
    begins = (_QUOTE, _ITEM, _FENCE, _RAW, _COMMENT, _BREAK)
    return bool(rest.strip()) and not any(pattern.match(rest) for pattern in begins)
