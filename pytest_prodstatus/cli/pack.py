"""`prodstatus pack`: write one archive of a run, for an auditor."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from pytest_prodstatus.cli.common import (
    FILE,
    dir_option,
    place_of,
    root_option,
    target_option,
)
from pytest_prodstatus.cli.runs import FoundRun, Runs, config_of
from pytest_prodstatus.project import shown_path
from pytest_prodstatus.readers.files import read_file
from pytest_prodstatus.writers.files import write_atomically, write_failure
from pytest_prodstatus.writers.pack import folder_name, pack

ATTACHMENTS = "attachments"
"""The folder beside a record that has what its tests attached."""

_PLAIN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

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
    attached = dict(_attachments(found, place.folder))
    packed = pack(record, config_of(record, place.project.config), found.files, attached)
    path = output or Path(f"{folder_name(record)}.tar.gz")
    try:
        write_atomically(path, packed, through_link=True)
    except OSError as error:
        raise click.UsageError(write_failure(path, error)) from None
    click.echo(f"wrote {shown_path(path)}")


def _attachments(found: FoundRun, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the run's attachments that are still there, by their paths beside the record."""
    beside = found.path.parent if found.path else folder
    # A run's id may be any text, and only a plain one is a folder's name.
    if not _PLAIN.fullmatch(found.record.run.id):
        return
    for path in sorted((beside / ATTACHMENTS / found.record.run.id).rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(beside).as_posix(), read_file(path)
