"""Credentials at rest: `hex(iv) + ":" + hex(ciphertext)`, AES-256-CBC, a key made with scrypt."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.acceptance.support.secrets import Secret

_CIPHERTEXT = re.compile(r"([0-9a-f]{32}):((?:[0-9a-f]{32})+)", re.I)


class UnreadableCredential(Exception):  # noqa: N818 - it is raised as what was found
    """A stored credential that gives no credential; `str()` says why, never what it holds."""


class WrongKey(UnreadableCredential):
    """The text is a ciphertext, and this key doesn't open it."""


def is_encrypted(stored: str) -> bool:
    """Return whether a stored credential has the form of a ciphertext."""
    return _CIPHERTEXT.fullmatch(stored.strip()) is not None


def read_plain(stored: str) -> Mapping[str, Any]:
    """Return the credential that an old row holds as plain JSON.

    Raises:
        UnreadableCredential: the text is neither a ciphertext nor a JSON object.
    """
    found = _object(stored)
    if found is None:
        msg = "the stored credential is neither a ciphertext nor a JSON object"
        raise UnreadableCredential(msg)
    return found


def decrypt(stored: str, *, key: Secret, salt: Secret) -> Mapping[str, Any]:
    """Return the credential inside a ciphertext.

    Args:
        stored: the text, of the form that `is_encrypted` knows.
        key: ENCRYPTION_KEY, without white space around it.
        salt: ENCRYPTION_SALT.

    Raises:
        WrongKey: the padding is wrong, or what comes out is no JSON object.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    from cryptography.hazmat.primitives.padding import PKCS7

    match = _CIPHERTEXT.fullmatch(stored.strip())
    if match is None:
        msg = "the stored credential is no ciphertext"
        raise UnreadableCredential(msg)
    derived = Scrypt(salt=salt.reveal().encode(), length=32, n=16384, r=8, p=1).derive(
        key.reveal().encode()
    )
    decryptor = Cipher(algorithms.AES(derived), modes.CBC(bytes.fromhex(match[1]))).decryptor()
    padded = decryptor.update(bytes.fromhex(match[2])) + decryptor.finalize()
    unpadder = PKCS7(128).unpadder()
    try:
        plain = (unpadder.update(padded) + unpadder.finalize()).decode()
    except ValueError:  # wrong padding, or bytes that aren't UTF-8
        plain = ""
    found = _object(plain)
    if found is None:
        msg = (
            "the stored credential cannot be decrypted with this key "
            "(ENCRYPTION_KEY or ENCRYPTION_SALT differs from the store's)"
        )
        # Without a cause: it could show bytes that were decrypted.
        raise WrongKey(msg) from None
    return found


def _object(text: str) -> Mapping[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
