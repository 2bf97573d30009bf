"""The archive: the record of each run in the history, and its attestations, byte for byte.

They lie beside the run in the same database, compressed. So a run is kept completely or not at all,
no file name is made of its id, and they go with the run when it is deleted. The fourth revision in
`migrations` makes the table.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any, final

from pytest_prodstatus.readers.config import OUTPUTS
from pytest_prodstatus.readers.files import LIMIT
from pytest_prodstatus.store.address import ARCHIVE
from pytest_prodstatus.store.statements import ProjectPart, Statements, insert_into

RECORD = OUTPUTS[0]
"""The name of a run's record among its files."""

_RUN = "SELECT id FROM prodstatus_run WHERE project = :project AND target = :target AND run = :run"
_TARGETS = (
    "SELECT target FROM prodstatus_run WHERE project = :project AND run = :run ORDER BY target"
)
_FILES = "SELECT name, content FROM prodstatus_archive WHERE run_id = :id ORDER BY name"
_ONE = "SELECT content FROM prodstatus_archive WHERE run_id = :id AND name = :name"
_DELETE = "DELETE FROM prodstatus_archive WHERE run_id = :id"


@final
class ArchiveStore(ProjectPart):
    """One project's archive."""

    __slots__ = ()
    part = ARCHIVE

    def keep(self, target: str, run: str, record: bytes) -> None:
        """Keep the record of a run that is in the history; it replaces what was kept of the run.

        A run that isn't there any more, since another process deleted it, isn't kept.
        """
        with self._store.writing() as statements:
            statements.take_turns(self._project, target)
            run_id = self._run_id(statements, target, run)
            if run_id is not None:
                statements.change(_DELETE, {"id": run_id})  # its attestations are of the former one
                _insert(statements, run_id, {RECORD: record})

    def attest(self, target: str, run: str, record: bytes, files: Mapping[str, bytes]) -> bool:
        """Keep the attestations of a run's record.

        Args:
            target: the run's target.
            run: its id.
            record: the record that they are about.
            files: the content of each file, by its name.

        Returns:
            Whether that record is kept, so that they are, too.
        """
        with self._store.writing() as statements:
            statements.take_turns(self._project, target)
            run_id = self._run_id(statements, target, run)
            kept = statements.rows(_ONE, id=run_id, name=RECORD) if run_id is not None else []
            # Meanwhile another process may have saved the run again, with another record.
            if run_id is None or not kept or _unpacked(kept[0]["content"]) != record:
                return False
            statements.change(f"{_DELETE} AND name <> :name", {"id": run_id, "name": RECORD})
            _insert(statements, run_id, files)
        return True

    def files(self, target: str, run: str) -> dict[str, bytes] | None:
        """Return the files of a run by their names.

        They are empty if the history knows the run, but its record isn't kept; None if the history
        doesn't know the run.
        """
        with self._store.reading() as statements:
            run_id = self._run_id(statements, target, run)
            if run_id is None:
                return None
            rows = statements.rows(_FILES, id=run_id)
        return {row["name"]: _unpacked(row["content"]) for row in rows}

    def targets(self, run: str) -> list[str]:
        """Return the targets that have a run of this id."""
        with self._store.reading() as statements:
            rows = statements.rows(_TARGETS, project=self._project, run=run)
        return [row["target"] for row in rows]

    def _run_id(self, statements: Statements, target: str, run: str) -> int | None:
        """Return the number of a run's row in the history; None if it has none."""
        found = statements.rows(_RUN, project=self._project, target=target, run=run)
        return int(found[0]["id"]) if found else None


def _insert(statements: Statements, run_id: int, files: Mapping[str, bytes]) -> None:
    """Insert the files of a run, by name, compressed."""
    rows: list[dict[str, Any]] = [
        {"run_id": run_id, "name": name, "content": zlib.compress(content)}
        for name, content in files.items()
    ]
    if rows:
        statements.change(insert_into("prodstatus_archive", rows[0]), *rows)


def _unpacked(content: bytes) -> bytes:
    """Return the content; b"" if it isn't one, or is larger than any file that is read."""
    # Bounded, because a few bytes can unpack to more than the memory; `eof` tells a whole one.
    unpacker = zlib.decompressobj()
    try:
        unpacked = unpacker.decompress(content, LIMIT)
    except zlib.error:
        return b""
    return unpacked if unpacker.eof else b""
