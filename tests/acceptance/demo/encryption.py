"""Encrypting a credential as the store does; on its own, so that a reader's mistake shows."""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping

SALT = "demo-store-salt"
"""The demo store's own ENCRYPTION_SALT."""

_BLOCK = 16


def encrypted(credential: Mapping[str, object], *, key: str, iv: bytes, salt: str = SALT) -> str:
    """Return `hex(iv):hex(ciphertext)` of a credential as JSON.

    Args:
        credential: the plain credential.
        key: ENCRYPTION_KEY.
        iv: sixteen bytes.
        salt: ENCRYPTION_SALT.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES256
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    text = json.dumps(credential).encode()
    missing = _BLOCK - len(text) % _BLOCK
    encryptor = Cipher(AES256(_derived(key, salt)), CBC(iv)).encryptor()
    sealed = encryptor.update(text + bytes([missing]) * missing) + encryptor.finalize()
    return f"{iv.hex()}:{sealed.hex()}"


@functools.cache  # slow by intention, and all credentials of a store have one key
def _derived(key: str, salt: str) -> bytes:
    return hashlib.scrypt(
        key.encode(), salt=salt.encode(), n=2**14, r=8, p=1, dklen=32, maxmem=64 * 2**20
    )
