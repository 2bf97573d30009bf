"""Whether an expression for pytest's `-m` asks for the tests that are marked `production`.

pytest offers no public way to evaluate one, and has to be asked before anything is collected. The
grammar is the one that pytest documents under "Working with custom markers".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import product
from typing import TypeAlias

MARK = "production"
"""The mark that every criterion carries."""

_TOKEN = re.compile(
    r"\s*(?:(?P<word>[\w:+\-.\[\]\\/]+)(?P<call>\([^()]*=[^()]*\))?|(?P<sign>[()]))"
)
_MOST = 12
"""Other marks in one expression whose combinations are tried; more would take too long."""

_Node: TypeAlias = Callable[[Mapping[str, bool]], bool]


def asks_for_production(expression: str) -> bool:
    """Return whether an expression can be true of a production test only because it is one.

    `production and not slow` asks for production; `not production` and `not slow` don't. An
    expression that can't be read asks for nothing, since pytest refuses it.
    """
    if MARK not in expression:
        return False
    try:
        parser = _Parser(expression)
        node = parser.whole()
    except ValueError:
        return False
    others = sorted(parser.names - {MARK})
    if len(others) > _MOST:
        return MARK in parser.names
    for values in product((False, True), repeat=len(others)):
        rest = dict(zip(others, values, strict=True))
        if node({**rest, MARK: True}) and not node({**rest, MARK: False}):
            return True
    return False


class _Parser:
    """Reads one expression by recursive descent.

    Attributes:
        names: the marks that were met; one with arguments counts as a mark of its own.
    """

    def __init__(self, expression: str) -> None:
        self.names: set[str] = set()
        self._tokens: list[tuple[str, str]] = []
        at, text = 0, expression.strip()
        while at < len(text):
            found = _TOKEN.match(text, at)
            if not found:
                msg = f"{expression!r} can't be read at {at}"
                raise ValueError(msg)
            self._tokens.append((found["word"] or found["sign"], found["call"] or ""))
            at = found.end()
        self._tokens.reverse()

    def whole(self) -> _Node:
        """Read all of it.

        Raises:
            ValueError: it is not an expression.
        """
        node = self._any()
        if self._tokens:
            msg = f"unexpected {self._tokens[-1][0]!r}"
            raise ValueError(msg)
        return node

    def _next_is(self, word: str) -> bool:
        if self._tokens and self._tokens[-1] == (word, ""):
            self._tokens.pop()
            return True
        return False

    def _any(self) -> _Node:
        node = self._all()
        while self._next_is("or"):
            node = _either(node, self._all())
        return node

    def _all(self) -> _Node:
        node = self._one()
        while self._next_is("and"):
            node = _both(node, self._one())
        return node

    def _one(self) -> _Node:
        if self._next_is("not"):
            inner = self._one()
            return lambda values: not inner(values)
        if self._next_is("("):
            inner = self._any()
            if not self._next_is(")"):
                msg = "a parenthesis is not closed"
                raise ValueError(msg)
            return inner
        if not self._tokens or self._tokens[-1][0] in ("and", "or", ")"):
            msg = "a mark is missing"
            raise ValueError(msg)
        name = "".join(self._tokens.pop())
        self.names.add(name)
        return lambda values: values[name]


def _either(left: _Node, right: _Node) -> _Node:
    return lambda values: left(values) or right(values)


def _both(left: _Node, right: _Node) -> _Node:
    return lambda values: left(values) and right(values)
