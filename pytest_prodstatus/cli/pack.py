"""`prodstatus pack`: write one archive of a run, for an auditor."""

from __future__ import annotations

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
from pytest_prodstatus.project import shown_path
from pytest_prodstatus.writers.files import write_atomically, write_failure
from pytest_prodstatus.writers.pack import folder_name, pack

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
