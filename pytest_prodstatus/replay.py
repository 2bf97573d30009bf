"""What the state store knows of a record: a later run of its release, or another record of its run.

Separate from signing, which knows one record: only the state store knows that there are others.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.project import store_in, variables_of


class KnownRuns:
    """What a project's state store knows of its runs; nothing if there is no store.

    Args:
        root: the project's folder.

    Raises:
        StateError: (here and below) there is a state store, and it can't be read.
        DotenvError: the project's `.env` file, which may name one, can't be read.
    """

    def __init__(self, root: Path) -> None:
        from pytest_prodstatus.store import HISTORY, check_installed, sqlite_file, store_may_exist

        environ = variables_of(root, os.environ)
        self._place: tuple[str, str] | None = None
        self._absent: Path | None = None
        if store_may_exist(environ):
            check_installed()
            from pytest_prodstatus.store.statements import FileStore

            self._place = store_in(root, environ)
            file = sqlite_file(self._place[0])
            # Opened, it would be made, and know of no run. So would an empty file, and one of
            # another program.
            if file is not None and not FileStore(file, HISTORY).may_hold():
                self._absent = file

    def later_run(self, record: Record, *, any_release: bool = False, but: str = "") -> str:
        """Return a sentence about the newest later run of a record's release; "" if none is known.

        Args:
            record: the record.
            any_release: whether a later run of another release of the target counts too.
            but: the id of a run that doesn't count, such as the one in progress, whose shards may
                be saved already; "" for none.
        """
        if self._place is None:
            return ""
        if self._absent is not None:
            from pytest_prodstatus.store import StateUnavailable

            msg = (
                f"there is no state store at {self._absent}: name the one that runs are saved in "
                "(PRODSTATUS_STATE_URL)"
            )
            raise StateUnavailable(msg)
        from pytest_prodstatus.store.history import HistoryStore

        run = record.run
        with HistoryStore.open(*self._place) as history:
            release = run.subject.release
            later = history.newest(run.target, release, any_release=any_release, but=but)
        if later is None or (later.started, later.run) <= (run.started, run.id):
            return ""
        began, ended = utc_isoformat(later.started), later.final
        judged = "this release"
        if later.release != release:
            judged = (
                f"release {later.release!r}" if later.release else "the target without a release"
            )
        return f"a later run judged {judged}: {later.run} began at {began} and ended {ended}"

    def other_record(self, content: bytes, record: Record) -> str:
        """Return a sentence if the store keeps another record of a record's run; "" if not.

        A process that outlives a run may replace its record after the run has saved its own.

        Args:
            content: the bytes of the record's file.
            record: the record.
        """
        if self._place is None or self._absent:
            return ""
        from pytest_prodstatus.store.history import RECORD, ArchiveStore

        run = record.run
        with ArchiveStore.open(*self._place) as archive:
            kept = (archive.files(run.target, run.id) or {}).get(RECORD)
        if kept is None or kept == content:
            return ""
        from pytest_prodstatus.model.codec import RecordError, read_record

        try:
            found = read_record(kept.decode("utf-8"), f"the record of run {run.id}")
        except (RecordError, UnicodeDecodeError):
            return f"the record that the state store keeps of run {run.id} can't be read"
        # The store keeps one shard of a run, the last one that ended, until they are merged.
        if run.shard and (not found.run.shard or found.run.started != run.started):
            return ""
        # `prodstatus render` may have written the document with other fields since.
        if replace(found, document=record.document) == record:
            return ""
        verdict = f"which ended {found.final.verdict}"
        return f"it is not the record that the state store keeps of run {run.id}, {verdict}"
