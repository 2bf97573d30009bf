"""The stages that a status document of another hand tells of: its titles and their three meanings.

A title is a line of a field (`**OAUTH STATUS:** …`, `OAUTH STATUS:`, `## OAUTH STATUS: …`) or one
that stands alone as a heading or in bold (`## OAuth status`). Below it, each meaning begins with
its verdict: `- CONFIRMED: …`, `FAILED = …`, `* **BLOCKED** - …`. Tables aren't read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pytest_prodstatus.model.catalogue import SINCE, TAKEN_TITLES
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict
from pytest_prodstatus.readers.blocks import scan
from pytest_prodstatus.readers.document import LABEL, Document, lone_title

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
    lines = Document.decode(content).lines
    prose = scan(lines).prose
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
    label = LABEL.match(text)
    if _MEANING.match(text) or (label is None and _TOP.match(text)):
        return None
    found = (label["strong"] or label["plain"]) if label else lone_title(text)
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
    begins = LABEL.match(text) or text.lstrip().startswith(("#", "|"))
    return not begins and not _BULLET.match(line) and lone_title(text) is None
