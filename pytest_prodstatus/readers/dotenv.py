"""The variables of a `.env` file."""

from __future__ import annotations

import re

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'"]+)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>[^\n]*))""",
    re.MULTILINE | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(text: str) -> dict[str, str]:
    """Return the variables of a `.env` file: `NAME=value`, quoted or not, `export` or not.

    What is no such line is left out. A bare value ends before a comment; to redact more than was
    meant does no harm, so nothing is expanded and nothing refused.
    """
    found = {}
    for match in _LINE.finditer(text.replace("\r\n", "\n").removeprefix("\ufeff")):
        single, double, bare = match["single"], match["double"], match["bare"]
        if single is not None:
            value = single
        elif double is not None:
            value = _ESCAPED.sub(lambda escape: _MEANT.get(escape[1], escape[1]), double)
        else:
            value = re.split(r"\s#", bare, maxsplit=1)[0].strip()
        found[match["name"]] = value
    return found
