"""The variables of a `.env` file."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'"]+)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>[^\n]*))""",
    re.MULTILINE | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(text: str) -> dict[str, str]:
    """Return the variables of a `.env` file by name.

    A line is `NAME=value`, with or without `export` and quotes; other lines are ignored. A value
    without quotes ends before a comment. References such as `${NAME}` aren't expanded, and nothing
    is an error: the values are only redacted, and redacting too much does no harm.
    """
    variables = {}
    for match in _LINE.finditer(text.replace("\r\n", "\n").removeprefix("\ufeff")):
        single, double, bare = match["single"], match["double"], match["bare"]
        if single is not None:
            value = single
        elif double is not None:
            value = _ESCAPED.sub(lambda escape: _ESCAPES.get(escape[1], escape[1]), double)
        else:
            value = re.split(r"\s#", bare, maxsplit=1)[0].strip()
        variables[match["name"]] = value
    return variables
