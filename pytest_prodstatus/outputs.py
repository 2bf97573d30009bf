"""The files of a run: written over at its start, and whole at its end; the record last."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.record import NewerRecordError, RecordError, read_record
from pytest_prodstatus.settings import Settings
from pytest_prodstatus.writers.document import write_document
from pytest_prodstatus.writers.files import write_atomically
from pytest_prodstatus.writers.page import write_page
from pytest_prodstatus.writers.record import write_record


class Outputs:
    """The document, the page and the record of one run.

    Attributes:
        notices: what a person should know about them, one sentence each.
        closed: the record could not be written, so the gate must stay closed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.notices: list[str] = []
        self.closed = False

    def last_record(self) -> Record | None:
        """Return the last finished record of this target, or None.

        Raises:
            pytest.UsageError: it is a newer release's, or it or the document is no regular file.
        """
        settings = self.settings
        for what, path in (("status document", settings.document), ("record", settings.record)):
            if path.exists() and not path.is_file():
                kind = "a folder" if path.is_dir() else "no regular file"
                msg = f"{path}: the {what} is {kind}; name a regular file"
                raise pytest.UsageError(msg)
        try:
            text = settings.record.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.notices.append(f"the last record can't be read, so nothing is known: {error}")
            return None
        try:
            last = read_record(text, str(settings.record)).last_finished
        except NewerRecordError as error:
            raise pytest.UsageError(str(error)) from None
        except RecordError as error:
            self.notices.append(f"{error}; nothing is carried over")
            return None
        if last is not None and last.run.target != settings.target:
            told = (
                f"{settings.record}: it is about target {last.run.target}, so nothing of it counts"
            )
            self.notices.append(told)
            return None
        return last

    def begin(self, marker: Record) -> str:
        """Write that nothing is confirmed yet; return what went wrong, or ""."""
        problems = [*self._write_readable(marker), *self._write_record(marker)]
        return "; ".join(problems)

    def finish(self, judged: Callable[[list[str]], Record]) -> Record:
        """Write the outputs and return the record that was written.

        Args:
            judged: makes the record, given what went wrong with the outputs so far.
        """
        record = judged([])
        problems = self._write_readable(record)
        if problems:
            record = judged(problems)
            self._write_readable(record)
        problems = self._write_record(record)
        if problems:
            self.closed = True
            self.notices += problems
            record = judged(problems)
            self._write_readable(record)
        return record

    def rewrite_record(self, record: Record) -> None:
        """Write the record once more, after the exit status was changed."""
        self.notices += self._write_record(record)

    def _write_readable(self, record: Record) -> list[str]:
        settings = self.settings
        page = _encoded(write_page(record, settings.config))
        try:
            existing = _content(settings.document)
        except OSError as error:
            problem = f"{settings.document} can't be read ({error.strerror or error})"
            return [f"{problem}: the gate stays closed", *_written(settings.page, page)]
        document = write_document(record, settings.config, existing)
        return [*_written(settings.document, document), *_written(settings.page, page)]

    def _write_record(self, record: Record) -> list[str]:
        path = self.settings.record
        problems = _written(path, _encoded(write_record(record)))
        if problems:
            # A record that can't be replaced must not speak for this run.
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        return problems


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _encoded(text: str) -> bytes:
    # A lone surrogate becomes its escape, which JSON reads as it was.
    return text.encode("utf-8", "backslashreplace")


def _written(path: Path, content: bytes) -> list[str]:
    try:
        write_atomically(path, content)
    except OSError as error:
        return [f"{path} can't be written ({error.strerror or error}): the gate stays closed"]
    return []
