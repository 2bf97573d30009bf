"""The pages of the documentation: their fenced blocks, links, anchors and inline code.

A comment right above a fenced block says what becomes of it; it doesn't show in the rendered page:

    <!-- file: NAME -->         the block is this file; each reader writes it
    <!-- append: NAME -->       the block is the end of this file
    <!-- ends with: 0 10 -->    its commands end with one of these; by default with 0
    <!-- not run: REASON -->    its commands are only parsed, for one of the reasons in NOT_RUN
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[3]
PAGES = tuple(
    str(path.relative_to(ROOT))
    for path in sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md")])
)
"""Every page, by its path from the root."""

COMMANDS = ("console", "sh")
"""Languages of the blocks that hold commands: with their output after a `$`, or without any."""

_DIRECTIVE = re.compile(r"<!-- (file|append|ends with|not run): (.+) -->")


@dataclass(frozen=True, kw_only=True)
class Block:
    """One fenced block.

    Attributes:
        page: that it stands on.
        line: of its fence, from 1.
        language: what stands behind the fence.
        text: what is in it.
        directive: what the comment above it says, and its value; both "" without one.
    """

    page: str
    line: int
    language: str
    text: str
    directive: tuple[str, str]

    @property
    def place(self) -> str:
        """How a message calls it."""
        return f"{self.page}:{self.line}"

    def value(self, name: str) -> str:
        """Return the value of a directive; "" where the block has another one or none."""
        return self.directive[1] if self.directive[0] == name else ""

    @property
    def holds_commands(self) -> bool:
        """Whether a reader types what is in it."""
        return self.language in COMMANDS and not self.value("file")

    @property
    def steps(self) -> list[tuple[str, str]]:
        """Its commands, each with the output that the page shows of it ("" for none)."""
        if self.language != "console":
            return [(self.text.strip("\n"), "")]
        steps: list[tuple[str, str]] = []
        for line in self.text.splitlines(keepends=True):
            if line.startswith("$ "):
                steps.append((line[2:], ""))
            elif steps and not steps[-1][1] and steps[-1][0].endswith("\\\n"):
                steps[-1] = (steps[-1][0] + line, "")
            else:
                assert steps, f"{self.place}: output before the first command"
                steps[-1] = (steps[-1][0], steps[-1][1] + line)
        return [(command.rstrip("\n"), output) for command, output in steps]


@cache
def text_of(page: str) -> str:
    """Return a page's text."""
    return (ROOT / page).read_text(encoding="utf-8")


@cache
def tokens_of(page: str) -> tuple[Token, ...]:
    """Return a page as its parser sees it."""
    return tuple(MarkdownIt("commonmark").enable("table").parse(text_of(page)))


@cache
def blocks_of(page: str) -> tuple[Block, ...]:
    """Return a page's fenced blocks, in their order."""
    found = []
    tokens = tokens_of(page)
    for before, token in zip((None, *tokens), tokens, strict=False):
        if token.type == "fence":
            content = before.content.strip() if before and before.type == "html_block" else ""
            match = _DIRECTIVE.fullmatch(content)
            found.append(
                Block(
                    page=page,
                    line=(token.map or [0])[0] + 1,
                    language=token.info.strip(),
                    text=token.content,
                    directive=(match[1], match[2]) if match else ("", ""),
                )
            )
    return tuple(found)


def blocks() -> Iterator[Block]:
    """Yield the blocks of all pages."""
    for page in PAGES:
        yield from blocks_of(page)


def inline(page: str) -> Iterator[Token]:
    """Yield the tokens of a page's running text: its links, images and inline code."""
    for token in tokens_of(page):
        yield from token.children or ()


def anchors(page: str) -> set[str]:
    """Return the anchors that a page's headings get, as GitHub makes them."""
    found: set[str] = set()
    tokens = tokens_of(page)
    for token, content in pairwise(tokens):
        if token.type == "heading_open":
            title = "".join(child.content for child in content.children or ())
            anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
            count = sum(1 for name in found if re.fullmatch(rf"{re.escape(anchor)}(-\d+)?", name))
            found.add(f"{anchor}-{count}" if count else anchor)
    return found
