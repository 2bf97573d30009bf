"""`prodstatus history`: print since when each stage has its verdict, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import click
from msgspec.structs import replace

from pytest_prodstatus import clock
from pytest_prodstatus.cli.common import (
    duration,
    place_of,
    root_option,
    shown_store,
    state_store,
    target_option,
)
from pytest_prodstatus.model.codec import printed_json, read_record
from pytest_prodstatus.model.history import History, Regression, SavedRun, StagePast
from pytest_prodstatus.model.text import format_duration, one_line
from pytest_prodstatus.project import name_in
from pytest_prodstatus.readers import read_text
from pytest_prodstatus.writers.words import VERDICT_WIDTH, counted, instant, minute

_EXAMPLES = """\b
Examples:
  prodstatus history
  prodstatus history --target staging --stage payout
  prodstatus history --limit 100 --json
  prodstatus history --keep-for 400d --keep-last-of-release

\b
Exit status:
  0  done, even if nothing is saved yet
  2  a usage error, or the state store can't be read
"""


@click.command(epilog=_EXAMPLES)
@target_option
@click.option("--stage", metavar="STAGE", help="Print only this stage.")
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=30,
    show_default=True,
    metavar="N",
    help="How many of the newest runs to look at, for flips and flaky criteria.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--keep-for",
    callback=duration,
    metavar="DURATION",
    help="Delete the target's runs that started longer ago, with their records, and print how "
    "many; never the last one with an open gate, nor the newest by which the gate knows that "
    "another followed. Without it nothing is ever deleted.",
)
@click.option(
    "--keep-last-of-release",
    is_flag=True,
    help="With --keep-for: never delete the last run of a release, nor its last full run.",
)
@root_option
def command(
    target: str | None,
    stage: str | None,
    limit: int,
    as_json: bool,
    keep_for: timedelta | None,
    keep_last_of_release: bool,
    root: str | None,
) -> None:
    """Print since when each stage has its verdict, its flips, and what changed since CONFIRMED.

    Also which criteria were seen to fail, and which never were: that they can is unproved.

    Runs are saved in the state store: PRODSTATUS_STATE_URL, or a file in the user's state folder.
    """
    place = place_of(root=root, target=target)
    folder, system = place.project.root, place.inputs.target
    if keep_for is not None:
        _prune(folder, system, keep_for, last_of_release=keep_last_of_release)
        return
    if keep_last_of_release:
        msg = "--keep-last-of-release only keeps runs from --keep-for: give both"
        raise click.UsageError(msg)
    project = name_in(folder)
    with state_store(folder) as (url, scope):
        from pytest_prodstatus.store.history import HistoryStore

        # Releases before the folder counted saved the runs of all folders by the name alone.
        for name in dict.fromkeys((scope, project)):
            with HistoryStore.open(url, name) as history:
                seen = history.look_back(system, limit=limit)
            if seen.runs:
                break
    if name != scope and seen.runs:
        text = f"these runs were saved for every folder of project {project}; none is of {folder}"
        click.echo(f"prodstatus: {text}", err=True)
    seen = _of_stage(replace(seen, project=project), stage)
    if as_json:
        click.echo(printed_json(seen))
    elif not seen.runs:
        address = shown_store(url)
        click.echo(f"no run of target {system} of project {project} is kept at {address}")
    else:
        for line in history_lines(seen, _criteria(place.record, stage)):
            click.echo(line)


def _prune(root: Path, target: str, keep_for: timedelta, *, last_of_release: bool) -> None:
    """Delete the runs of a target that are older than a duration, and print how many."""
    try:
        before = clock.now() - keep_for
    except OverflowError:  # before the year 1
        msg = f"--keep-for {format_duration(keep_for)} is longer than there are dates"
        raise click.UsageError(msg) from None
    with state_store(root) as where:
        from pytest_prodstatus.store.history import HistoryStore

        # Only this scope: what older releases saved by the name may be other folders' runs.
        with HistoryStore.open(*where) as history:
            deleted = history.prune(target, before, last_of_release=last_of_release)
    runs = counted(deleted, "run")
    click.echo(f"deleted {runs} of target {target} that started before {minute(before)}")


def _criteria(record: Path, stage: str | None) -> list[str]:
    """Return the ids of the criteria in the last record; none if there is no such record."""
    # The history has rows only of criteria that weren't CONFIRMED; the record has the others.
    try:
        read = read_record(read_text(record), str(record)).last_finished
    except (OSError, ValueError):
        return []
    statuses = read.criteria if read else ()
    # A criterion without a test can't have failed, so it isn't listed as one that never did.
    return [s.id for s in statuses if s.nodeid and (stage is None or s.stage == stage)]


def _of_stage(seen: History, stage: str | None) -> History:
    """Return the history of one stage alone; all of it if none is named."""
    # Without a run every name is unknown, and "nothing is saved yet" is no usage error.
    if stage is None or not seen.runs:
        return seen
    stages = tuple(past for past in seen.stages if past.id == stage)
    if not stages:
        known = ", ".join(past.id for past in seen.stages)
        msg = f"--stage {stage!r}: no run has a verdict of it; stages are {known}"
        raise click.UsageError(msg)
    flaky = tuple(entry for entry in seen.flaky if entry.criterion.partition(".")[0] == stage)
    failed = tuple(entry for entry in seen.failed if entry.criterion.partition(".")[0] == stage)
    return replace(seen, stages=stages, flaky=flaky, failed=failed)


_REASON_LIMIT = 200


def history_lines(history: History, criteria: Sequence[str] = ()) -> Iterator[str]:
    """Yield a history as lines: its stages, criteria that fail, and runs, the newest run first.

    Args:
        history: of at least one run.
        criteria: the ids of all criteria, to name those that were never seen to fail.
    """
    oldest, newest = history.runs[-1], history.runs[0]
    runs = counted(len(history.runs), "run")
    yield f"Target {history.target} of project {history.project}, its newest {runs}:"
    yield f"{instant(oldest.started)} to {instant(newest.started)}"
    yield ""
    longest = max((len(past.id) for past in history.stages), default=0)
    for past in history.stages:
        yield from _stage(past, longest)
    if history.flaky:
        yield from ("", "Flaky, held only after a rerun:")
    for flaky in history.flaky:
        yield f"  {flaky.criterion}: {_times(flaky.times)}, last {instant(flaky.newest)}"
    if history.failed:
        yield from ("", "Seen to fail:")
    for failed in history.failed:
        yield f"  {failed.criterion}: {_times(failed.times)}, last {instant(failed.newest)}"
    known = {failed.criterion for failed in history.failed}
    never = [name for name in criteria if name not in known]
    if never:
        yield from ("", "Never seen to fail in these runs:", *(f"  {name}" for name in never))
    yield from ("", "Runs:")
    for run in history.runs:
        partial = f" ({run.selection})" if run.partial and run.selection else ""
        yield f"  {instant(run.started)}  {run.final!s:<{VERDICT_WIDTH}}  {_run_text(run)}{partial}"


def _stage(past: StagePast, longest: int) -> Iterator[str]:
    """Yield the lines about the past of one stage."""
    since = past.since
    before = f", before that {since.previous}" if since.previous else ""
    verdict = f"{past.verdict!s:<{VERDICT_WIDTH}}"
    yield f"{past.id:<{longest}}  {verdict}  since {instant(since.at)}{before}"
    if past.regression is not None:
        yield from _regression(past.regression)
    if past.flips:
        yield f"    {counted(len(past.flips), 'flip')}:"
    for flip in past.flips:
        yield f"      {instant(flip.at)}  {flip.previous} -> {flip.verdict}  run {flip.run}"


def _regression(regression: Regression) -> Iterator[str]:
    """Yield the lines about what was CONFIRMED and isn't any more."""
    # Flips outlive the runs that are deleted, so the last CONFIRMED run may be gone.
    if regression.turned is None:
        yield "    never CONFIRMED"
    elif regression.confirmed is None:
        yield f"    last CONFIRMED before {instant(regression.turned.at)}, by a run that isn't kept"
    else:
        confirmed = regression.confirmed
        yield f"    last CONFIRMED {instant(confirmed.started)}, {_run_text(confirmed)}"
        turned = regression.turned
        yield f"    {turned.verdict} from {instant(turned.at)}, run {turned.run}"
    for change in regression.changes:
        yield f"      {change.name}: {_value_text(change.before)} -> {_value_text(change.after)}"
    for unconfirmed in regression.unconfirmed:
        kind = f" ({unconfirmed.kind})" if unconfirmed.kind else ""
        why = f" {one_line(unconfirmed.reason, limit=_REASON_LIMIT)}" if unconfirmed.reason else ""
        yield f"    {unconfirmed.criterion}: {unconfirmed.verdict}{kind}{why}"


def _times(number: int) -> str:
    """Return a number of times in words."""
    return "once" if number == 1 else f"{number} times"


def _run_text(run: SavedRun) -> str:
    """Return a saved run in words: its id, commit and release."""
    commit = f", commit {run.commit[:12]}" if run.commit else ""
    release = f", release {run.release}" if run.release else ""
    return f"run {run.run}{commit}{release}"


def _value_text(value: str | None) -> str:
    """Return a value in one line; "none" for None."""
    return "none" if value is None else one_line(value, limit=60)
