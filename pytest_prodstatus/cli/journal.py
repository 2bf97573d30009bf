"""`prodstatus journal`: list the real actions that are not settled, and settle one."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import click
from msgspec import Struct

from pytest_prodstatus.cli.common import place_of, root_option, shown_store, state_store, words
from pytest_prodstatus.model.codec import printed_json
from pytest_prodstatus.store.action import Action

EXIT_REFUSED = 1
"""The exit status if there is no such action, or if it is settled already."""

_EXAMPLES = """\b
Examples:
  prodstatus journal list
  prodstatus journal list --all --json
  prodstatus journal resolve 12 --confirmed TX-8198352 --by "Ana Lima" \\
      --because "it is on the bank's statement"
  prodstatus journal resolve 12 --rejected --by "Ana Lima" \\
      --because "the bank's support found no payment of that day"
  prodstatus journal resolve 12 --lapsed --by "Ana Lima" \\
      --because "the bank returned it: the account is closed"
"""
_STATUS = """\b
Exit status:
  0  done
  1  refused: no such action, or it is settled already
  2  a usage error, or the state store can't be used
"""


class Listing(Struct, frozen=True, kw_only=True):
    """The output of `prodstatus journal list --json`.

    Attributes:
        journal: its address, without the password.
        actions: the actions, the newest first.
    """

    journal: str
    actions: tuple[Action, ...]


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """List the real actions, and settle an action whose result isn't known.

    An action at INTENT, SENT or UNKNOWN blocks every later one of its criterion and subject (or
    target) until its result is known. Nothing in the journal is ever changed or deleted.
    """


@command.command("list", epilog=f"{_EXAMPLES}\n{_STATUS}")
@click.option("--all", "every", is_flag=True, help="List settled actions too, the newest 100.")
@click.option("--target", metavar="NAME", help="List only actions for this system.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, with every event.")
@root_option
def list_actions(every: bool, target: str | None, as_json: bool, root: str | None) -> None:
    """List the actions that aren't settled, the newest first."""
    with state_store(place_of(root=root).project.root) as (url, _):
        from pytest_prodstatus.store.journal import Journal

        with Journal.open(url) as journal:
            found = journal.actions(target=target) if every else journal.unsettled(target=target)
        place = shown_store(url)
    newest_first = sorted(found, key=lambda action: action.id, reverse=True)
    if as_json:
        listing = Listing(journal=place, actions=tuple(newest_first))
        click.echo(printed_json(listing))
        return
    number = "1 action" if len(found) == 1 else f"{len(found)} actions"
    click.echo(f"journal at {place}: {number}{'' if every else ' not settled'}")
    for action in newest_first:
        for line in _lines(action):
            click.echo(line)


@command.command(epilog=f"{_EXAMPLES}\n{_STATUS}")
@click.argument("action_id", type=int, metavar="ID")
@click.option(
    "--confirmed",
    "receipts",
    multiple=True,
    callback=lambda ctx, param, ids: tuple(str(words(ctx, param, receipt)) for receipt in ids),
    metavar="RECEIPT",
    help="It was done; the other side's id (of an order, a transaction, a message); once for each.",
)
@click.option("--rejected", is_flag=True, help="It is proved that nothing was done.")
@click.option("--lapsed", is_flag=True, help="It was CONFIRMED, and has ended without effect.")
@click.option(
    "--by",
    "who",
    required=True,
    callback=words,
    metavar="NAME",
    help="Who is responsible for this.",
)
@click.option(
    "--because", required=True, callback=words, metavar="TEXT", help="How the result was found out."
)
@root_option
def resolve(
    action_id: int,
    receipts: tuple[str, ...],
    rejected: bool,
    lapsed: bool,
    who: str,
    because: str,
    root: str | None,
) -> None:
    """Settle action ID: it was done; or it wasn't, or has lapsed, which frees its key."""
    # Never guessed: REJECTED and LAPSED let the action be done again, CONFIRMED doesn't.
    if [bool(receipts), rejected, lapsed].count(True) != 1:
        msg = "give one of the three: --confirmed RECEIPT (once for each), --rejected, or --lapsed"
        raise click.UsageError(msg)
    with state_store(place_of(root=root).project.root) as (url, _):
        from pytest_prodstatus.store import IllegalTransition, UnknownAction
        from pytest_prodstatus.store.journal import Journal

        with Journal.open(url) as journal:
            try:
                action = journal.resolve(
                    action_id,
                    state="REJECTED" if rejected else "LAPSED" if lapsed else "CONFIRMED",
                    receipts=receipts,
                    who=who,
                    how=because,
                )
            except (UnknownAction, IllegalTransition) as error:
                # Not a UsageError, whose 2 says that the store can't be used.
                click.echo(f"Error: {error}", err=True)
                sys.exit(EXIT_REFUSED)
    for line in _lines(action):
        click.echo(line)


def _lines(action: Action) -> Iterator[str]:
    """Yield the lines about one action: its state, its details and its events."""
    yield ""
    yield f"{action.id}  {action.state}  {action.criterion} on {action.target}, {action.key}"
    details = (f"{name} {value}" for name, value in action.details.items())
    if own := ", ".join([*map(str, action.limits), *details]):
        yield f"    {own}"
    if action.subject:
        yield f"    {action.subject}"
    project = f"project {action.project}, " if action.project else ""
    yield f"    {project}attempt {action.attempt}, armed by {action.armed_by}"
    for event in action.events:
        receipts = f" [{', '.join(event.receipts)}]" if event.receipts else ""
        who = f" ({event.who})" if event.resolution else ""
        note = f" {event.note}" if event.note else ""
        yield f"    {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.state}{receipts}{who}{note}"
    if not action.settled:
        yield "    -> find out what became of it, then:"
        yield f"       prodstatus journal resolve {action.id} --confirmed RECEIPT | --rejected ..."
