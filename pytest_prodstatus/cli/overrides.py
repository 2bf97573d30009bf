"""Overrides from the command line's side: one is looked for at every answer, or written down.

The state store is imported where there may be one, and only then: it costs as much as the answer.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.text import text_of
from pytest_prodstatus.project import name_in, variables_of

if TYPE_CHECKING:
    from pytest_prodstatus.store.overrides import Overrides

LONGEST = timedelta(hours=24)
"""How long one override may last; a longer need is a waiver, or a decision made anew."""

_INSTALL = "install it with: pip install 'pytest-prodstatus[state]'"
_URL = "PRODSTATUS_STATE_URL"


def opened(url: str, root: Path) -> Overrides:
    """Open the overrides that the state store has of the project in a folder."""
    from pytest_prodstatus.store.overrides import Overrides

    return Overrides.open(url, name_in(root))


def in_force(target: str, now: datetime, root: Path) -> tuple[Override | None, str | None]:
    """Return the override of a project's target that ends last, or why none could be looked for."""
    environ = variables_of(root)
    configured = environ.get(_URL, "").strip()
    try:
        from pytest_prodstatus.store.address import default_file, state_url

        if not configured and not may_hold(default_file(), name_in(root), target):
            return None, None
        url = state_url(environ)
    except ImportError:
        return None, f"{_URL} is set, and the state store isn't installed" if configured else None
    from pytest_prodstatus.store.errors import StateError

    try:
        with opened(url, root) as store:
            found = store.active(target, now)
    except StateError as error:
        return None, f"overrides can't be looked for: {error}"
    return max(found, key=lambda override: override.until, default=None), None


def may_hold(file: Path, project: str, target: str) -> bool:
    """Return whether a SQLite store may hold an override of a project's target, in force or not.

    Most stores hold none, and this says so in a tenth of the time that the store itself takes.
    """
    if not file.exists():
        return False
    import sqlite3

    try:
        with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1)) as store:
            query = "SELECT 1 FROM prodstatus_override WHERE project = ? AND target = ? LIMIT 1"
            return store.execute(query, (project, target)).fetchone() is not None
    except sqlite3.OperationalError as error:
        return "no such table" not in str(error)
    except sqlite3.Error:
        return True  # the store itself says best what is wrong with it


def write_down(override: Override, root: Path) -> None:
    """Keep an override of the project in a folder.

    Raises:
        click.UsageError: it lasts too long, or it can't be kept, so it isn't in force.
    """
    if override.until - override.since > LONGEST:
        msg = (
            f"--for {text_of(override.until - override.since)}: an override lasts at most "
            f"{text_of(LONGEST)}; waive single criteria in pyproject.toml for longer"
        )
        raise click.UsageError(msg)
    try:
        from pytest_prodstatus.store.address import state_url

        url = state_url(variables_of(root))
    except ImportError:
        msg = f"an override is kept in the state store, which isn't installed: {_INSTALL}"
        raise click.UsageError(msg) from None
    from pytest_prodstatus.store.errors import StateError

    try:
        with opened(url, root) as store:
            store.add(override)
    except StateError as error:
        msg = f"the override can't be kept, so it isn't in force: {error}"
        raise click.UsageError(msg) from None
