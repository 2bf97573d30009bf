"""Sign statements and verify their signatures, with keys that are files or lie in a KMS or an HSM.

The only module that knows securesystemslib (the extra `sign`) and its cryptography, which are
imported when something is signed or verified. What a statement says, and whether it fits a record,
is `model/attestation`'s part.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from pytest_prodstatus.model.attestation import (
    OTHER_RECORD,
    PAYLOAD_TYPE,
    AttestationError,
    Digests,
    Statement,
    bundle_of,
    envelope_in,
    mistrust,
    read_statement,
)
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.project import attestation_of
from pytest_prodstatus.readers import read_file
from pytest_prodstatus.sign_key import pem_in

# securesystemslib exports its classes in a way that type checkers don't follow.
Key: TypeAlias = Any
Signer: TypeAlias = Any
Envelope: TypeAlias = Any

EXTRA = "signatures need the sign extra: pip install 'pytest-prodstatus[sign]'"
"""The message if the extra isn't installed."""
KEY_FILES = (".pub", ".pem")
"""The endings of the public keys in a folder."""

RSA_BITS = 2048
"""The least length of an RSA key: NIST SP 800-131A has disallowed shorter ones since 2014."""

# RFC 7468: every PEM text begins so, and a public key's label ends so.
_PUBLIC = b"PUBLIC KEY-----"
_FILES = ("file", "file2")
"""Schemes of a file: RFC 8089's, and securesystemslib's own."""


class SigningError(Exception):
    """A key that can't be used, or the extra is missing; the message is one sentence."""


class UntrustedError(Exception):
    """An attestation that is missing, or that no trusted key vouches for; one sentence."""


class ChangedError(UntrustedError):
    """A record that was changed or replaced since it was signed, so it must not be signed again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Public keys, of which some must have signed.

    Attributes:
        keys: the keys, each once.
        threshold: how many of them must have signed.
    """

    keys: tuple[Key, ...]
    threshold: int = 1


def new_key() -> tuple[bytes, bytes]:
    """Make an Ed25519 key pair: the private key (PKCS#8) and the public one, both as PEM.

    Raises:
        SigningError: the extra isn't installed.
    """
    private = _library().CryptoSigner.generate_ed25519().private_bytes
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        PublicFormat,
        load_pem_private_key,
    )

    public = load_pem_private_key(private, None).public_key()
    return private, public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def signer_of(key: str, public: Path | None = None, *, source: str = "--key") -> Signer:
    """Return the signer of a private key.

    Args:
        key: a path, `file:` or `file2:` URI of a private key as PEM, the PEM text itself, or any
            URI that securesystemslib knows, such as `awskms:…`, `gcpkms:…`, `azurekms:…`, `hv:…`,
            `hsm:…`.
        public: the file of its public key, which the URIs of services need.
        source: what named the key, for messages.

    Raises:
        SigningError: it can't be read or used; the message doesn't contain the key.
    """
    library = _library()
    # No message shows `key`: it may be the key itself.
    scheme = key.partition(":")[0]
    what = f"the private key of {source}"
    text = pem_in(key)
    if text is not None:
        pem = text.encode()
    elif scheme in library.SIGNER_FOR_URI_SCHEME and scheme not in _FILES:
        # securesystemslib's signers of services take the public key beside the URI.
        if public is None:
            msg = f"the key {scheme}:… needs its public key as well: --public FILE"
            raise SigningError(msg)
        public_key = _key_in(public)
        with _explained(f"the key {scheme}:…", secret=key):
            return library.Signer.from_priv_key_uri(key, public_key)
    else:
        file = _file_of(key, source, library.SIGNER_FOR_URI_SCHEME)
        what, pem = _private_pem(file, source)
    if _PUBLIC in pem:
        msg = f"{what} is a public one, which can't sign: give the private key of the pair"
        raise SigningError(msg)
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    with _explained(what, secret=key):
        private = load_pem_private_key(pem, None)
        _check_strength(private, what)
        return library.CryptoSigner(private)


def _private_pem(file: Path, source: str) -> tuple[str, bytes]:
    """Return the name of a private key's file for messages, and its content.

    A text that names no file may be the key itself, in a form that isn't known, so it isn't shown.

    Raises:
        SigningError: it can't be read.
    """
    try:
        named = file.exists()
    except (OSError, ValueError):  # longer than any path, or with a null byte
        named = False
    if not named:
        msg = (
            f"the private key of {source} is neither PEM text, nor the URI of a service, nor a "
            "file that is there"
        )
        raise SigningError(msg)
    what = f"the private key in {str(file)!r}"
    with _explained(what):
        return what, read_file(file)


def _file_of(key: str, source: str, schemes: Iterable[str]) -> Path:
    """Return the file that a path or URI names.

    Raises:
        SigningError: it is a URI of another host's file, or of no service.
    """
    scheme, _, rest = key.partition(":")
    if scheme == "file":
        # RFC 8089: file:PATH and file:///PATH; a host other than this one can't be read.
        url = urlsplit(key)
        if url.netloc not in ("", "localhost"):
            msg = f"the file: URI of {source} names another host: write file:///PATH or file:PATH"
            raise SigningError(msg)
        return Path(unquote(url.path))
    if scheme == "file2":
        return Path(rest)
    if "://" in key:
        known = ", ".join(sorted({*schemes, *_FILES}))
        msg = f"the URI of {source} is of no service that is known: the schemes are {known}"
        raise SigningError(msg)
    return Path(key)


def _check_strength(key: object, what: str) -> None:
    """Raise if an RSA key, public or private, is too short to be trusted.

    Raises:
        SigningError: it is.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    if isinstance(key, (RSAPrivateKey, RSAPublicKey)) and key.key_size < RSA_BITS:
        msg = f"{what} is an RSA key of {key.key_size} bits: at least {RSA_BITS} are needed"
        raise SigningError(msg)


@contextmanager
def _explained(what: str, *, secret: str = "") -> Iterator[None]:
    """Raise anything that the block raises as a SigningError: a service may raise any error.

    Args:
        what: the key, for the message.
        secret: a text that the message must not contain.
    """
    try:
        yield
    except SigningError:
        raise
    except OSError as error:
        msg = f"{what} can't be read: {error.strerror or type(error).__name__}"
        raise SigningError(msg) from None
    except Exception as error:  # noqa: BLE001  as the first line says
        text = str(error).replace(secret, "…") if secret else str(error)
        msg = f"{what} can't be used: {type(error).__name__}: {text}"
        raise SigningError(msg) from None


def sign(payload: bytes, signers: Sequence[Signer], *, existing: bytes | None = None) -> bytes:
    """Sign a statement, and return the content of its attestation's file.

    Args:
        payload: the statement as JSON.
        signers: each of them signs it.
        existing: an attestation that gets further signatures; its statement is signed instead of
            `payload`.

    Raises:
        SigningError: a signer fails.
        AttestationError: `existing` isn't an attestation.
    """
    dsse = _dsse()
    envelope = dsse.Envelope(payload, PAYLOAD_TYPE, {}) if existing is None else _envelope(existing)
    for signer in signers:
        with _explained("a private key"):
            envelope.sign(signer)
    return bundle_of(envelope.to_dict())


def signed_payload(content: bytes, trusted: Sequence[Keys]) -> bytes:
    """Verify an attestation's signatures, and return its statement as JSON.

    Args:
        content: the bytes of the attestation's file.
        trusted: sets of keys; of each set, its threshold must have signed.

    Raises:
        UntrustedError: it isn't an attestation, or too few of the keys have signed it.
        SigningError: the extra isn't installed.
    """
    _library()
    from securesystemslib.exceptions import VerificationError

    if not trusted:  # nothing would be verified, and everything trusted
        msg = "signed_payload needs at least one set of keys"
        raise ValueError(msg)
    try:
        envelope = _envelope(content)
        for keys in trusted:
            envelope.verify(list(keys.keys), keys.threshold)
    except AttestationError as error:
        raise UntrustedError(str(error)) from None
    # ValueError: the threshold is higher than the number of keys.
    except (VerificationError, ValueError):
        who = "none" if keys.threshold == 1 else f"fewer than {keys.threshold}"
        msg = f"{who} of the {len(keys.keys)} trusted keys signed it"
        raise UntrustedError(msg) from None
    payload: bytes = envelope.payload
    return payload


def payload_of(content: bytes) -> bytes:
    """Return the statement of an attestation as JSON, without verifying who signed it.

    Raises:
        AttestationError: it isn't an attestation.
        SigningError: the extra isn't installed.
    """
    payload: bytes = _envelope(content).payload
    return payload


def trusted_keys(places: Sequence[str], root: Path, threshold: int = 1) -> Keys:
    """Read the public keys in files and folders.

    Args:
        places: paths; of a folder every `.pub` and `.pem` file counts.
        root: the folder that relative paths begin at.
        threshold: how many of the keys must have signed.

    Raises:
        SigningError: one of them can't be used, there is none, or there are fewer than `threshold`.
    """
    # By id: one key in two files must not count as two that have signed.
    found = {key.keyid: key for key in map(_key_in, _key_files(places, root))}
    _check_number(len(found), places, threshold)
    return Keys(keys=tuple(found.values()), threshold=threshold)


def check_key_files(places: Sequence[str], root: Path, threshold: int = 1) -> None:
    """Raise if there can't be enough public keys in files and folders, without cryptography.

    Arguments and errors are those of `trusted_keys`, which finds more: this is for a run, which
    verifies nothing.
    """
    files = list(_key_files(places, root))
    for file in files:
        what = f"the public key {str(file)!r}"
        with _explained(what):
            if _PUBLIC not in read_file(file):
                msg = f"{what} has no PEM text of a public key"
                raise SigningError(msg)
    _check_number(len({file.resolve() for file in files}), places, threshold)


def _check_number(number: int, places: Sequence[str], threshold: int) -> None:
    """Raise if there are fewer keys than must have signed.

    Raises:
        SigningError: there are.
    """
    if number < max(1, threshold):
        named = ", ".join(map(repr, places))
        keys = "1 public key" if number == 1 else f"{number} public keys"
        msg = f"{named}: {keys}, and {max(1, threshold)} must have signed"
        raise SigningError(msg)


def digests_of(content: bytes) -> dict[str, str]:
    """Return the SHA-256 of a file's bytes in hexadecimal digits, under the key "sha256"."""
    return {"sha256": hashlib.sha256(content).hexdigest()}


def vouched(
    path: Path,
    content: bytes,
    record: Record,
    trusted: Sequence[Keys],
    *,
    target: str,
    project: str | None,
    now: datetime | None = None,
    release_digests: Digests | None = None,
) -> Statement:
    """Verify that trusted keys vouch for a record, and return the statement by which they do.

    Args:
        path: the record's file, beside which its attestation lies.
        content: the bytes that the record was read from.
        record: the record.
        trusted: sets of keys; each of them must vouch for it.
        target: the system that it must be about.
        project: the name of the project whose criteria it must be; None if that has none.
        now: the instant at which the statement must hold; None if only the record's origin matters.
        release_digests: digests that the release must have; None for any.

    Raises:
        UntrustedError: they don't; one sentence.
        SigningError: the extra isn't installed.
    """
    attestation = attestation_of(path)
    try:
        statement = read_statement(signed_payload(read_file(attestation), trusted))
    except FileNotFoundError:
        msg = f"the record isn't signed: there is no {attestation}"
        raise UntrustedError(msg) from None
    except OSError as error:
        msg = f"{attestation} can't be read: {error.strerror or error}"
        raise UntrustedError(msg) from None
    except (UntrustedError, AttestationError) as error:
        msg = f"{attestation}: {error}"
        raise UntrustedError(msg) from None
    found = mistrust(
        statement,
        record,
        digests_of(content),
        target=target,
        project=project,
        now=now,
        release_digests=release_digests,
    )
    if found:
        msg = f"{attestation}: {found}"
        raise (ChangedError if found == OTHER_RECORD else UntrustedError)(msg)
    return statement


def _key_files(names: Sequence[str], root: Path) -> Iterator[Path]:
    """Yield the files of public keys that are named, or that lie in a folder that is named.

    Raises:
        SigningError: a name is empty, or a folder can't be read or has none.
    """
    for name in names:
        if not name.strip():
            msg = f"{name!r} names no public key: name a file or a folder, such as 'keys'"
            raise SigningError(msg)
    for place in (root / name for name in names):
        with _explained(f"the public key {str(place)!r}"):
            files = sorted(place.iterdir()) if place.is_dir() else [place]
        if place.is_dir():
            files = [f for f in files if f.suffix in KEY_FILES and not f.name.startswith(".")]
            if not files:
                msg = (
                    f"the folder {str(place)!r} has no public key: files that end in "
                    f"{' or '.join(KEY_FILES)} count"
                )
                raise SigningError(msg)
        yield from files


def _key_in(file: Path) -> Key:
    """Read a public key from a PEM file.

    Raises:
        SigningError: it can't be read or used.
    """
    library = _library()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    what = f"the public key {str(file)!r}"
    with _explained(what):
        content = read_file(file)
        if content.count(b"-----BEGIN") > 1:
            msg = f"{what} is not one key: keep each key in a file of its own, in one folder"
            raise SigningError(msg)
        key = load_pem_public_key(content)
        _check_strength(key, what)
        return library.SSlibKey.from_crypto(key)


def _envelope(content: bytes) -> Envelope:
    """Read the envelope in an attestation's file, as securesystemslib has it.

    Raises:
        AttestationError: it isn't an attestation.
        SigningError: the extra isn't installed.
    """
    dsse = _dsse()
    data = envelope_in(content)
    try:
        return dsse.Envelope.from_dict(data)
    except (ValueError, KeyError, TypeError) as error:
        msg = f"its envelope can't be read: {error}"
        raise AttestationError(msg) from None


def _library() -> Any:
    """Import securesystemslib's signers, and return that module.

    Raises:
        SigningError: the extra isn't installed.
    """
    try:
        import cryptography  # noqa: F401  securesystemslib works without it, and signs nothing
        import securesystemslib.signer as library
    except ImportError:
        raise SigningError(EXTRA) from None
    return library


def _dsse() -> Any:
    """Import securesystemslib's envelopes, and return that module; raises as `_library`."""
    _library()
    from securesystemslib import dsse

    return dsse
