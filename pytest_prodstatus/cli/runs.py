"""Finds the run that a command's argument names: a file, a run that is kept, or the last open one.

Several commands take such an argument. An id is only looked up; no path is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import click
from msgspec.structs import replace

from pytest_prodstatus.cli.common import (
    Place,
    UnreadableError,
    named_content,
    named_record,
    record_in,
    state_store,
)
from pytest_prodstatus.model.codec import write_record
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import one_line, utf8
from pytest_prodstatus.project import LAST_OPEN, RECORD, name_in
from pytest_prodstatus.publish import attestations_at
from pytest_prodstatus.readers.config import Config

_SHOWN = 100
"""Characters of a run's id in a message; an id that isn't known may be of any length."""


class FoundRun(NamedTuple):
    """A run that was found.

    Attributes:
        record: its record.
        files: the bytes of its record and its attestations, by their usual names.
        path: the record's file; None if the run was found in the archive.
    """

    record: Record
    files: Mapping[str, bytes]
    path: Path | None


class Runs:
    """The runs of a project and target.

    Args:
        place: the project, target and output folder.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._target = place.inputs.target

    def named(self, name: str | None, *, until: Record | None = None) -> FoundRun:
        """Return the run that an argument names.

        Args:
            name: a file, the id of a run that is kept, or `last-open`; None for the current one.
            until: for `last-open`, only runs before this one count; None for all.

        Raises:
            click.UsageError: there is none, or it can't be read; one sentence.
        """
        if name is None:
            return self._in_file(self._place.record)
        if name == LAST_OPEN:
            target = until.run.target if until else self._target
            return self._kept(self._last_open(target, until), target)
        if is_file(name):
            return self._in_file(Path(name))
        return self._kept(one_line(utf8(name)), self._target)

    def _in_file(self, path: Path) -> FoundRun:
        """Return the run whose record is in a file."""
        content = named_content(path)
        record = named_record(path, content)
        finished = record.last_finished
        if finished is None:
            msg = f"{path}: its run is in progress or was killed, and no earlier one is known"
            raise click.UsageError(msg)
        if finished is not record:  # the file and what lies beside it are of the run in progress
            return FoundRun(finished, {RECORD: write_record(finished).encode()}, path)
        return FoundRun(record, {RECORD: content, **attestations_at(path)}, path)

    def _last_open(self, target: str, until: Record | None) -> str:
        """Return the id of the last run with an open gate; a usage error if there is none."""
        with state_store(self._place.project.root) as where:
            from pytest_prodstatus.store.history import HistoryStore

            with HistoryStore.open(*where) as history:
                found = history.last_open(target, until)
        if found is None:
            before = f" before run {one_line(until.run.id, limit=_SHOWN)}" if until else ""
            msg = f"{LAST_OPEN}: the history knows no run of target {target} with an open gate"
            raise click.UsageError(f"{msg}{before}; name a run or a file")
        return found.run

    def _kept(self, run: str, target: str) -> FoundRun:
        """Return a run by its id, from the state store."""
        project = name_in(self._place.project.root)
        shown = shown_name(run)
        with state_store(self._place.project.root) as where:
            from pytest_prodstatus.store.history import ArchiveStore

            with ArchiveStore.open(*where) as archive:
                files = archive.files(target, run)
                # Looked for only to name the option that is missing.
                others = archive.targets(run) if files is None else []
        if others:
            msg = f"run {shown} is of target {', '.join(others)}: name it with --target"
            raise click.UsageError(msg)
        if files is None:
            msg = (
                f"{shown} is neither a file nor a run of target {target} of project "
                f"{project} that is kept; prodstatus history lists them"
            )
            raise click.UsageError(msg)
        if RECORD not in files:
            msg = f"run {shown} is in the history, but its record isn't kept"
            raise click.UsageError(msg)
        try:
            record = record_in(files[RECORD], Path(f"the record of run {shown}"))
        except UnreadableError as error:
            raise click.UsageError(str(error)) from None
        return FoundRun(record, files, None)


def config_of(record: Record, config: Config) -> Config:
    """Return a project's configuration with the waivers that a record was judged with."""
    return replace(config, waivers=replace(config.waivers, given=record.waivers))


def shown_name(name: str) -> str:
    """Return the name of a run for a message."""
    return repr(one_line(name, limit=_SHOWN))


def is_file(name: str) -> bool:
    """Return whether an argument names a file rather than a run that is kept."""
    if name.endswith(".json"):  # so that a file that isn't there is named as one
        return True
    try:
        return Path(name).exists()
    except (OSError, ValueError):  # a name that is too long for one, or has a NUL
        return False
