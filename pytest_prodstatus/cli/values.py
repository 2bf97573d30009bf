"""What options take: durations, words that say something, targets, and the project's folder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import click

from pytest_prodstatus.layout import PRODUCTION
from pytest_prodstatus.model.duration import parse_duration
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.project import Project, config_in, find_project
from pytest_prodstatus.readers.config import TARGET_FORM, ConfigError


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> timedelta | None:  # noqa: ARG001
    """Return a duration such as `24h`; None where none is given."""
    try:
        return None if value is None else parse_duration(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def words(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:  # noqa: ARG001
    """Return a text on one line; a blank one, as of an unset variable, must not ask for less."""
    text = None if value is None else one_line(value)
    if text == "":
        told = "it is empty; leave the option out, or give it a value"
        raise click.BadParameter(told)
    return text


def target(ctx: click.Context, param: click.Parameter, value: str) -> str:  # noqa: ARG001
    """Return the name of a system, which is also a folder's."""
    if not TARGET_FORM.fullmatch(value):
        msg = f"{value!r}: use letters, digits, '.', '_' and '-', as in 'staging'"
        raise click.BadParameter(msg)
    return value


FILE = click.Path(path_type=Path)
"""A path as it was written; whoever opens it says what is wrong with it."""


target_option = click.option(
    "--target",
    callback=target,
    default=PRODUCTION,
    show_default=True,
    metavar="NAME",
    help="The system that the record is about.",
)
root_option = click.option(
    "--root",
    type=FILE,
    metavar="FOLDER",
    help="The project's root.  [default: the nearest folder upwards with [tool.prodstatus]]",
)


def project_at(root: Path | None) -> Project:
    """Return the project at a root, or the one that the current folder lies in.

    Raises:
        click.UsageError: its configuration can't be used.
    """
    try:
        if root is None:
            return find_project(Path.cwd())
        return Project(root=root.absolute(), config=config_in(root))
    except ConfigError as error:
        raise click.UsageError(str(error)) from None


def shown(path: Path) -> str:
    """Return a path as a person reads it: from the current folder where it lies below it."""
    here = Path.cwd()
    return one_line(str(path.relative_to(here) if path.is_relative_to(here) else path))
