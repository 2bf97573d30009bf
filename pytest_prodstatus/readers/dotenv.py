"""The variables of a `.env` file, read as python-dotenv reads them, and the lines that it can't.

A test may see more in such a file than its variables: another reader understands a line in another
way, and an error shows the line. So the words of every line that can't be read count as secrets.
"""

from __future__ import annotations

import io
import re
import shlex
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from pytest_prodstatus.model.text import encoding_of

# The beginning of a line that was meant as an assignment: the name isn't a secret.
_NAME = re.compile(r"\s*(?:export\s+)?(?:[\w.-]+\s*[=:]\s*|[A-Z_][A-Z0-9_]*\s+)")
_VARIABLE = re.compile(r"[\w.-]+")
# A name alone assigns nothing. In other letters it is rather the next line of a long value.
_BARE_NAME = re.compile(r"[A-Z_][A-Z0-9_]*")
_BETWEEN_WORDS = re.compile(r"[\s'\"`]+")


class Dotenv(NamedTuple):
    """The content of a `.env` file.

    Attributes:
        variables: the values by name.
        words: the words on the lines that can't be read, which count as secrets.
        unread: the numbers of these lines, from 1.
    """

    variables: Mapping[str, str]
    words: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()

    def unread_sentence(self, source: str) -> str:
        """Name the lines that can't be read, without their content; "" if there are none."""
        if not self.unread:
            return ""
        shown = ", ".join(map(str, self.unread[:5])) + (", …" if self.unread[5:] else "")
        return (
            f"{source} line {shown}: this is not NAME=value as python-dotenv reads it, so every "
            "word there counts as a secret; write NAME='value'"
        )


def read_dotenv(content: bytes, environ: Mapping[str, str]) -> Dotenv:
    """Read a `.env` file; a line that can't be read is returned as such, and is no error.

    `${NAME}` stands for an earlier variable of the file, else for one of `environ`, else for
    nothing or the default in `${NAME:-default}`.

    Args:
        content: the file's bytes.
        environ: the process's variables.
    """
    # Its parser, because `dotenv_values` only logs a warning about a line that it can't read.
    from dotenv.parser import parse_stream
    from dotenv.variables import parse_variables

    variables: dict[str, str] = {}
    known = ChainMap(variables, dict(environ))
    words: dict[str, None] = {}
    unread = []
    for binding in parse_stream(io.StringIO(_decoded(content), newline="")):
        name, value = binding.key, binding.value
        named = name is not None and _VARIABLE.fullmatch(name)
        if named and value is not None:
            atoms = parse_variables(value)
            variables[str(name)] = "".join(atom.resolve(known) for atom in atoms)
        elif binding.error or (name is not None and not _BARE_NAME.fullmatch(name)):
            line = binding.original.string
            # The text of a binding begins with the blank lines before it.
            words.update(dict.fromkeys(_words(line)))
            before = line[: len(line) - len(line.lstrip())]
            unread.append(binding.original.line + len(re.findall(r"\r\n|\r|\n", before)))
    return Dotenv(variables, tuple(words), tuple(unread))


def _words(line: str) -> Iterator[str]:
    """Yield what a line that can't be read may hold: the whole value, and each word of it."""
    value = _NAME.sub("", line, count=1).strip()
    yield value
    yield from _BETWEEN_WORDS.split(value)
    try:
        yield from shlex.split(value, comments=True)  # a shell's value of several quoted parts
    except ValueError:
        return


def _decoded(content: bytes) -> str:
    """Decode a file in any encoding without an error: the ASCII in it is what matters."""
    mark, encoding = encoding_of(content)
    text = content[len(mark) :]
    if not mark:
        text = text.replace(b"\0", b"")  # ASCII in UTF-16 without a mark
    try:
        return text.decode(encoding)
    except UnicodeDecodeError:
        return text.decode("latin-1")  # which has a character for every byte
