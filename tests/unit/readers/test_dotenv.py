"""Names of variables that are secrets, and the parser of `.env` files."""

from __future__ import annotations

import pytest

from pytest_prodstatus.model.redaction import SecretNames
from pytest_prodstatus.readers.dotenv import read_dotenv


@pytest.mark.parametrize(
    ("patterns", "name", "secret"),
    [
        ((), "API_TOKEN", True),
        ((), "PIN", False),
        (("*_PIN",), "OPERATOR_PIN", True),
        (("*_pin",), "operator_Pin", True),
        (("*_PIN",), "API_TOKEN", True),
        (("!CACHE_KEY",), "CACHE_KEY", False),
        (("!CACHE_KEY",), "OTHER_KEY", True),
        (("!*_KEY", "SIGNING_KEY"), "SIGNING_KEY", True),
        (("SIGNING_KEY", "!*_KEY"), "SIGNING_KEY", False),
    ],
)
def test_a_name_is_a_secret_s_by_its_end_or_by_the_last_pattern_that_fits(
    patterns: tuple[str, ...], name: str, secret: bool
) -> None:
    """`*_PIN` adds names and `!CACHE_KEY` removes some, in any case."""
    assert (name in SecretNames(patterns)) is secret


def test_secrets_among_variables() -> None:
    """They have their names, in order."""
    variables = {"HOME": "/root", "B_TOKEN": "b", "A_KEY": "a"}
    assert list(SecretNames().among(variables)) == [("B_TOKEN", "b"), ("A_KEY", "a")]


def test_a_dotenv_file_is_read_line_by_line() -> None:
    """Quoted or bare, exported or not, among comments and broken lines."""
    text = (
        "\ufeffFIRST=1\r\n"
        "# COMMENTED=x\n"
        "export EXPORTED = spaced out  # a comment\n"
        "HASH=a#b\n"
        "SINGLE='raw \\n $HOME'\n"
        'DOUBLE="say \\"hi\\"\\nthere"\n'
        'LINES="one\ntwo"\n'
        "EMPTY=\n"
        "no variable at all\n"
        "  INDENTED=yes\n"
        "URL=postgresql://a:b@c/d?e=f\n"
        "FIRST=2"
    )
    assert read_dotenv(text) == {
        "FIRST": "2",
        "EXPORTED": "spaced out",
        "HASH": "a#b",
        "SINGLE": "raw \\n $HOME",
        "DOUBLE": 'say "hi"\nthere',
        "LINES": "one\ntwo",
        "EMPTY": "",
        "INDENTED": "yes",
        "URL": "postgresql://a:b@c/d?e=f",
    }


@pytest.mark.parametrize("text", ["", "\0", "=", "A", 'A="unclosed', "'''", "A==b=", "\n\n"])
def test_no_dotenv_file_is_refused(text: str) -> None:
    """Any content is accepted."""
    assert isinstance(read_dotenv(text), dict)
