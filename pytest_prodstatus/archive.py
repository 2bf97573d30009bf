"""What a run leaves in the state store, and learns from it: its history, and the overrides.

Separate from the store itself, which needs the `state` extra: nothing of it is imported before a
run has been judged, and nothing that goes wrong in it costs the run its record.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from pytest_prodstatus.model.reason import Kind, Reason
from pytest_prodstatus.project import name_in, variables_of

if TYPE_CHECKING:
    from pytest_prodstatus.model.override import Override
    from pytest_prodstatus.model.record import Record

_LIBRARIES = ("sqlalchemy", "alembic", "platformdirs")

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


class Kept(NamedTuple):
    """What came of keeping a record.

    Attributes:
        record: with the overrides that hold, and, once saved, with the past that the store knows.
        unsaved: why its history wasn't saved; None where it was.
        tried: it was to be saved, or overrides were to be read, and that went wrong.
    """

    record: Record
    unsaved: Reason | None = None
    tried: bool = False


def saves_history(environ: Mapping[str, str]) -> bool:
    """Return whether PRODSTATUS_HISTORY lets the history be saved, which is so unless it is 0.

    Raises:
        ValueError: it is neither 0 nor 1; one sentence.
    """
    chosen = environ.get("PRODSTATUS_HISTORY", "").strip()
    if chosen not in ("", "0", "1"):
        msg = f"PRODSTATUS_HISTORY={chosen!r}: set it to 0 to save no history, or to 1"
        raise ValueError(msg)
    return chosen != "0"


class Archive:
    """The state store as a run uses it."""

    def __init__(self, root: Path, *, saves: bool, environ: Mapping[str, str] = os.environ) -> None:
        self._root = root
        self._saves = saves
        self._environ = environ
        self._problem: Reason | None = None
        self._overrides: tuple[Override, ...] = ()

    def keep(self, record: Record) -> Kept:
        """Save a judged run; a run that is kept once more replaces itself. Never raises.

        After it failed once it isn't tried again, so that a server which is away is waited for
        once a run.
        """
        if not all(find_spec(name) for name in _LIBRARIES):
            return Kept(record=record, unsaved=NOT_INSTALLED)
        if self._problem is None:
            try:
                return self._kept(record)
            except Exception as error:  # noqa: BLE001  a judged run is worth more than its history
                self._problem = _reason(error)
        told = replace(record, overrides=self._overrides)
        return Kept(record=told, unsaved=self._problem, tried=True)

    def _kept(self, record: Record) -> Kept:
        from pytest_prodstatus.state.location import is_there, state_url

        finished = record.run.finished
        environ = variables_of(self._root, self._environ)
        if finished is None or not (self._saves or is_there(environ)):
            return Kept(record=record, unsaved=SWITCHED_OFF)
        from pytest_prodstatus.state.history import History
        from pytest_prodstatus.state.overrides import Overrides

        url, project = state_url(environ), name_in(self._root)
        with Overrides.open(url, project) as overrides:
            self._overrides = overrides.active(record.run.target, finished)
        record = replace(record, overrides=self._overrides)
        if not self._saves:
            return Kept(record=record, unsaved=SWITCHED_OFF)
        with History.open(url, project) as history:
            history.save(record)
            return Kept(record=history.dated(record))


def _reason(error: Exception) -> Reason:
    from pytest_prodstatus.state.errors import StateError

    if isinstance(error, StateError):
        return Reason(text=str(error), kind=Kind.INCONCLUSIVE)
    told = f"the history can't be saved: {type(error).__name__}: {error}"
    return Reason(text=told, kind=Kind.INCONCLUSIVE)
