"""`prodstatus journal`: which real orders are not settled, and settling one by a person's word."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from pytest_prodstatus.cli.common import place_of, root_option, shown_store, state_store, words
from pytest_prodstatus.model.text import to_text

if TYPE_CHECKING:
    from pytest_prodstatus.store.action import Entry

EXIT_REFUSED = 1

_EXAMPLES = """\b
Examples:
  prodstatus journal list
  prodstatus journal list --all --json
  prodstatus journal resolve 12 --confirmed 8198352049851315 --by "Ana Lima" \\
      --because "it is in the supplier's list of orders, paid"
  prodstatus journal resolve 12 --rejected --by "Ana Lima" \\
      --because "the supplier's support found no order of that day"
"""
_STATUS = """\b
Exit status:
  0  done
  1  refused: no such entry, or it is settled already
  2  a usage error, or the state store can't be used
"""


@click.group(epilog=_EXAMPLES)
def command() -> None:
    """List the journal of real orders, and settle what was left open.

    An entry at INTENT, SENT or UNKNOWN blocks every later real order of its criterion and target
    until it is known what happened. The journal is only ever added to.
    """


@command.command("list", epilog=f"{_EXAMPLES}\n{_STATUS}")
@click.option("--all", "every", is_flag=True, help="List settled entries too, the newest 100.")
@click.option("--target", metavar="NAME", help="Of this system alone.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON, with every event.")
@root_option
def list_entries(every: bool, target: str | None, as_json: bool, root: str | None) -> None:
    """List the entries that aren't settled, the newest first."""
    with state_store(place_of(root=root).project.root) as url:
        from pytest_prodstatus.store.journal import Journal

        with Journal.open(url) as journal:
            entries = journal.entries(target) if every else journal.unsettled(target)[::-1]
        place = shown_store(url)
    if as_json:
        told = {"journal": place, "entries": [_to_json(entry) for entry in entries]}
        click.echo(json.dumps(told, indent=1))
        return
    what = "" if every else " not settled"
    number = "1 entry" if len(entries) == 1 else f"{len(entries)} entries"
    click.echo(f"journal at {place}: {number}{what}")
    for entry in entries:
        for line in _lines(entry):
            click.echo(line)


@command.command(epilog=f"{_EXAMPLES}\n{_STATUS}")
@click.argument("entry_id", type=int, metavar="ID")
@click.option(
    "--confirmed",
    "order_ids",
    multiple=True,
    callback=lambda ctx, param, ids: tuple(str(words(ctx, param, each)) for each in ids),
    metavar="ORDER_ID",
    help="An order exists, with this id at the supplier; once for each id.",
)
@click.option("--rejected", is_flag=True, help="It is proved that no order exists.")
@click.option(
    "--by", "who", required=True, callback=words, metavar="NAME", help="Who answers for it."
)
@click.option(
    "--because", required=True, callback=words, metavar="TEXT", help="How it was found out."
)
@root_option
def resolve(
    entry_id: int,
    order_ids: tuple[str, ...],
    rejected: bool,
    who: str,
    because: str,
    root: str | None,
) -> None:
    """Settle entry ID: an order exists, or it is proved that none does, which frees its day."""
    if rejected is bool(order_ids):
        msg = "say one of the two: --confirmed ORDER_ID (once for each id), or --rejected"
        raise click.UsageError(msg)
    with state_store(place_of(root=root).project.root) as url:
        from pytest_prodstatus.store.errors import IllegalTransition, UnknownEntry
        from pytest_prodstatus.store.journal import Journal

        with Journal.open(url) as journal:
            try:
                entry = journal.resolve(
                    entry_id,
                    state="REJECTED" if rejected else "CONFIRMED",
                    order_ids=order_ids,
                    who=who,
                    how=because,
                )
            except (UnknownEntry, IllegalTransition) as error:
                click.echo(f"Error: {error}", err=True)
                sys.exit(EXIT_REFUSED)
    for line in _lines(entry):
        click.echo(line)


def _lines(entry: Entry) -> Iterator[str]:
    yield ""
    yield f"{entry.id}  {entry.state}  {entry.criterion} on {entry.target}, {entry.day}"
    yield f"    {entry.amount} {entry.currency} (cap {entry.cap}), {entry.mode}, {entry.route}"
    yield f"    attempt {entry.attempt}, key {entry.out_order_id}, by {entry.who}"
    for event in entry.events:
        ids = f" [{', '.join(event.order_ids)}]" if event.order_ids else ""
        who = f" ({event.who})" if event.resolution else ""
        said = f" {event.detail}" if event.detail else ""
        yield f"    {event.at:%Y-%m-%d %H:%M:%S} UTC  {event.state}{ids}{who}{said}"
    if not entry.settled:
        yield "    -> ask the supplier what became of it, then:"
        yield f"       prodstatus journal resolve {entry.id} --confirmed ORDER_ID | --rejected ..."


def _to_json(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "state": entry.state.value,
        "settled": entry.settled,
        "criterion": entry.criterion,
        "target": entry.target,
        "day": entry.day.isoformat(),
        "attempt": entry.attempt,
        "out_order_id": entry.out_order_id,
        "amount": str(entry.amount),
        "cap": str(entry.cap),
        "currency": entry.currency,
        "mode": entry.mode,
        "route": entry.route,
        "who": entry.who,
        "payload_hash": entry.payload_hash,
        "expires_at": to_text(entry.expires_at),
        "order_ids": list(entry.order_ids),
        "events": [
            {
                "at": to_text(event.at),
                "state": event.state.value,
                "detail": event.detail,
                "who": event.who,
                "order_ids": list(event.order_ids),
                "resolution": event.resolution,
            }
            for event in entry.events
        ],
    }
