"""Texts that are made to slow a search for secrets down, for the tests and the benchmark.

Each is one short fragment, repeated up to a size: the fragments begin a token, an escape or an
encoded character and never end it.
"""

from __future__ import annotations

from urllib.parse import quote

from pytest_prodstatus.model.redaction import Redactor

SECRETS = (
    "plantedToken0123456789",
    "pl&nted/se\"cr'et+ü <x>\\y=",
    "postgresql://app:pl%40nted-word-77@db.example:5432/shop",
    "correct horse battery staple",
    "a % b & c + d e",
    "\\\\server\\share\\password",
    "  /slashes/first and a blank ",
    "abababababababababababababababab-and-more",
)
"""Known secrets: among them some whose own text makes a search hard."""

FRAGMENTS = (
    "a",
    "a.",
    "a:",
    "...",
    "…",
    "a...",
    "ab",
    "abababab...",
    "eyJ",
    "eyJ.",
    "eyJaaaaa.",
    "eyJaaaaa.aaaa ",
    '":',
    quote('":'),
    "%25",
    "%252525",
    "%5C",
    "%20+",
    "@",
    "@:",
    "a:bcd",
    "://",
    "://a:",
    "://a:b@",
    "\\",
    "\\\\n",
    "\\u002",
    "/",
    "+",
    " ",
    "\n \t",
    "& ",
    "&amp;",
    "&amp;#0",
    "&#x00000",
    "&#aaaaaaaaaa",
    "bearer ",
    "bearer:",
    "bearer+",
    "bearer%20a",
    "basic aaaaaaa ",
    "plantedToken012345678 ",
    "correct ",
    "correct%20%25",
    "a%25%25",
    "a + ",
    "server\\\\",
    "E   ",
)
"""What the texts are made of."""

MARKERS = "".join(
    # With these, no pattern is left out because its marker or anchor is missing.
    f"{text} "
    for text in ("@x", "eyJ", "bearer", "basic", "...", "nted", "plantedToken0123456789x", "horse")
)


def text_of(fragment: str, size: int) -> str:
    """Return a text of about `size` characters that repeats a fragment, with all markers."""
    return fragment * (size // len(fragment)) + MARKERS + "server\\share battery slashes"


def knowing() -> Redactor:
    """Return a redactor that knows `SECRETS`."""
    redactor = Redactor()
    for secret in SECRETS:
        redactor.add(secret)
    return redactor
