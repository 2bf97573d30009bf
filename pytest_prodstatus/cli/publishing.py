"""Outputs that a command writes, and how it says so."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pytest_prodstatus.cli.values import shown
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.project import Project
from pytest_prodstatus.publish import publish
from pytest_prodstatus.writers.lock import FolderInUse, FolderLock


def publish_at(record: Record, project: Project, folder: Path) -> None:
    """Write a record's outputs into a folder and name every file that was written.

    Raises:
        click.UsageError: a run writes this folder at the moment, so nothing is written; or one of
            the outputs can't be written, and what could be is.
    """
    layout = project.layout(folder)
    lock = FolderLock(folder, f"prodstatus (process {os.getpid()})")
    try:
        lock.acquire()
    except FolderInUse as error:
        raise click.UsageError(str(error)) from None
    try:
        problems = publish(record, project.config, layout).problems
    finally:
        lock.release()
    if problems:
        raise click.UsageError("; ".join(problem.text for problem in problems))
    exports = (layout.export(name) for name in project.config.exports)
    for path in (layout.document, layout.page, *exports, layout.record):
        click.echo(f"wrote {shown(path)}")
