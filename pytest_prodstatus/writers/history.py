"""The history as lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_prodstatus.model.history import History, Regression, SavedRun, StagePast
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.writers.words import VERDICT_WIDTH, counted, instant

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
