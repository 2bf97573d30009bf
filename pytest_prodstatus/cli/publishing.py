"""Outputs that a command writes, and how it says so."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.project import Project
from pytest_prodstatus.publish import publish


def publish_at(record: Record, project: Project, folder: Path) -> None:
    """Write a record's outputs into a folder and say where they are.

    Raises:
        click.UsageError: one of them can't be written; what could be is.
    """
    layout = project.layout(folder)
    problems = publish(record, project.config, layout).problems
    if problems:
        raise click.UsageError("; ".join(problems))
    for path in (layout.document, layout.page, layout.record):
        click.echo(f"wrote {path}")
