"""Where the state store lives, as a database URL.

Separate from the store itself so that arming can refuse a place (a runner's local disk in CI)
before anything is opened or created.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import platformdirs

STATE_URL_VARIABLE = "PRODSTATUS_STATE_URL"
FILE_NAME = "state.sqlite3"


def state_url(environ: Mapping[str, str]) -> str:
    """Return the state store's database URL, touching no file.

    Args:
        environ: the environment; a blank PRODSTATUS_STATE_URL counts as unset.

    Returns:
        PRODSTATUS_STATE_URL as it stands (`Journal.open` judges it), else a SQLite file in the
        user's state directory. Never a path in the reports, which are thrown away.
    """
    configured = environ.get(STATE_URL_VARIABLE, "").strip()
    if configured:
        return configured
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(default_file())).render_as_string(hide_password=False)


def default_file() -> Path:
    """Return the SQLite file that is used where nothing is configured; it may not exist."""
    return platformdirs.user_state_path("prodstatus") / FILE_NAME


def is_there(environ: Mapping[str, str]) -> bool:
    """Return whether there may be a store: one is configured, or the default file exists."""
    return bool(environ.get(STATE_URL_VARIABLE, "").strip()) or default_file().exists()


def is_local_file(url: str) -> bool:
    """Return whether the journal at `url` is a file of this machine (SQLite, any driver)."""
    scheme = url.strip().partition(":")[0]
    return scheme.partition("+")[0].lower() == "sqlite"
