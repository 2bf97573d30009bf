"""A run as one archive for an auditor: record, page, document, evidence, attestations, digests.

The same run gives the same bytes: names are sorted, owners and modes are fixed, and every date is
that of the run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping

from pytest_prodstatus.model.codec import data_of
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import OUTPUTS, Config
from pytest_prodstatus.writers.document import write_document
from pytest_prodstatus.writers.html.page import write_page

SUMS = "SHA256SUMS"
"""The file with the digest of every other one, in the form of sha256sum."""

_NAME_LIMIT = 80


def folder_name(record: Record) -> str:
    """Return the archive's only folder; any character that isn't plain in the id becomes a dash."""
    plain = re.sub(r"[^A-Za-z0-9._]+", "-", record.run.id).strip("-.")[:_NAME_LIMIT]
    return f"prodstatus-{plain or 'run'}"


def pack(
    record: Record, config: Config, kept: Mapping[str, bytes], attachments: Mapping[str, bytes]
) -> bytes:
    """Return a gzipped tar file of a run.

    Args:
        record: the run's record.
        config: the project's configuration, with the run's waivers.
        kept: the record's own bytes and its attestations, by name.
        attachments: the content of each attachment, by its path beside the record.
    """
    _, page = OUTPUTS
    files: dict[str, bytes] = {
        **attachments,
        # Written anew: a person's document on the disk may belong to a later run.
        config.document.rpartition("/")[2]: write_document(record, config, None).content,
        page: write_page(record, config).encode("utf-8", "backslashreplace"),
        "evidence.json": _evidence(record),
        **kept,
    }
    sums = (f"{hashlib.sha256(files[name]).hexdigest()}  {name}\n" for name in sorted(files))
    files[SUMS] = "".join(sums).encode()
    return _tar(
        folder_name(record), files, int((record.run.finished or record.run.started).timestamp())
    )


def _evidence(record: Record) -> bytes:
    """Return what every criterion was judged by, as a list in JSON."""
    found = [
        {
            "criterion": status.id,
            "title": status.title,
            "verdict": status.verdict.value,
            "run": status.run_id or record.run.id,
            "evidence": [data_of(entry) for entry in status.evidence],
        }
        for status in record.criteria
    ]
    return (json.dumps(found, indent=1, ensure_ascii=False) + "\n").encode(
        "utf-8", "backslashreplace"
    )


def _tar(folder: str, files: Mapping[str, bytes], date: int) -> bytes:
    """Return files as a gzipped tar archive, the same bytes each time."""
    packed = io.BytesIO()
    # Without a name and a date in gzip's own header, which would differ each time.
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=packed, mtime=0) as compressed,
        tarfile.open(mode="w", fileobj=compressed, format=tarfile.PAX_FORMAT) as tar,
    ):
        for name in sorted(files):
            entry = tarfile.TarInfo(f"{folder}/{name}")
            entry.size, entry.mtime, entry.mode = len(files[name]), date, 0o644
            tar.addfile(entry, io.BytesIO(files[name]))
    return packed.getvalue()
