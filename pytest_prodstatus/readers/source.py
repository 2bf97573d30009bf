"""Where a test function stands in a Python source, read without importing it."""

from __future__ import annotations

import ast
from collections.abc import Sequence


def line_of(source: str, names: Sequence[str]) -> int | None:
    """Return the line on which a function is defined; None where the source hasn't got it.

    Args:
        source: a Python file's text.
        names: the classes around it from the outside in, then the function, without parameters.
    """
    try:
        body: Sequence[ast.stmt] = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    line = None
    for name in names:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        found = [node for node in body if isinstance(node, kinds) and node.name == name]
        if not found:
            return None
        # Of two that share a name Python keeps the last.
        line, body = found[-1].lineno, found[-1].body
    return line
