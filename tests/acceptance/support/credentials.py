"""The store's credential at the supplier: as it is stored, decrypted, and used by a client.

At rest it is `hex(iv) + ":" + hex(ciphertext)`: AES-256-CBC, with a key made by scrypt. The store
reads nothing else: a row of plain JSON is one that it can't read. Without a row it takes the token
of its environment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pytest_prodstatus import Endpoints, blocked
from tests.acceptance.support.clock import read_instant
from tests.acceptance.support.secrets import Secret
from tests.acceptance.support.settings import Settings
from tests.acceptance.support.variables import is_sendable

if TYPE_CHECKING:  # imported by the first criterion that needs it
    from tests.acceptance.support.aliexpress.client import AliExpressClient

API_NAME = "aliexpress-dropshipping"
SOON = timedelta(hours=1)
"""A token this near its end is reported as such."""

_CIPHERTEXT = re.compile(r"([0-9a-f]{32}):((?:[0-9a-f]{32})+)", re.I)
_CONNECT = "connect AliExpress in the store's settings (OAuth) until it shows as connected"
_SAME_KEY = "give the run the ENCRYPTION_KEY and ENCRYPTION_SALT of the store"


class UnreadableCredential(Exception):  # noqa: N818 - it is raised as what was found
    """A stored credential that can't be read; `str()` is the reason, never its content."""


class WrongKey(UnreadableCredential):
    """The text is a ciphertext, and this key doesn't open it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredential:
    """The row that the store would use: the user's own of scope 'user', else a global one.

    Attributes:
        row_id: its id.
        owner: the user who connected it, of either scope.
        own: whether it is of scope 'user'.
        updated_at: when it was last changed, if that was asked for.
        credentials: the text that it holds.
    """

    row_id: int
    owner: int
    own: bool
    updated_at: datetime | None
    credentials: Secret = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCredentials:
    """The rows there are for one user in the target's environment.

    Attributes:
        usable: active rows, own or global, of the environment.
        inactive: rows that would do, were they active.
        other_environment: rows of another environment, which don't count.
        chosen: the one that the store would use, None if there is none.
    """

    usable: int
    inactive: int
    other_environment: int
    chosen: StoredCredential | None = field(repr=False)

    def require(self) -> StoredCredential:
        """Return the row that the store would use, or end as BLOCKED if there is none."""
        if self.chosen is None:
            blocked(
                f"no active {API_NAME} credential can be used",
                kind="no-data",
                remedy=_CONNECT,
            )
        return self.chosen


@dataclass(frozen=True, slots=True, kw_only=True)
class SupplierCredential:
    """An aliexpress-dropshipping credential, decrypted.

    Attributes:
        name: how messages name it: "credential 7", or the environment's.
        access_token: the seller's session; None if OAuth was never completed.
        expires_at: the end of the token; None if the store has none or it can't be read. The
            store's operators take such a token for valid until the supplier rejects it.
        app_key: the application.
        app_secret: signs its calls.
        sandbox: whether it is marked as one for the sandbox.
    """

    name: str
    access_token: Secret | None
    expires_at: datetime | None
    app_key: str | None
    app_secret: Secret | None
    sandbox: bool

    def require_access_token(self) -> Secret:
        """Return the token, or end as BLOCKED if OAuth was never completed."""
        if self.access_token is None:
            blocked(
                f"OAuth was not completed: {self.name} has no access token",
                kind="missing-config",
                remedy=_CONNECT,
            )
        return self.access_token

    def require_application(self) -> tuple[str, Secret]:
        """Return the application's key and secret, or end as BLOCKED."""
        if self.app_key is None or self.app_secret is None:
            blocked(
                f"{self.name} has no appKey or no appSecret",
                kind="missing-config",
                remedy=_CONNECT,
            )
        return self.app_key, self.app_secret


def open_credential(stored: StoredCredential, settings: Settings) -> SupplierCredential:
    """Return the credential that a row holds, decrypted.

    Raises:
        UnreadableCredential: it can't be read (WrongKey: not with this key).
        Blocked: missing-config, if it is encrypted and no key is configured.
    """
    found = fields_of(stored, settings)
    token = text_in(found, "accessToken")
    secret = text_in(found, "appSecret")
    return SupplierCredential(
        name=f"credential {stored.row_id}",
        access_token=Secret(token) if token else None,
        expires_at=read_instant(found.get("accessTokenExpiresAt")),
        app_key=text_in(found, "appKey"),
        app_secret=Secret(secret) if secret else None,
        sandbox=_is_set(found.get("sandbox")),
    )


def fields_of(stored: StoredCredential, settings: Settings) -> Mapping[str, Any]:
    """Return what a row holds for any provider, decrypted; raises as `open_credential` does."""
    text = stored.credentials.reveal()
    if not is_encrypted(text):
        msg = "the stored credential is neither a ciphertext nor readable for the store"
        if _object(text) is not None:
            msg = (
                "the stored credential is plain JSON, which the store can't read: it decrypts only"
            )
        raise UnreadableCredential(msg)
    return decrypt(text, key=settings.require_encryption_key(), salt=settings.encryption_salt)


def chosen_credential(stored: StoredCredentials, settings: Settings) -> SupplierCredential:
    """Return the credential that the store would use: its row's, else its environment's.

    Raises:
        UnreadableCredential: its row can't be read.
        Blocked: there is neither, or no key.
    """
    if stored.chosen is None and settings.supplier_token is not None:
        return _of_environment(settings, settings.supplier_token)
    return open_credential(stored.require(), settings)


def usable_credential(stored: StoredCredentials, settings: Settings) -> SupplierCredential:
    """Return the credential that the store uses, or end as BLOCKED if there is none to use."""
    try:
        return chosen_credential(stored, settings)
    except UnreadableCredential as error:
        remedy = _SAME_KEY if isinstance(error, WrongKey) else _CONNECT
        blocked(str(error), kind="missing-config", remedy=remedy)


def _of_environment(settings: Settings, token: Secret) -> SupplierCredential:
    return SupplierCredential(
        name="the environment's credential",
        access_token=token,
        expires_at=None,
        app_key=settings.supplier_app_key,
        app_secret=settings.supplier_app_secret,
        sandbox=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The account at the supplier that a credential is for, as far as the store knows it.

    Attributes:
        application: the application's key. By it alone two accounts are compared: the supplier
            gives no name of the account that outlives a token, and one account can be connected
            in a row of any user and scope, or in the environment.
        owner: who connected it, in words for people.
    """

    application: str
    owner: str

    def __str__(self) -> str:
        return f"application {self.application} of {self.owner}"


def account_of(stored: StoredCredential | None, settings: Settings) -> Account | None:
    """Return the account at the supplier that a credential is for; None if it can't be read.

    Without a row it is the environment's, which every user shares.
    """
    try:
        if stored is not None:
            credential: SupplierCredential | None = open_credential(stored, settings)
        else:
            token = settings.supplier_token
            credential = _of_environment(settings, token) if token is not None else None
    except UnreadableCredential:
        return None
    if credential is None or credential.app_key is None:
        return None
    owner = f"user {stored.owner}" if stored is not None else "every user"
    return Account(application=credential.app_key, owner=owner)


@contextmanager
def supplier_client(
    credential: SupplierCredential, settings: Settings, *, note: Endpoints
) -> Iterator[AliExpressClient]:
    """Open a client of AliExpress, and close it in the end.

    Args:
        credential: whose token and application it uses.
        settings: the host, and how long a question may take.
        note: records the host.

    Raises:
        Blocked: the credential has no token or no application.
    """
    from tests.acceptance.support.aliexpress.client import AliExpressClient

    token = credential.require_access_token()
    app_key, app_secret = credential.require_application()
    note("AliExpress", settings.aliexpress_base_url)
    client = AliExpressClient(
        base_url=settings.aliexpress_base_url,
        app_key=app_key,
        app_secret=app_secret,
        access_token=token,
        retry_budget=settings.retry_budget.total_seconds(),
        private=settings.purchase.private,
    )
    yield client
    client.close()


def credential_conditions(
    stored: StoredCredential | None, settings: Settings, now: datetime
) -> tuple[str, ...]:
    """Return the conditions that keep the store's credential from buying, none if it can buy.

    Args:
        stored: the row that the store would use in the target's environment.
        settings: the key and the environment.
        now: the instant of judging.
    """
    token = settings.supplier_token
    if stored is None and token is None:
        return (f"there is no AliExpress credential of the {settings.environment} environment",)
    try:
        if stored is not None:
            credential = open_credential(stored, settings)
        elif token is not None:
            credential = _of_environment(settings, token)
    except UnreadableCredential as error:
        return (str(error),)
    row = credential.name
    conditions = []
    if credential.access_token is None or credential.app_key is None:
        conditions.append(f"{row} has no access token or no application key")
    if credential.app_secret is None:
        conditions.append(f"{row} has no application secret")
    if credential.expires_at is not None and credential.expires_at <= now:
        conditions.append(f"the access token of {row} has expired")
    if credential.sandbox and settings.environment == "production":
        conditions.append(f"{row} is for the sandbox")
    return tuple(conditions)


@contextmanager
def readable() -> Iterator[None]:
    """Open a stored credential that is itself judged: one that can't be read is FAILED."""
    try:
        yield
    except UnreadableCredential as error:
        raise AssertionError(str(error)) from error


def is_encrypted(stored: str) -> bool:
    """Return whether a stored credential has the form of a ciphertext."""
    return _CIPHERTEXT.fullmatch(stored.strip()) is not None


def decrypt(stored: str, *, key: Secret, salt: Secret) -> Mapping[str, Any]:
    """Return the credential inside a ciphertext.

    Args:
        stored: the text, of the form that `is_encrypted` knows.
        key: ENCRYPTION_KEY, without white space around it.
        salt: ENCRYPTION_SALT.

    Raises:
        WrongKey: the padding is wrong, or the result is not a JSON object.
        UnreadableCredential: a text in it isn't Unicode: it has a surrogate without its other half.
    """
    if not is_encrypted(stored):
        msg = "the stored credential is not a ciphertext"
        raise UnreadableCredential(msg)
    found = _object(_plain(stored, key, salt))
    if found is None:
        msg = (
            "the stored credential cannot be decrypted with this key "
            "(ENCRYPTION_KEY or ENCRYPTION_SALT differs from the store's)"
        )
        raise WrongKey(msg)
    broken = sorted(name for name, value in found.items() if not is_sendable(value))
    if not broken:
        return found
    del found  # pytest prints the variables of a frame that raises
    msg = f"the stored credential's {', '.join(broken)} can't be sent: half a character is in it"
    raise UnreadableCredential(msg)


def _plain(stored: str, key: Secret, salt: Secret) -> str:
    """Return what a ciphertext holds, "" if it can't be opened; this frame never raises.

    pytest prints the variables of those that do, and these are the cipher's key and the tokens.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.padding import PKCS7

    iv, _, ciphertext = stored.strip().partition(":")
    aes = algorithms.AES(_derived(key, salt))
    decryptor = Cipher(aes, modes.CBC(bytes.fromhex(iv))).decryptor()
    padded = decryptor.update(bytes.fromhex(ciphertext)) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    try:
        return (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:  # wrong padding, or bytes that aren't UTF-8
        return ""


@lru_cache(maxsize=4)
def _derived(key: Secret, salt: Secret) -> bytes:
    """Return the cipher's key, which takes a twentieth of a second to make."""
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    derive = Scrypt(salt=salt.reveal().encode(), length=32, n=16384, r=8, p=1).derive
    return derive(key.reveal().encode())


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _is_set(value: object) -> bool:
    """Return whether a mark is set, as JavaScript takes it; text may say that it isn't."""
    return bool(value) and str(value).strip().lower() not in ("", "false", "0", "no", "off")


def text_in(found: Mapping[str, Any], name: str) -> str | None:
    """Return a field of a credential as text, without white space; None if it isn't text."""
    value = found.get(name)
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)  # an application key is digits, and JSON may hold it as a number
    return value.strip() or None if isinstance(value, str) else None
