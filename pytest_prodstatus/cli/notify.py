"""`prodstatus notify`: send what is new about a target."""

from __future__ import annotations

import os
import sys
from datetime import timedelta

import click

from pytest_prodstatus.cli.common import (
    dir_option,
    duration,
    place_of,
    root_option,
    target_option,
)
from pytest_prodstatus.cli.targets import Targets
from pytest_prodstatus.notify import notify

_EXAMPLES = """\b
Examples:
  prodstatus notify
  prodstatus notify --target staging --within 3h

\b
Exit status:
  0  done, also if there was nothing new
  2  a usage error, or a notification was not delivered
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--within",
    callback=duration,
    default="1h",
    show_default=True,
    metavar="DURATION",
    help="How long before its end a verdict or a waiver is notified; a waiver at least 3d.",
)
@target_option
@dir_option
@root_option
def command(within: timedelta, target: str | None, folder: str | None, root: str | None) -> None:
    """Send what is new about a target: flips, what ends soon, and overrides.

    It is sent to the addresses in the environment variables that the key notify names. The target
    is judged as prodstatus gate judges it now, so from a timer it also notices a verdict that
    ended. No fact is sent twice, not even if it couldn't be delivered.
    """
    place = place_of(root=root, target=target, dir=folder)
    if not place.project.config.notify:
        msg = "no address is configured: name its variable in [tool.prodstatus], notify = [...]"
        raise click.UsageError(msg)
    targets = Targets(place)
    judged = targets.judged(targets.query(targets.default, {}))
    # As the gate decides, not as the record says: what ended since its run has changed too.
    notice, problems = notify(judged, place.project.root, os.environ, within)
    if notice is not None:
        click.echo(notice.title)
        click.echo(notice.body)
    for problem in problems:
        click.echo(f"prodstatus: {problem}", err=True)
    sys.exit(2 if problems else 0)
