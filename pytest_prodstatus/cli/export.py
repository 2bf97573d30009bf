"""`prodstatus export`: write a record in another tool's form."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    FILE,
    check_not_own,
    dir_option,
    key_sets,
    named_content,
    named_record,
    place_of,
    root_option,
    target_option,
)
from pytest_prodstatus.cli.gate import Gate
from pytest_prodstatus.cli.overrides import active_override
from pytest_prodstatus.cli.trust import Trust
from pytest_prodstatus.model.violations import GateQuery
from pytest_prodstatus.project import shown_path
from pytest_prodstatus.publish import page_address
from pytest_prodstatus.writers.exports import (
    Export,
    ExportError,
    Report,
    export_names,
    load_export,
    text_of,
)
from pytest_prodstatus.writers.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXAMPLES = """\b
Examples:
  prodstatus export github
  prodstatus export ctrf reports/demo/status.json -o ctrf.json
  prodstatus export textfile -o /var/lib/node_exporter/prodstatus.prom
"""


class _Command(click.Command):
    """The command; its help imports the forms, which no other call of a command does."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of forms, then the examples."""
        with formatter.section("Forms"):
            formatter.write_dl(list(_forms()))
        super().format_epilog(ctx, formatter)


def _forms() -> Iterator[tuple[str, str]]:
    try:
        names = export_names()
    except ExportError as error:
        raise click.UsageError(str(error)) from None
    for name in names:
        yield name, _about(name)


def _about(name: str) -> str:
    try:
        return load_export(name).about
    except ExportError as error:
        return str(error)


@click.command(cls=_Command, epilog=_EXAMPLES)
@click.argument("form", metavar="FORM")
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
    """Write RECORD in another tool's form, with the gate's decision as of now.

    The default is the record of the target. PRODSTATUS_RUN_ID and PRODSTATUS_SUBJECT are
    conditions, as at the gate. It is written to standard output, or to a file that is replaced as a
    whole.
    """
    export = _export(form)
    place = place_of(root=root, target=target, dir=folder)
    path = record or place.record
    if output:
        check_not_own(output, place)
    try:
        content = named_content(path)
        made = named_record(path, content)
    except click.UsageError as error:
        # What an earlier call left would be read as of today.
        if output is None or not output.is_file():
            raise
        output.unlink()
        msg = f"{error.message}; the old {shown_path(output)} is removed"
        raise click.UsageError(msg) from None
    now = clock.now()
    query = GateQuery(
        # A record that a person names may be another target's, and is then about that one.
        target=made.run.target if record else place.inputs.target,
        subject=place.inputs.subject,
        run=place.inputs.run,
    )
    override, problem = active_override(query.target, now, place.project.root)
    if problem:
        click.echo(f"prodstatus: {problem}", err=True)
    trust = Trust(place.project.root, query, key_sets(place.project))
    gate = Gate(place.project, query, override, check_document=False, trust=trust, now=now)
    page = page_address(place.project.layout(path.parent), os.environ)
    report = Report(
        record=made,
        config=place.project.config,
        gate=gate.decided(path, content, made),
        now=now,
        page=page,
    )
    try:
        text = text_of(form, export, report)
    except ExportError as error:
        raise click.UsageError(str(error)) from None
    _write(text.encode("utf-8", "backslashreplace"), output)


def _export(name: str) -> Export:
    try:
        return load_export(name)
    except ExportError as error:
        raise click.UsageError(str(error)) from None


def _write(content: bytes, output: Path | None) -> None:
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        write_atomically(output, content, through_link=True)
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror or error}"
        raise click.UsageError(msg) from None
