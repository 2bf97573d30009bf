"""Records from files, each with one sentence where it can't be read."""

from __future__ import annotations

from pathlib import Path

import click

from pytest_prodstatus.model.codec import RecordError, read_record
from pytest_prodstatus.model.record import Record


class UnreadableError(Exception):
    """A record that can't be read; the message is one sentence that names the file."""


def record_at(path: Path) -> Record:
    """Return the record in a file, such as `status.json`.

    Raises:
        UnreadableError: there is none, or it can't be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        msg = f"there is no record at {path}"
        raise UnreadableError(msg) from None
    except (OSError, UnicodeDecodeError) as error:
        told = error.strerror if isinstance(error, OSError) and error.strerror else error
        msg = f"{path} can't be read: {told}"
        raise UnreadableError(msg) from None
    try:
        return read_record(text, str(path))
    except RecordError as error:
        raise UnreadableError(str(error)) from None


def named_record(path: Path) -> Record:
    """Return the record in a file that a person named.

    Raises:
        click.UsageError: there is none, or it can't be read.
    """
    try:
        return record_at(path)
    except UnreadableError as error:
        raise click.UsageError(str(error)) from None
