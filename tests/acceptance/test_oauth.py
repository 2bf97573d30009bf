"""OAuth: the store holds a supplier credential that works."""

from __future__ import annotations

from datetime import datetime

import pytest

from pytest_prodstatus import Evidence, blocked
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.credentials import (
    SOON,
    StoredCredentials,
    SupplierCredential,
    chosen_credential,
    readable,
)
from tests.acceptance.support.errors import NotPermitted, access_judged
from tests.acceptance.support.probes.facts import facts
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("oauth")


def test_credentials_stored(
    stored: StoredCredentials, settings: Settings, evidence: Evidence
) -> None:
    """The store has an active AliExpress credential for the user, in the target's environment."""
    evidence(user_id=settings.user_id, environment=settings.environment, **facts(stored))
    evidence(from_environment=stored.chosen is None and settings.supplier_token is not None)
    assert stored.chosen or settings.supplier_token, (
        f"user {settings.user_id} has no active aliexpress-dropshipping credential of the "
        f"{settings.environment} environment ({stored.inactive} inactive, "
        f"{stored.other_environment} of another environment)"
    )


def test_credentials_readable(
    stored: StoredCredentials, settings: Settings, evidence: Evidence
) -> None:
    """The stored credential can be decrypted with the configured key, and is the target's."""
    with readable():
        credential = chosen_credential(stored, settings)
    evidence(used=credential.name, for_sandbox=credential.sandbox)
    if stored.chosen:
        evidence(own=stored.chosen.own)
    assert not (credential.sandbox and settings.environment == "production"), (
        f"{credential.name} is marked as one for the sandbox"
    )


def test_access_token_not_expired(
    stored: StoredCredentials, credential: SupplierCredential, now: datetime, evidence: Evidence
) -> None:
    """The access token has not expired, as far as the store knows when it does."""
    credential.require_access_token()
    expires_at = credential.expires_at
    evidence(expiry_known=expires_at is not None)
    if expires_at is not None:
        evidence(expires_at=expires_at, expires_within_the_hour=expires_at - now < SOON)
    evidence.say(f"{_whose(stored)} token, {_expiry(expires_at, now)}")
    assert expires_at is None or expires_at > now, (
        f"the access token expired at {expires_at:%Y-%m-%d %H:%M} UTC"
    )


def test_access_token_accepted(supplier: AliExpressClient, evidence: Evidence) -> None:
    """The supplier answers a read-only call made with the token."""
    with evidence.held("the supplier accepts the access token"), access_judged():
        try:
            reply = supplier.proof_of_token()
        except NotPermitted as error:
            blocked(
                f"no call could try the token: {error}",
                kind="inconclusive",
                remedy="give the application the permission to look orders up",
            )
    evidence(answered=reply.method, request_id=reply.request_id)


def _whose(stored: StoredCredentials) -> str:
    if stored.chosen is None:
        return "the environment's"
    return "the store's own" if stored.chosen.own else "every user's"


def _expiry(expires_at: datetime | None, now: datetime) -> str:
    if expires_at is None:
        return "of unknown expiry"
    if expires_at <= now:
        return "expired"
    return f"valid for {'less' if expires_at - now < SOON else 'more'} than an hour"
