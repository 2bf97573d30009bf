"""Data of a person is found in a provider's words, however they are written."""

from __future__ import annotations

import html
import json
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.acceptance.support.masking import MASK, Words
from tests.acceptance.support.secrets import Secret, scrubbed

VALUES = ("Ann", "9 Elm", "94105", "Zoë Ng", "CA", "+1", "5550100000", "Springfield")
WORDS = Words(VALUES)


def _wide(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


WAYS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "upper": str.upper,
    "wide": _wide,
    "mathematical": lambda text: "".join(
        chr(0x1D400 + ord(c) - ord("A")) if "A" <= c <= "Z" else c for c in text
    ),
    "decomposed": lambda text: text.replace("ë", "e\u0308"),
    "torn by the invisible": "\u200b".join,
    "percent": lambda text: quote(text, safe=""),
    "percent and plus": quote_plus,
    "percent, every byte": lambda text: "".join(f"%{byte:02X}" for byte in text.encode()),
    "percent, in UTF-16": lambda text: "".join(f"%u{ord(c):04x}" for c in text),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(c)};" for c in text),
    "HTML, decimal and bare": lambda text: "".join(f"&#{ord(c)}" for c in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(c):X};" for c in text),
    "HTML, hexadecimal and bare": lambda text: "".join(f"&#X{ord(c):06x}" for c in text),
    "HTML, by name": lambda text: text.replace("ë", "&euml;").replace("+", "&plus;"),
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON, every letter": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "JSON, upper": lambda text: "".join(f"\\U{ord(c):04X}" for c in text),
    "Python": lambda text: ascii(text.encode())[2:-1],
    "Python, every letter": lambda text: "".join(f"\\U{ord(c):08x}" for c in text),
    "JavaScript": lambda text: "".join(f"\\u{{{ord(c):x}}}" for c in text),
    "octal": lambda text: "".join(f"\\{ord(c):03o}" if ord(c) < 256 else c for c in text),
}
# A way that leaves ASCII as it is can't come after one that has made only ASCII of the text, and
# an escape in upper case is another one, so each is taken once or twice, in any order.
_COMPOSED = [way for way in WAYS if way not in ("upper", "mathematical", "HTML, by name")]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_found_however_it_is_written(value: str, way: str) -> None:
    """Nothing of it is left, and nothing of what is around it is gone."""
    assert WORDS.mask(f"to ({WAYS[way](value)}), dear") == f"to ({MASK}), dear"


@given(
    st.sampled_from(VALUES),
    st.lists(st.sampled_from(_COMPOSED), min_size=1, max_size=4),
    st.sampled_from(["to {}, dear", '{{"zip": "{}"}}', "a={}&b=1", "<b>{}</b>", "{}"]),
)
@example("Ann", ["JSON, every letter", "torn by the invisible", "JSON"], "to {}, dear")
@example("+1", ["percent", "torn by the invisible", "percent"], "{}")
def test_a_value_is_found_in_a_text_that_was_escaped_again(
    value: str, ways: list[str], around: str
) -> None:
    """The text with the value in it is escaped, up to four times, in any order."""
    text = around.format(value)
    for way in ways:
        text = WAYS[way](text)
    masked = WORDS.mask(text)
    assert MASK in masked
    assert len(masked) < len(text) + len(MASK)
    assert WORDS.mask(masked.replace(MASK, " ")).count(MASK) == 0


def test_text_escaped_more_often_than_anyone_does_is_masked_as_a_whole() -> None:
    """It is not given up half-way."""
    text = "&#65;nn"
    for _ in range(5):
        text = text.replace("&", "%26").replace("%", "&#37;")
    assert WORDS.mask(text) == MASK


@pytest.mark.parametrize(
    ("value", "text", "masked"),
    [
        ("Ann", r"\nANN\nb, A.N.N, A N N", rf"\n{MASK}\nb, {MASK}, {MASK}"),
        ("Nancy", r"c:\nancy", rf"c:\{MASK}"),
        ("9 Elm Street", "9Elm-street / 9, ELM STREET", f"{MASK} / {MASK}"),
        ("94105", "ZIP94105US, zip_94105, 941-05", f"ZIP{MASK}US, zip_{MASK}, {MASK}"),
        ("94105-1234", "94105 1234, 941051234", f"{MASK}, {MASK}"),
        ("SW1A 1AA", "sw1a1aa", MASK),
        ("5550100000", "555-010-0000, 15550100000", f"{MASK}, 1{MASK}"),
        ("CA", "C.A., ship_CA_1", f"{MASK}., ship_{MASK}_1"),
        ("+351", "(+351)", f"({MASK})"),
    ],
)
def test_separators_may_be_others(value: str, text: str, masked: str) -> None:
    """White space and punctuation are what a form or a database makes of them."""
    assert Words([value]).mask(text) == masked


@pytest.mark.parametrize("way", WAYS)
def test_an_e_mail_address_is_found_by_its_shape(way: str) -> None:
    """It may be of a person whom the suite doesn't know; what is around it stays."""
    assert Words([]).mask(f"to ({WAYS[way]('jo-an@shop.example')}), dear") == f"to ({MASK}), dear"


@pytest.mark.parametrize(
    "text",
    ["node_modules/undici@5.28.4/lib", "@shop.example", "a @ b.example", "root@localhost", "@" * 9],
)
def test_what_is_no_e_mail_address_stays(text: str) -> None:
    """A package's version has an @ too."""
    assert Words([]).mask(text) == text


def test_words_that_only_look_alike_stay() -> None:
    """Or no message could be read any more."""
    text = "CANCELLED the order 8198123459, a cat in AMERICA, Susan nabbed 11+12, 1351, an Annex"
    assert Words(["CA", "12345", "+1", "+351", "1", "IN", "Theo", "Anna", "-"]).mask(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Ann, " * 200_000,
        "%" + "25" * 500_000,
        "&" + "amp;" * 250_000,
        "\\" * 1_000_000,
        "9" + " " * 1_000_000,
        ("9" + " " * 99) * 10_000,
        "&aa" * 330_000,
        "\uff21" * 1_000_000,
        "5 " * 500_000,
        "a'" * 500_000,
        "a@" * 500_000,
        "a@" + "b." * 500_000,
    ],
    ids=lambda text: text[:6],
)
def test_a_long_text_takes_no_longer_than_it_must(text: str) -> None:
    """A megabyte that was made to keep us busy takes a moment."""
    started = time.process_time()
    WORDS.mask(text)
    assert time.process_time() - started < 2


def test_a_value_at_the_end_of_what_is_read_is_not_halved() -> None:
    """Of a very long text the beginning is returned, and what is there is searched beyond it."""
    for before in range(89_990, 90_001):
        assert "field" not in (masked := WORDS.mask(" " * before + "Springfield" * 10_000))
        assert "Spr" not in masked


def test_a_secret_is_found_however_it_is_written() -> None:
    """As the data of a person is."""
    secret = "planted/value+1234"
    for way, write in WAYS.items():
        assert scrubbed(f"bad ({write(secret)})", (Secret(secret),)) == f"bad ({MASK})", way
