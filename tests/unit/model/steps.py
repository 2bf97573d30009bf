"""Counts the steps of a backtracking search, as Python's own engine takes them.

A duration depends on the machine, the number of steps only on the pattern and the text.
"""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

if sys.version_info >= (3, 11):
    from re import _constants as codes  # type: ignore[attr-defined]
    from re import _parser as parser  # type: ignore[attr-defined]
else:
    import sre_constants as codes
    import sre_parse as parser

Node: TypeAlias = tuple[Any, Any]
Continue: TypeAlias = Callable[[int], "int | None"]

_CATEGORIES = {
    codes.CATEGORY_SPACE: re.compile(r"\s"),
    codes.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    codes.CATEGORY_WORD: re.compile(r"\w"),
    codes.CATEGORY_NOT_WORD: re.compile(r"\W"),
    codes.CATEGORY_DIGIT: re.compile(r"\d"),
}
_ONE = (codes.LITERAL, codes.NOT_LITERAL, codes.ANY, codes.IN)


def steps_of(pattern: re.Pattern[str], text: str) -> int:
    """Return how many steps it takes to find all matches of a pattern in a text."""
    with _deep_recursion():
        return _Search(pattern, text).run()


@contextmanager
def _deep_recursion() -> Iterator[None]:
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(40_000)
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


_parsed = functools.cache(parser.parse)


class _Search:
    def __init__(self, pattern: re.Pattern[str], text: str) -> None:
        self._nodes: Any = _parsed(pattern.pattern, pattern.flags)
        self._text = text
        self._folded = bool(pattern.flags & re.IGNORECASE)
        self._steps = 0

    def run(self) -> int:
        at = 0
        while at <= len(self._text):
            end = self._match(self._nodes, 0, at, lambda end: end)
            at = end if end is not None and end > at else at + 1
        return self._steps

    def _match(self, nodes: Sequence[Node], index: int, at: int, then: Continue) -> int | None:
        """Match the rest of a sequence and what follows; return the end of it all, or None."""
        if index == len(nodes):
            return then(at)
        self._steps += 1
        code, value = nodes[index]

        def go_on(end: int) -> int | None:
            return self._match(nodes, index + 1, end, then)

        if code in _ONE:
            fits = at < len(self._text) and self._fits(code, value, self._text[at])
            return go_on(at + 1) if fits else None
        if code is codes.SUBPATTERN:
            return self._match(list(value[-1]), 0, at, go_on)
        if code is codes.BRANCH:
            for option in value[1]:
                end = self._match(list(option), 0, at, go_on)
                if end is not None:
                    return end
            return None
        if code in (codes.MAX_REPEAT, codes.MIN_REPEAT):
            assert code is codes.MAX_REPEAT, "no pattern is lazy"
            least, most, inner = value
            return self._repeat(list(inner), int(least), int(most), at, go_on)
        if code is codes.AT:
            return go_on(at) if self._at(value, at) else None
        if code in (codes.ASSERT, codes.ASSERT_NOT):
            direction, inner = value
            begin = at if direction > 0 else at - inner.getwidth()[0]
            holds = begin >= 0 and self._match(list(inner), 0, begin, lambda end: end) is not None
            return go_on(at) if holds is (code is codes.ASSERT) else None
        raise NotImplementedError(str(code))

    def _repeat(
        self, inner: Sequence[Node], least: int, most: int, at: int, then: Continue
    ) -> int | None:
        if len(inner) == 1 and inner[0][0] in _ONE:
            count = 0
            while count < most and at + count < len(self._text):
                self._steps += 1
                if not self._fits(*inner[0], self._text[at + count]):
                    break
                count += 1
            while count >= least:
                self._steps += 1
                end = then(at + count)
                if end is not None:
                    return end
                count -= 1
            return None

        def again(end: int) -> int | None:
            # An item that matched nothing isn't repeated.
            return self._repeat(inner, max(0, least - 1), most - 1, end, then) if end > at else None

        if most > 0:
            end = self._match(inner, 0, at, again)
            if end is not None:
                return end
        return then(at) if least == 0 else None

    def _fits(self, code: Any, value: Any, char: str) -> bool:
        if code is codes.ANY:
            return char != "\n"
        if code is codes.LITERAL:
            return self._same(value, char)
        if code is codes.NOT_LITERAL:
            return not self._same(value, char)
        negated = value[0][0] is codes.NEGATE
        return negated is not any(self._in(kind, item, char) for kind, item in value[negated:])

    def _in(self, code: Any, value: Any, char: str) -> bool:
        if code is codes.LITERAL:
            return self._same(value, char)
        if code is codes.RANGE:
            return bool(value[0] <= ord(char) <= value[1])
        return bool(_CATEGORIES[value].match(char))

    def _same(self, code: int, char: str) -> bool:
        # A flag within a pattern, as in (?i:…), isn't followed: lower case is enough for the texts.
        return chr(code) == char or (self._folded and chr(code).lower() == char.lower())

    def _at(self, value: Any, at: int) -> bool:
        if value is codes.AT_BOUNDARY:
            before, after = self._text[at - 1 : at], self._text[at : at + 1]
            return bool(re.match(r"\w", before)) is not bool(re.match(r"\w", after))
        return at == len(self._text)
