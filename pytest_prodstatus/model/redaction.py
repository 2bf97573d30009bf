"""Redaction: known secret values, in every form, and what looks like a token become one mask.

The mask is a constant, so that not even the length of a secret can be read off a report.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import takewhile
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from pytest_prodstatus.model.encodings import Form, forms_of

MASK = "********"
LEAST = 8
"""A value of fewer characters is too likely to be an ordinary word, and isn't redacted."""

# Words that end in these name secrets, in any case: API_TOKEN, dbPassword.
SECRET_ENDINGS = (
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "KEY",
    "CREDENTIALS",
    "DSN",
    "DATABASE_URL",
)

_DIGITS = r"[A-Za-z0-9_-]"
_OPAQUE = r"[A-Za-z0-9._~+/%-]"
# Each: a token between what is kept.
# RFC 7519: header and payload are JSON objects, and base64url of '{"' begins with eyJ.
_JWT = re.compile(rf"(?<!{_DIGITS})()eyJ{_DIGITS}{{5,}}\.{_DIGITS}{{5,}}(?:\.{_DIGITS}*)*()")
# RFC 3986 userinfo; the password ends at the last @ before the path.
_USERINFO = re.compile(r"(://[^\s/?#@:'\"<>]*:)[^\s/?#'\"<>]+(@)")
_BARE_USERINFO = re.compile(r"((?<![\w/:])[\w.%+-]+:)[^\s/?#@:'\"<>*]{3,}(@[\w\[])")
# RFC 6750 and 7617. A word of lower-case letters alone is a token only where it is long.
_SCHEME = re.compile(
    r"((?i:\b(?:bearer|basic))(?:\s|\\+[nrt]|\+|%20|:)+)"
    rf"(?:(?={_OPAQUE}[a-z]*(?:[A-Z0-9_~+/=%-]|\.\w)){_OPAQUE}{{{LEAST},}}|[a-z]{{16,}})=*()"
)
_SHAPES = (
    ("eyJ", _JWT),
    ("@", _USERINFO),
    ("@", _BARE_USERINFO),
    ("earer", _SCHEME),
    ("EARER", _SCHEME),
    ("asic", _SCHEME),
    ("ASIC", _SCHEME),
)
"""What a text holds that may hold such a token, and its shape."""
_DSN_PART = re.compile(r"(?i)\b(?:password|passwd|pwd)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s;&]+)")


class Redactor:
    """Knows secret values and takes them out of texts."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._forms: list[Form] = []

    def add(self, value: str, name: str = "a registered secret") -> None:
        """Learn a secret value, and the secrets within it.

        These are the password of a URL or of a connection string, what a JSON object holds under
        names of secrets, and each line of a value of several lines. Values of fewer than `LEAST`
        characters are left.

        Args:
            value: the secret.
            name: where it comes from, as `source_of` tells it.
        """
        fresh = sorted(part for part in {value, *_parts(value)} if self._is_new(part))
        for part in fresh:
            self._names[part] = name
            self._forms += forms_of(part)
        if fresh:
            # The longest first: a short one may be a part of it.
            self._forms.sort(key=lambda form: -len(form.value))

    def _is_new(self, value: str) -> bool:
        return len(value) >= LEAST and value not in self._names and bool(value.strip("* "))

    def redact(self, text: str) -> str:
        """Return `text` with every secret and every token replaced by `MASK`."""
        if len(text) < LEAST:
            return text
        for form in self._forms:
            if form.anchor in text:
                text = form.pattern.sub(MASK, text)
        if "..." in text or "…" in text:
            for value in self._names:
                text = _without_ends(value, text)
        for hint, shape in _SHAPES:
            if hint in text:
                text = shape.sub(rf"\1{MASK}\2", text)
        return text

    def source_of(self, text: str) -> str | None:
        """Return where a secret that stands in `text` comes from; None where none does."""
        for form in self._forms:
            if form.anchor in text and form.pattern.search(text):
                return self._names[form.value]
        return None


def _without_ends(value: str, text: str) -> str:
    """Return `text` without the beginning or the end of a value that was cut with an ellipsis.

    pytest shortens long representations before anyone else sees them.
    """
    text = _without_beginning(value, text)
    return _without_beginning(value[::-1], text[::-1])[::-1]


def _without_beginning(value: str, text: str) -> str:
    head = value[:LEAST]
    at = text.find(head)
    while at >= 0:
        same = zip(value, text[at : at + len(value)], strict=False)
        end = at + sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], same))
        cut = text.startswith("…", end) or "..." in text[end - 2 : end + 3]
        text = text[:at] + MASK + text[end:] if cut else text
        at = text.find(head, at + 1)
    return text


def _parts(value: str) -> Iterator[str]:
    """Yield the secrets within a secret."""
    yield value.strip()
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines)
    yield from _passwords(value)
    try:
        yield from _members(json.loads(value)) if value.lstrip().startswith(("{", "[")) else ()
    except (ValueError, RecursionError):
        return


def _passwords(value: str) -> Iterator[str]:
    found = [match[1].strip("'") for match in _DSN_PART.finditer(value)]
    try:
        parts = urlsplit(value.strip())
        found += [parts.password or ""]
        found += [item for name, item in parse_qsl(parts.query) if is_secret_name(name)]
    except ValueError:
        # A password with an unescaped bracket makes no URL.
        found += [match[1] for match in [re.search(r"://[^:/@]*:(.+)@", value)] if match]
    for password in found:
        yield from {password, unquote(password), unquote_plus(password)}


def _members(data: object, name: str = "") -> Iterator[str]:
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _members(item, key)
    elif isinstance(data, list):
        for item in data:
            yield from _members(item, name)
    elif isinstance(data, str) and is_secret_name(name):
        yield from {data, data.strip(), *(line.strip() for line in data.splitlines())}


def is_secret_name(name: str) -> bool:
    """Return whether a name ends as names of secrets do, in any case."""
    return name.upper().endswith(SECRET_ENDINGS)
