"""What may be attached: text without secrets and files of known kinds, under harmless names."""

from __future__ import annotations

import hashlib
import re

import msgspec
import pytest

from pytest_prodstatus.model.attachment import attachment_of, cleaned, folder_of, path_of
from pytest_prodstatus.model.evidence import Attachment, EvidenceError
from pytest_prodstatus.model.redaction import OUTPUT_LIMIT, Redactor
from tests.unit.given import HOSTILE

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\xff"
ZIP = b"PK\x03\x04\x14\0\xff"
DEVICES = ("CON", "nul.txt", "Com1.log", "LPT9", "aux.", "prn.tar.gz")
NAMES = (
    *HOSTILE, *DEVICES, "../../etc/passwd", "/etc/passwd", "C:\\Windows\\x.png", "..\\..\\x",
    "a/../b", ".", "..", "...", "-rf", ".hidden", "a b.png", "x.png\n", "x" * 300 + ".png",
    "x." + "y" * 300, "\u30ec\u30b7\u30fc\u30c8.png", "a:stream.png", "x.png ", "x.png.", "~",
    "%2e%2e%2f", "a?b#c.png", "'\"<x>.png",
)  # fmt: skip


def attached(
    name: str, content: bytes | str, *, limit: int = 10**7, taken: tuple[str, ...] = ()
) -> Attachment:
    """Return an attachment without secrets."""
    return attachment_of(name, content, str, limit=limit, used_names=taken)[0]


@pytest.mark.parametrize(
    ("name", "content", "kept", "media_type"),
    [
        ("checkout.png", PNG, "checkout.png", "image/png"),
        ("checkout", PNG, "checkout.png", "image/png"),
        ("checkout.jpg", PNG, "checkout.jpg.png", "image/png"),
        ("c.JPEG", b"\xff\xd8\xff\xe0\0", "c.JPEG", "image/jpeg"),
        ("c.gif", b"GIF89a\1\0\xff", "c.gif", "image/gif"),
        ("c.webp", b"RIFF\xff\0\0\0WEBP", "c.webp", "image/webp"),
        ("trace.zip", ZIP, "trace.zip", "application/zip"),
        ("bill.pdf", b"%PDF-1.7\n%\xe2\xe3", "bill.pdf", "application/pdf"),
        ("v.webm", b"\x1a\x45\xdf\xa3\xff\0", "v.webm", "video/webm"),
        ("v.mp4", b"\0\0\0\x20ftypisom\xff", "v.mp4", "video/mp4"),
        ("server.log", b"started\n", "server.log", "text/plain"),
        ("server", "started", "server.txt", "text/plain"),
        ("empty.txt", b"", "empty.txt", "text/plain"),
        ("a.json", b' {"a": [1]}\n', "a.json", "application/json"),
        ("a.json", b"{broken", "a.json", "text/plain"),
        ("a.json", b"[" * 100_000, "a.json", "text/plain"),
        ("page.html", b"<script>alert(1)</script>", "page.html.txt", "text/plain"),
        ("logo.svg", "<svg onload='alert(1)'/>", "logo.svg.txt", "text/plain"),
        ("page.html", PNG, "page.html.png", "image/png"),
        ("bill.pdf", b"Error 500", "bill.pdf.txt", "text/plain"),
        # It begins as a picture does, and is a text with secrets.
        ("c.gif", b"GIF89a token", "c.gif.txt", "text/plain"),
    ],
)
def test_the_type_is_that_of_the_content(
    name: str, content: bytes | str, kept: str, media_type: str
) -> None:
    """And the suffix fits it, so that no browser runs a text as a page."""
    made = attached(name, content)
    assert (made.name, made.media_type) == (kept, media_type)


@pytest.mark.parametrize(
    "content",
    [
        "password=äöü".encode("latin-1"),
        "password=hunter2".encode("utf-16"),
        "password=hunter2".encode("utf-16-le"),
        b"\x1f\x8b\x08\0",
        b"\x7fELF\0",
    ],
    ids=["latin-1", "utf-16", "utf-16-le", "gzip", "elf"],
)
def test_what_can_hide_text_is_refused(content: bytes) -> None:
    """A text in another encoding would not be redacted."""
    with pytest.raises(EvidenceError, match="it is none of what is allowed: UTF-8 text, and PNG"):
        attached("x.log", content)


def test_a_text_for_a_picture_is_refused() -> None:
    """It's a path, or a picture that was decoded."""
    with pytest.raises(EvidenceError, match=r"give its bytes, or its path as a pathlib\.Path"):
        attached("checkout.png", "shots/checkout.png")


def test_a_text_has_no_secret() -> None:
    """It is redacted before its digest is taken; so is its name."""
    redactor = Redactor()
    redactor.add("hunter2hunter2")
    made, content = attachment_of(
        "hunter2hunter2.log", "a hunter2hunter2 b\n", redactor.redact, limit=100
    )
    assert content == b"a ******** b\n"
    assert (made.size, made.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert "hunter" not in made.name
    plain, text = attachment_of("hunter2hunter2.log", "a hunter2hunter2 b\n", str, limit=100)
    assert cleaned(plain, text, redactor.redact) == (made, content)
    picture = attachment_of("x.png", PNG + b"hunter2hunter2", redactor.redact, limit=100)
    assert cleaned(*picture, redactor.redact) == picture


def test_sizes() -> None:
    """Too large a file is refused, and a text that would not be searched whole."""
    assert attached("x", b"x" * 10, limit=10).size == 10
    with pytest.raises(EvidenceError, match="it has 11 bytes, and at most 10 are kept"):
        attached("x", b"x" * 11, limit=10)
    assert attached("x", "x" * OUTPUT_LIMIT).size == OUTPUT_LIMIT
    with pytest.raises(EvidenceError, match="isn't searched for secrets"):
        attached("x", "x" * (OUTPUT_LIMIT + 1))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [PNG, b"text"], ids=["png", "text"])
def test_no_name_is_harmful(name: str, content: bytes) -> None:
    """It is one plain name: no folder, no device, no control character, nothing hidden."""
    made = attached(name, content)
    for text in (made.name, made.file):
        assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,119}", text)
        assert text.rpartition(".")[2].lower() in ("png", "txt", "log", "json")
    assert made.file.partition(".")[0].lower() not in ("con", "prn", "aux", "nul", "com1", "lpt9")
    assert msgspec.convert(msgspec.to_builtins(made), Attachment) == made


def test_duplicates_get_a_number() -> None:
    """In any case of letters, since a file system may not tell them apart."""
    taken: tuple[str, ...] = ()
    for name in ("a.png", "A.PNG", "a.png", "a-2.png", "b.png"):
        taken = (*taken, attached(name, PNG, taken=taken).name)
    assert taken == ("a.png", "A-2.PNG", "a-3.png", "a-2-2.png", "b.png")
    # The files of different contents differ in any run, and in all shards.
    assert attached("a.png", PNG).file != attached("a.png", PNG + b"2").file


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "a/b.png", "", ".x", "a\\b", "x\ny"])
def test_a_record_can_t_name_another_file(name: str) -> None:
    """A record that was written by hand leads nowhere else."""
    data = {"name": name, "media_type": "image/png", "size": 1, "sha256": "0" * 64}
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(data, Attachment)


@pytest.mark.parametrize("run_id", [*NAMES, *HOSTILE, "a.", "x" * 101, ""])
def test_a_run_s_folder_is_plain(run_id: str) -> None:
    """An id may be any text; one that is no folder's name gets its digest."""
    assert re.fullmatch(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_-])?", folder_of(run_id))
    assert folder_of(run_id).partition(".")[0].lower() not in ("con", "nul", "com1", "aux", "prn")
    assert path_of(run_id, attached("a.png", PNG)).count("/") == 2


def test_a_usual_run_s_folder_is_its_id() -> None:
    """So that a person finds it."""
    for run_id in ("20261122T100000Z-1f0c3a", "7", "v1.2_x-"):
        assert folder_of(run_id) == run_id
