"""`prodstatus export`: a record in another tool's form."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_prodstatus.layout import PRODUCTION, usual_folder
from pytest_prodstatus.project import find_project
from pytest_prodstatus.readers.config import ConfigError
from pytest_prodstatus.readers.record import RecordError, read_record
from pytest_prodstatus.writers.export import EXPORTS, writer_of
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
@click.argument("record", required=False, type=click.Path(path_type=Path))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="FILE", help="Write it here."
)
def command(form: str, record: Path | None, output: Path | None) -> None:
    """Write RECORD in another tool's form.

    By default it is the record of the production target. The form goes to standard output, or to a
    file that is replaced as a whole.
    """
    try:
        project = find_project(Path.cwd())
        path = record or project.layout(usual_folder(project.root, PRODUCTION)).record
        told = read_record(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        msg = f"the record can't be read: {error}"
        raise click.UsageError(msg) from None
    except (RecordError, ConfigError) as error:
        raise click.UsageError(str(error)) from None
    text = writer_of(form)(told, project.config)
    content = text.encode("utf-8", "backslashreplace")
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        write_atomically(output, content)
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror or error}"
        raise click.UsageError(msg) from None
