"""What is shown of a database's own words."""

from __future__ import annotations

import pytest

from tests.acceptance.support.database.transaction import first_line


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("\n  it is down \nDETAIL: a row", "it is down"),
        ("", "Exception"),
        ("can't use postgresql://user:pass@host/shop, sorry", "can't use postgresql://host/shop,"),
        ("see postgresql://u:a@b@host and https://u:p@h", "see postgresql://host and https://h"),
        ("see https://host/path", "see https://host/path"),
    ],
)
def test_the_servers_first_line_is_shown_without_a_password(words: str, shown: str) -> None:
    """Its DETAIL may quote a row; a driver may quote a connection string."""
    assert first_line(Exception(words)).startswith(shown)


def test_a_first_line_of_any_length_is_read_in_time() -> None:
    """It may quote a value of the store: the time grows with its length alone."""
    words = "://" * 300_000
    assert first_line(Exception(words)) == words
