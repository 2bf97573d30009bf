"""`prodstatus merge`: make one record out of the shards of one run."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    FILE,
    dir_option,
    key_sets,
    named_content,
    named_record,
    place_of,
    root_option,
    state_errors,
)
from pytest_prodstatus.model.catalogue import CatalogueError
from pytest_prodstatus.model.merge import MergeError, merge, unobserved
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.project import Project, saves_history
from pytest_prodstatus.publish import Archive
from pytest_prodstatus.writers import write_atomically, write_failure
from pytest_prodstatus.writers.board import final_line

_EXAMPLES = """\b
Examples (each job ran with the same PRODSTATUS_RUN_ID):
  prodstatus merge oauth/status.json order/status.json
  prodstatus merge shards/*/status.json --output status.json

\b
Exit status:
  that of the same run without shards: 0, 1 if FINAL is FAILED, 10 if it is BLOCKED (a criterion
  that no shard ran is BLOCKED, too); 2 if the records aren't shards of one run
"""


@click.command(epilog=_EXAMPLES)
@click.argument("records", nargs=-1, required=True, type=FILE, metavar="RECORD...")
@click.option(
    "--output",
    type=FILE,
    metavar="FILE",
    help="Write the record alone, here.  [default: record, document and page, in the run's folder]",
)
@dir_option
@root_option
def command(
    records: tuple[Path, ...], output: Path | None, folder: str | None, root: str | None
) -> None:
    """Make one record out of the RECORDs of shards, and list the criteria that no shard ran.

    Shards have the same run id, target, subject, suite commit, catalogue, rule and release of this
    package; others are refused.
    With the key signed_by, each must be signed (prodstatus sign SHARD). What their criteria
    attached is copied.
    """
    place = place_of(root=root, dir=folder)
    project = place.project
    try:
        merged = merge(
            _trusted(records, project),
            project.config.catalogue,
            require_evidence=project.config.require_evidence,
            now=clock.now(),
        )
    except (MergeError, CatalogueError) as error:
        raise click.UsageError(str(error)) from None
    if project.config.signed_by:
        # The shards' signatures are of other bytes.
        merged = replace(merged, decision=merged.decision.without_signature())
    merged = replace(merged, waivers=project.config.waivers.given)
    archive = _archive(project, merged)
    # Before anything is written: with require_history a run that can't be saved leaves no record.
    merged = _save(merged, project, archive)
    for status in unobserved(merged):
        why = f": {status.reason.text}" if status.reason else ", carried over"
        click.echo(f"no shard ran {one_line(status.id)}: {status.verdict}{why}")
    # The target is in the shards; it needn't be given again.
    outputs = place.inputs._replace(target=merged.run.target).outputs(project.root)
    _copy_attachments(merged, records, output.parent if output else outputs)
    if output is None:
        from pytest_prodstatus.cli.common import publish_at

        merged = publish_at(merged, project, outputs)
    else:
        from pytest_prodstatus.cli.common import check_replaced
        from pytest_prodstatus.publish import publish_record

        check_replaced(output, merged)
        problems, notices = publish_record(merged, output)
        for notice in notices:
            click.echo(f"prodstatus: {notice}", err=True)
        if problems:
            raise click.UsageError("; ".join(problem.text for problem in problems))
        click.echo(f"wrote {output}")
    # Last: writing the document has added its digest to the record.
    problem = archive.keep_record(merged)
    if problem:
        click.echo(f"prodstatus: {problem}", err=True)
    click.echo(final_line(merged).text)
    # By FINAL. By what the shards had looked at, a merge with a lost shard ended with 0.
    sys.exit(merged.decision.exit_code)


def _trusted(paths: Sequence[Path], project: Project) -> Iterator[tuple[str, Record]]:
    """Yield each shard once, with its path; only one of them is in memory at a time.

    Raises:
        click.UsageError: one can't be read, or isn't signed and `signed_by` wants that.
    """
    keys, known = key_sets(project), None
    for path in dict.fromkeys(paths):  # a pattern of the shell may name one twice
        content = named_content(path)
        shard = named_record(path, content)
        if keys:
            from pytest_prodstatus.replay import KnownRuns
            from pytest_prodstatus.signing import UntrustedError, vouched

            try:
                name = project.config.name
                vouched(path, content, shard, keys, target=shard.run.target, project=name)
            except UntrustedError as error:
                msg = f"{error}; sign each shard in a step of its own: prodstatus sign {path}"
                raise click.UsageError(msg) from None
            with state_errors():
                known = known or KnownRuns(project.root)
                # The other shards have the same id, and aren't later runs.
                found = known.other_record(content, shard)
                found = found or known.later_run(shard, but=shard.run.id)
            if found:
                msg = f"{path}: {found}; run all shards again, with a new PRODSTATUS_RUN_ID"
                raise click.UsageError(msg)
        # A local name would keep its value while the next file is read.
        del content
        yield str(path), shard
        del shard


def _copy_attachments(merged: Record, shards: Sequence[Path], folder: Path) -> None:
    """Copy what the shards' criteria attached beside the merged record; name what isn't there."""
    if not any(status.attachments for status in merged.criteria):
        return
    from pytest_prodstatus.attachments import look_for

    for path, content, problem in look_for(merged, [folder, *(shard.parent for shard in shards)]):
        if content is None:
            click.echo(f"prodstatus: {problem}: it isn't copied", err=True)
        else:
            _write(folder / path, content)


def _write(path: Path, content: bytes) -> None:
    """Write an attachment; if that fails, print why, since no verdict depends on it."""
    try:
        write_atomically(path, content)
    except OSError as error:
        click.echo(f"prodstatus: {write_failure(path, error)}", err=True)


def _archive(project: Project, merged: Record) -> Archive:
    """Return the archive that keeps the merged run, if the project saves its history."""
    try:
        saves = saves_history(os.environ, configured=project.config.history)
        ephemeral = merged.run.target in project.config.ephemeral
        return Archive(project.root, saves=saves and not ephemeral)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _save(merged: Record, project: Project, archive: Archive) -> Record:
    """Save the merged run in place of its shards; return it with former runs and overrides.

    Raises:
        click.UsageError: its history can't be saved and `require_history` is on.
    """
    saved = archive.keep(merged)
    ephemeral = merged.run.target in project.config.ephemeral
    if saved.unsaved and project.config.require_history and not ephemeral:
        msg = f"{saved.unsaved.text}; require_history is on, so nothing is written"
        raise click.UsageError(msg)
    # Not if it wasn't tried: who has switched the history off needn't be told.
    for notice in (saved.unsaved.text if saved.unsaved and saved.tried else "", saved.clash):
        if notice:
            click.echo(f"prodstatus: {notice}", err=True)
    return saved.record
