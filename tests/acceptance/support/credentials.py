"""The supplier credential of the store: what it holds, and until when it is good."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from pytest_prodstatus import blocked
from tests.acceptance.support.cipher import decrypt, is_encrypted, read_plain
from tests.acceptance.support.probes.oauth import StoredCredential
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings

SOON = timedelta(hours=1)
"""A token this near its end is reported as such."""

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d+))?\s*(Z|[+-]\d\d(?::?\d\d)?)?", re.I
)
_CONNECT = "connect AliExpress in the store's settings (OAuth) until it shows as connected"


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierCredential:
    """An aliexpress-dropshipping credential, decrypted.

    Attributes:
        row_id: where it is stored.
        access_token: the seller's session; None where OAuth was never completed.
        expires_at: the end of the token; None where the store doesn't say or it can't be read.
        app_key: the application.
        app_secret: signs its calls.
        sandbox: whether it says of itself that it is for the sandbox.
    """

    row_id: int
    access_token: Secret | None
    expires_at: datetime | None
    app_key: str | None
    app_secret: Secret | None
    sandbox: bool

    def require_access_token(self) -> Secret:
        """Return the token, or end as BLOCKED where OAuth was never completed."""
        if self.access_token is None:
            blocked(
                f"OAuth was not completed: credential {self.row_id} has no access token",
                kind="missing-config",
                remedy=_CONNECT,
            )
        return self.access_token

    def require_expiry(self) -> datetime:
        """Return when the token ends, or end as BLOCKED where nobody knows."""
        self.require_access_token()
        if self.expires_at is None:
            blocked(
                f"credential {self.row_id} does not say when its access token expires",
                kind="inconclusive",
                remedy=_CONNECT,
            )
        return self.expires_at

    def require_application(self) -> tuple[str, Secret]:
        """Return the application's key and secret, or end as BLOCKED."""
        if self.app_key is None or self.app_secret is None:
            blocked(
                f"credential {self.row_id} has no appKey or no appSecret",
                kind="missing-config",
                remedy=_CONNECT,
            )
        return self.app_key, self.app_secret


def open_credential(stored: StoredCredential, settings: Settings) -> SupplierCredential:
    """Return the credential that a row holds, decrypting it where it isn't plain JSON.

    Raises:
        UnreadableCredential: it can't be read (WrongKey: not with this key).
        Blocked: missing-config, where it is encrypted and no key is configured.
    """
    text = stored.credentials.reveal()
    if is_encrypted(text):
        key = settings.require_encryption_key()
        found = decrypt(text, key=key, salt=settings.encryption_salt)
    else:
        found = read_plain(text)
    token = _text(found, "accessToken")
    secret = _text(found, "appSecret")
    return SupplierCredential(
        row_id=stored.row_id,
        access_token=Secret(token) if token else None,
        expires_at=read_instant(found.get("accessTokenExpiresAt")),
        app_key=_text(found, "appKey"),
        app_secret=Secret(secret) if secret else None,
        sandbox=found.get("sandbox") is True,
    )


def read_instant(value: object) -> datetime | None:
    """Return an ISO 8601 instant in UTC (no zone means UTC), None for anything else."""
    match = _INSTANT.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return None
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone is None or zone in "Zz" else zone.replace(":", "")
    offset = zone if ":" in zone else f"{zone[:3]}:{zone[3:] or '00'}"
    clock = clock if len(clock) == 8 else f"{clock}:00"
    try:
        # Digits beyond microseconds are cut; 3.10 reads three or six of them.
        text = f"{day}T{clock}.{(fraction or '0')[:6].ljust(6, '0')}{offset}"
        return datetime.fromisoformat(text).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


def _text(found: Mapping[str, Any], name: str) -> str | None:
    value = found.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # an application key is digits, and JSON may hold it as a number
    return value.strip() or None if isinstance(value, str) else None
