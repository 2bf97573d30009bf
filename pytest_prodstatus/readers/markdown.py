"""A status document in Markdown: its prose, its fields, and the stages that it describes.

A field is a line that begins with its title and a colon, bold or plain, in a heading, a list item
or by itself: `**OAUTH STATUS:** value`. Its value is the rest of the line, and can be replaced in
place. A table's row with a title has its value in the column for it. Front matter, code, HTML and
comments hold no fields; markdown-it-py says which lines these are.

A document that someone else wrote describes stages by titles (a field's line, a heading, a bold
line). Below each title are the meanings of its verdicts: `- CONFIRMED: …`, `FAILED = …`,
`* **BLOCKED** - …`. Tables describe none.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pytest_prodstatus.model.catalogue import SINCE, TAKEN_TITLES
from pytest_prodstatus.model.text import encoding_of, one_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers import DocumentError

if TYPE_CHECKING:
    from markdown_it.token import Token

# Not str.splitlines, which also divides at form feeds and at Unicode's own line ends.
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_WORDS = "|".join(verdict.value for verdict in Verdict)
# The title of a field, at the beginning of a line of prose; a symbol such as an emoji may precede.
_LABEL = re.compile(
    r"[ ]*(?:[^\w\s!-/:-@\[-`{-~]+[ ]+)?"
    r"(?P<label>"
    r"(?P<bold>\*\*|__)[ ]*(?P<strong>[^*:]+?)[ ]*(?::[ ]*(?P=bold)|(?P=bold)[ ]*:)"
    r"|(?P<plain>[^\s*:`<>][^*:`<>]*):)"
)
# A title that stands alone in its line: in a heading, or in bold.
_ALONE_IN_HEADING = re.compile(r"\s*(?:\*\*|__)?[ ]*(?P<title>[^*`<>#]+?)[ ]*(?:\*\*|__)?\s*$")
_ALONE_IN_BOLD = re.compile(r"\s*(?:\*\*|__)[ ]*(?P<title>[^*`<>_]+?)[ ]*(?:\*\*|__)\s*$")
# Two spaces or a backslash at the end are Markdown's hard line break, a person's choice.
_HARD_BREAK = re.compile(r" {2,}$|(?<!\\)(?:\\\\)*(\\)$")
# So are comments and <br> behind a value; a comment may go on in the next line.
_BEHIND = re.compile(
    r"(?:[ \t]*(?:<!--(?:(?!-->).)*(?:-->|\Z)|<br[ \t]*/?>))+[ \t]*\Z", re.IGNORECASE
)
_CLOSING = re.compile(r"[ \t]+#+[ \t]*\Z")  # of a heading: `## OAUTH STATUS: CONFIRMED ##`
_MEANING = re.compile(
    rf"(?:[^\w|]|_)*(?P<verdict>{_WORDS})(?![^\W_])[*_`\s]*(?:(?:[:=→–—]|-+>?)[>\s]*[*_`]*|(?=(?:if|when)\b))\s*"
    r"(?P<text>\S.*)",
    re.IGNORECASE,
)
_WRITTEN = re.compile(rf"\*\*(?:{_WORDS})\*\* \(")
"""How the value of a stage's field begins if a run has written it."""
_BULLET = re.compile(r"\s*(?:[-*+•>]|\d{1,9}[.)])(?:\s|$)")
_ITEM = re.compile(r"(?:[-*+]|\d{1,9}[.)])(?:\s|$)")
_TABLE = re.compile(rf"\s*\|.*\b(?:STATUS|{_WORDS})\b", re.IGNORECASE)
# The marks of a quote, and of a list item without text.
_EMPTY = re.compile(r"^[ \t>]*(?:(?:[-*+]|\d{1,9}[.)])\s*$)?")
_TASK = re.compile(r"\[[ xX]\][ \t]+")  # the box of a task-list item, which CommonMark doesn't know
_ACTION = re.compile(r"(\d{1,3})\. \S")
_COLUMNS = ("status", "state", "verdict", "result")
"""The headings of a table's column whose cells are values."""
_EXAMPLE = "write each as '**OAUTH STATUS:**' with lines such as '- CONFIRMED: …' below it"

_FRONT_MATTER = {
    "---": (("---", "..."), re.compile(r"[\w\"'.-][^:]*:(?:\s|$)"), re.compile(r"\s|#|-\s|[\]}]")),
    "+++": (("+++",), re.compile(r"[\w\"'.-]+\s*=|\["), re.compile(r"\s|#|[\]}]")),
}
"""By the line that begins front matter: the lines that end it, its keys, and its other lines."""
_CODE_SPAN = re.compile(r"(?<!`)(`+)(?!`).*?(?<!`)\1(?!`)")
_LINK = re.compile(r"\[(?P<text>[^\]]*)\](?:\([^)]*\)|\[[^\]]*\])")


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
        """Decode a document by its byte-order mark, or as UTF-8 if it has none.

        Raises:
            DocumentError: it is UTF-16 without a mark, so nothing in it could be found.
        """
        mark, encoding = encoding_of(content)
        # In UTF-16, every other byte of ASCII is zero.
        start = content[:64]
        if not mark and len(start) > 3 and (not any(start[::2]) or not any(start[1::2])):
            msg = "it is UTF-16 without a byte-order mark; save it as UTF-8, or with the mark"
            raise DocumentError(msg)
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
        return (_end_of_line(self.lines[0]) if self.lines else "") or "\n"

    @property
    def undecoded(self) -> str:
        """Name the first byte that isn't valid in the encoding, with its line; "" if all are."""
        # surrogateescape makes U+DC80 to U+DCFF of the bytes 0x80 to 0xFF.
        for number, line in enumerate(self.lines, 1):
            byte = next((char for char in line if "\ud800" <= char <= "\udfff"), "")
            if byte:
                what = f"the byte 0x{ord(byte) & 0xFF:02X} is not UTF-8"
                return f"line {number}: {what}; save the document as UTF-8"
        return ""

    @cached_property
    def blocks(self) -> Blocks:
        """The lines, divided into prose and others."""
        return scan(self.lines)

    @cached_property
    def open_from(self) -> int | None:
        """Index of the first line of a block that nothing closes, such as a code fence or comment.

        Text at the document's end would become a part of it. None if there is no such block.
        """
        text = "".join(self.lines)
        # If a paragraph put at the end isn't a block of its own, an open block has swallowed it.
        text += "" if text.endswith(("\r", "\n")) else "\n"
        last = len(self.lines) + 1
        tokens = [t for t in _tokens(f"{text}\nnext\n") if t.level == 0 and t.map]
        *_, block = tokens
        begin, _ = block.map or (last, last)
        return begin if begin < last else None

    def fields(self, titles: Iterable[str]) -> list[FieldLine]:
        """Return the fields that hold the values of these titles, in order of their lines."""
        return self.find(titles).fields

    def find(self, titles: Iterable[str]) -> Found:
        """Find the fields with these titles, and the lines with a title that can't be updated.

        If a stage's title has fields under several headings, those under one heading are the
        stage's: those with the meanings of its verdicts below them, else the first. A field
        elsewhere is the stage's only if a run has written its value.
        """
        known = {_folded(title): title for title in titles}
        rows = list(self._rows(known))
        found = [*self._prose_fields(known), *(row for row in rows if isinstance(row, FieldLine))]
        others = [row for row in rows if isinstance(row, Unread)]
        belonging = []
        for title in known.values():
            own = sorted((field for field in found if field.title == title), key=lambda f: f.line)
            section = self._section_of(own)
            for field in own:
                of_stage = title not in TAKEN_TITLES and not title.upper().endswith(SINCE)
                elsewhere = of_stage and self.blocks.sections[field.line] != section
                if elsewhere and not _WRITTEN.match(field.value):
                    others.append(Unread(field.line, title, "under another heading"))
                else:
                    belonging.append(field)
        belonging.sort(key=lambda field: field.line)
        known_lines = {n for field in belonging for n in range(field.line, field.last + 1)}
        known_lines |= {other.line for other in others}
        others += self._mentions(known, known_lines)
        return Found(belonging, sorted(others))

    def _section_of(self, fields: Sequence[FieldLine]) -> int:
        """Return the line of the heading above a stage's own field; -1 if there is none.

        `fields` are those of one title, in order.
        """
        sections = [self.blocks.sections[field.line] for field in fields]
        if len(set(sections)) > 1:
            prose = self.blocks.prose
            for field, section in zip(fields, sections, strict=True):
                if _meanings(self.lines, self.blocks, field.line + 1) and prose[field.line]:
                    return section
        return sections[0] if sections else -1

    def _prose_fields(self, known: Mapping[str, str]) -> Iterator[FieldLine]:
        """Yield the fields outside of tables; `known` has the titles by their folded forms."""
        exact = {" ".join(title.split()): title for title in known.values()}
        for index, text in enumerate(self.blocks.prose):
            match = _LABEL.match(text) if text and self.blocks.kinds[index] is not _ROW else None
            if not match:
                continue
            strong, plain = match["strong"], match["plain"]
            # In plain text, case must match: a sentence may begin with the words of a title.
            title = known.get(_folded(strong)) if strong else exact.get(" ".join(plain.split()))
            # In the line itself, whose marks of lists and quotes the prose doesn't have.
            before, label, rest = self.lines[index].partition(match["label"])
            if title is not None and label:
                heading = self.blocks.headings[index] > 0
                value, end = _split(rest, heading=heading)
                field = FieldLine(index, title, before + label, value, end)
                yield self._with_list(field) if title in LISTED_TITLES else field

    def _with_list(self, field: FieldLine) -> FieldLine:
        """Add the numbered list below a field to its value, or note that one can stand there."""
        plain_end = not field.end.strip("\r\n")
        if not (plain_end and field.line in self.blocks.top) or self.blocks.headings[field.line]:
            return field
        at = field.line + 1
        blank = at < len(self.lines) and not self.lines[at].strip()
        items: list[str] = []
        if not field.value and blank:
            for line in self.lines[at + 1 :]:
                number = _ACTION.match(line)
                if not number or int(number[1]) != len(items) + 1:
                    break
                items.append(line.strip())
        after = at + 1 + len(items) if items else at
        if after < len(self.lines) and self.lines[after].strip():
            return field  # the next line would become a part of the last item
        if items:
            last = at + len(items)
            return field._replace(value=" ".join(items), last_line=last, listed=True)
        rest = next((line for line in self.lines[after:] if line.strip()), "")
        # Two lists would become one, and what is indented a part of the last item.
        free = not _ITEM.match(rest) and not rest.startswith((" ", "\t"))
        return field._replace(listed=free)

    def _rows(self, known: Mapping[str, str]) -> Iterator[FieldLine | Unread]:
        """Yield the field of each table's row with a title, or the row if its value isn't clear."""
        for index, row in self.blocks.rows.items():
            for number, (begin, end) in enumerate(row.cells):
                line = self.lines[index]
                title = known.get(_folded(_plain(line[begin:end])))
                if title is None:
                    continue
                column = row.value_column(number)
                if column is None:
                    what = "in a table without one column for its status"
                    yield Unread(index, title, what)
                else:
                    begin, end = row.cells[column]
                    value = line[begin:end]
                    head = line[: begin + len(value) - len(value.lstrip())].rstrip(" \t")
                    text = value.rstrip()
                    tail = line[begin + len(text) :] if text else f" {line[end:]}"
                    yield FieldLine(index, title, head, text.strip(), tail)
                break

    def _mentions(self, known: Mapping[str, str], known_lines: Collection[int]) -> Iterator[Unread]:
        """Yield the lines that state a verdict of a title, apart from those in `known_lines`."""
        # The longest first, since one title may begin with another.
        titles = "|".join(
            r"\s+".join(map(re.escape, title.split()))
            for title in sorted(known.values(), key=len, reverse=True)
            if title not in TAKEN_TITLES
        )
        if not titles:
            return
        states = re.compile(
            rf"(?<!\w)(?P<title>{titles})(?:[^\w\r\n]|</?\w+>){{1,20}}(?:{_WORDS})\b", re.IGNORECASE
        )
        for index, kind in enumerate(self.blocks.kinds):
            if index in known_lines or kind not in (_PROSE, _HTML):
                continue
            match = states.search(self.lines[index])
            title = known.get(_folded(match["title"])) if match else None
            if title is not None:
                shape = "in HTML" if kind is _HTML else "within a line"
                yield Unread(index, title, shape)

    def lone_titles(self, titles: Iterable[str]) -> dict[str, int]:
        """Find the first line on which each title stands alone, as a heading or in bold.

        Titles in a list or quote don't count: a field inserted below them would break the list.

        Returns:
            By title, the index of its line, or of the line that underlines the heading.
        """
        known = {_folded(title): title for title in titles}
        found: dict[str, int] = {}
        for index in sorted(self.blocks.top):
            alone = self.blocks.lone_title(index)
            title = known.get(_folded(alone)) if alone else None
            if title is not None:
                found.setdefault(title, self.blocks.top[index])
        return found


LISTED_TITLES = (TAKEN_TITLES[1],)
"""Titles of fields whose value may be a numbered list below them."""


class Unread(NamedTuple):
    """A line with a title that can't be updated.

    Attributes:
        line: the index of the line.
        title: the stage's.
        where: its place, as the end of a sentence: "in HTML", "within a line".
    """

    line: int
    title: str
    where: str


class Found(NamedTuple):
    """The fields of a document, and the lines with a title that can't be updated, in order."""

    fields: list[FieldLine]
    unread: list[Unread]


class FieldLine(NamedTuple):
    """A line that is a field.

    Attributes:
        line: the index of the line.
        title: the field's.
        head: the line up to the colon, or up to the table's cell.
        value: the value on one line, without blanks around it.
        end: what follows the value: a hard line break, a comment, the line end.
        last_line: the index of the last line of a list that is the value; else None.
        listed: whether the value is a list below the line, or may become one.
    """

    line: int
    title: str
    head: str
    value: str
    end: str
    last_line: int | None = None
    listed: bool = False

    @property
    def last(self) -> int:
        """The index of the value's last line."""
        return self.line if self.last_line is None else self.last_line

    def with_value(self, value: str, lines: Sequence[str], line_end: str) -> str:
        """Return the field's lines with its value replaced.

        Args:
            value: the new one; each further line is an item of a list.
            lines: the document's.
            line_end: for new lines, if the field's line has none.
        """
        tail = self.end if self.last_line is None else _end_of_line(lines[self.last_line])
        items = value.split("\n")
        if not (self.listed and _ACTION.match(items[0])):
            return f"{self.head} {' '.join(items)}{tail}"
        between = self.end or line_end
        return f"{self.head}{between}{between}{between.join(items)}{tail}"


def _split(rest: str, *, heading: bool) -> tuple[str, str]:
    """Split the text after a field's colon into the value and what follows it."""
    body = rest.rstrip("\r\n")
    size = len(body)
    for pattern in (_CLOSING,) * heading + (_BEHIND,):
        behind = pattern.search(body)
        body = body[: behind.start()] if behind else body
    if len(body) == size:
        hard = _HARD_BREAK.search(body)
        size -= len((hard[1] or hard[0]) if hard else "")
        return body[:size].strip(), rest[size:]
    return body.strip(), rest[len(body) :]


def _end_of_line(line: str) -> str:
    """Return the line end of a line; "" if it has none."""
    return line[len(line.rstrip("\r\n")) :]


def _errors(encoding: str) -> str:
    """Return the error handler by which what isn't valid in an encoding can be restored."""
    # UTF-16 can hold lone surrogates, which are no bytes that could be escaped one by one.
    return "surrogateescape" if encoding == "utf-8" else "surrogatepass"


def _plain(cell: str) -> str:
    """Return the words of a table's cell, without emphasis, link or colon."""
    return _LINK.sub(lambda link: link["text"], cell).strip().strip("*_`: ")


def _folded(title: str) -> str:
    """Return the form by which titles are compared: without case, each white space as one blank."""
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
    try:
        document = Document.decode(content)
    except DocumentError as error:
        msg = f"{source} can't be read: {error}"
        raise OutlineError(msg) from None
    if document.undecoded:
        msg = f"{source} {document.undecoded}"
        raise OutlineError(msg)
    lines, blocks = document.lines, document.blocks
    sections: dict[str, Section] = {}
    heading = ""
    notices = []
    for index, text in enumerate(blocks.prose):
        if not text:
            continue
        if blocks.headings[index] == 1 and not heading:
            heading = one_line(text.replace("*", ""))
        # One notice a table, at its first row.
        if _TABLE.match(text) and not (index and _TABLE.match(blocks.prose[index - 1] or "")):
            notices.append(f"{source} line {index + 1}: a table isn't read; {_EXAMPLE}")
        section = _section(lines, blocks, index)
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


def _section(lines: Sequence[str], blocks: Blocks, index: int) -> Section | None:
    """Return the stage whose title is on a line; None if the line has no title of a stage."""
    text = blocks.prose[index] or ""
    label = _LABEL.match(text)
    if _MEANING.match(text) or (label is None and blocks.headings[index] == 1):
        return None
    found = (label["strong"] or label["plain"]) if label else blocks.lone_title(index)
    title = one_line(found or "")
    upper = title.upper()
    if not title or upper in TAKEN_TITLES or upper.endswith(SINCE) or set(title) & set("*:`<>"):
        return None
    meanings = _meanings(lines, blocks, blocks.top.get(index, index) + 1)
    # If no meanings follow, only its form distinguishes a title from "Note: …" or "Status: draft".
    named = upper.endswith(" STATUS") and label and (label["strong"] or title == upper)
    return Section(title=title, line=index + 1, meanings=meanings) if meanings or named else None


def _meanings(lines: Sequence[str], blocks: Blocks, start: int) -> dict[Verdict, str]:
    """Return the meanings below a title, directly or after blank lines, by their verdicts."""
    meanings: dict[Verdict, str] = {}
    last: Verdict | None = None
    for index in range(start, len(lines)):
        text = blocks.prose[index]
        meaning = _MEANING.match(text) if text else None
        if meaning:
            last = Verdict(meaning["verdict"].upper())
            # The same verdict again belongs to something else, such as the next stage.
            if last in meanings:
                break
            meanings[last] = one_line(meaning["text"])
        elif text is None or (text and not (last and _continues_meaning(lines, blocks, index))):
            break
        elif text and last:
            meanings[last] = one_line(f"{meanings[last]} {text}")
        else:
            last = None  # a blank line ends a meaning
    return meanings


def _continues_meaning(lines: Sequence[str], blocks: Blocks, index: int) -> bool:
    """Return whether a line of prose continues the meaning on the line before it."""
    text = blocks.prose[index] or ""
    begins = _LABEL.match(text) or blocks.headings[index] or text.startswith("|")
    return not begins and not _BULLET.match(lines[index]) and blocks.lone_title(index) is None


_PROSE, _ROW, _HTML, _HIDDEN = "prose", "row", "html", "hidden"
"""The kinds of lines. What is hidden (code, comments, front matter) states nothing."""


class Row(NamedTuple):
    """A row of a table.

    Attributes:
        header: the column's headings.
        cells: where each cell's text begins and ends in the line; none if that isn't known.
    """

    header: tuple[str, ...]
    cells: tuple[tuple[int, int], ...]

    def value_column(self, title_column: int) -> int | None:
        """Return the one column that can be a status, beside the title's; None if it isn't clear.

        It has a heading that says so, or is the only other column.
        """
        others = [n for n in range(len(self.header)) if n != title_column]
        named = [n for n in others if _folded(_plain(self.header[n])) in _COLUMNS]
        columns = named or others
        clear = len(columns) == 1 and columns[0] < len(self.cells)
        return columns[0] if clear else None


@dataclass(frozen=True, kw_only=True)
class Blocks:
    """A document's lines, divided into prose and others.

    Attributes:
        prose: each line's text without the marks of quotes, lists and headings; None for code,
            comments, HTML and front matter.
        kinds: of each line.
        headings: the level of the heading that a line is; 0 if it is none.
        sections: the index of the nearest heading at or before each line; -1 if there is none.
        top: for each line of a paragraph or heading outside of lists and quotes, the last line of
            its heading (which may be an underline), else the line itself.
        rows: of tables, by the index of their line.
    """

    prose: tuple[str | None, ...]
    kinds: tuple[str, ...]
    headings: tuple[int, ...]
    sections: tuple[int, ...]
    top: Mapping[int, int]
    rows: Mapping[int, Row]

    def lone_title(self, index: int) -> str | None:
        """Return the title if a line consists of one alone, as a heading or in bold; else None."""
        text = self.prose[index]
        if not text or self.kinds[index] is _ROW:
            return None
        match = (_ALONE_IN_HEADING if self.headings[index] else _ALONE_IN_BOLD).match(text)
        return match["title"] if match else None


def scan(lines: Sequence[str]) -> Blocks:
    """Divide a document's lines into prose, rows of tables, HTML and what is hidden."""
    scanner = _Scanner(lines)
    scanner.run()
    return scanner.blocks


class _Scanner:
    """Goes once through the blocks of a document, and notes for each line what it is."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._prose: list[str | None] = [_EMPTY.sub("", line).strip() for line in lines]
        self._kinds = [_PROSE] * len(lines)
        self._headings = [0] * len(lines)
        self._top: dict[int, int] = {}
        self._rows: dict[int, Row] = {}
        self._header: tuple[str, ...] = ()

    @property
    def blocks(self) -> Blocks:
        sections: list[int] = []
        for index, level in enumerate(self._headings):
            begins = level and not (index and self._headings[index - 1])
            sections.append(index if begins else (sections[-1] if sections else -1))
        return Blocks(
            prose=tuple(self._prose),
            kinds=tuple(self._kinds),
            headings=tuple(self._headings),
            sections=tuple(sections),
            top=self._top,
            rows=self._rows,
        )

    def run(self) -> None:
        matter = _front_matter(self._lines)
        self._hide(0, matter, _HIDDEN)
        # CommonMark has no front matter. Empty lines in its place keep the numbers of the others.
        text = "\n" * matter + "".join(self._lines[matter:])
        open_tokens: list[Token] = []
        before: list[str] = ["", ""]
        for token in _tokens(text):
            begin, end = token.map or (0, 0)
            if token.type in ("fence", "code_block"):
                self._hide(begin, end, _HIDDEN)
            elif token.type == "html_block":
                comment = self._lines[begin].lstrip(" \t>").startswith("<!--")
                self._hide(begin, end, _HIDDEN if comment else _HTML)
            elif token.type == "tr_open":
                self._take_row(begin, outermost=len(open_tokens) < 3)
            elif token.type == "inline" and open_tokens[-1].type in _OF_TEXT:
                in_item = before[-2] == "list_item_open"
                self._take_text(token, open_tokens, in_item=in_item)
            if token.nesting > 0:
                open_tokens.append(token)
            elif token.nesting < 0:
                open_tokens.pop()
            before.append(token.type)

    def _hide(self, begin: int, end: int, kind: str) -> None:
        """Note that the lines from `begin` up to `end` are no prose."""
        for index in range(begin, min(end, len(self._lines))):
            self._prose[index] = None
            self._kinds[index] = kind

    def _take_text(self, token: Token, outer: Sequence[Token], *, in_item: bool) -> None:
        """Note the lines of a paragraph or heading.

        Args:
            token: its text.
            outer: the blocks that it is in, from the outermost to its own.
            in_item: it is the first in a list item, so it may begin with a task's box.
        """
        begin, _ = token.map or (0, 0)
        block = outer[-1]
        level = int(block.tag[1]) if block.type == "heading_open" else 0
        texts = token.content.split("\n")
        if in_item:
            texts[0] = _TASK.sub("", texts[0], count=1) if _TASK.match(texts[0]) else texts[0]
        last = (block.map or (0, begin + 1))[1] - 1
        comment = False
        for index, line in enumerate(texts, begin):
            if comment:
                # The comment began in a line of prose.
                self._hide(index, index + 1, _HIDDEN)
                comment = "-->" not in line
                continue
            self._prose[index] = line.strip()
            self._headings[index] = level
            # A comment that begins here and doesn't end in this line; one in code is text.
            comment = "<!--" in _CODE_SPAN.sub("", line).rpartition("-->")[2]
            if len(outer) == 1:
                self._top[index] = last if level else index
        if level:
            for index in range(begin, last + 1):
                self._headings[index] = level

    def _take_row(self, index: int, *, outermost: bool) -> None:
        """Note a table's row; `outermost`: the table is in no list or quote."""
        self._kinds[index] = _ROW
        self._prose[index] = self._lines[index].strip()
        spans = _cells(self._lines[index])
        if index == 0 or self._kinds[index - 1] is not _ROW:
            self._header = tuple(self._lines[index][begin:end] for begin, end in spans)
            if index + 1 < len(self._lines):
                self._kinds[index + 1] = _ROW  # the line below the headings
            self._rows[index] = Row((), spans)
            return
        # In a list or quote, the line has marks that aren't a cell's.
        self._rows[index] = Row(self._header if outermost else (), spans)


_OF_TEXT = ("paragraph_open", "heading_open")


def _cells(line: str) -> tuple[tuple[int, int], ...]:
    """Return where the cells of a table's row begin and end."""
    # An escaped pipe is text of its cell. The first and the last pipe of a row may be left out.
    pipes = [match.start() for match in re.finditer(r"(?<!\\)\|", line)]
    bounds = [-1, *pipes, len(line.rstrip("\r\n"))]
    spans = [(a + 1, b) for a, b in pairwise(bounds)]
    if spans and not line[slice(*spans[0])].strip():
        spans.pop(0)
    if spans and not line[slice(*spans[-1])].strip():
        spans.pop()
    return tuple(spans)


def _front_matter(lines: Sequence[str]) -> int:
    """Return how many lines of front matter a document begins with."""
    first = lines[0].rstrip() if lines else ""
    if first not in _FRONT_MATTER:
        return 0
    ends, key, other = _FRONT_MATTER[first]
    keys = 0
    for index, line in enumerate(lines[1:], 1):
        if line.rstrip() in ends:
            return index + 1 if keys else 0
        keys += bool(key.match(line))
        # Anything else is a document that begins with a rule.
        if line.strip() and not key.match(line) and not other.match(line):
            return 0
    return 0


def _tokens(text: str) -> list[Token]:
    """Parse the blocks of a document by CommonMark, with tables."""
    # Imported here, since a run that makes its document anew reads none.
    from markdown_it import MarkdownIt

    # Only the blocks: what stands within a line is found by the patterns above.
    return MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"]).parse(text)
