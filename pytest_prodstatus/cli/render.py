"""`prodstatus render`: the document and the page from a record."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_prodstatus.cli.publishing import publish_at
from pytest_prodstatus.cli.records import named_record
from pytest_prodstatus.cli.values import FILE, project_at, root_option, target_option
from pytest_prodstatus.layout import usual_folder

_EXAMPLES = """\b
Examples:
  prodstatus render
  prodstatus render --target staging
  prodstatus render artefact/status.json --output-dir site
"""


@click.command(epilog=_EXAMPLES)
@click.argument("record", required=False, type=FILE, metavar="[RECORD]")
@target_option
@click.option(
    "--output-dir", type=FILE, metavar="FOLDER", help="Write here instead of beside the record."
)
@root_option
def command(record: Path | None, target: str, output_dir: Path | None, root: Path | None) -> None:
    """Write the status document and the page from RECORD, by default the target's own.

    A document that exists is updated in place: only the values of its fields are replaced. The
    record is written too, since it keeps a digest of the document's fields.
    """
    project = project_at(root)
    path = record or project.layout(usual_folder(project.root, target)).record
    publish_at(named_record(path), project, output_dir or path.parent)
