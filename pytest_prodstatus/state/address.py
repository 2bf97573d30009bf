"""The store's address: which URLs name one that outlives the process, and its file."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from pytest_prodstatus.state.part import JOURNAL, Part

_SCHEMES = "sqlite:////absolute/path.sqlite3 or postgresql://user@host/database"


def parse_address(url: str, part: Part = JOURNAL) -> URL:
    """Return the engine URL for the store at `url`, of which `part` is wanted.

    A SQLite file is named by its absolute path: in memory it would die with the process, and a
    relative one would be another journal in another folder. PostgreSQL is always reached through
    psycopg 3, whatever driver the URL names.

    Raises:
        StateUnavailable: (the part's own) it names no such database; a password in it is not
            repeated.
    """
    try:
        address = make_url(url.strip())
    except (ArgumentError, ValueError) as error:
        # The text isn't shown: an address that can't be read may hold its password anywhere.
        msg = f"The {part.name}'s PRODSTATUS_STATE_URL is no database URL: set it to {_SCHEMES}."
        raise part.unavailable(msg) from error
    if "@" in (address.host or ""):  # it would be shown as part of the host
        msg = f"The {part.name}'s PRODSTATUS_STATE_URL holds an @ in its password: write it as %40."
        raise part.unavailable(msg)
    backend = address.drivername.partition("+")[0]
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


def shown(address: URL) -> str:
    """Return the address as it may be printed: without its password and its parameters."""
    return address.set(query={}).render_as_string(hide_password=True)


def prepare_file(path: Path) -> None:
    """Create the store's file (mode 0600) and its folder (0700) durably, if they are missing.

    What is there already keeps its mode. SQLite gives its rollback journal the mode of the file.

    Raises:
        OSError: they can't be created.
    """
    if not path.parent.exists():
        path.parent.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        _sync_folder(path.parent.parent)
    try:
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
