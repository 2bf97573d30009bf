"""Names of variables that are secrets, and the parser of `.env` files."""

from __future__ import annotations

from pathlib import Path

import pytest
from dotenv import dotenv_values

from pytest_prodstatus.model.redaction import SecretNames
from pytest_prodstatus.readers.dotenv import Dotenv, read_dotenv


@pytest.mark.parametrize(
    ("patterns", "name", "secret"),
    [
        ((), "API_TOKEN", True),
        ((), "PIN", True),
        ((), "PINNED", False),
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


def read(text: str | bytes, **environ: str) -> Dotenv:
    """Return what is read of a file."""
    return read_dotenv(text.encode() if isinstance(text, str) else text, environ)


FILE = (
    "\ufeffFIRST=1\r\n"
    "# COMMENTED=x\n"
    "export EXPORTED = spaced out  # a comment\n"
    "HASH=a#b\n"
    "SINGLE='raw \\n $HOME'\n"
    'DOUBLE="say \\"hi\\"\\nthere"\n'
    'LINES="one\ntwo"\n'
    "EMPTY=\n"
    "BARE\n"
    "  INDENTED=yes\n"
    "URL=postgresql://a:b@c/d?e=f\n"
    "FIRST=2\n"
    "AGAIN=${FIRST}-${UNKNOWN}-${OTHER:-default}-$FIRST\n"
    "FROM_OUTSIDE=${OUTSIDE}"
)


def test_a_dotenv_file_is_read_as_python_dotenv_reads_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Quoted or bare, exported or not, with references, among comments."""
    monkeypatch.setenv("OUTSIDE", "from the environment")
    expected = {
        "FIRST": "2",
        "EXPORTED": "spaced out",
        "HASH": "a#b",
        "SINGLE": "raw \\n $HOME",
        "DOUBLE": 'say "hi"\nthere',
        "LINES": "one\ntwo",
        "EMPTY": "",
        "INDENTED": "yes",
        "URL": "postgresql://a:b@c/d?e=f",
        "AGAIN": "2--default-$FIRST",
        "FROM_OUTSIDE": "from the environment",
    }
    assert read(FILE, OUTSIDE="from the environment") == (expected, (), ())
    (tmp_path / ".env").write_text(FILE, encoding="utf-8")
    theirs = dotenv_values(tmp_path / ".env", encoding="utf-8-sig")
    assert theirs == {**expected, "BARE": None}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_dotenv_file_in_another_encoding(encoding: str) -> None:
    """Editors and shells of Windows write UTF-16."""
    assert read("A_TOKEN=abc\r\nB=é\r\n".encode(encoding)).variables["A_TOKEN"] == "abc"


def test_a_dotenv_file_that_is_not_utf_8() -> None:
    """Then it is read as Latin-1."""
    assert read("A=é".encode("latin-1")).variables == {"A": "é"}


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("API_TOKEN='it'\"'\"'s-a-token'", "it's-a-token"),
        ("API_TOKEN: dddddddddddd", "dddddddddddd"),
        ("API_TOKEN='unclosed-value", "unclosed-value"),
        ('API_TOKEN="two words" and more', "two words"),
        ("export API_TOKEN 'a b'", "a b"),
        ("MIIPlantedLineOne0123+/=x", "MIIPlantedLineOne0123+/=x"),
        ("MIIPlantedLineOne0123", "MIIPlantedLineOne0123"),
        ("just words", "words"),
    ],
)
def test_the_words_of_a_line_that_can_not_be_read_are_secrets(line: str, word: str) -> None:
    """As the whole value, word by word, and as a shell reads it; the name is none."""
    dotenv = read(f"A=1\n\n{line}\nB=2\n")
    assert word in dotenv.words
    assert "API_TOKEN" not in dotenv.words
    assert dotenv.unread == (3,)
    assert dotenv.variables["A"] == "1"
    sentence = dotenv.unread_sentence("/p/.env")
    assert sentence.startswith("/p/.env line 3: this is not NAME=value")
    assert word not in sentence


def test_a_file_that_can_be_read_has_no_sentence() -> None:
    """And of many lines that can't, the first five are named."""
    assert read("A=1\nBARE\n").unread_sentence("x") == ""
    assert "line 1, 2, 3, 4, 5, …:" in read("a b\n" * 9).unread_sentence("x")


@pytest.mark.parametrize("text", ["", "\0", "=", "A", 'A="unclosed', "'''", "A==b=", "\n\n", "${"])
def test_no_dotenv_file_is_refused(text: str) -> None:
    """Any content is accepted."""
    assert isinstance(read(text), Dotenv)
