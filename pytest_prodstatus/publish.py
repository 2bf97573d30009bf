"""A record's outputs: document, page and exports, then the record, each file whole or untouched.

Separate from the run that writes them, since the command line publishes records too.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from pytest_prodstatus.layout import Layout
from pytest_prodstatus.model.codec import record_pieces
from pytest_prodstatus.model.record import Record
from pytest_prodstatus.readers.config import Config
from pytest_prodstatus.writers.document import write_document
from pytest_prodstatus.writers.fields import digest_of
from pytest_prodstatus.writers.files import write_atomically


class Problem(NamedTuple):
    """An output that could not be written, and one sentence about it."""

    path: Path
    text: str


class Published(NamedTuple):
    """What came of writing: the record with the document's digest, and what went wrong."""

    record: Record
    problems: tuple[Problem, ...] = ()


def publish(record: Record, config: Config, layout: Layout) -> Published:
    """Write the document (in place where there is one), page, exports and, last, the record.

    Args:
        record: what to write.
        config: the project's.
        layout: where.
    """
    done = publish_readable(record, config, layout)
    problems = publish_record(done.record, layout.record)
    return Published(done.record, (*done.problems, *problems))


def publish_readable(record: Record, config: Config, layout: Layout) -> Published:
    """Write the document, the page and the exports."""
    # Not above, since a run without criteria has no page to pay for.
    from pytest_prodstatus.writers.page import page_pieces

    page = page_pieces(record, config)
    exports: dict[Path, Iterable[str]] = {}
    if config.exports:
        from pytest_prodstatus.writers.export import writer_of

        for name in config.exports:
            exports[layout.export(name)] = [writer_of(name)(record, config)]
    try:
        existing = _content(layout.document)
    except OSError as error:
        text = f"{layout.document} can't be read ({error.strerror or error}): the gate stays closed"
        problems, digest = [Problem(layout.document, text)], ""
    else:
        document = write_document(record, config, existing)
        problems = _written(layout.document, document)
        digest = "" if problems else digest_of(document, record)
    for path, pieces in {layout.page: page, **exports}.items():
        problems += _written(path, _encoded(pieces))
    return Published(replace(record, document=digest), tuple(problems))


def publish_record(record: Record, path: Path) -> list[Problem]:
    """Write the record; one that can't be replaced is removed, since it must not speak for this."""
    problems = _written(path, _joined(record_pieces(record)))
    if problems:
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return problems


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _encoded(pieces: Iterable[str]) -> Iterator[bytes]:
    """Yield pieces of text as bytes, many at a time; a lone surrogate becomes its escape."""
    return _joined(piece.encode("utf-8", "backslashreplace") for piece in pieces)


def _joined(pieces: Iterable[bytes]) -> Iterator[bytes]:
    rest = iter(pieces)
    while some := b"".join(islice(rest, 100)):
        yield some


def _written(path: Path, content: bytes | Iterable[bytes]) -> list[Problem]:
    try:
        write_atomically(path, content)
    except OSError as error:
        text = f"{path} can't be written ({error.strerror or error}): the gate stays closed"
        return [Problem(path, text)]
    return []
