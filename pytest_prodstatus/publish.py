"""Publishes a record: document, page and exports, then the record, and its history.

Each file is whole or untouched. Separate from the run that writes them, since the commands publish
records too. The store needs the `state` extra: nothing of it is imported before a run was judged,
and nothing that goes wrong in it costs the run its record.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.model.codec import record_pieces
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.verdict import Kind, Reason
from pytest_prodstatus.project import (
    RECORD,
    DotenvError,
    Layout,
    attestation_of,
    name_in,
    store_in,
    test_result_of,
    variables_of,
)
from pytest_prodstatus.readers import DocumentError, read_file
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers import remove, write_atomically
from pytest_prodstatus.writers.document import write_document

if TYPE_CHECKING:
    from pytest_prodstatus.model.record import Override
    from pytest_prodstatus.store.history import ArchiveStore


class Problem(NamedTuple):
    """An output that could not be written, and one sentence about it."""

    path: Path
    text: str


class Published(NamedTuple):
    """The result of writing.

    Attributes:
        record: with the document's digest.
        problems: what could not be written.
        notices: one sentence for each line of the document that could not be updated, for each
            export that is broken, and for an attestation that was removed.
        exports: the paths of the exports that were written.
    """

    record: Record
    problems: tuple[Problem, ...] = ()
    notices: tuple[str, ...] = ()
    exports: tuple[Path, ...] = ()


def publish(record: Record, config: Config, layout: Layout) -> Published:
    """Write the document (in place if there is one), page, exports and, last, the record.

    Args:
        record: the record to write and to show.
        config: the project's configuration.
        layout: the paths of the outputs.
    """
    done = publish_readable(record, config, layout)
    problems, notices = publish_record(done.record, layout.record)
    return done._replace(problems=(*done.problems, *problems), notices=(*done.notices, *notices))


def publish_readable(record: Record, config: Config, layout: Layout) -> Published:
    """Write the document, the page and the exports, but not the record.

    Returns:
        The record with the document's digest ("" if the document was not written), and problems.
    """
    # Imported here, since a run without criteria writes no page.
    from pytest_prodstatus.writers.html.page import page_pieces

    page = page_pieces(record, config)
    exports, broken = _exports(record, config, layout) if config.exports else ({}, ())
    notices: tuple[str, ...] = ()
    try:
        document = write_document(record, config, content_of(layout.document))
    except (OSError, DocumentError) as error:
        why = getattr(error, "strerror", None) or error
        text = f"{layout.document} can't be read ({why}): the gate stays closed"
        problems, digest = [Problem(layout.document, text)], ""
    else:
        # A person may have put a link there; the other files are this package's own.
        problems = _written(layout.document, document.content, through_link=True)
        digest = "" if problems else document.digest
        notices = tuple(f"{layout.document} {notice}" for notice in document.notices)
    for path, pieces in {layout.page: page, **exports}.items():
        problems += _written(path, _encoded(pieces))
    return Published(
        replace(record, document=digest), tuple(problems), (*notices, *broken), tuple(exports)
    )


def _exports(
    record: Record, config: Config, layout: Layout
) -> tuple[dict[Path, Iterable[str]], tuple[str, ...]]:
    """Return the configured exports by their paths, and a sentence for each that is broken.

    What another package has installed changes no verdict. Its old file is removed, since it would
    be read as this run's.
    """
    from pytest_prodstatus.writers.exports import ExportError, load_export, report_now, text_of

    page = page_address(layout, os.environ)
    report = report_now(record, config, clock.now(), page=page)
    texts: dict[Path, Iterable[str]] = {}
    broken = []
    for name in config.exports:
        path = None
        try:
            export = load_export(name)
            path = layout.folder / export.file
            texts[path] = [text_of(name, export, report)]
        except ExportError as error:
            if path:
                with contextlib.suppress(OSError):
                    remove(path)
            kept = "" if path else ", and what an earlier run left of it stays"
            broken.append(f"{error}; it isn't written{kept}")
    return texts, tuple(broken)


def export_files(config: Config, layout: Layout) -> list[Path]:
    """Return the paths of the configured exports, without those that are broken."""
    if not config.exports:
        return []
    from pytest_prodstatus.writers.exports import ExportError, load_export

    files = []
    for name in config.exports:
        with contextlib.suppress(ExportError):
            files.append(layout.folder / load_export(name).file)
    return files


def page_address(layout: Layout, environ: Mapping[str, str]) -> str:
    """Return where a person can open the page: among a GitLab job's artifacts, else its file."""
    job, project = environ.get("CI_JOB_URL"), environ.get("CI_PROJECT_DIR")
    if job and project:
        from urllib.parse import quote

        with contextlib.suppress(ValueError):
            page = layout.page.resolve().relative_to(Path(project).resolve())
            # GitLab shows a job's artifacts at this path, below the address of the job.
            return f"{job}/artifacts/file/{quote(page.as_posix())}"
    return layout.page.name


def publish_record(record: Record, path: Path) -> tuple[list[Problem], tuple[str, ...]]:
    """Write the record; if that fails, remove the old one, so that it isn't read as this run's.

    An attestation that is about another record is removed: it says nothing about this one.

    Returns:
        What could not be written; and a sentence if an attestation is gone.
    """
    notice = ""
    if any(map(os.path.lexists, (attestation_of(path), test_result_of(path)))):
        notice = _remove_stale(path, b"".join(record_pieces(record)))
    problems = _written(path, _joined(record_pieces(record)))
    if problems:
        with contextlib.suppress(OSError):
            remove(path)
    return problems, (notice,) if notice else ()


def _remove_stale(path: Path, content: bytes) -> str:
    """Remove the attestations beside a record that don't fit its new content.

    Returns:
        A sentence about that; "" if they fit.
    """
    # Imported here: only what was signed has an attestation.
    from pytest_prodstatus.model.attestation import is_about

    removed, was_signed = "", True
    former = readable_bytes(path) or b""
    for file in (attestation_of(path), test_result_of(path)):
        attestation = readable_bytes(file) or b""
        if is_about(attestation, content):
            continue
        with contextlib.suppress(OSError):
            file.unlink()
            removed = removed or file.name
            was_signed = was_signed and is_about(attestation, former)
    if not removed:
        return ""
    # Who signs again what someone else has changed vouches for it.
    remedy = "sign it again: prodstatus sign" if was_signed else "don't sign it, but run again"
    return f"{removed} is removed, since it is about another record than this one: {remedy}"


def readable_bytes(path: Path) -> bytes | None:
    """Return the bytes of a file; None if it can't be read."""
    try:
        return read_file(path)
    except OSError:
        return None


def content_of(path: Path) -> bytes | None:
    """Return the bytes of a file; None if there is none.

    Raises:
        OSError: it can't be read.
    """
    try:
        return read_file(path)
    except FileNotFoundError:
        return None


def _encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    """Yield pieces of text as bytes, many at a time; a lone surrogate becomes its escape."""
    return _joined(piece.encode("utf-8", "backslashreplace") for piece in pieces)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield pieces of bytes a hundred at a time: a page has thousands of small ones."""
    rest = iter(pieces)
    while batch := b"".join(islice(rest, 100)):
        yield batch


def _written(
    path: Path, content: bytes | Iterable[bytes], *, through_link: bool = False
) -> list[Problem]:
    """Write a file whole, or not at all; return the problem, if there is one."""
    try:
        write_atomically(path, content, through_link=through_link)
    except OSError as error:
        text = f"{path} can't be written ({error.strerror or error}): the gate stays closed"
        return [Problem(path, text)]
    return []


NOT_INSTALLED = Reason(
    text="the history can't be saved: the state extra isn't installed",
    kind=Kind.MISSING_CONFIG,
    remedy="pip install 'pytest-prodstatus[state]'",
)
SWITCHED_OFF = Reason(
    text="the history isn't saved: PRODSTATUS_HISTORY is 0",
    kind=Kind.MISSING_CONFIG,
    remedy="unset PRODSTATUS_HISTORY",
)


_CLASH = (
    "the run before in the history of project {!r} has none of its stages, so another project has "
    "the same name: give one of them another [project] name"
)


class Saved(NamedTuple):
    """The result of keeping a record in the state store.

    Attributes:
        record: the record with the active overrides and, if it was saved, with its former runs.
        unsaved: why its history wasn't saved; None if it was.
        tried: whether the store was used and that went wrong, rather than switched off.
        clash: that another project has this one's name in the store; "" if that isn't seen.
    """

    record: Record
    unsaved: Reason | None = None
    tried: bool = False
    clash: str = ""


def attestations_at(path: Path) -> dict[str, bytes]:
    """Return the content of the attestations beside a record's file.

    Their names are those that they have beside a record of the usual name.
    """
    found = {}
    for name_of in (attestation_of, test_result_of):
        with contextlib.suppress(OSError):
            found[name_of(Path(RECORD)).name] = read_file(name_of(path))
    return found


class Archive:
    """The state store as a run uses it."""

    def __init__(self, root: Path, *, saves: bool, environ: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._saves = saves
        self._environ = environ
        self._problem: Reason | None = None
        self._overrides: tuple[Override, ...] = ()
        self._saved: tuple[str, str] | None = None

    def keep(self, record: Record) -> Saved:
        """Save a judged run in the history, in place of itself if it is there. Never raises.

        After a failure it isn't tried again, so that a run waits only once for a server that
        doesn't respond.
        """
        # Imported here, since a run without criteria has nothing to keep.
        from pytest_prodstatus.store import installed

        if not installed():
            return Saved(record=record, unsaved=NOT_INSTALLED)
        if self._problem is None:
            try:
                return self._save(record)
            except Exception as error:  # noqa: BLE001  a judged run is worth more than its history
                self._problem = _reason(error)
        overridden = replace(record, overrides=self._overrides)
        return Saved(record=overridden, unsaved=self._problem, tried=True)

    def _save(self, record: Record) -> Saved:
        """Save a run in the history; return its record with overrides and former runs."""
        from pytest_prodstatus.store import store_may_exist

        finished = record.run.finished
        environ = variables_of(self._root, self._environ)
        if finished is None or not (self._saves or store_may_exist(environ)):
            return Saved(record=record, unsaved=SWITCHED_OFF)
        from pytest_prodstatus.store.overrides import active_overrides

        url, scope = store_in(self._root, environ)
        self._overrides = active_overrides(url, scope, record.run.target, finished)
        record = replace(record, overrides=self._overrides)
        if not self._saves:
            return Saved(record=record, unsaved=SWITCHED_OFF)
        from pytest_prodstatus.model.history import is_foreign
        from pytest_prodstatus.store.history import HistoryStore

        with HistoryStore.open(url, scope) as history:
            history.save(record)
            self._saved = url, scope
            record = history.dated(record)
            opened = history.last_open(record.run.target, record)
        shared = scope == name_in(self._root)
        return Saved(
            record=self._since(opened.run, record) if opened else record,
            clash=_CLASH.format(scope) if shared and is_foreign(record) else "",
        )

    def _since(self, run: str, record: Record) -> Record:
        """Add to a record what has changed since a run, if that run's record is kept."""
        from pytest_prodstatus.model.codec import RecordError, read_record
        from pytest_prodstatus.model.diff import since_open
        from pytest_prodstatus.store import StateError

        # An archive that can't be used is reported when this run's own record is kept.
        with contextlib.suppress(StateError, RecordError, UnicodeDecodeError), self._open() as kept:
            content = (kept.files(record.run.target, run) or {}).get(RECORD, b"")
            opened = read_record(content.decode("utf-8"), f"the record of run {run}")
            return replace(record, since_open=since_open(opened, record))
        return record

    def _open(self) -> ArchiveStore:
        """Open the archive of kept records, beside the history that saved the run."""
        from pytest_prodstatus.store.history import ArchiveStore

        if self._saved is None:
            msg = "a record is kept only of a run that is in the history"
            raise RuntimeError(msg)
        return ArchiveStore.open(*self._saved)

    def reopen(self) -> None:
        """Use the store that is there, for a run that an earlier process saved. Never raises."""
        from pytest_prodstatus.store import StateError, installed, store_may_exist

        with contextlib.suppress(StateError, DotenvError):
            if self._saves and installed():
                environ = variables_of(self._root, self._environ)
                if store_may_exist(environ):
                    self._saved = store_in(self._root, environ)

    def keep_record(self, record: Record) -> str:
        """Keep the record of a run whose history was saved, as its file will have it. Never raises.

        Returns:
            Why it wasn't kept, in one sentence; "" if it was, or nothing is to be kept.
        """
        run = record.run
        return self._kept(
            lambda store: store.keep(run.target, run.id, b"".join(record_pieces(record)))
        )

    def keep_attestations(self, record: Record, path: Path) -> str:
        """Keep the attestations beside a record's file, if that record is kept. Never raises.

        Args:
            record: the record.
            path: its file.

        Returns:
            As `keep_record`.
        """

        def keep(store: ArchiveStore) -> None:
            files = attestations_at(path)
            if files:
                store.attest(record.run.target, record.run.id, read_file(path), files)

        return self._kept(keep)

    def note_open(self, record: Record) -> str:
        """Note in the history that a run opens the gate, since its record was signed. Never raises.

        Returns:
            As `keep_record`.
        """

        def note(url: str, scope: str) -> None:
            from pytest_prodstatus.store.history import HistoryStore

            with HistoryStore.open(url, scope) as history:
                history.note_open(record.run.target, record.run.id)

        return self._changed(note, "the history can't be saved")

    def _kept(self, keep: Callable[[ArchiveStore], object]) -> str:
        """Do something with the archive; return why that failed, or ""."""

        def change(*_: str) -> None:
            with self._open() as store:
                keep(store)

        return self._changed(change, "the record can't be kept")

    def _changed(self, change: Callable[[str, str], None], failure: str) -> str:
        """Change the store that has the run, by URL and scope; return why that failed, or ""."""
        if self._saved is None:
            return ""
        try:
            change(*self._saved)
        except Exception as error:  # noqa: BLE001  what was judged or signed is worth more than it
            return _reason(error, failure).text
        return ""


def _reason(error: Exception, what: str = "the history can't be saved") -> Reason:
    """Return why an error of the store kept the history or a record from being saved."""
    from pytest_prodstatus.store import StateError

    if isinstance(error, (StateError, DotenvError)):
        return Reason(text=str(error), kind=Kind.INCONCLUSIVE)
    text = f"{what}: {type(error).__name__}: {error}"
    return Reason(text=text, kind=Kind.INCONCLUSIVE)
