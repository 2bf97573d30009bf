"""Known secrets in every encoding, and texts like tokens, become one constant mask."""

from __future__ import annotations

import base64
import html
import json
import re
import shlex
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_prodstatus.model import redaction
from pytest_prodstatus.model.redaction import LEAST, MASK, OUTPUT_LIMIT, Redactor, is_secret_name
from tests.unit.model.hard_texts import FRAGMENTS, MARKERS, SECRETS, text_of
from tests.unit.model.steps import steps_of

ODD = "pl&nted/se\"cr'et+ü <x>\\y 1234=😀"
ENCODINGS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "URL": quote,
    "URL, all of it": lambda text: quote(text, safe=""),
    "form": quote_plus,
    "JSON": json.dumps,
    "JSON, beyond ASCII": lambda text: json.dumps(text, ensure_ascii=False),
    "HTML": html.escape,
    "HTML, numeric": lambda text: "".join(f"&#{ord(c)};" if c in "<>&\"'" else c for c in text),
    "repr": repr,
    "ascii": ascii,
    "bytes": lambda text: repr(text.encode()),
    "shell": shlex.quote,
    "hex": lambda text: text.encode().hex(),
    "HEX": lambda text: text.encode().hex().upper(),
}


def knowing(*values: str) -> Redactor:
    """Return a redactor that knows these values."""
    redactor = Redactor()
    for value in values:
        redactor.add(value)
    return redactor


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("value", [ODD, "plantedToken0123", "abc def/ghi+jkl==", "p%41ss\\\\'x!"])
def test_a_value_is_redacted_in_every_encoding(encoding: str, value: str) -> None:
    """Nothing of a value stays but a quote or a bracket of the encoding."""
    encoded = ENCODINGS[encoding](value)
    clean = knowing(value).redact(f"before <<{encoded}>> after")
    assert MASK in clean
    assert len(clean) <= len(f"before <<'b{MASK}'>> after")


@pytest.mark.parametrize("outer", ["URL", "JSON", "HTML", "repr"])
@pytest.mark.parametrize("inner", ["JSON", "repr", "ascii", "URL"])
def test_a_value_is_redacted_when_it_is_escaped_twice(inner: str, outer: str) -> None:
    """A value is found in JSON inside a page, and in the representation of a representation."""
    encoded = ENCODINGS[outer](ENCODINGS[inner](ODD))
    assert MASK in knowing(ODD).redact(encoded)


@pytest.mark.parametrize("url_safe", [False, True])
@pytest.mark.parametrize("before", ["", "u", "us", "user:"])
def test_a_value_is_redacted_inside_base64(before: str, url_safe: bool) -> None:
    """A value is found at any alignment, in both alphabets, alone or after a user's name."""
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode
    value = "plänted>>>???token"
    text = encode(f"{before}{value} and more".encode()).decode()
    clean = knowing(value).redact(f"sent {text}.")
    assert MASK in clean
    kept = text[len(before) and 4 : 4 * (len((before + value).encode()) // 3)]
    assert not any(kept[at : at + 6] in clean for at in range(len(kept) - 6))


@pytest.mark.parametrize("cut", ["...", "…"])
def test_the_ends_of_a_value_that_was_cut_are_redacted(cut: str) -> None:
    """Half a secret, which pytest leaves of a long representation, is redacted too."""
    value = "".join(f"{number * 7919 % 65536:04x}" for number in range(100))
    redactor = knowing(value)
    for text in (f"'{value[:118]}{cut}{value[-118:]}'", f"{value[:9]}{cut}", f"...{value[-9:]}"):
        assert value[:9] not in redactor.redact(text)
        assert value[-9:] not in redactor.redact(text)
    assert value[:9] not in redactor.redact(f"{value[:90]}… (cut from 900 characters)")
    assert redactor.redact(f"{value[:20]} is where it begins") == f"{value[:20]} is where it begins"


def test_a_value_that_a_report_folded_is_redacted() -> None:
    """A value is found even if its white space became a line's end and a margin."""
    redactor = knowing("correct horse battery staple")
    assert redactor.redact("E   said correct horse\nE     battery  staple!") == f"E   said {MASK}!"


@pytest.mark.parametrize(
    ("value", "part"),
    [
        ("postgresql://app:pl%40nted-word@db/x", "pl@nted-word"),
        ("postgresql://app:pl%40nted-word@db/x", "pl%40nted-word"),
        ("postgresql://db/x?user=a&password=planted-query", "planted-query"),
        ("postgres://app:pl[nted]wo@rd@db/x", "pl[nted]wo@rd"),
        ("host=db user=app password='planted word' port=5", "planted word"),
        ("Server=db;Pwd=planted-word;Port=5", "planted-word"),
        ('{"type": "account", "private_key": "planted-key"}', "planted-key"),
        ('[{"inner": {"apiToken": ["planted-token"]}}]', "planted-token"),
        ('{"private_key": "-----\\nplanted-line-1\\nplanted-line-2"}', "planted-line-2"),
        ("-----BEGIN\nplanted-line-1\nplanted-line-2\n", "planted-line-2"),
        ("  planted-with-space \n", "planted-with-space"),
    ],
)
def test_secrets_inside_a_secret_are_known_too(value: str, part: str) -> None:
    """A URL's or connection string's password, JSON keys and single lines are secrets too."""
    assert knowing(value).redact(f"({part})") == f"({MASK})"


def test_what_a_secret_names_in_public_stays() -> None:
    """A URL's user and host, and JSON values that aren't named like secrets, stay."""
    redactor = knowing(
        "postgresql://someone:planted-word@db.example/shop", '{"type": "an account"}'
    )
    text = "someone at db.example/shop with an account"
    assert redactor.redact(text) == text


@pytest.mark.parametrize("value", ["", "1234567", " " * 20, "*" * 12, MASK])
def test_a_short_or_empty_value_is_left(value: str) -> None:
    """A value of seven characters may be a word; a blank or a mask is not a secret."""
    text = f"the value {value} of 1234567"
    assert knowing(value).redact(text) == text
    assert len("1234567") == LEAST - 1


def test_a_longer_secret_goes_before_a_part_of_it() -> None:
    """Nothing of the longer secret stays, in any order of registration."""
    for values in (("planted1", "planted1-and-more"), ("planted1-and-more", "planted1")):
        assert knowing(*values).redact("x planted1-and-more planted1") == f"x {MASK} {MASK}"


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbg b", f"a {MASK} b"),
        ("Authorization: Bearer abc123DEF", f"Authorization: Bearer {MASK}"),
        ("{'authorization': 'bearer abcdefgh-ijkl'}", f"{{'authorization': 'bearer {MASK}'}}"),
        ("Bearer%20abc.def-123", f"Bearer%20{MASK}"),
        ("Basic dXNlcjpwYXNzd29yZA==", f"Basic {MASK}"),
        ("postgresql://app:p@ss@db.example/x", f"postgresql://app:{MASK}@db.example/x"),
        ("redis://:secret@h", f"redis://:{MASK}@h"),
        ("as user:hunter2@db.example", f"as user:{MASK}@db.example"),
    ],
)
def test_what_looks_like_a_token_is_redacted(text: str, clean: str) -> None:
    """JWT, Bearer, Basic and a URL's password are masked without registration."""
    redactor = Redactor()
    assert redactor.redact(text) == clean
    assert redactor.redact(clean) == clean


@pytest.mark.parametrize(
    "text",
    [
        "basic authentication failed",
        "Bearer authentication is required",
        "WWW-Authenticate: Bearer realm=x",
        "http://host:80/path?at=@noon",
        "git@github.com:owner/repository",
        "test_api.py:12: AssertionError",
        "buyer@mail.example",
        "12:30 @home",
        "eyJust an eye",
    ],
)
def test_ordinary_words_stay(text: str) -> None:
    """A text that only resembles a token isn't masked."""
    assert Redactor().redact(text) == text


def test_a_secret_s_source_is_returned() -> None:
    """A message names a secret's variable, not its value; tokens have no source."""
    redactor = Redactor()
    redactor.add("postgresql://a:planted-word@db", "DATABASE_URL")
    redactor.add("planted-too")
    assert redactor.source_of("test_a[planted-word]") == "DATABASE_URL"
    assert redactor.source_of("test_a[planted-too]") == "a registered secret"
    assert redactor.source_of("test_a[Bearer abcDEF123]") is None


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("API_TOKEN", True),
        ("apiToken", True),
        ("PGPASSWORD", True),
        ("DB_PASSWD", True),
        ("SENTRY_DSN", True),
        ("DATABASE_URL", True),
        ("private_key", True),
        ("AWS_CREDENTIALS", True),
        ("CLIENT_SECRET", True),
        ("DB_PASS", True),
        ("SMTP_PWD", True),
        ("OPERATOR_PIN", True),
        ("AWS_CREDENTIAL", True),
        ("API_KEY_V2", True),
        ("apiKey2", True),
        ("SECRET_2026_01", True),
        ("TOKEN-v3.1", True),
        ("TOKEN_COUNT", False),
        ("KEY_VALUE", False),
        ("V2", False),
        ("PWD", False),
        ("OLDPWD", False),
        ("HOME", False),
        ("", False),
    ],
)
def test_names_of_secrets(name: str, secret: bool) -> None:
    """They end in a typical word, in any case; a number or version may follow.

    The variables in which a shell keeps folders aren't secrets.
    """
    assert is_secret_name(name) is secret


@given(st.text(min_size=LEAST, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_no_encoding_of_any_value_survives(value: str, before: str, after: str) -> None:
    """No secret survives in any text; redacting twice changes nothing."""
    redactor = knowing(value)
    if not value.strip("* "):
        return
    for encode in (str, repr, ascii, json.dumps, html.escape):
        clean = redactor.redact(f"{before}{encode(value)}{after}")
        assert MASK in clean
        assert value not in clean.replace(MASK, "") or value in before + after


@pytest.mark.parametrize("quote", ["'", '"', "`"])
def test_quotes_around_a_value_are_not_the_secret(quote: str) -> None:
    """Some readers of `.env` files keep them, and others don't."""
    assert knowing(f"{quote}planted-word{quote}").redact("a planted-word b") == f"a {MASK} b"


def token_patterns() -> list[tuple[str, Any]]:
    """Return the patterns that a text is searched with: of tokens, and of each kind of secret."""
    forms = {form.pattern.pattern: form.pattern for form in knowing(*SECRETS)._forms}
    # The three alignments of base64 and the two cases of hexadecimal are alike.
    kinds = [pattern for source, pattern in forms.items() if "(" in source]
    return [*((token.pattern, token) for _, token in redaction._TOKEN_PATTERNS),
            *((pattern.pattern, pattern) for pattern in kinds[:8])]  # fmt: skip


@pytest.mark.parametrize("fragment", FRAGMENTS)
def test_a_search_takes_steps_in_proportion_to_the_text(fragment: str) -> None:
    """A text of twice the length costs no more than twice the steps, for every pattern.

    The steps are those of the backtracking search itself, so no machine makes a difference. A
    pattern that reads the rest of a run from each of its places would need four times as many.
    """
    for source, pattern in token_patterns():
        short, long = (steps_of(pattern, fragment * (n // len(fragment))) for n in (150, 300))
        assert long <= 2.4 * short + 200, source
        assert long <= 200 * 300, source


def test_the_count_of_steps_notices_a_pattern_that_is_not_linear() -> None:
    """The pattern for `user:password@` that once began at each place of a word."""
    old = re.compile(r"(?<![\w/:])[\w.%+-]+:[^\s/?#@:'\"<>*]{3,}@[\w\[]")
    short, long = (steps_of(old, "%22%3A" * n + "@") for n in (25, 50))
    assert long > 3.5 * short


def lines_run(function: Callable[[], object]) -> int:
    """Return how many lines of the module of redaction are run by a function."""
    count = 0

    def trace(frame: FrameType, event: str, arg: object) -> Any:
        nonlocal count
        if frame.f_code.co_filename != redaction.__file__:
            return None
        count += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        function()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("fragment", [*FRAGMENTS, "plantedT...", "plantedToken...", "word-77…"])
def test_what_is_done_around_a_search_is_in_proportion_too(fragment: str) -> None:
    """The windows around anchors, and the values that were cut: twice the text, twice the lines."""
    redactor = knowing(*SECRETS)
    short, long = (
        lines_run(lambda n=n: redactor.redact(text_of(fragment, n)))  # type: ignore[misc]
        for n in (1_000, 2_000)
    )
    base = lines_run(lambda: redactor.redact(MARKERS))
    assert long <= 2.2 * short + base


def test_many_values_that_were_cut_are_masked_in_one_pass() -> None:
    """Every beginning and end of a value before or after an ellipsis."""
    redactor = knowing("plantedToken0123456789")
    assert redactor.redact("plantedToke... " * 3) == f"{MASK}... " * 3
    assert redactor.redact("…en0123456789 " * 3) == f"…{MASK} " * 3
    assert redactor.redact("...plantedToken...0123456789") == f"...{MASK}...{MASK}"
    text = "planted is the beginning ... of a word"
    assert redactor.redact(text) == text


def test_an_output_is_bounded_before_it_is_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ends stay, with a note between them; a bounded output isn't bounded again."""
    redactor = knowing("plantedToken0123456789")
    searched: list[int] = []
    search = Redactor.redact

    def counted(self: Redactor, text: str) -> str:
        searched.append(len(text))
        return search(self, text)

    monkeypatch.setattr(Redactor, "redact", counted)
    text = "plantedToken0123456789 begins" + "x" * 5_000_000 + "ends with plantedToken0123456789"
    clean = redactor.redact_output(text)
    assert clean.startswith(f"{MASK} beginsxxx")
    assert clean.endswith(f"xxxends with {MASK}")
    assert "… (cut from 5,000,061 characters) …" in clean
    assert len(clean) <= OUTPUT_LIMIT
    assert redactor.redact_output(clean) == clean
    assert sum(searched[:2]) < OUTPUT_LIMIT + 20_000
    assert redactor.redact_output("short") == "short"


SECRET = "pl&nted/secret-0123456789"


@pytest.mark.parametrize(
    "encode", [str, lambda text: json.dumps(text)[1:-1], lambda text: quote(quote(text, safe=""))]
)
def test_no_cut_divides_a_secret(
    monkeypatch: pytest.MonkeyPatch, encode: Callable[[str], str]
) -> None:
    """With anything at the cut, no half of a secret stays."""
    monkeypatch.setattr(redaction, "OUTPUT_LIMIT", 400)
    monkeypatch.setattr(redaction, "_LONGEST_TOKEN", 10)
    redactor = knowing(SECRET)
    secret = encode(SECRET)
    for size in (800, 3_000):
        for at in range(150, 330, 3):
            for text in ("." * at + secret + "-" * size, "." * size + secret + "-" * at):
                clean = redactor.redact_output(text)
                assert "cut from" in clean
                left = set(re.sub(r"\(cut .*?\)", "", clean).replace(MASK, ""))
                assert left <= set("*.-… \n"), (at, clean)
