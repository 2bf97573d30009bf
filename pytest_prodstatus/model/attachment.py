"""What a criterion may attach: which content, under which name, and in which folder it lies.

Text is redacted, and refused if it is too long to be searched for secrets. Anything else must be of
a kind that is known by its first bytes: pixels can't be redacted, and a text in another encoding
than UTF-8 wouldn't be. The name's suffix always fits the content, so that a browser that opens the
file shows a page's source instead of running it. `attachments`, beside this package, writes the
files.

Few runs attach anything, so nothing here is imported before one does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Iterable

import msgspec

from pytest_prodstatus.model.evidence import Attachment, EvidenceError
from pytest_prodstatus.model.redaction import OUTPUT_LIMIT

FOLDER = "attachments"
"""The folder beside a record that has a folder for each run with attachments."""

COUNT_LIMIT = 50
"""Attachments of one criterion."""

_TEXT, _JSON = "text/plain", "application/json"
_SUFFIXES = {
    _TEXT: ("txt", "log", "csv", "tsv", "md", "yaml", "yml", "toml", "ini", "json"),
    _JSON: ("json", "har"),
    "image/png": ("png",),
    "image/jpeg": ("jpg", "jpeg"),
    "image/gif": ("gif",),
    "image/webp": ("webp",),
    "application/pdf": ("pdf",),
    "application/zip": ("zip",),
    "video/webm": ("webm",),
    "video/mp4": ("mp4",),
}
"""The suffixes that a name may have, by media type; any other name gets the first one."""

# For the message of a refusal.
_ALLOWED = "UTF-8 text, and PNG, JPEG, GIF, WebP, PDF, ZIP, WebM and MP4 files"
_SIGNATURES = (
    ("image/png", 0, b"\x89PNG\r\n\x1a\n"),
    ("image/jpeg", 0, b"\xff\xd8\xff"),
    ("image/gif", 0, b"GIF8"),
    ("image/webp", 8, b"WEBP"),  # behind "RIFF" and the size of the file
    ("application/pdf", 0, b"%PDF-"),
    ("application/zip", 0, b"PK\x03\x04"),
    ("video/webm", 0, b"\x1a\x45\xdf\xa3"),  # EBML, so any Matroska file
    ("video/mp4", 4, b"ftyp"),  # behind the size of its first box
)
"""Media type, position and bytes by which a file's kind is recognized."""
_STEM_LIMIT = 80
"""Characters kept of a name before its suffix; `Attachment.name` has room for more."""
# Neither "." nor ".." is a name, and Windows drops a dot at the end of one.
_PLAIN_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,98}[A-Za-z0-9_-]|[A-Za-z0-9_]")
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)
"""Names that Windows gives to devices, with any suffix."""


def folder_of(run_id: str) -> str:
    """Return the name of a run's folder: its id, or a digest if the id can't be a folder's name."""
    if _PLAIN_ID.fullmatch(run_id) and not _DEVICE.fullmatch(run_id):
        return run_id
    return f"run-{hashlib.sha256(run_id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def path_of(run_id: str, attachment: Attachment) -> str:
    """Return the path of an attachment's file, from the record's folder."""
    return f"{FOLDER}/{folder_of(run_id)}/{attachment.file}"


def attachment_of(
    name: str,
    content: bytes | str,
    clean: Callable[[str], str],
    *,
    limit: int,
    used_names: Collection[str] = (),
) -> tuple[Attachment, bytes]:
    """Build an attachment from what a test gave, and return it with its redacted content.

    Args:
        name: what the test calls it.
        content: its bytes, or its text.
        clean: returns a text without its secrets.
        limit: the most bytes that it may have.
        used_names: the names of the criterion's attachments so far.

    Raises:
        EvidenceError: the content is too large, or of a kind that isn't allowed.
    """
    # A lone surrogate can't be encoded, and becomes a visible escape.
    data = content.encode("utf-8", "backslashreplace") if isinstance(content, str) else content
    if len(data) > limit:
        msg = (
            f"attachment {name!r}: it has {len(data):,} bytes, and at most {limit:,} are kept; "
            "attach the part that matters, or raise file_mb"
        )
        raise EvidenceError(msg)
    text = _text_of(data)
    if text is None:
        found = [kind for kind, at, sign in _SIGNATURES if data.startswith(sign, at)]
        if not found:
            msg = f"attachment {name!r}: it is none of what is allowed: {_ALLOWED}"
            raise EvidenceError(msg)
        media_type = found[0]
    else:
        # A path given as a str would else be attached as text, in place of the file.
        if isinstance(content, str) and _names_binary(name):
            msg = (
                f"attachment {name!r}: it is a text, which such a file doesn't have; give its "
                "bytes, or its path as a pathlib.Path"
            )
            raise EvidenceError(msg)
        if len(text) > OUTPUT_LIMIT:
            msg = (
                f"attachment {name!r}: it has {len(text):,} characters, and a text of more than "
                f"{OUTPUT_LIMIT:,} isn't searched for secrets; attach the part that matters"
            )
            raise EvidenceError(msg)
        data = clean(text).encode("utf-8", "backslashreplace")
        media_type = _JSON if _is_json(data) else _TEXT
    made = Attachment(
        name=_unique(_safe(clean(name), media_type), used_names),
        media_type=media_type,
        size=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return made, data


def cleaned(
    attachment: Attachment,
    content: bytes,
    clean: Callable[[str], str],
    used_names: Collection[str] = (),
) -> tuple[Attachment, bytes]:
    """Redact an attachment again: a secret may have become known after it was made.

    Args:
        attachment: the attachment.
        content: its content.
        clean: returns a text without its secrets.
        used_names: the names of the criterion's attachments so far, on other workers too.

    Returns:
        The attachment with its present name, size and digest, and the content. Only the content of
        text and JSON can be redacted.
    """
    if attachment.media_type in (_TEXT, _JSON):
        text = content.decode("utf-8")
        again = clean(text)
        if again != text:
            content = again.encode("utf-8", "backslashreplace")
    return msgspec.structs.replace(
        attachment,
        name=_unique(_safe(clean(attachment.name), attachment.media_type), used_names),
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    ), content


def _text_of(data: bytes) -> str | None:
    """Return what the bytes say as text in UTF-8; None if they are something else."""
    # Text in UTF-16 may be UTF-8 as well, with a NUL beside each letter of a secret.
    if b"\0" in data:
        return None
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _is_json(data: bytes) -> bool:
    # A number or a quoted word alone is JSON as well, but is rather meant as text.
    if data.lstrip()[:1] not in (b"{", b"["):
        return False
    try:
        msgspec.json.decode(data)
    except (ValueError, RecursionError):
        return False
    return True


def _names_binary(name: str) -> bool:
    """Return whether a name has the suffix of an image, a video or another file without text."""
    suffix = name.rpartition(".")[2].lower()
    return any(
        suffix in suffixes for kind, suffixes in _SUFFIXES.items() if kind not in (_TEXT, _JSON)
    )


def _safe(name: str, media_type: str) -> str:
    """Return a name that every file system takes, with a suffix that fits the media type."""
    last = re.split(r"[/\\]", name)[-1]
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", last).strip(".-")
    stem, _, suffix = plain.rpartition(".")
    if not stem or suffix.lower() not in _SUFFIXES[media_type]:
        stem, suffix = plain, _SUFFIXES[media_type][0]
    return f"{stem[:_STEM_LIMIT].rstrip('.-') or 'attachment'}.{suffix}"


def _unique(name: str, used_names: Iterable[str]) -> str:
    """Return the name, with a number if it is used already; upper and lower case are the same.

    So they are in the file systems of Windows and macOS.
    """
    used = {one.lower() for one in used_names}
    stem, _, suffix = name.rpartition(".")
    number = 1
    while name.lower() in used:
        number += 1
        name = f"{stem}-{number}.{suffix}"
    return name
