"""The state store: what outlives a run and its reports folder, where it lies, and what goes wrong.

These are the journal of real actions, the history of runs with the archive of their records, the
overrides, and what was notified last. They lie in one SQLite file or PostgreSQL database.

The address is here, apart from what opens the store, so that arming can refuse an address (a
runner's local disk in CI) before anything is opened or created. Several parts share one store, and
each requires only the revision of the schema that it needs. So a database role that may not create
tables can still use a part that an update didn't change.

The exceptions are one tree; the text of each is one sentence, and none contains a secret: addresses
are shown without their password.

    StateError
    ├── StateUnavailable          a part of it can't be opened, read or written
    ├── InvalidOverride           a new override breaks a rule
    └── JournalError
        ├── JournalUnavailable    (also a StateUnavailable) no real action may be started
        ├── InvalidRecord         a value for the journal breaks a rule
        ├── UnknownAction         no action has that number
        ├── Claimed               the key is taken, or its attempts are used up
        ├── Unresolved            the result of an earlier action isn't known
        ├── ClockBehind           an action in the journal is dated after today
        └── IllegalTransition     the step doesn't follow from the action's state
            └── Expired           the step is allowed, but too late
"""

from __future__ import annotations

import contextlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from pytest_prodstatus.store.action import Action, State


# ruff: noqa: N818 - the names say what happened, for the reader of `except Claimed`.


# Without its end: the action's number and a backquote follow.
_RESOLVE = "find out what became of it and record it with `prodstatus journal resolve"
_NEXT = {
    "day": "the next one can be done tomorrow (UTC)",
    "release": "the next one can be done for the next release",
    "key": "another one needs another key",
}


class StateError(Exception):
    """Any error of the state store; str() is one sentence."""


class StateUnavailable(StateError):
    """A part of the state store can't be opened, read or written."""


class InvalidOverride(StateError):
    """An override that breaks a rule, and isn't saved."""


class JournalError(StateError):
    """Any error of the journal."""


class JournalUnavailable(JournalError, StateUnavailable):
    """The journal can't be opened, read or written."""


class InvalidRecord(JournalError):
    """A value that may not be written into the journal."""


class UnknownAction(JournalError):
    """No action has this number."""

    def __init__(self, action_id: int) -> None:
        super().__init__(action_id)
        self.action_id = action_id

    def __str__(self) -> str:
        remedy = "list them with `prodstatus journal list --all`"
        return f"The journal has no action {self.action_id!r}: {remedy}."


class _ActionError(JournalError):
    """An error because of an action in the journal."""

    def __init__(self, action: Action) -> None:
        super().__init__(action)
        self.action = action


class Claimed(_ActionError):
    """The key is taken, by this process or another one, or its attempts are used up."""

    def __str__(self) -> str:
        action = self.action
        remedy = _NEXT[action.key.period] if action.settled else f"{_RESOLVE} {action.id}`"
        # Such a key could be claimed again, if its attempts weren't used up.
        if action.state.frees_key:
            return (
                f"The {action.key} has had all the attempts that it may have, the last of them "
                f"{action.describe()}, which {action.armed_by} left {action.state}: {remedy}."
            )
        return (
            f"The {action.key} is already claimed by {action.describe()}, "
            f"which {action.armed_by} left {action.state}: {remedy}."
        )


class Unresolved(_ActionError):
    """An earlier action ended, and its result isn't known."""

    def __str__(self) -> str:
        action = self.action
        return (
            f"What {action.describe()} did is not known, since it stands at {action.state} "
            f"after {action.events[-1].at:%Y-%m-%d %H:%M:%S} UTC: {_RESOLVE} {action.id}`."
        )


class ClockBehind(_ActionError):
    """A confirmed action in the journal is dated after today."""

    def __init__(self, action: Action, today: date) -> None:
        super().__init__(action)
        # Unpickling calls the class with `args`; so below.
        self.args = (action, today)
        self.today = today

    def __str__(self) -> str:
        return (
            f"The clock says {self.today.isoformat()}, yet the journal already holds "
            f"{self.action.describe()} of {self.action.last_day.isoformat()}: set the clock right, "
            "or, if that action's date is the wrong one, record it again as CONFIRMED with "
            f"`prodstatus journal resolve {self.action.id}`."
        )


class IllegalTransition(_ActionError):
    """A step that doesn't follow from the action's state."""

    def __init__(self, action: Action, wanted: State) -> None:
        super().__init__(action)
        self.args = (action, wanted)
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"The journal's {self.action.describe()} stands at {self.action.state} and can't "
            f"become {self.wanted}: look at it with `prodstatus journal list --all`."
        )


class Expired(IllegalTransition):
    """The action would be sent after its expiry, or on another day than its key's."""

    def __init__(self, action: Action, wanted: State, now: datetime) -> None:
        super().__init__(action, wanted)
        self.args = (action, wanted, now)
        self.now = now

    def __str__(self) -> str:
        daily = "on its own day and " if self.action.key.period == "day" else ""
        return (
            f"The journal's {self.action.describe()} was good {daily}until "
            f"{self.action.expires_at:%Y-%m-%d %H:%M:%S} UTC, and it is "
            f"{self.now:%Y-%m-%d %H:%M:%S} UTC: record it as REJECTED (nothing was sent) and plan "
            "again."
        )


LIBRARIES = ("sqlalchemy", "alembic", "platformdirs")
"""The modules of the `state` extra that the store requires."""

HEAD = 5
"""The newest revision of the schema that this release knows."""

# Not Alembic's own name, `alembic_version`: the database may belong to a project that uses Alembic.
VERSION_TABLE = "prodstatus_version"
"""The table with the schema's revision."""


def installed() -> bool:
    """Return whether the `state` extra is installed, without importing it."""
    return all(find_spec(name) for name in LIBRARIES)


def check_installed() -> None:
    """Make sure that the `state` extra is installed, without importing it.

    Raises:
        StateUnavailable: the extra isn't installed.
    """
    if not installed():
        msg = "the state store isn't installed: pip install 'pytest-prodstatus[state]'"
        raise StateUnavailable(msg)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of the state store.

    Attributes:
        name: its name in messages.
        revision: the oldest schema that has its tables.
        unavailable: the exception that is raised if it can't be used.
        consequence: the end of that exception's message.
    """

    name: str
    revision: int
    unavailable: type[StateUnavailable]
    consequence: str


# typing.Self needs Python 3.11.
_Open = TypeVar("_Open", bound="OpenPart")


class OpenPart(ABC):
    """A part of the store that is open, and closed at the end of a `with` block."""

    __slots__ = ()

    def __enter__(self: _Open) -> _Open:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Release the database's connections; everything is written by then."""


JOURNAL = Part(
    name="journal",
    revision=3,
    unavailable=JournalUnavailable,
    consequence="; until then no real action may be started.",
)
HISTORY = Part(name="history", revision=2, unavailable=StateUnavailable, consequence=".")
ARCHIVE = Part(name="archive of records", revision=4, unavailable=StateUnavailable, consequence=".")
NOTICES = Part(name="list of notices", revision=5, unavailable=StateUnavailable, consequence=".")
OVERRIDES = Part(
    name="list of overrides", revision=2, unavailable=StateUnavailable, consequence="."
)


SCHEMES = "sqlite:////absolute/path.sqlite3 or postgresql://user@host/database"
"""The addresses that a store may have, for messages."""


def sqlite_file(url: str) -> Path | None:
    """Return the SQLite file that `url` names; None if it is another or an unusual address.

    So a usual address needs no import of SQLAlchemy. An address with a percent sign is unusual:
    SQLAlchemy's releases decode it differently, so only `parse_address` can read it.
    """
    found = re.fullmatch(r"sqlite(?:\+pysqlite)?:///([^?%]+)", url.strip())
    path = Path(found[1]) if found else None
    return path if path is not None and path.is_absolute() else None


def prepare_file(path: Path) -> None:
    """Create the store's file (mode 0600) and its folder (0700) durably, if they are missing.

    An existing file or folder keeps its mode. SQLite gives its rollback journal the file's mode.

    Raises:
        OSError: they can't be created.
    """
    if not path.parent.exists():
        # mkdir gives its mode to the last folder alone.
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(path.parent.parent)
    try:
        # O_EXCL: of several processes, one creates the file and syncs its name.
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    os.close(descriptor)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make a new name in `folder` survive a power cut; Windows has no such call and no need."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


STATE_URL_VARIABLE = "PRODSTATUS_STATE_URL"
FILE_NAME = "state.sqlite3"


def state_url(environ: Mapping[str, str]) -> str:
    """Return the state store's database URL, touching no file.

    Args:
        environ: the environment; a blank PRODSTATUS_STATE_URL counts as unset.

    Raises:
        JournalUnavailable: it isn't set, and the user has no home folder.

    Returns:
        PRODSTATUS_STATE_URL unchanged (opening it checks it), else a SQLite file in the user's
        state directory. Never a path in the reports folder, which is thrown away.
    """
    configured = environ.get(STATE_URL_VARIABLE, "").strip()
    if configured:
        return configured
    # A usual path stands in the URL as it is; escaping any other is left to SQLAlchemy, which also
    # reads it.
    path = default_file()
    url = f"sqlite:///{path}"
    if sqlite_file(url) == path:
        return url
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def scope_of(environ: Mapping[str, str], project: str, root: Path) -> str:
    """Return the name under which the store has the runs and overrides of the project in a folder.

    In the user's own file that is the folder's as well, so that neither a copy nor another project
    of the same name is taken for it. A store that PRODSTATUS_STATE_URL names is shared on purpose,
    by other machines and by checkouts whose folders change, so there a project is its name.

    Args:
        environ: the environment.
        project: the project's name.
        root: its folder.
    """
    shared = environ.get(STATE_URL_VARIABLE, "").strip()
    return project if shared else f"{project} in {root.resolve()}"


def default_file() -> Path:
    """Return the SQLite file that is used by default; it may not exist.

    Raises:
        JournalUnavailable: the user has no home folder, as in a container with a user id of its
            own. It is a StateUnavailable, too, for the other parts of the store.
    """
    import platformdirs

    path = Path()
    with contextlib.suppress(RuntimeError):  # of newer releases; older ones leave the `~` as it is
        path = platformdirs.user_state_path("prodstatus") / FILE_NAME
    if not path.is_absolute():
        msg = (
            "The state store has no place, since HOME is not set and this user has no home folder: "
            f"set {STATE_URL_VARIABLE} to {SCHEMES}."
        )
        raise JournalUnavailable(msg)
    return path


def store_may_exist(environ: Mapping[str, str]) -> bool:
    """Return whether a store may exist: one is configured, or the default file exists.

    A configured database isn't asked, so this opens nothing. Without the extra `state` there is no
    default file: the package that knows the folder for it is missing too.

    Raises:
        JournalUnavailable: no place is known, since the user has no home folder, or the place
            can't be looked at.
    """
    if environ.get(STATE_URL_VARIABLE, "").strip():
        return True
    if not installed():
        return False
    file = default_file()
    try:
        # Not `exists`, which from Python 3.14 on is false in a folder of another user: a store that
        # can't be read would count as none.
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        msg = (
            f"The state store at {file} can't be read ({error.strerror or error}): make its folder "
            f"readable, or set {STATE_URL_VARIABLE} to {SCHEMES}."
        )
        raise JournalUnavailable(msg) from None
    return True


def is_local_file(url: str) -> bool:
    """Return whether the journal at `url` is a file of this machine (SQLite, any driver)."""
    scheme = url.strip().partition(":")[0]
    return scheme.partition("+")[0].lower() == "sqlite"
