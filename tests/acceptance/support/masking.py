"""Finding words in someone else's text, however that text writes them.

A provider can repeat what it was sent in full-width letters, with invisible characters in between,
or escaped for a URL, for HTML or for JSON, once or several times. So the text is decoded one layer
after the other, and each layer is compared by its skeleton: without accents, case and invisible
characters. E-mail addresses are found by their shape, since a provider also knows people whom we
don't. What is found is traced back to the place where it stands in the text itself.

A search takes time in proportion to the text: every pattern reads a run of separators once for each
of its letters, and every layer is shorter than the one before.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html.entities import html5
from itertools import accumulate

MASK = "********"
_LAYERS = 8
"""How many layers of escapes are taken off; text with more of them is masked as a whole."""
_LAYERS_OF_LONG = 2
"""The same of a text that isn't read to its end: more could make one word longer than what is."""
_LIMIT = 100_000
_OVERLAP = 10_000
"""Characters that are read of a text, and of these, at its end, searched but not returned."""
_SHORT = 3
_LONG_NUMBER = 7
_POSTCODE = 4
_CODE = re.compile(r"[A-Z]{2}")
# Only from the beginning of a name, so that a long one is read once. `tool@5.28.4` is a version.
_ADDRESS = re.compile(
    r"(?<![\w.+-])[\w.+-]+(?:'[\w.+-]+){0,2}@(?:[\w-]+\.)+[^\W\d_]{2,}(?:-[\w-]+)?"
)

_INVISIBLE = (
    "\u00ad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5\u180b-\u180f"
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_IS_INVISIBLE = re.compile(f"[{_INVISIBLE}]")
_WORD = r"[^\W_]"
_BETWEEN = r"[\W_]*"
_TORN = r"[\W_]{0,8}"

_HEX = "[0-9a-f]"
_BYTE = r"\\x"


def _octets(prefix: str) -> str:
    """Return the pattern of one character in UTF-8, or one byte, each byte with a prefix."""
    more = f"{prefix}[89ab]{_HEX}"
    longer = (f"[cd]{_HEX}{more}", f"e{_HEX}(?:{more}){{2}}", f"f[0-7](?:{more}){{3}}")
    return f"{prefix}(?:{'|'.join((*longer, _HEX * 2))})"


_ESCAPE = re.compile(
    rf"""(?P<backslashes>(?:\\\\)+)  # escaped themselves, as JSON does
    |(?P<pair>\\u(?P<high>d[89ab]{_HEX}{{2}})
                  \\u(?P<low>d[c-f]{_HEX}{{2}}))
    |\\u(?P<long>000{_HEX}{{5}}|0010{_HEX}{{4}})
    |[\\%]u(?P<unit>{_HEX}{{4}})
    |\\[ux]\{{(?P<braced>{_HEX}{{1,6}})\}}
    |(?P<octets>{_octets("%")}|{_octets(_BYTE)})
    |\\(?P<octal>[0-3][0-7]{{2}})
    |&(?:\#0*(?P<decimal>\d{{1,7}});?|\#x0*(?P<hex>{_HEX}{{1,6}});?
                   |(?P<name>[a-z][a-z0-9]{{1,31}});?)
    # An escape may be written in full-width letters, or be torn by what is invisible.
    |(?P<wide>[\uff01-\uff5e])
    |(?P<invisible>[{_INVISIBLE}]+)""",
    re.I | re.X | re.A,
)
_OCTET = re.compile(rf"(?:%|\\x)({_HEX * 2})", re.I)
# One letter behind a backslash is either an escape or just a letter, so both are looked at.
_SPACE = re.compile(r"\\(?<!\\\\)\\*[abfnrtv0]", re.I)
_LONGEST_BARE_NAME = 6
_NAMES = {name.lower(): text for name, text in sorted(html5.items(), reverse=True)}


class _Skeletons(dict[int, str]):
    """What remains of each character, by its number."""

    def __missing__(self, code: int) -> str:
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(code)).casefold())
        visible = _IS_INVISIBLE.sub("", plain)
        kept = "".join(c for c in visible if unicodedata.category(c) not in ("Mn", "Me", "Cf"))
        self[code] = kept
        return kept


_SKELETONS = _Skeletons()


class Words:
    """Words to look for.

    A word is found anywhere, but a short one only as a word of its own, and a number of fewer than
    seven digits as a number of its own: "CA" is also a part of CANCELLED, 12345 of an order's id. A
    code of two capitals has to be in capitals, too: "IN" and "OR" are also English words.
    Separators may be any, and may be missing; if they tear a word apart, it must begin and end as a
    word: "the order" isn't Theo's.

    Args:
        values: the words; one without letters and digits is ignored.
    """

    def __init__(self, values: Iterable[str]) -> None:
        self._patterns: list[tuple[re.Pattern[str], bool]] = [(_ADDRESS, False)]
        for value in sorted({value.strip() for value in values}):
            is_code = _CODE.fullmatch(value) is not None
            sources = _sources(value.translate(_SKELETONS), is_code=is_code)
            self._patterns += [(re.compile(source), is_code) for source in sources]

    def mask(self, text: str) -> str:
        """Return the text with every word and every e-mail address replaced by `MASK`.

        Of a very long text the beginning is returned.
        """
        long = len(text) > _LIMIT
        shown = _LIMIT - _OVERLAP if long else len(text)
        text = text[:_LIMIT]
        spans: list[tuple[int, int]] = []
        layer = _Layer(text=text, begins=range(len(text)), ends=range(1, len(text) + 1))
        for _ in range(_LAYERS_OF_LONG + 1 if long else _LAYERS):
            spans += self._found(layer)
            inner = layer.decoded()
            if inner is None:
                return _masked(text[:shown], spans)
            layer = inner
        return MASK

    def _found(self, layer: _Layer) -> Iterator[tuple[int, int]]:
        yield from self._found_in(layer.text, layer)
        spaced = _SPACE.sub(lambda escape: " " * len(escape[0]), layer.text)
        if spaced != layer.text:
            yield from self._found_in(spaced, layer)

    def _found_in(self, text: str, layer: _Layer) -> Iterator[tuple[int, int]]:
        skeleton = text.translate(_SKELETONS)
        found = [
            (match.span(), is_code)
            for pattern, is_code in self._patterns
            for match in pattern.finditer(skeleton)
        ]
        if not found:
            return
        at = list(accumulate((len(_SKELETONS[ord(c)]) for c in text), initial=0))
        for (begin, end), is_code in found:
            first, last = bisect_right(at, begin) - 1, bisect_left(at, end)
            if is_code and not unicodedata.normalize("NFKD", text[first:last]).isupper():
                continue
            yield layer.begins[first], layer.ends[last - 1]


@dataclass(frozen=True, slots=True)
class _Layer:
    """A text without some layers of its escapes, and where each character stood in the original."""

    text: str
    begins: list[int] | range
    ends: list[int] | range

    def decoded(self) -> _Layer | None:
        """Return the next layer; None if there are no escapes in this one."""
        pieces: list[str] = []
        begins: list[int] = []
        ends: list[int] = []
        done = 0
        for escape in _ESCAPE.finditer(self.text):
            plain = _plain(escape)
            if plain is None:
                continue
            begin, end = escape.span()
            pieces += (self.text[done:begin], plain)
            begins += self.begins[done:begin]
            ends += self.ends[done:begin]
            begins += [self.begins[begin]] * len(plain)
            ends += [self.ends[end - 1]] * len(plain)
            done = end
        if not pieces:
            return None
        begins += self.begins[done:]
        ends += self.ends[done:]
        return _Layer("".join((*pieces, self.text[done:])), begins, ends)


def _plain(escape: re.Match[str]) -> str | None:
    """Return what an escape stands for, None if it only looks like one."""
    kind = escape.lastgroup
    if kind == "name":
        return _entity(escape)
    if kind == "backslashes":
        return escape[0][::2]
    if kind == "wide":
        return chr(ord(escape[0]) - 0xFEE0)
    if kind == "invisible":
        return ""
    if kind == "octets":
        octets = bytes.fromhex("".join(_OCTET.findall(escape[0])))
        try:
            return octets.decode()
        except UnicodeDecodeError:
            return octets.decode("latin-1")
    if escape["pair"]:
        high, low = int(escape["high"], 16) - 0xD800, int(escape["low"], 16) - 0xDC00
        return chr(0x10000 + (high << 10) + low)
    base = {"octal": 8, "decimal": 10}.get(kind or "", 16)
    code = int(escape[kind or 0], base)
    return chr(code) if code < 0x110000 else "\ufffd"


def _entity(escape: re.Match[str]) -> str | None:
    """Return what a named reference of HTML stands for; some names need no semicolon."""
    name = escape["name"]
    whole = _NAMES.get(f"{name.lower()};")
    if whole:
        return whole
    for length in range(min(_LONGEST_BARE_NAME, len(name)), 1, -1):
        text = _NAMES.get(name[:length].lower())
        if text:
            return text + name[length:] + (";" if escape[0].endswith(";") else "")
    return None


def _sources(skeleton: str, *, is_code: bool) -> Iterator[str]:
    """Yield the regular expressions by which a word is found."""
    parts = re.findall(f"{_WORD}+", skeleton)
    letters = "".join(parts)
    if not letters:
        return
    number = letters.isdigit()
    short = len(letters) <= _SHORT or (number and len(letters) < _LONG_NUMBER)
    together = _BETWEEN.join(parts)
    if short and skeleton.startswith("+"):
        yield _alone(rf"\+{together}")
        return
    if number and short and len(letters) >= _POSTCODE:
        yield _alone(together, beside="[0-9]")
    else:
        yield _alone(together) if short else together
    if is_code:
        yield _alone(r"[^\w\s]".join(letters))
    elif len(letters) >= (_POSTCODE if number else _SHORT):
        yield _alone(_TORN.join(letters))


def _alone(source: str, *, beside: str = _WORD) -> str:
    """Return the pattern of a word beside which there is no letter or digit, or no digit."""
    # The first character comes first, since Python's engine looks for it quickly.
    first = source[:2] if source.startswith("\\") else source[0]
    return f"{first}(?<!{beside}{first}){source[len(first) :]}(?!{beside})"


def _masked(text: str, spans: list[tuple[int, int]]) -> str:
    pieces = []
    done = 0
    for begin, end in sorted(spans):
        if begin >= done:
            pieces += [text[done:begin], MASK]
        done = max(done, end)
    return "".join((*pieces, text[done:]))
