"""The state store from the command line's side: where it is, and its refusals as usage errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from pytest_prodstatus.project import variables_of

_INSTALL = (
    "the state store isn't installed: install it with: pip install 'pytest-prodstatus[state]'"
)


@contextmanager
def state_store(root: Path) -> Iterator[str]:
    """Yield the URL of a project's store to a block that opens a part of it.

    The URL may hold a password. It is the one that the project in the folder `root` means.

    Raises:
        click.UsageError: it isn't installed, or can't be opened, read or written.
    """
    try:
        from pytest_prodstatus.state.errors import StateError
        from pytest_prodstatus.state.location import state_url

        url = state_url(variables_of(root))
    except ImportError:
        raise click.UsageError(_INSTALL) from None
    try:
        yield url
    except StateError as error:
        raise click.UsageError(str(error)) from None


def shown_store(url: str) -> str:
    """Return the store's address as it may be printed: no password, no parameters."""
    from pytest_prodstatus.state.address import parse_address, shown

    return shown(parse_address(url))
