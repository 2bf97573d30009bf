"""Redaction: replace known secret values, in every form, and token-like text by one mask.

The mask is a constant, so that a report doesn't even show the length of a secret. A secret may
occur in a text as it is, escaped, or encoded. Each form is one pattern with an anchor: a part of
the value that no encoding changes. A text without the anchor needs no search by pattern.

A search takes time in proportion to the text, for any text, since a test can print
anything: no pattern begins at each place of a run that it then reads to the end, and nothing is
repeated without a limit if what follows could match the same characters.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from html.entities import codepoint2name
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

MASK = "********"
LEAST = 8
"""A value of fewer characters is too likely to be an ordinary word, and isn't redacted."""

OUTPUT_LIMIT = 1_000_000
"""Characters of one text of a test (its output, a traceback) that are searched and kept."""

# A name that ends in one of these names a secret, in any case: API_TOKEN, dbPassword.
SECRET_ENDINGS = (
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASS",
    "PWD",
    "PIN",
    "KEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "DSN",
    "DATABASE_URL",
)
# A number or a version may follow: API_KEY_V2, TOKEN1, SECRET_2026_01.
_SECRET_NAME = re.compile(rf"(?:{'|'.join(SECRET_ENDINGS)})(?:[_.-]?V?\d+)*\Z", re.IGNORECASE)
# The current folder and the one before, which every shell exports; they end in PWD.
_FOLDERS = ("PWD", "OLDPWD")

_DIGITS = r"[A-Za-z0-9_-]"
_OPAQUE = r"[A-Za-z0-9._~+/%-]"
# In each pattern, groups 1 and 2 are kept, and what is between them is masked.
# RFC 7519: header and payload are JSON objects, and base64url of '{"' begins with eyJ.
# Each begins with a literal or a set, which Python's engine looks for quickly; what must not stand
# before it comes after.
_JWT = re.compile(rf"()eyJ(?<!{_DIGITS}eyJ){_DIGITS}{{5,}}\.{_DIGITS}{{5,}}(?:\.{_DIGITS}*)*()")
# RFC 3986 userinfo; the password ends at the last @ before the path.
_USERINFO = re.compile(r"(://[^\s/?#@:'\"<>]*:)[^\s/?#'\"<>]+(@)")
# From the beginning of a run only: one attempt a run, however long it is.
_BARE_USERINFO = re.compile(
    r"([\w.%+-](?<![\w/:.%+-][\w.%+-])[\w.%+-]*:)[^\s/?#@:'\"<>*]{3,}(@[\w\[])"
)
# RFC 6750 and 7617. A word of lower-case letters alone is a token only if it is long.
_SCHEME = re.compile(
    r"([Bb](?<!\w[Bb])(?i:earer|asic)(?:\s|\\+[nrt]|\+|%20|:)+)"
    rf"(?:(?={_OPAQUE}[a-z]*(?:[A-Z0-9_~+/=%-]|\.\w)){_OPAQUE}{{{LEAST},}}|[a-z]{{16,}})=*()"
)
_TOKEN_PATTERNS = (
    (("eyJ",), _JWT),
    (("@",), _USERINFO),
    (("@",), _BARE_USERINFO),
    (("earer", "EARER", "asic", "ASIC"), _SCHEME),
)
"""Markers without any of which a text isn't searched for a token, and the token's pattern."""
_DSN_PART = re.compile(r"(?i)\b(?:password|passwd|pwd)\s*=\s*('(?:[^'\\]|\\.)*'|[^\s;&]+)")

_PERCENT = "%(?:25)*"
"""A percent sign, even if it was itself percent-encoded (%25), any number of times."""
_AMPERSAND = "&(?:amp;)*"
_BACKSLASH = rf"(?:\\|{_PERCENT}5[Cc]|{_AMPERSAND}(?:bsol|#0*92|#[xX]0*5[Cc]);)"
_ESCAPE = f"{_BACKSLASH}{{1,15}}"
"""The backslashes of an escape; they double each time a text is escaped again."""
_SPACE = (
    # A run of white space is one item and is never divided; else this could be matched in ways
    # without number.
    rf"(?:(?:\s+(?!\s)|\+|{_ESCAPE}(?:[nrtvf]|x\w\w|u\w{{4}})|{_PERCENT}(?!25)\w\w|"
    rf"{_AMPERSAND}(?:nbsp|#\w{{1,9}});){{1,LIMIT}}"
    # If pytest folded a long text, the next line begins with a margin: "E   ".
    r"(?:E\s+)?)"
)
"""White space of any kind and length, because reports change one kind into another.

LIMIT stands for the most items, each of which is a character that was escaped.
"""
_SPACE_ITEMS = 30


class Redactor:
    """Replaces known secret values in texts by `MASK`."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._forms: list[_Form] = []

    def add(self, value: str, name: str = "a registered secret") -> None:
        """Register a secret value and the secrets inside it.

        The secrets inside it are the password of a URL or of a connection string, the values of a
        JSON object whose keys name secrets, and each line of a value of several lines. Values of
        fewer than `LEAST` characters are ignored.

        Args:
            value: the secret.
            name: its source, which `source_of` returns.
        """
        fresh = sorted(part for part in {value, *_inner_secrets(value)} if self._is_new(part))
        for part in fresh:
            self._names[part] = name
            self._forms += _forms_of(part)
        if fresh:
            # The longest first: a short value may be a part of a longer one.
            self._forms.sort(key=lambda form: -len(form.value))

    def _is_new(self, value: str) -> bool:
        return len(value) >= LEAST and value not in self._names and bool(value.strip("* "))

    def redact(self, text: str) -> str:
        """Return `text` with every secret and every token replaced by `MASK`."""
        if len(text) < LEAST:
            return text
        for form in self._forms:
            if form.anchor in text:
                text = form.masked(text)
        # Without an ellipsis, no value was cut.
        if "..." in text or "…" in text:
            text = _mask_cut_values(self._names, text)
        for markers, token in _TOKEN_PATTERNS:
            if any(marker in text for marker in markers):
                text = token.sub(rf"\1{MASK}\2", text)
        return text

    def redact_output(self, text: str) -> str:
        """Redact a text of a test; of more than `OUTPUT_LIMIT` characters, keep both ends.

        It is cut before it is searched. A secret that the cut divides is still found, or is left
        out completely: what is searched overlaps the cut by more than the longest secret has.
        """
        if len(text) <= OUTPUT_LIMIT:
            return self.redact(text)
        note = f"\n… (cut from {len(text):,} characters) …\n"
        # The result is within the limit: a report may be redacted twice.
        kept = (OUTPUT_LIMIT - len(note)) // 2
        longest = max(map(len, self._names), default=0)
        overlap = _LONGEST_TOKEN + _LONGEST_ESCAPE * longest
        if 2 * (kept + overlap) >= len(text):
            clean = self.redact(text)
            return clean if len(clean) <= OUTPUT_LIMIT else clean[:kept] + note + clean[-kept:]
        # A secret without its other half stands at the cut, so it is in the overlap.
        start = self.redact(text[: kept + overlap])[:-overlap]
        end = self.redact(text[-kept - overlap :])[overlap:]
        return start + note + end

    def source_of(self, text: str) -> str | None:
        """Return the source of a secret that occurs in `text`; None if there is none."""
        for form in self._forms:
            if form.anchor in text and form.pattern.search(text):
                return self._names[form.value]
        return None


_LONGEST_ESCAPE = 24
"""Characters that one character becomes at most: fifteen backslashes and `U0001f600`."""
_LONGEST_SPACE = 2_000
"""Characters of white space that a report may put into a value, all in all."""
_LONGEST_TOKEN = 4_096
"""Characters of an unknown token that a cut never divides."""


def is_secret_name(name: str) -> bool:
    """Return whether a name ends in one of `SECRET_ENDINGS`, or that and a number or version."""
    return bool(_SECRET_NAME.search(name)) and name.upper() not in _FOLDERS


class SecretNames:
    """Decides by a variable's name whether its value is a secret.

    Args:
        patterns: the project's patterns, in addition to `SECRET_ENDINGS`: `*_SEED` adds some,
            and `!CACHE_KEY` excludes a name. The last match decides; case doesn't matter.
    """

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._patterns = tuple(pattern.upper() for pattern in patterns)
        self._known: dict[str, bool] = {}

    def __contains__(self, name: str) -> bool:
        # Cached, because the same few names are checked before every text of a run.
        if name not in self._known:
            self._known[name] = self._names_secret(name)
        return self._known[name]

    def _names_secret(self, name: str) -> bool:
        is_secret = is_secret_name(name)
        for pattern in self._patterns:
            if fnmatchcase(name.upper(), pattern.removeprefix("!")):
                is_secret = not pattern.startswith("!")
        return is_secret

    def among(self, variables: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """Yield name and value of each variable that holds a secret."""
        for name in list(variables):
            value = variables.get(name) if name in self else None
            if value is not None:
                yield name, value


_ELLIPSIS = re.compile(r"\.{3,}|…")


def _mask_cut_values(values: Iterable[str], text: str) -> str:
    """Mask the beginning or the end of each value that was cut with an ellipsis.

    pytest shortens long representations before a plugin sees them.
    """
    values = tuple(values)
    for value in values:
        if value[:LEAST] in text:
            text = _mask_cut_start(value, text)
    # The end of a value is the beginning of the reversed value.
    if any(value[-LEAST:] in text for value in values):
        backwards = text[::-1]
        for value in values:
            if value[: -LEAST - 1 : -1] in backwards:
                backwards = _mask_cut_start(value[::-1], backwards)
        text = backwards[::-1]
    return text


def _mask_cut_start(value: str, text: str) -> str:
    pieces = []
    done = 0
    for ellipsis in _ELLIPSIS.finditer(text):
        at = ellipsis.start()
        length = _prefix_before(value, text, at, most=min(len(value), at - done))
        if length:
            pieces += [text[done : at - length], MASK]
            done = at
        else:
            pieces.append(text[done:at])
            done = at
        # What comes before an ellipsis is looked at once.
        pieces.append(ellipsis[0])
        done = ellipsis.end()
    return "".join(pieces) + text[done:]


def _prefix_before(value: str, text: str, at: int, *, most: int) -> int:
    """Return how many characters before `at` are the beginning of `value`; 0 if too few."""
    if most < LEAST:
        return 0
    last = text[at - LEAST : at]
    found = value.rfind(last, 0, most)
    while found >= 0:
        length = found + LEAST
        if text.startswith(value[:length], at - length):
            return length
        found = value.rfind(last, 0, length - 1)
    return 0


def _inner_secrets(value: str) -> Iterator[str]:
    """Yield the secrets within a secret."""
    yield value.strip()
    # Some readers of `.env` files keep the quotes, or know backquotes: Docker's, Node's.
    yield value.strip("'\"` \t\r\n")
    lines = value.splitlines()
    if len(lines) > 1:
        yield from (line.strip() for line in lines)
    yield from _url_passwords(value)
    try:
        yield from _json_secrets(json.loads(value)) if value.lstrip().startswith(("{", "[")) else ()
    except (ValueError, RecursionError):
        return


def _url_passwords(value: str) -> Iterator[str]:
    found = [match[1].strip("'") for match in _DSN_PART.finditer(value)]
    try:
        parts = urlsplit(value.strip())
        found += [parts.password or ""]
        found += [item for name, item in parse_qsl(parts.query) if is_secret_name(name)]
    except ValueError:
        # urlsplit refuses a password with an unescaped bracket.
        found += [match[1] for match in [re.search(r"://[^:/@]*:(.+)@", value)] if match]
    for password in found:
        yield from {password, unquote(password), unquote_plus(password)}


def _json_secrets(data: object, name: str = "") -> Iterator[str]:
    if isinstance(data, dict):
        for key, item in data.items():
            yield from _json_secrets(item, key)
    elif isinstance(data, list):
        for item in data:
            yield from _json_secrets(item, name)
    elif isinstance(data, str) and is_secret_name(name):
        yield from {data, data.strip(), *(line.strip() for line in data.splitlines())}


class _Form:
    """One form of one value.

    Args:
        value: the secret, as it was registered.
        anchor: text that every occurrence contains; "" if there is none.
        source: the regular expression of an occurrence.
    """

    def __init__(self, value: str, anchor: str, source: str) -> None:
        self.value = value
        self.anchor = anchor
        self._source = source

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The regular expression of an occurrence."""
        # Compiled when its anchor is first found; for most secrets this never happens.
        return re.compile(self._source)

    def masked(self, text: str) -> str:
        """Replace each occurrence by `MASK`."""
        pieces = []
        done = 0
        for begin, end in self._windows(text):
            for match in self.pattern.finditer(text, begin, end):
                pieces += [text[done : match.start()], MASK]
                done = match.end()
        return "".join(pieces) + text[done:] if pieces else text

    def _windows(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the parts of a text in which a match can lie: all around the anchor.

        They don't overlap, so nothing is searched twice.
        """
        if not self.anchor:
            yield 0, len(text)
            return
        reach = _LONGEST_ESCAPE * len(self.value) + _LONGEST_SPACE
        at = text.find(self.anchor)
        while at >= 0:
            begin = max(0, at - reach)
            end = at + reach
            while at >= 0 and at - reach <= end:
                end = at + reach
                at = text.find(self.anchor, at + len(self.anchor))
            yield begin, end


def _forms_of(value: str) -> list[_Form]:
    """Return every form in which a value, which isn't empty, may occur.

    They are: the value with any of its characters escaped as in URLs, JSON, HTML, Python and
    shells, once or several times; its bytes in hexadecimal; and in base64, alone or inside a longer
    text.
    """
    data = value.encode("utf-8", "surrogatepass")
    hexadecimal = data.hex()
    return [
        _Form(value, _anchor(value), _escaped_pattern(value)),
        *(_Form(value, digits, digits) for digits in sorted({hexadecimal, hexadecimal.upper()})),
        *(_Form(value, _anchor(core), _base64_pattern(core)) for core in _base64_cores(data)),
    ]


def _anchor(value: str) -> str:
    """Return the longest part of a value that no encoding changes."""
    return max(re.findall(r"[A-Za-z0-9_]+", value), key=len, default="")


def _escaped_pattern(value: str) -> str:
    # What surrounds a secret needs no mask, and a pattern must not begin with a repetition.
    core = value.strip("\\ \t\r\n\v\f")
    if len(core) >= LEAST:
        value = core
    # A run of white space or backslashes is one element; two would make the regex backtrack.
    parts = re.findall(r"\s+|\\+|[^\s\\]", value)
    return "".join(map(_part_pattern, parts))


def _part_pattern(part: str) -> str:
    if part.isspace():
        return _SPACE.replace("LIMIT", str(_SPACE_ITEMS + len(part)))
    if part.startswith("\\"):
        return f"{_BACKSLASH}{{1,200}}"
    if part == "_" or (part.isascii() and part.isalnum()):
        return part
    return _character_pattern(part)


def _character_pattern(char: str) -> str:
    code = ord(char)
    octets = [f"{octet:02x}" for octet in char.encode("utf-8", "surrogatepass")]
    units = char.encode("utf-16-be", "surrogatepass").hex()
    names = [f"#0*{code}", f"#[xX]0*{_hex_pattern(f'{code:x}')}"]
    if code in codepoint2name:
        names.append(codepoint2name[code])
    encodings = [
        # A shell's quotes within quotes.
        r"""'(?:"'"')?'?""" if char == "'" else re.escape(char),
        "".join(_PERCENT + _hex_pattern(octet) for octet in octets),
        f"{_AMPERSAND}(?:{'|'.join(names)});",
    ]
    escapes = [
        _ESCAPE.join(f"u{_hex_pattern(units[at : at + 4])}" for at in range(0, len(units), 4)),
        f"U{_hex_pattern(f'{code:08x}')}",
        _ESCAPE.join(f"x{_hex_pattern(octet)}" for octet in octets),
    ]
    if char == "\b":
        escapes.append("b")  # the one short escape of JSON that isn't white space
    if code <= 0xFF:
        escapes.append(f"x{_hex_pattern(f'{code:02x}')}")
    # From the first backslash of a run only; the rest of an escape without any is masked too.
    return rf"(?:(?<!\\){_ESCAPE})?(?:{'|'.join([*encodings, *escapes])})"


def _hex_pattern(text: str) -> str:
    """Return a regular expression for hexadecimal digits in either case."""
    return "".join(f"[{d}{d.upper()}]" if d.isalpha() else d for d in text)


def _base64_cores(data: bytes) -> list[str]:
    """Return the base64 digits that depend on `data` alone, for each way it may be aligned."""
    cores = []
    # base64 encodes three bytes at a time, so there are three alignments.
    for before in range(3):
        text = base64.b64encode(bytes(before) + data + b"\0\0").decode("ascii")
        begin, end = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        cores.append(text[begin:end])
    return cores


def _base64_pattern(core: str) -> str:
    """Return the regular expression of a core in either alphabet.

    It includes up to two digits at each end, which also depend on the neighbouring bytes.
    """
    plus, slash = rf"(?:[+-]|{_PERCENT}2[Bb])", rf"(?:\\{{0,15}}/|_|{_PERCENT}2[Ff])"
    digits = "".join({"+": plus, "/": slash}.get(char, char) for char in core)
    return rf"[A-Za-z0-9+/_-]{{0,2}}{digits}[A-Za-z0-9+/_-]{{0,2}}"
