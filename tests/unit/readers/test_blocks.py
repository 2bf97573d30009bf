"""Which lines of a Markdown text are prose: checked against markdown-it-py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from pytest_prodstatus.readers.markdown import scan
from tests.unit import properties  # noqa: F401  the profile


def prose(text: str) -> list[str]:
    """Return the lines that are prose, without the blank ones."""
    return [line for line in scan(text.splitlines(keepends=True)).prose if line]


CASES = {
    "plain": ("a\n\nb\n", ["a", "b"]),
    "a fence": ("a\n```\nno\n```\nb\n", ["a", "b"]),
    "a fence with tildes": ("~~~ python\nno\n```\nno\n~~~\nb\n", ["b"]),
    "a longer fence": ("````\n```\nno\n````\nb\n", ["b"]),
    "a closing fence has nothing behind it": ("```\n``` x\nno\n```\nb\n", ["b"]),
    "an indented fence": ("   ```\nno\n  ```\nb\n", ["b"]),
    "a fence that is indented code closes nothing": ("```\nno\n    ```\nno\n```\nb\n", ["b"]),
    "no fence: a code span": ("``` a ``` b\nc\n", ["``` a ``` b", "c"]),
    "two backticks are no fence": ("``\na\n", ["``", "a"]),
    "a fence in a list item": ("- a\n  ```\n  no\n  ```\n  b\n", ["a", "b"]),
    "a fence in a nested list item": (
        "1. a\n   - b\n     ```\n     no\n     ```\n   c\n",
        ["a", "b", "c"],
    ),
    "a fence on the item's own line": ("- ```\n  no\n  ```\n- b\n", ["b"]),
    "an item ends its fence": ("- ```\n  no\nb\n", ["b"]),
    "a fence in a quote": ("> ```\n> no\n> ```\n> b\nc\n", ["b", "c"]),
    "a quote ends its fence": ("> ```\n> no\nb\n", ["b"]),
    "a quote in an item": ("- > ```\n  > no\n  > ```\n  > b\n", ["b"]),
    "a blank line in an item's fence": ("- ```\n\n  no\n  ```\n", []),
    "a comment": ("a\n\n<!-- no\nno\n-->\nb\n", ["a", "b"]),
    "a comment on one line": ("<!-- no -->\nb\n", ["b"]),
    "a comment with blank lines": ("<!--\n\nno\n\n-->\nb\n", ["b"]),
    "a comment in an item": ("- a\n  <!--\n  no\n  -->\n  b\n", ["a", "b"]),
    "a comment in prose": ("a <!-- b\nno\n--> no\nc\n", ["a <!-- b", "c"]),
    "a comment in prose ends with its paragraph": ("a <!-- b\nno\n\nc\n", ["a <!-- b", "c"]),
    "a whole comment in prose": ("a <!-- b --> c\nd\n", ["a <!-- b --> c", "d"]),
    "a comment's mark in a code span": ("a `<!--` b\nc\n", ["a `<!--` b", "c"]),
    "preformatted": ("<pre>\nno\n\nno\n</pre>\nb\n", ["b"]),
    "a script": ("<script>no\nno</script>\nb\n", ["b"]),
    "a quote's mark is no prose": ("> a\n>b\n", ["a", "b"]),
    "indented code keeps its indentation": ("a\n\n    b\n", ["a", "    b"]),
    "an item after a code block": ("- a\n\n      b\n", ["a", "    b"]),
    "a paragraph goes on without its item's mark": ("- a\nb\n  ```\n  no\nc\n", ["a", "b", "c"]),
    "a paragraph goes on without its quote's mark": ("> a\nb\n> c\n", ["a", "b", "c"]),
    "an empty item": ("-\n  a\n", ["a"]),
    "tabs": ("-\ta\n\n\tb\n", ["a", "b"]),
    "CR LF": ("```\r\nno\r\n```\r\nb\r\n", ["b"]),
}


@pytest.mark.parametrize(("text", "left"), CASES.values(), ids=list(CASES))
def test_what_is_left_as_prose(text: str, left: list[str]) -> None:
    """Code and comments are not; quote and list marks are taken away."""
    assert prose(text) == left


@pytest.mark.parametrize(
    ("text", "at"),
    [("a\n```\nb\n", 1), ("```\n", 0), ("a\n<!--\nb\n", 1), ("- ```\n", None), ("> ```\n", None),
     ("a <!-- b\n", None), ("```\n```\n", None), ("", None), ("<pre>\n", 0)],
)  # fmt: skip
def test_what_nothing_closes(text: str, at: int | None) -> None:
    """Where an open fence or comment began that swallows whatever is added at the end."""
    assert scan(text.splitlines(keepends=True)).open_from == at


PIECES = [
    "FIELD", "text", "", "", "```", "````", "~~~", "<!--", "-->", "  ```", "> quoted", "> ```", ">",
    "- item", "- ```", "  inside", "  - nested", "    ```", "    deep", "1. one", "   ```", "# h",
]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_it_agrees_with_a_whole_parser(lines: list[str]) -> None:
    """A plain line that markdown-it-py puts into code or a comment is no prose, and back."""
    text = "".join(f"{line}\n" for line in lines)
    hidden: set[int] = set()
    for token in MarkdownIt("commonmark").parse(text):
        if token.type in ("fence", "code_block", "html_block") and token.map:
            hidden |= set(range(*token.map))
    found = scan(text.splitlines(keepends=True)).prose
    plain = [n for n, line in enumerate(lines) if line == "FIELD"]
    assert [n for n in plain if found[n] is None] == [n for n in plain if n in hidden]
