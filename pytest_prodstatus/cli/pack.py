"""`prodstatus pack`: write one archive of a run, for an auditor.

It has the record, page, document, evidence, attestations and digests. The same run gives the same
bytes: names are sorted, owners and modes are fixed, and every date is that of the run.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

import click

from pytest_prodstatus.attachments import look_for
from pytest_prodstatus.cli.common import (
    FILE,
    check_not_own,
    dir_option,
    place_of,
    root_option,
    target_option,
)
from pytest_prodstatus.cli.runs import Runs, config_of
from pytest_prodstatus.model.codec import data_of
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.project import shown_path
from pytest_prodstatus.readers.config import OUTPUTS, Config
from pytest_prodstatus.writers import write_atomically, write_failure
from pytest_prodstatus.writers.document import write_document
from pytest_prodstatus.writers.html.page import write_page

_EXAMPLES = """\b
Examples:
  prodstatus pack 20261122T100000Z-1f0c3a
  prodstatus pack last-open -o v41.tar.gz

\b
To check it:
  tar xzf v41.tar.gz && cd prodstatus-* && sha256sum -c SHA256SUMS

\b
Exit status:
  0  written
  2  a usage error: there is no such run, or the archive can't be written
"""


@click.command(epilog=_EXAMPLES)
@click.argument("run", required=False, metavar="[RUN]")
@click.option(
    "-o",
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write it here.  [default: prodstatus-RUN.tar.gz]",
)
@target_option
@dir_option
@root_option
def command(
    run: str | None,
    output: Path | None,
    target: str | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Write RUN as one archive: record, page, document, evidence, attachments and digests.

    RUN is the id of a run that is kept, a record's file, or last-open, the last run with an open
    gate; by default the target's record. Record and attestations are those of the run, byte for
    byte. Page and document are made from the record, with the waivers of its time.

    The same run gives the same bytes, with the same releases of Python and this package.
    """
    place = place_of(root=root, target=target, dir=folder)
    found = Runs(place).named(run)
    record = found.record
    # The archive keeps no attachments: those of a kept run are still in the folder, or lost.
    beside = found.path.parent if found.path else place.folder
    attached = list(look_for(record, [beside]))
    files = {one.path: one.content for one in attached if one.content is not None}
    packed = pack(record, config_of(record, place.project.config), found.files, files)
    # The default name is never that of a file of a run.
    if output:
        check_not_own(output, place)
    path = output or Path(f"{folder_name(record)}.tar.gz")
    try:
        write_atomically(path, packed, through_link=True)
    except OSError as error:
        raise click.UsageError(write_failure(path, error)) from None
    for one in attached:
        if one.problem:
            click.echo(f"prodstatus: {one.problem}: it isn't packed", err=True)
    click.echo(f"wrote {shown_path(path)}")


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
