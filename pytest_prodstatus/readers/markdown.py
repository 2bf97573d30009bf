"""A status document in Markdown: its prose, its fields, and the stages that it describes.

A field is a line that begins with its title and a colon, bold or plain, in a heading, a list item
or by itself: `**OAUTH STATUS:** value`. Its value is the rest of the line, and can be replaced in
place. Lines in code and HTML comments are not fields; this module reads just as much of
CommonMark's block structure as is needed to recognise them.

A document that someone else wrote describes stages by titles (a field's line, a heading, a bold
line). Below each title are the meanings of its verdicts: `- CONFIRMED: …`, `FAILED = …`,
`* **BLOCKED** - …`. Tables aren't read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import NamedTuple

from pytest_prodstatus.model.catalogue import SINCE, TAKEN_TITLES
from pytest_prodstatus.model.text import encoding_of, one_line
from pytest_prodstatus.model.verdict import Verdict

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
    """A document's lines, with their line ends, and its encoding.

    Bytes that aren't valid in the encoding become surrogates (PEP 383), so `encode` restores them.
    """

    lines: tuple[str, ...]
    encoding: str = "utf-8"
    mark: bytes = b""

    @classmethod
    def decode(cls, content: bytes) -> Document:
        """Decode a document by its byte-order mark, or as UTF-8 if it has none."""
        mark, encoding = encoding_of(content)
        try:
            text = content[len(mark) :].decode(encoding, _errors(encoding))
        except UnicodeDecodeError:
            # UTF-16 with half a code unit can't be restored, so it is read as UTF-8 with its mark.
            mark, encoding = b"", "utf-8"
            text = content.decode(encoding, _errors(encoding))
        return cls(tuple(line for line in _LINE.findall(text) if line), encoding, mark)

    def encode(self) -> bytes:
        """Encode the document; an unchanged one gives the bytes that it was decoded from."""
        return self.mark + "".join(self.lines).encode(self.encoding, _errors(self.encoding))

    @property
    def line_end(self) -> str:
        """The line end of the document's first line; a line feed if it has none."""
        first = self.lines[0] if self.lines else ""
        return first[len(first.rstrip("\r\n")) :] or "\n"

    @cached_property
    def blocks(self) -> Blocks:
        """The lines, with those marked that are code or comment."""
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
            # In plain text, case must match: a sentence may begin with the words of a title.
            title = known.get(_folded(strong)) if strong else exact.get(" ".join(plain.split()))
            before, label, rest = self.lines[index].partition(match["label"])
            if title is not None and label:
                value, end = _split(rest)
                found.append(FieldLine(index, title, before + label, value, end))
        return found

    def lone_titles(self, titles: Iterable[str]) -> dict[str, int]:
        """Return the index of the first line that consists of a title alone, by title.

        Lines in a list or quote don't count: a field inserted below them would break the list.
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
    """A line that is a field.

    Attributes:
        line: the index of the line.
        title: the field's.
        head: the line up to the colon.
        value: the value, without blanks around it.
        end: how the line ends, a hard line break included.
    """

    line: int
    title: str
    head: str
    value: str
    end: str

    def with_value(self, value: str) -> str:
        """Return the line with its value replaced."""
        return f"{self.head} {value}{self.end}"


def _split(rest: str) -> tuple[str, str]:
    """Split the text after a field's colon into the value and the line's end."""
    body = rest.rstrip("\r\n")
    hard = _HARD_BREAK.search(body)
    kept = (hard[1] or hard[0]) if hard else ""
    return body[: len(body) - len(kept)].strip(), kept + rest[len(body) :]


def _errors(encoding: str) -> str:
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"


def _lone_title(text: str) -> str | None:
    """Return the title if a line consists of one alone, as a heading or in bold; else None."""
    match = _ALONE.match(text)
    return (match["heading"] or match["bold"]) if match else None


def _folded(title: str) -> str:
    return " ".join(title.split()).casefold()


class OutlineError(ValueError):
    """No stage was found in a document; the message is one sentence with an example."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A stage that a document describes.

    Attributes:
        title: as in the document.
        line: number of the title's line, from 1.
        meanings: of the verdicts, for those that the document describes.
    """

    title: str
    line: int
    meanings: Mapping[Verdict, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """The stages that a document describes.

    Attributes:
        title: the document's first heading of level 1; "" if it has none.
        sections: the stages, in order.
        notices: one sentence for each thing that was found but not understood.
    """

    title: str
    sections: tuple[Section, ...]
    notices: tuple[str, ...]


def read_outline(content: bytes, source: str) -> Outline:
    """Read the stages that a document describes.

    Args:
        content: the file's bytes, in UTF-8 or with a byte-order mark.
        source: the file's name, for messages.

    Raises:
        OutlineError: it describes no stage.
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
            # A title may occur twice, each with some of the meanings; the first of each counts.
            merged = {**section.meanings, **first.meanings}
            sections[section.title.casefold()] = replace(first, meanings=merged)
    if not sections:
        msg = "; ".join(notices) or f"{source}: no title of a stage was found; {_EXAMPLE}"
        raise OutlineError(msg)
    for section in sections.values():
        missing = [str(verdict) for verdict in Verdict if verdict not in section.meanings]
        if missing:
            message = f"{source} line {section.line}: {section.title} doesn't say what"
            notices.append(f"{message} {' or '.join(missing)} means")
    return Outline(title=heading, sections=tuple(sections.values()), notices=tuple(notices))


def _section(lines: Sequence[str], prose: Sequence[str | None], index: int) -> Section | None:
    """Return the stage whose title is on a line; None if the line has no title of a stage."""
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
    # If no meanings follow, only its form distinguishes a title from "Note: …" or "Status: draft".
    named = upper.endswith(" STATUS") and label and (label["strong"] or title == upper)
    return Section(title=title, line=index + 1, meanings=meanings) if meanings or named else None


def _meanings(lines: Sequence[str], prose: Sequence[str | None], start: int) -> dict[Verdict, str]:
    """Return the meanings below a title, directly or after blank lines, by their verdicts."""
    meanings: dict[Verdict, str] = {}
    last: Verdict | None = None
    for index in range(start, len(lines)):
        text = prose[index]
        meaning = _MEANING.match(text) if text else None
        if meaning:
            last = Verdict(meaning["verdict"].upper())
            if last in meanings:
                break
            meanings[last] = one_line(meaning["text"])
        elif text is None or (text and not (last and _continues_meaning(lines[index], text))):
            break
        elif text and last:
            meanings[last] = one_line(f"{meanings[last]} {text}")
        else:
            last = None  # a blank line ends a meaning
    return meanings


def _continues_meaning(line: str, text: str) -> bool:
    """Return whether a line of prose continues the meaning on the line before it."""
    begins = _LABEL.match(text) or text.lstrip().startswith(("#", "|"))
    return not begins and not _BULLET.match(line) and _lone_title(text) is None


class Blocks(NamedTuple):
    """A document's lines, divided into prose and others.

    Attributes:
        prose: each line's text without quote and list marks; None for code and comments.
        open_from: index of the line that opens a code fence or comment that is never closed; None
            if there is none.
    """

    prose: tuple[str | None, ...]
    open_from: int | None


def scan(lines: Iterable[str]) -> Blocks:
    """Find out which lines are prose."""
    scanner = _Scanner()
    prose = tuple(scanner.take(index, line) for index, line in enumerate(lines))
    unclosed = scanner.hidden
    # The end of a quote or list item closes what is open in it (CommonMark 0.31, 4.5), so only a
    # block at the outermost level stays open.
    outermost = unclosed is not None and unclosed.depth == 0 and not unclosed.inline
    return Blocks(prose=prose, open_from=unclosed.start if unclosed and outermost else None)


class _Hidden(NamedTuple):
    """An open code fence, comment or raw block.

    Attributes:
        end: matches the line that ends it.
        depth: the number of containers around it.
        start: index of the line that opened it.
        inline: whether it began inside a line of prose, so that a blank line ends it.
    """

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
        """Return the prose of the next line; None if it is code or comment."""
        rest = self._strip_continued(line.rstrip("\r\n").expandtabs(4))
        hidden = self.hidden
        if hidden and hidden.depth <= len(self.containers) and (rest.strip() or not hidden.inline):
            if hidden.end.search(rest):
                self.hidden = None
            return None
        self.hidden = None
        rest = self._strip_opened(rest)
        hides = self._hides(index, rest)
        continues = self.paragraph or not rest.startswith("    ")
        self.paragraph = bool(rest.strip()) and not hides and not _BREAK.match(rest) and continues
        if hides:
            return None
        return rest if rest.strip() else ""

    def _strip_continued(self, rest: str) -> str:
        """Strip the marks of the open containers, and close the containers that the line leaves."""
        for depth, width in enumerate(self.containers):
            quote = _QUOTE.match(rest) if width is None else None
            if quote:
                rest = rest[quote.end() :]
            elif width is not None and (not rest.strip() or not rest[:width].strip()):
                rest = rest[width:]
            else:
                # "Lazy continuation" (CommonMark 0.31, 5.1): a paragraph goes on without the marks.
                if not (self.paragraph and _is_plain(rest)):
                    del self.containers[depth:]
                    self.paragraph = False
                break
        return rest

    def _strip_opened(self, rest: str) -> str:
        """Strip the marks of the containers that the line opens."""
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
        """Return whether the line opens a code fence, comment or raw block."""
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
            # A comment that begins in a line of prose ends at a blank line at the latest.
            self.hidden = _Hidden(_COMMENT_END, depth, index, inline=True)
        return False


def _is_plain(rest: str) -> bool:
    begins = (_QUOTE, _ITEM, _FENCE, _RAW, _COMMENT, _BREAK)
    return bool(rest.strip()) and not any(pattern.match(rest) for pattern in begins)
