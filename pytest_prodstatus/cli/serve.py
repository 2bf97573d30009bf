"""`prodstatus serve`: answer over HTTP whether the gate is open, judged again at each request.

This module checks the command line and opens the socket; what is answered is in `serve.app`, and
`Targets` judges.
"""

from __future__ import annotations

import ipaddress
import os
import socket
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path

import click

from pytest_prodstatus.cli.common import (
    FILE,
    dir_option,
    max_age_option,
    place_of,
    root_option,
    target_option,
)
from pytest_prodstatus.cli.targets import Targets
from pytest_prodstatus.readers import SETTINGS_LIMIT, read_text

TOKEN = "PRODSTATUS_SERVE_TOKEN"  # noqa: S105  the variable's name
_LEAST = 16
"""Characters that a token has at least."""

_EXAMPLES = """\b
Examples:
  prodstatus serve
  prodstatus serve --host 0.0.0.0 --token-file /run/secrets/prodstatus
  curl --fail-with-body http://127.0.0.1:8321/gate?subject=v41

\b
Routes, for GET and HEAD:
  /                  the targets, with links to their pages
  /page/TARGET       a target's page, as of now
  /verdict[/TARGET]  JSON, always 200
  /gate[/TARGET]     200 if the gate is open, else 503 with the reasons; also for POST
  /metrics           OpenMetrics of all targets
  /badge/TARGET.json a badge, for shields.io's endpoint
  /healthz           200 while the server answers, without a token
/verdict and /gate take subject, commit, run and require, as in ?subject=v41&require=oauth,order.

\b
Exit status:
  0  a signal ended it
  2  a usage error, or the address can't be used
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Answer at this address; 0.0.0.0 for all of this machine.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8321,
    show_default=True,
    metavar="N",
    help="Answer at this port; 0 for any free one.",
)
# A file or a variable: other users of the machine can read a command line.
@click.option(
    "--token-file",
    type=FILE,
    metavar="FILE",
    help=f"Want the bearer token in this file.  [default: {TOKEN}, none]",
)
@max_age_option
@target_option
@dir_option
@root_option
def command(
    host: str,
    port: int,
    token_file: Path | None,
    max_age: timedelta,
    target: str | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Answer over HTTP whether the gate is open, judged again at each request.

    The target is that of requests that name none. All targets with a record in reports/ are served,
    unless --dir names one folder. It is read-only, and speaks no TLS: put a proxy before it.
    """
    if not (find_spec("starlette") and find_spec("uvicorn")):
        msg = "the server isn't installed: pip install 'pytest-prodstatus[serve]'"
        raise click.UsageError(msg)
    place = place_of(root=root, target=target, dir=folder)
    token = _token(token_file)
    with listen(host, port) as listener:
        from pytest_prodstatus.serve.app import app_of
        from pytest_prodstatus.serve.server import run

        # As the socket has it: --port 0 takes any free one, and --host may be a name.
        at, number = listener.getsockname()[:2]
        shown = f"[{at}]" if ":" in at else at
        click.echo(f"prodstatus: serving http://{shown}:{number}/ until a signal ends it", err=True)
        if token is None and not ipaddress.ip_address(at).is_loopback:
            text = f"anyone who reaches {at} can read the records: set {TOKEN}, or --token-file"
            click.echo(f"prodstatus: warning: {text}", err=True)
        run(app_of(Targets(place, max_age=max_age), token=token), listener)


def _token(file: Path | None) -> str | None:
    """Return the token; None if none is wanted.

    Raises:
        click.UsageError: it can't be read, or can be guessed.
    """
    source, token = TOKEN, os.environ.get(TOKEN)
    if file is not None:
        source = str(file)
        try:
            token = read_text(file, limit=SETTINGS_LIMIT)
        except (OSError, UnicodeDecodeError) as error:
            msg = f"--token-file {source!r} can't be read: {getattr(error, 'strerror', error)}"
            raise click.UsageError(msg) from None
    if token is None:
        return None
    token = token.strip()  # a file ends with a line break
    # What a header can't carry as it is could never be presented.
    if len(token) < _LEAST or not token.isascii() or not token.isprintable() or " " in token:
        msg = (
            f"the token in {source} must be at least {_LEAST} printable ASCII characters without "
            "a blank, as `openssl rand -hex 32` makes them"
        )
        raise click.UsageError(msg)
    return token


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        click.UsageError: the address can't be used.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # An address of IPv6 has four parts, of which `create_server` takes two. The backlog is
        # uvicorn's own default.
        listener = socket.create_server(address[:2], family=family, backlog=2048)
    except (OSError, UnicodeError) as error:
        msg = f"--host {host!r} --port {port} can't be used: {error}"
        raise click.UsageError(msg) from None
    # asyncio does this only for a socket that names its protocol, and `create_server` names none.
    # Without it an answer's body waits for the client to acknowledge the head, about 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener
