"""The store's address: which URLs name a store that outlives the process, and its file.

Separate from the store itself so that arming can refuse an address (a runner's local disk in CI)
before anything is opened or created. Several parts share one store, and each requires only the
revision of the schema that it needs. So a database role that may not create tables can still use a
part that an update didn't change.
"""

from __future__ import annotations

import contextlib
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

from pytest_prodstatus.store.errors import JournalUnavailable, StateUnavailable

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

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


_SCHEMES = "sqlite:////absolute/path.sqlite3 or postgresql://user@host/database"


def parse_address(url: str, part: Part = JOURNAL) -> URL:
    """Return the SQLAlchemy URL of the store at `url`.

    A SQLite file needs an absolute path: a database in memory would die with the process, and a
    relative path would be another journal in another folder. PostgreSQL is always reached through
    psycopg 3, even if the URL names another driver.

    Args:
        url: the address, as in PRODSTATUS_STATE_URL.
        part: the part that will use it, for messages.

    Raises:
        StateUnavailable: (the part's own) the URL names no such database. The message never shows
            a password.
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(url.strip())
    except (ArgumentError, ValueError) as error:
        # ValueError: the port isn't a number.
        # The text isn't shown: in a URL that can't be parsed, any part may be the password.
        msg = f"The {part.name}'s PRODSTATUS_STATE_URL is not a database URL: set it to {_SCHEMES}."
        raise part.unavailable(msg) from error
    if "@" in (address.host or ""):  # the password's end would be shown as part of the host
        msg = f"The {part.name}'s PRODSTATUS_STATE_URL holds an @ in its password: write it as %40."
        raise part.unavailable(msg)
    backend = address.drivername.partition("+")[0]
    # libpq reads both names; SQLAlchemy dropped the shorter one in 1.4.
    if backend in ("postgresql", "postgres"):
        return address.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        msg = f"The {part.name} can't be kept at {shown(address)}: set PRODSTATUS_STATE_URL to "
        raise part.unavailable(msg + f"{_SCHEMES}.")
    if address.query or not Path(address.database or "").is_absolute():
        msg = (
            f"The {part.name} can't be kept at {shown(address)}: a SQLite file is one absolute "
            "path without parameters, as in sqlite:////var/lib/prodstatus/state.sqlite3."
        )
        raise part.unavailable(msg)
    return address.set(drivername="sqlite+pysqlite")


def sqlite_file(url: str) -> Path | None:
    """Return the SQLite file that `url` names; None if it is another or an unusual address.

    So a usual address needs no import of SQLAlchemy. An address with a percent sign is unusual:
    SQLAlchemy's releases decode it differently, so only `parse_address` can read it.
    """
    found = re.fullmatch(r"sqlite(?:\+pysqlite)?:///([^?%]+)", url.strip())
    path = Path(found[1]) if found else None
    return path if path is not None and path.is_absolute() else None


def shown(address: URL) -> str:
    """Return the address as it may be printed: without its password and its parameters."""
    # libpq also takes a password as a parameter, which SQLAlchemy would show.
    return address.set(query={}).render_as_string(hide_password=True)


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
            f"set {STATE_URL_VARIABLE} to {_SCHEMES}."
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
            f"readable, or set {STATE_URL_VARIABLE} to {_SCHEMES}."
        )
        raise JournalUnavailable(msg) from None
    return True


def is_local_file(url: str) -> bool:
    """Return whether the journal at `url` is a file of this machine (SQLite, any driver)."""
    scheme = url.strip().partition(":")[0]
    return scheme.partition("+")[0].lower() == "sqlite"
