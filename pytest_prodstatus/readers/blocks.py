"""Which lines of a Markdown text are prose, and which are code or comment.

As much of CommonMark's block structure as decides that: quotes and list items (nested), code
fences, HTML comments and `<pre>`-like blocks. Indented code keeps its indentation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

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
