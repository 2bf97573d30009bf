"""Whether a later run judged a record's release: an old record must not speak after a newer one.

Separate from signing, which knows one record: only the state store knows that there are others.
"""

from __future__ import annotations

import os
from pathlib import Path

from pytest_prodstatus.model.record import Record
from pytest_prodstatus.model.text import utc_isoformat
from pytest_prodstatus.project import store_in, variables_of


def later_run(root: Path, record: Record, *, but: str = "") -> str:
    """Return a sentence about the newest later run of a record's release; "" if none is known.

    Args:
        root: the project's folder.
        record: the record.
        but: the id of a run that doesn't count, such as the one in progress, whose shards may be
            saved already; "" for none.

    Raises:
        StateError: there is a state store, and it can't be read.
        DotenvError: the project's `.env` file, which may name one, can't be read.
    """
    from pytest_prodstatus.store.address import check_installed, store_may_exist

    environ = variables_of(root, os.environ)
    if not store_may_exist(environ):
        return ""
    check_installed()
    from pytest_prodstatus.store.history import HistoryStore

    run = record.run
    with HistoryStore.open(*store_in(root, environ)) as history:
        later = history.newest(run.target, run.subject.release, but=but)
    if later is None or (later.started, later.run) <= (run.started, run.id):
        return ""
    began = utc_isoformat(later.started)
    return f"a later run judged this release: {later.run} began at {began} and ended {later.final}"
