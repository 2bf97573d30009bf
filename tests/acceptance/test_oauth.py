"""OAuth: the store holds a supplier credential that works."""

from __future__ import annotations

from datetime import datetime

import pytest

from pytest_prodstatus import Evidence
from tests.acceptance.support.aliexpress.client import AliExpressClient
from tests.acceptance.support.credentials import (
    SOON,
    StoredCredentials,
    SupplierCredential,
    open_credential,
    readable,
)
from tests.acceptance.support.errors import access_judged
from tests.acceptance.support.probes.facts import facts
from tests.acceptance.support.settings import Settings

pytestmark = pytest.mark.stage("oauth")


def test_credentials_stored(
    stored: StoredCredentials, settings: Settings, evidence: Evidence
) -> None:
    """An active AliExpress credential is stored for the user, in the target's environment."""
    evidence(user_id=settings.user_id, environment=settings.environment, **facts(stored))
    assert stored.chosen, (
        f"user {settings.user_id} has no active aliexpress-dropshipping credential of the "
        f"{settings.environment} environment ({stored.inactive} inactive, "
        f"{stored.other_environment} of another environment)"
    )


def test_credentials_readable(
    stored: StoredCredentials, settings: Settings, evidence: Evidence
) -> None:
    """The stored credential can be decrypted with the configured key, and is the target's."""
    row = stored.require()
    with readable():
        credential = open_credential(row, settings)
    evidence(credential=row.row_id, own=row.own, for_sandbox=credential.sandbox)
    assert not (credential.sandbox and settings.environment == "production"), (
        f"credential {row.row_id} is marked as one for the sandbox"
    )


def test_access_token_not_expired(
    credential: SupplierCredential, now: datetime, evidence: Evidence
) -> None:
    """The access token is good for some time yet."""
    expires_at = credential.require_expiry()
    soon = expires_at - now < SOON
    evidence(expires_at=expires_at, expires_within_the_hour=soon)
    assert expires_at > now, f"the access token expired at {expires_at:%Y-%m-%d %H:%M} UTC"


def test_access_token_accepted(supplier: AliExpressClient, evidence: Evidence) -> None:
    """The supplier answers a read-only call made with the token."""
    with evidence.held("the supplier accepts the access token"), access_judged():
        reply = supplier.member_benefit()
    evidence(request_id=reply.request_id)
