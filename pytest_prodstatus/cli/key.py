"""`prodstatus key new`: make a key pair for signing."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import click

from pytest_prodstatus.cli.common import FILE
from pytest_prodstatus.project import shown_path
from pytest_prodstatus.sign_key import VARIABLE

_PRIVATE = 0o600
"""The mode of a private key: only its owner may read it."""


@click.group()
def command() -> None:
    """Make keys, with which `prodstatus sign` signs."""


@command.command("new")
@click.argument("name", type=FILE, default="prodstatus-signing", metavar="[NAME]")
def new(name: Path) -> None:
    """Make an Ed25519 key pair: NAME.key, which is secret, and NAME.pub.

    No file is overwritten.
    """
    from pytest_prodstatus.signing import SigningError, new_key

    if not name.name:
        msg = f"NAME = {str(name)!r} is a folder: name the files in it, as in 'keys/ci'"
        raise click.UsageError(msg)
    # Not `with_suffix`, which would take the end of `v1.2` for one.
    private, public = (name.with_name(f"{name.name}{ending}") for ending in (".key", ".pub"))
    try:
        secret, shareable = new_key()
        # The public one first: a private key without it would have to be thrown away.
        _create(public, shareable, 0o644)
        try:
            _create(private, secret, _PRIVATE)
        except OSError:
            with contextlib.suppress(OSError):
                public.unlink()  # useless alone, and in the way of the next try
            raise
    except SigningError as error:
        raise click.UsageError(str(error)) from None
    except FileExistsError as error:
        msg = f"{error.filename} exists, and a key is never overwritten; give another NAME"
        raise click.UsageError(msg) from None
    except OSError as error:
        msg = f"{error.filename} can't be written: {error.strerror or error}"
        raise click.UsageError(msg) from None
    click.echo(f"wrote {shown_path(private.absolute())}  (secret, readable by you alone)")
    click.echo(f"wrote {shown_path(public.absolute())}")
    click.echo(
        f"\nCommit the public key, and name it in pyproject.toml:\n"
        f'  signed_by = ["{shown_path(public.absolute())}"]\n'
        f"Give the private one to the job that signs, as the secret {VARIABLE}, and delete "
        "it here:\n"
        f'  {VARIABLE}="$(cat {shown_path(private.absolute())})" prodstatus sign\n'
        "Don't give it to the job that runs the tests: every test can read its environment."
    )


def _create(path: Path, content: bytes, mode: int) -> None:
    """Create a file with its final mode, so that nobody can read a private key for a moment."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
