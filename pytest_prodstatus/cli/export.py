"""`prodstatus export`: write a record in another tool's form."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_prodstatus.cli.common import (
    FILE,
    dir_option,
    named_record,
    place_of,
    root_option,
    target_option,
)
from pytest_prodstatus.writers.exports import EXPORTS, writer_of
from pytest_prodstatus.writers.files import write_atomically

_FORMS = "\n".join(f"  {name:<8} {form.about}" for name, form in EXPORTS.items())
_EXAMPLES = f"""\b
Forms:
{_FORMS}

\b
Examples:
  prodstatus export github
  prodstatus export ctrf reports/demo/status.json -o ctrf.json
"""


@click.command(epilog=_EXAMPLES)
@click.argument("form", type=click.Choice(list(EXPORTS)), metavar="FORM")
@click.argument("record", required=False, type=FILE, metavar="[RECORD]")
@click.option("-o", "--output", type=FILE, metavar="FILE", help="Write it here.")
@target_option
@dir_option
@root_option
def command(
    form: str,
    record: Path | None,
    output: Path | None,
    target: str | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Write RECORD in another tool's form.

    The default is the record of the target. It is written to standard output, or to a file that is
    replaced as a whole.
    """
    place = place_of(root=root, target=target, dir=folder)
    text = writer_of(form)(named_record(record or place.record), place.project.config)
    content = text.encode("utf-8", "backslashreplace")
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        write_atomically(output, content, through_link=True)
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror or error}"
        raise click.UsageError(msg) from None
