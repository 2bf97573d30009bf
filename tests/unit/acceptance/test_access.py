"""Sellers with an access of their own: each is opened by its row, or says why it can't be."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.acceptance.demo.encryption import encrypted
from tests.acceptance.support.access import Access, Budget, own_paypals, own_suppliers
from tests.acceptance.support.credentials import StoredCredential
from tests.acceptance.support.errors import CredentialRejected
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import DEFAULT_SALT, Settings

KEY = "k" * 32
Make = Callable[..., Settings]

APP: dict[str, object] = {"clientId": "of-a-seller", "clientSecret": "secret-of-a-seller"}
TOKEN: dict[str, object] = {"accessToken": "t", "appKey": 512345, "appSecret": "s"}


def _rows(*texts: str) -> dict[int, StoredCredential]:
    """Return rows for the users 2, 3, and so on."""
    return {
        number: StoredCredential(
            row_id=number, owner=number, own=True, updated_at=None, credentials=Secret(text)
        )
        for number, text in enumerate(texts, start=2)
    }


def _sealed(credential: dict[str, object], key: str = KEY) -> str:
    return encrypted(credential, key=key, iv=bytes(16), salt=DEFAULT_SALT)


def test_a_seller_s_application_that_can_t_be_read_says_why(variables: Make) -> None:
    """Encrypted with another key, plain, or lacking a part; two may share one application."""
    rows = _rows(
        _sealed(APP),
        _sealed(APP),
        _sealed(APP, "another key " * 3),
        json.dumps(APP),
        _sealed({**APP, "clientSecret": " "}),
        "",
    )
    with own_paypals(rows, variables(ENCRYPTION_KEY=KEY), budget=Budget()) as own:
        words = [access if isinstance(access, str) else "" for access in own.values()]
    assert words[:2] == ["", ""]
    reasons = ("with this key", "plain JSON", "no clientSecret", "neither")
    for word, why in zip(words[2:], reasons, strict=True):
        assert why in word
        assert "seller" not in word


def test_a_seller_s_token_that_can_t_be_used_says_why(variables: Make) -> None:
    """The row of the user whose credential is the store's own is not opened again."""
    rows = _rows(_sealed(TOKEN), _sealed({**TOKEN, "accessToken": None}), _sealed(TOKEN))
    settings = variables(ENCRYPTION_KEY=KEY, TEST_USER_ID="4")
    with own_suppliers(rows, settings, note=lambda _name, _url: None) as own:
        assert own.keys() == {2, 3}
        assert not isinstance(own[2], str)
        assert own[3] == "credential 3 has no access token or no application"


@pytest.mark.parametrize("own", ["it can't be read", "refused"])
def test_what_the_store_finds_needs_no_seller(own: str) -> None:
    """What it doesn't find may be the seller's, whose access can't be used."""

    def look(client: str) -> str | None:
        if client == "refused":
            raise CredentialRejected(provider="PayPal", operation="payouts", message="no")
        return {"store": "found"}.get(client)

    access: Access[str] = Access(common="store", own={})
    assert access.find(2, look) == ("found", "")
    assert access.find(None, look) == ("found", "")
    assert Access(common="other", own={2: own}).find(3, look) == (None, "")
    found, why = Access(common="other", own={2: own}).find(2, look)
    assert found is None
    assert why
