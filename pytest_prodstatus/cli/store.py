"""The state store from the command line's side: where it is, and its refusals as usage errors."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import click

_INSTALL = (
    "the state store isn't installed: install it with: pip install 'pytest-prodstatus[state]'"
)


@contextmanager
def state_store() -> Iterator[str]:
    """Yield the store's URL, which may hold a password, to a block that opens a part of it.

    Raises:
        click.UsageError: it isn't installed, or can't be opened, read or written.
    """
    try:
        from pytest_prodstatus.state.errors import StateError
        from pytest_prodstatus.state.location import state_url

        url = state_url(os.environ)
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
