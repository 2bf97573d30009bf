"""`prodstatus diff`: print what differs between two runs."""

from __future__ import annotations

import sys

import click

from pytest_prodstatus.cli.common import dir_option, place_of, root_option, target_option
from pytest_prodstatus.cli.runs import Runs
from pytest_prodstatus.model.diff import diff, share_nothing
from pytest_prodstatus.project import LAST_OPEN
from pytest_prodstatus.writers.diff import FORMATS

EXIT_WORSE = 1
"""The exit status with --exit-code if a criterion is worse than before."""

_EXAMPLES = f"""\b
Examples:
  prodstatus diff
  prodstatus diff {LAST_OPEN} --exit-code
  prodstatus diff yesterday/status.json reports/status.json
  prodstatus diff 20261122T100000Z-1f0c3a 20261122T110000Z-77aa01 --format markdown

\b
Exit status:
  0  done, even if much differs; with --exit-code: no criterion is worse than before
  1  with --exit-code: a criterion was introduced as FAILED, is newly BLOCKED or lost, or was added
     and is not CONFIRMED
  2  a usage error, or a run that can't be read
"""


@click.command(epilog=_EXAMPLES)
@click.argument("before", required=False, metavar="[A]", default=LAST_OPEN)
@click.argument("after", required=False, metavar="[B]")
@click.option(
    "--format",
    "form",
    type=click.Choice(list(FORMATS)),
    default="text",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 1 if something is worse than before. An improvement isn't; neither is what was "
    "not CONFIRMED before.",
)
@target_option
@dir_option
@root_option
def command(
    before: str,
    after: str | None,
    form: str,
    exit_code: bool,
    target: str | None,
    folder: str | None,
    root: str | None,
) -> None:
    """Print what differs from run A to run B.

    Each is a record's file, the id of a run that is kept, or last-open: the last run with an open
    gate before B. A is last-open by default, and B the target's record.

    A criterion is of one kind. Introduced: FAILED now. Newly BLOCKED. Lost: it was seen to hold or
    to fail, and isn't run any more. Removed, added, resolved, still not CONFIRMED.
    """
    runs = Runs(place_of(root=root, target=target, dir=folder))
    # B first, since last-open is looked for before B.
    later = runs.named(after).record
    earlier = runs.named(before, until=later).record
    if share_nothing(earlier, later):
        msg = (
            f"run {earlier.run.id} and run {later.run.id} have no stage in common: they are runs "
            "of two projects; compare runs of one"
        )
        raise click.UsageError(msg)
    if earlier.run.target != later.run.target:
        note = f"the runs are of two targets, {earlier.run.target} and {later.run.target}"
        click.echo(f"prodstatus: {note}", err=True)
    found = diff(earlier, later)
    click.echo(FORMATS[form](found), nl=False)
    if exit_code and found.worse:
        sys.exit(EXIT_WORSE)
