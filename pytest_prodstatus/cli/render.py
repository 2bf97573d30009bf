"""`prodstatus render`: write the document and the page from a record."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pytest_prodstatus.cli.common import (
    FILE,
    dir_option,
    named_record,
    place_of,
    publish_at,
    root_option,
    target_option,
)
from pytest_prodstatus.cli.runs import Runs, config_of, is_file, shown_name

_EXAMPLES = """\b
Examples:
  prodstatus render
  prodstatus render --target staging
  prodstatus render artefact/status.json --output-dir site
  prodstatus render 20261122T100000Z-1f0c3a --output-dir march

\b
Exit status:
  that of the record's run: 0, 1 if something FAILED, 10 if something is BLOCKED, or another one of
  pytest's; 2 also if something can't be read or written. Only prodstatus gate says whether the gate
  is open now.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("record", required=False, metavar="[RECORD]")
@target_option
@click.option(
    "--output-dir", type=FILE, metavar="FOLDER", help="Write here instead of beside the record."
)
@dir_option
@root_option
def command(
    record: str | None,
    target: str | None,
    output_dir: Path | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Write the status document and the page from RECORD, by default the target's record.

    RECORD is a file, the id of a run that is kept, or last-open, the last run with an open gate.
    A run that is kept needs --output-dir, and is shown with the waivers of its time.

    A document that exists is updated in place: only the values of its fields are replaced. The
    record is written too, since it keeps a digest of the document's fields; if that changes it, its
    attestation is removed, and it must be signed again.
    """
    place = place_of(root=root, target=target, dir=folder)
    project = place.project
    # Not by `Runs`, which never returns a run in progress: its page may be written too.
    if record is None or is_file(record):
        path = Path(record) if record else place.record
        made, beside = named_record(path), path.parent
    else:
        if output_dir is None:
            msg = (
                f"{shown_name(record)} is not a file, and a run that is kept is never written over "
                "the target's own record: add --output-dir"
            )
            raise click.UsageError(msg)
        found = Runs(place).named(record)
        made, beside = found.record, output_dir
        project = project._replace(config=config_of(made, project.config))
    # Not judged again: page and exit status are those of the run's end.
    publish_at(made, project, output_dir or beside)
    sys.exit(made.decision.exit_code)
