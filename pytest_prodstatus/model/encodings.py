"""The forms in which a secret value may stand in a text: as it is, escaped, or encoded.

Separate from the redactor because it is all regular expressions: each form is one pattern, with an
anchor, a part of the value that no encoding changes, by which most texts are told apart at once.
"""

from __future__ import annotations

import base64
import re
from functools import cached_property
from html.entities import codepoint2name

_PERCENT = "%(?:25)*"
"""A percent sign, also one that was encoded itself."""
_AMPERSAND = "&(?:amp;)*"
_BACKSLASH = rf"(?:\\|{_PERCENT}5[Cc]|{_AMPERSAND}(?:bsol|#0*92|#[xX]0*5[Cc]);)"
_ESCAPE = f"{_BACKSLASH}{{1,15}}"
"""The backslashes of an escape; each time a text is escaped anew they double."""
_SPACE = (
    rf"(?:(?:\s|\+|{_ESCAPE}(?:[nrtvf]|x\w\w|u\w{{4}})|{_PERCENT}\w\w|{_AMPERSAND}(?:nbsp|#\w+);)+"
    # Where a report folded a long text, the next line begins with a margin.
    r"(?:E\s+)?)"
)
"""White space of any kind and length; what was one kind may have become another."""


class Form:
    """One form of one value.

    Args:
        value: the secret, as it was given.
        anchor: text that stands in every occurrence; "" where there is none.
        source: the pattern of an occurrence.
    """

    def __init__(self, value: str, anchor: str, source: str) -> None:
        self.value = value
        self.anchor = anchor
        self._source = source

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """What an occurrence looks like."""
        # Compiled when its anchor is first met, which for most secrets is never.
        return re.compile(self._source)


def forms_of(value: str) -> list[Form]:
    """Return every form of a value, which isn't empty.

    The value with any of its characters escaped as URLs, JSON, HTML, Python and shells do, also
    more than once; its bytes in hexadecimal; and in base64, alone or inside a longer text.
    """
    data = value.encode("utf-8", "surrogatepass")
    hexadecimal = data.hex()
    return [
        Form(value, _anchor(value), _escaped(value)),
        *(Form(value, digits, digits) for digits in sorted({hexadecimal, hexadecimal.upper()})),
        *(Form(value, _anchor(core), _in_base64(core)) for core in _cores(data)),
    ]


def _anchor(value: str) -> str:
    """Return the longest part of a value that no encoding changes."""
    return max(re.findall(r"[A-Za-z0-9_]+", value), key=len, default="")


def _escaped(value: str) -> str:
    # Runs of one kind are one element, so that the pattern can't go astray on a long run.
    parts = re.findall(r"\s+|\\+|[^\s\\]", value)
    return "".join(map(_element, parts))


def _element(part: str) -> str:
    if part.isspace():
        return _SPACE
    if part.startswith("\\"):
        return f"{_BACKSLASH}{{1,200}}"
    if part == "_" or (part.isascii() and part.isalnum()):
        return part
    return _character(part)


def _character(char: str) -> str:
    code = ord(char)
    octets = [f"{octet:02x}" for octet in char.encode("utf-8", "surrogatepass")]
    units = char.encode("utf-16-be", "surrogatepass").hex()
    names = [f"#0*{code}", f"#[xX]0*{_digits(f'{code:x}')}"]
    if code in codepoint2name:
        names.append(codepoint2name[code])
    plain = [
        # A shell's quotes within quotes.
        r"""'(?:"'"')?'?""" if char == "'" else re.escape(char),
        "".join(_PERCENT + _digits(octet) for octet in octets),
        f"{_AMPERSAND}(?:{'|'.join(names)});",
    ]
    escapes = [
        _ESCAPE.join(["", *(f"u{_digits(units[at : at + 4])}" for at in range(0, len(units), 4))]),
        f"{_ESCAPE}U{_digits(f'{code:08x}')}",
        _ESCAPE.join(["", *(f"x{_digits(octet)}" for octet in octets)]),
    ]
    if char == "\b":
        escapes.append(f"{_ESCAPE}b")  # the one short escape of JSON that isn't white space
    if code <= 0xFF:
        escapes.append(f"{_ESCAPE}x{_digits(f'{code:02x}')}")
    return f"(?:(?:{_ESCAPE})?(?:{'|'.join(plain)})|{'|'.join(escapes)})"


def _digits(text: str) -> str:
    """Return a pattern of hexadecimal digits in either case."""
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in text)


def _cores(data: bytes) -> list[str]:
    """Return the base64 digits that depend on `data` alone, for each way it may be aligned."""
    cores = []
    for before in range(3):
        text = base64.b64encode(bytes(before) + data + b"\0\0").decode("ascii")
        begin, end = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        cores.append(text[begin:end])
    return cores


def _in_base64(core: str) -> str:
    """Return the pattern of a core in either alphabet, with the digits it shares with others."""
    plus, slash = rf"(?:[+-]|{_PERCENT}2[Bb])", rf"(?:\\*/|_|{_PERCENT}2[Ff])"
    digits = "".join({"+": plus, "/": slash}.get(char, char) for char in core)
    return rf"[A-Za-z0-9+/_-]{{0,2}}{digits}[A-Za-z0-9+/_-]{{0,2}}"
