"""Credentials at rest: what Node encrypted is read, and what can't be read has a reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest

from pytest_prodstatus import Blocked
from tests.acceptance.demo.encryption import encrypted
from tests.acceptance.support.clock import read_instant
from tests.acceptance.support.credentials import (
    Account,
    StoredCredential,
    StoredCredentials,
    SupplierCredential,
    UnreadableCredential,
    WrongKey,
    account_of,
    chosen_credential,
    open_credential,
)
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import DEFAULT_SALT, Settings

KEY = "k" * 32
# Made by Node's crypto (scryptSync, aes-256-cbc), as the store makes them.
FROM_NODE = (
    "000102030405060708090a0b0c0d0e0f:dcb6d3370df382923f7f270a407a16878d545a2cd7a1c2ad2f8937101ee9"
    "07272b62f925725f0eeda2e4ac4b15e04a49"
)
FROM_NODE_SALTED = "000102030405060708090a0b0c0d0e0f:722279631f01df2296282fbf53f8c414"
FROM_NODE_NOT_JSON = "000102030405060708090a0b0c0d0e0f:31fab8cd773ed66753a999a7d32c7f77"

Make = Callable[..., Settings]


def _open(text: str, settings: Settings) -> SupplierCredential:
    return open_credential(_row(text), settings)


def _row(text: str, *, owner: int = 1, own: bool = True) -> StoredCredential:
    return StoredCredential(
        row_id=7, owner=owner, own=own, updated_at=None, credentials=Secret(text)
    )


def test_the_account_is_the_application(variables: Make) -> None:
    """Who connected it, in a row of any scope or in the environment, is said and not compared.

    Each can be the same account, and as another key of the one real order it would buy again.
    """

    def account(*, owner: int, own: bool, app: object = "512345", user: str = "1") -> Account:
        text = {"accessToken": f"{owner} {own}", "appKey": app}
        sealed = encrypted(text, key=KEY, iv=bytes(16), salt=DEFAULT_SALT)
        settings = variables(ENCRYPTION_KEY=KEY, TEST_USER_ID=user)
        found = account_of(_row(sealed, owner=owner, own=own), settings)
        assert found is not None
        return found

    mine = account(owner=1, own=True)
    assert str(mine) == "application 512345 of user 1"
    assert mine == account(owner=1, own=False) == account(owner=1, own=False, user="2")
    environment = variables(
        ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN="t", ALIEXPRESS_DROPSHIPPING_APP_KEY=" 512345 "
    )
    theirs = account_of(None, environment)
    assert theirs is not None
    assert str(theirs) == "application 512345 of every user"
    others = (theirs, account(owner=2, own=False), account(owner=1, own=True, app=512345))
    assert {other.application for other in others} == {mine.application}
    assert account(owner=1, own=True, app="512346").application != mine.application


def test_what_node_encrypted_is_read(variables: Make) -> None:
    """With the store's default salt, and white space around the key."""
    found = _open(FROM_NODE, variables(ENCRYPTION_KEY=f" {KEY}\n"))
    assert found.access_token == Secret("tökén")
    assert found.sandbox is False


def test_the_example_says_the_default_salt() -> None:
    """The salt that the store has by default is a fact of the store; `.env.example` has it."""
    example = Path(__file__).parents[3] / ".env.example"
    assert f"#ENCRYPTION_SALT={DEFAULT_SALT}\n" in example.read_text(encoding="utf-8")


def test_a_salt_and_the_other_key_variable_are_honoured(variables: Make) -> None:
    """JWT_SECRET stands in for an unset ENCRYPTION_KEY."""
    settings = variables(
        JWT_SECRET="another key that is long enough!", ENCRYPTION_SALT="pepper", ENCRYPTION_KEY=" "
    )
    assert _open(FROM_NODE_SALTED, settings).access_token is None


@pytest.mark.parametrize("text", [FROM_NODE, FROM_NODE_NOT_JSON])
@pytest.mark.parametrize("number", range(8))
def test_a_wrong_key_says_so(variables: Make, text: str, number: int) -> None:
    """By its padding or by what comes out; the words are its own."""
    key = KEY if text is FROM_NODE_NOT_JSON else f"{number}{KEY}"
    with pytest.raises(WrongKey, match="cannot be decrypted with this key"):
        _open(text, variables(ENCRYPTION_KEY=key))


def test_a_token_that_nothing_can_send_says_so(variables: Make) -> None:
    """JSON may hold half a character; the key is right, and the words name the field."""
    text = encrypted(
        {"accessToken": "planted\ud800", "appKey": "1"}, key=KEY, iv=bytes(16), salt=DEFAULT_SALT
    )
    with pytest.raises(UnreadableCredential, match="accessToken can't be sent") as caught:
        _open(text, variables(ENCRYPTION_KEY=KEY))
    assert not isinstance(caught.value, WrongKey)


def test_a_ciphertext_without_a_key_is_blocked(variables: Make) -> None:
    """Nothing was found wrong: the key is missing, or can't be one."""
    for settings in (variables(), variables(ENCRYPTION_KEY="short")):
        with pytest.raises(Blocked) as caught:
            _open(FROM_NODE, settings)
        assert caught.value.reason.kind.value == "missing-config"


@pytest.mark.parametrize("sandbox", [True, "true"])
def test_fields_are_read_as_text(variables: Make, sandbox: object) -> None:
    """Without white space, and a number as its digits; a boolean may be text."""
    text = encrypted(
        {"accessToken": " t ", "appKey": 512345, "sandbox": sandbox},
        key=KEY,
        iv=bytes(16),
        salt=DEFAULT_SALT,
    )
    found = _open(text, variables(ENCRYPTION_KEY=KEY))
    assert (found.access_token, found.app_key, found.sandbox) == (Secret("t"), "512345", True)


@pytest.mark.parametrize(
    ("sandbox", "marked"),
    [
        *((value, True) for value in (True, "true", "True ", 1, "1", 1.5, "yes", "sandbox")),
        *((value, False) for value in (None, False, 0, "", " ", "false", "False", "0", "no")),
    ],
)
def test_a_mark_of_the_sandbox_may_be_written_in_any_way(
    variables: Make, sandbox: object, marked: bool
) -> None:
    """A number marks it as well: the store's reader takes all but nothing and false for true."""
    text = encrypted({"sandbox": sandbox}, key=KEY, iv=bytes(16), salt=DEFAULT_SALT)
    assert _open(text, variables(ENCRYPTION_KEY=KEY)).sandbox is marked


def test_plain_json_is_what_the_store_cant_read(variables: Make) -> None:
    """It decrypts only, so the row is unreadable, in words of its own."""
    with pytest.raises(UnreadableCredential, match="plain JSON, which the store can't read"):
        _open('{"accessToken": "t"}', variables(ENCRYPTION_KEY=KEY))


def test_a_salt_is_used_as_it_is(variables: Make) -> None:
    """With the white space around it."""
    salt = " pepper "
    text = encrypted({"accessToken": "t"}, key=KEY, iv=bytes(16), salt=salt)
    settings = variables(ENCRYPTION_KEY=KEY, ENCRYPTION_SALT=salt)
    assert _open(text, settings).access_token == Secret("t")
    with pytest.raises(WrongKey):
        _open(text, variables(ENCRYPTION_KEY=KEY, ENCRYPTION_SALT=salt.strip()))


def test_without_a_row_the_environments_token_is_taken(variables: Make) -> None:
    """A row comes first; with neither there is nothing to judge."""
    none = StoredCredentials(usable=0, inactive=0, other_environment=0, chosen=None)
    token = {"ALIEXPRESS_DROPSHIPPING_ACCESS_TOKEN": "from-environment"}
    found = chosen_credential(none, variables(**token))
    assert (found.name, found.access_token) == (
        "the environment's credential",
        Secret("from-environment"),
    )
    with pytest.raises(UnreadableCredential):
        chosen_credential(replace(none, chosen=_row("{}")), variables(ENCRYPTION_KEY=KEY, **token))
    with pytest.raises(Blocked, match="can be used"):
        chosen_credential(none, variables())


@pytest.mark.parametrize("text", ["", "gibberish", "[1]", '{"a":', "00:11", f"{'0' * 32}:abc"])
def test_neither_ciphertext_nor_json_is_unreadable(variables: Make, text: str) -> None:
    """It is not a matter of the key."""
    with pytest.raises(UnreadableCredential, match="neither a ciphertext nor readable"):
        _open(text, variables(ENCRYPTION_KEY=KEY))


def test_what_the_demo_encrypts_is_read(variables: Make) -> None:
    """Two implementations agree."""
    text = encrypted({"accessToken": "t"}, key=KEY, iv=bytes(16), salt=DEFAULT_SALT)
    assert _open(text, variables(ENCRYPTION_KEY=KEY)).access_token == Secret("t")


def test_an_unfinished_oauth_is_blocked(variables: Make) -> None:
    """A row without a token proves nothing; a token without an end is for the supplier to judge."""
    settings = variables(ENCRYPTION_KEY=KEY)
    text = encrypted({"accessToken": ""}, key=KEY, iv=bytes(16), salt=DEFAULT_SALT)
    with pytest.raises(Blocked, match="OAuth was not completed"):
        _open(text, settings).require_access_token()
    text = encrypted(
        {"accessToken": "t", "accessTokenExpiresAt": "soon"},
        key=KEY,
        iv=bytes(16),
        salt=DEFAULT_SALT,
    )
    assert _open(text, settings).expires_at is None


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-22T10:30:00Z",
        "2026-11-22T10:30:00.000Z",
        "2026-11-22T12:30:00.000000000+02:00",
        "2026-11-22 05:30:00-0500",
        "2026-11-22T10:30",
    ],
)
def test_an_instant_is_read_in_every_iso_form(text: str) -> None:
    """With and without fractions and zones; no zone means UTC."""
    assert read_instant(text) == datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("value", "instant"),
    [
        ("2025-01-01", datetime(2025, 1, 1, tzinfo=timezone.utc)),
        (1795343400000, datetime(2026, 11, 22, 10, 30, tzinfo=timezone.utc)),
        (1795343400000.5, datetime(2026, 11, 22, 10, 30, 0, 500, tzinfo=timezone.utc)),
    ],
)
def test_the_end_of_a_token_may_be_a_day_or_milliseconds(
    value: object, instant: datetime, variables: Make
) -> None:
    """The store reads both: a token that has ended isn't one of unknown expiry."""
    credential = {"accessToken": "t", "accessTokenExpiresAt": value}
    text = encrypted(credential, key=KEY, iv=bytes(16), salt=DEFAULT_SALT)
    assert _open(text, variables(ENCRYPTION_KEY=KEY)).expires_at == instant


@pytest.mark.parametrize(
    "value",
    [None, "", "tomorrow", 1795343400, 1e300, float("nan"), "2026-13-01T00:00:00Z", True, "2026"],
)
def test_anything_else_is_an_unknown_instant(value: object) -> None:
    """Never a guess."""
    assert read_instant(value) is None
