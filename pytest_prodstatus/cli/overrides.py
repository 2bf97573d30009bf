"""Overrides for the commands: find the active one, or save a new one.

Only the state store has them, and it is read for every decision. So no copy can be missing, stale
or forged.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.text import format_duration
from pytest_prodstatus.project import DotenvError, store_in, variables_of

if TYPE_CHECKING:
    from pytest_prodstatus.store.overrides import Overrides

LONGEST = timedelta(hours=24)
"""The longest time of one override; after that, use a waiver or override again."""

_URL = "PRODSTATUS_STATE_URL"


def opened(root: Path) -> Overrides:
    """Open the overrides of the project in the folder `root`."""
    from pytest_prodstatus.store.overrides import Overrides

    return Overrides.open(*store_in(root, variables_of(root)))


def active_override(target: str, now: datetime, root: Path) -> tuple[Override | None, str | None]:
    """Return a target's active override, or an error if the state store can't be read.

    Args:
        target: the system.
        now: an aware instant.
        root: the project's folder.

    Returns:
        Of several active overrides the one that ends last, else None; and the error, else None.
    """
    from pytest_prodstatus.store import StateError, installed, store_may_exist

    # It never raises: an override that can't be read opens nothing, and the record is judged all
    # the same.
    try:
        environ = variables_of(root)
        if not installed():
            configured = environ.get(_URL, "").strip()
            problem = f"{_URL} is set, and the state store isn't installed" if configured else None
            return None, problem
        # Opening a store would make its file, and a look must not.
        if not store_may_exist(environ):
            return None, None
        # Each call of the gate looks, so that no copy can be stale; in a file that takes 5 ms.
        from pytest_prodstatus.store.overrides import active_overrides

        found = active_overrides(*store_in(root, environ), target, now)
    except (StateError, DotenvError) as error:
        return None, f"overrides can't be looked for: {error}"
    return max(found, key=lambda override: override.until, default=None), None


def save_override(override: Override, root: Path) -> None:
    """Save an override of the project in the folder `root`.

    Raises:
        click.UsageError: it lasts too long, or it can't be saved, so it isn't in force.
    """
    if override.until - override.since > LONGEST:
        msg = (
            f"--for {format_duration(override.until - override.since)}: an override lasts at most "
            f"{format_duration(LONGEST)}; waive single criteria in pyproject.toml for longer"
        )
        raise click.UsageError(msg)
    with _writing(root, "the override can't be kept, so it isn't in force") as store:
        store.add(override)


def take_back(target: str, who: str, reason: str, now: datetime, root: Path) -> None:
    """Take back the overrides of a target that a person gave.

    Args:
        target: the system.
        who: the person.
        reason: why.
        now: an aware instant.
        root: the project's folder.

    Raises:
        click.UsageError: the person has none in force, or it can't be written.
    """
    with _writing(root, "the override can't be taken back, so it is still in force") as store:
        if store.take_back(target, who, reason, now):
            return
        # Named in the message, since names are compared letter by letter.
        givers = ", ".join(dict.fromkeys(o.who for o in store.active(target, now))) or "no one"
    msg = (
        f"--by {who!r}: no override of target {target} by this name is in force; those in force "
        f"are by {givers}, and only who gave one can take it back"
    )
    raise click.UsageError(msg)


@contextmanager
def _writing(root: Path, failure: str) -> Iterator[Overrides]:
    """Open a project's overrides to change them; `failure` begins the message of any error.

    Raises:
        click.UsageError: the store isn't installed, or can't be read or written.
    """
    from pytest_prodstatus.store import StateError, check_installed

    try:
        check_installed()
        with opened(root) as store:
            yield store
    except (StateError, DotenvError) as error:
        msg = f"{failure}: {error}"
        raise click.UsageError(msg) from None
