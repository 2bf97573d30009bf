"""`prodstatus export`: write a record in another tool's form.

`prodstatus gate --export` writes the same forms beside its own decision (`Forms`).
"""

from __future__ import annotations

import contextlib
import os
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    FILE,
    Place,
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
from pytest_prodstatus.writers import remove, write_atomically
from pytest_prodstatus.writers.exports import (
    Export,
    ExportError,
    Report,
    export_names,
    load_export,
    text_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

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
    """Yield the name of each form and what it is, for the help."""
    try:
        names = export_names()
    except ExportError as error:
        raise click.UsageError(str(error)) from None
    for name in names:
        yield name, _about(name)


def _about(name: str) -> str:
    """Return a line about a form, or about why it can't be used."""
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
    place = place_of(root=root, target=target, dir=folder)
    path = record or place.record
    if output:
        # Before `_replacing`, which removes the output after an error: never a file of the run.
        check_not_own(output, place, record)
    with _replacing(output):
        export = _export(form)
        content = named_content(path)
        made = named_record(path, content)
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
        # All that the gate asks for. By fewer conditions, JUnit, dotenv and Azure's result were
        # green while the gate was closed.
        trust = Trust(place.project, query, key_sets(place.project))
        gate = Gate(place.project, query, override, check_document=False, trust=trust, now=now)
        report = gate.shown(path, made, gate.decided(path, content, made))
        _write(_text(form, export, report), output)


class Forms:
    """The forms that a gate writes beside each record, as the files that a run would write.

    They show the gate's own decision, so none of them is greener than its exit status.
    """

    def __init__(self, names: Sequence[str]) -> None:
        """Load the forms.

        Raises:
            click.UsageError: there is none of this name, it can't be used, or two have one file.
        """
        self._exports = {name: _export(name) for name in names}
        # Some file systems don't tell names apart by their case.
        files = [export.file.casefold() for export in self._exports.values()]
        if len(set(files)) < len(files):
            msg = f"--export {', '.join(self._exports)}: two of them write one file; leave one out"
            raise click.UsageError(msg)

    def remove(self, records: Iterable[Path], place: Place) -> None:
        """Remove what was written before, since it would be read as of today.

        Raises:
            click.UsageError: a form would replace what the run wrote, or that of another record.
        """
        folders = {record: record.parent.resolve() for record in records}
        for record, other in combinations(folders, 2):
            if folders[record] == folders[other]:
                msg = (
                    f"--export writes one file a folder, and {shown_path(record)} and "
                    f"{shown_path(other)} are in one: keep each record in a folder of its own"
                )
                raise click.UsageError(msg)
        outputs = {r.parent / form.file: r for r in folders for form in self._exports.values()}
        for output, record in outputs.items():
            check_not_own(output, place, record)
        for output in outputs:
            _removed(output)

    def write(self, report: Report, record: Path) -> None:
        """Write the forms of a decision; what can't be written is printed, and not there."""
        for name, export in self._exports.items():
            _try_to_write(name, export, report, record.parent / export.file)


def _try_to_write(name: str, export: Export, report: Report, output: Path) -> None:
    """Write a form of a decision; if that fails, print why to standard error."""
    # Not raised: the exit status is the gate's, whether a form can be written or not.
    try:
        _write(_text(name, export, report), output)
    except click.UsageError as error:
        click.echo(f"prodstatus: {error.message}", err=True)


@contextlib.contextmanager
def _replacing(output: Path | None) -> Iterator[None]:
    """Remove the file if no new text replaces it, since it would be read as of today.

    A link to it, which a person may have made, is kept.
    """
    old = Path(os.path.realpath(output)) if output else None
    try:
        yield
    except click.UsageError as error:
        if output is None or old is None or not _removed(old):
            raise
        msg = f"{error.message}; the old {shown_path(output)} is removed"
        raise click.UsageError(msg) from None
    except BaseException:  # Ctrl-C too must not leave it
        if old is not None:
            _removed(old)
        raise


def _removed(path: Path) -> bool:
    """Remove a file or a link; return whether there was one and it is gone."""
    try:
        return remove(path)
    except OSError as error:
        why = error.strerror or error
        msg = f"{shown_path(path)} can't be removed ({why}): remove what an earlier call left there"
        click.echo(f"prodstatus: {msg}", err=True)
        return False


def _export(name: str) -> Export:
    """Return the export of a name; a usage error if it can't be loaded."""
    try:
        return load_export(name)
    except ExportError as error:
        raise click.UsageError(str(error)) from None


def _text(name: str, export: Export, report: Report) -> bytes:
    """Return a report in a form, as UTF-8; a usage error if the form is broken."""
    try:
        # A lone surrogate, which UTF-8 doesn't have, becomes its escape.
        return text_of(name, export, report).encode("utf-8", "backslashreplace")
    except ExportError as error:
        raise click.UsageError(str(error)) from None


def _write(content: bytes, output: Path | None) -> None:
    """Write a form to a file, or to standard output."""
    if output is None:
        click.echo(content, nl=False)
        return
    try:
        # At once: node_exporter's collector may read it at any time.
        write_atomically(output, content, through_link=True)
    except OSError as error:
        msg = f"{output} can't be written: {error.strerror or error}"
        raise click.UsageError(msg) from None
