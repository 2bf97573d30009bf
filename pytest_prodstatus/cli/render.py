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

_EXAMPLES = """\b
Examples:
  prodstatus render
  prodstatus render --target staging
  prodstatus render artefact/status.json --output-dir site

\b
Exit status:
  that of the record's run: 0, 1 if something FAILED, 10 if something is BLOCKED, or another one of
  pytest's; 2 also if something can't be read or written. Only prodstatus gate says whether the gate
  is open now.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("record", required=False, type=FILE, metavar="[RECORD]")
@target_option
@click.option(
    "--output-dir", type=FILE, metavar="FOLDER", help="Write here instead of beside the record."
)
@dir_option
@root_option
def command(
    record: Path | None,
    target: str | None,
    output_dir: Path | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Write the status document and the page from RECORD, by default the target's record.

    A document that exists is updated in place: only the values of its fields are replaced. The
    record is written too, since it keeps a digest of the document's fields.
    """
    place = place_of(root=root, target=target, dir=folder)
    path = record or place.record
    made = named_record(path)
    publish_at(made, place.project, output_dir or path.parent)
    sys.exit(made.decision.exit_code)
