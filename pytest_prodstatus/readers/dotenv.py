"""Which variables hold secrets, by their names; and the variables of a `.env` file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from pytest_prodstatus.model.redaction import is_secret_name

_LINE = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?(?P<name>[^\s=#'"]+)[ \t]*=[ \t]*
    (?:'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|(?P<bare>[^\n]*))""",
    re.MULTILINE | re.VERBOSE,
)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_MEANT = {"n": "\n", "r": "\r", "t": "\t"}


class SecretNames:
    """Tells by its name whether a variable holds a secret.

    Args:
        patterns: of the project, beside the usual endings: `*_PIN` names more secrets, and
            `!CACHE_KEY` says that one isn't; the last that fits decides. Case doesn't matter.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = tuple(pattern.upper() for pattern in patterns)
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        # The same few names are asked about before every text of a run.
        if name not in self._known:
            self._known[name] = self._holds(name)
        return self._known[name]

    def _holds(self, name: str) -> bool:
        meant = is_secret_name(name)
        for pattern in self._patterns:
            if fnmatchcase(name.upper(), pattern.removeprefix("!")):
                meant = not pattern.startswith("!")
        return meant

    def among(self, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield name and value of each variable that holds a secret."""
        for name in list(variables):
            value = variables.get(name) if name in self else None
            if value is not None:
                yield name, value


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
