"""The history as lines for a terminal, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from pytest_prodstatus.model.history import KeptRun, Lapse, Retrospect, StagePast
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.model.verdict import Verdict

_VERDICT = max(len(verdict.value) for verdict in Verdict)
_REASON_LIMIT = 200


def history_lines(seen: Retrospect) -> Iterator[str]:
    """Yield the lines that tell of at least one run."""
    oldest, newest = seen.runs[-1], seen.runs[0]
    runs = "1 run" if len(seen.runs) == 1 else f"{len(seen.runs)} runs"
    yield f"Target {seen.target} of project {seen.project}, its newest {runs}:"
    yield f"{_minute(oldest.started)} to {_minute(newest.started)}"
    yield ""
    longest = max((len(past.id) for past in seen.stages), default=0)
    for past in seen.stages:
        yield from _stage(past, longest)
    if seen.flaky:
        yield from ("", "Flaky, held only after a rerun:")
    for flaky in seen.flaky:
        times = "once" if flaky.times == 1 else f"{flaky.times} times"
        yield f"  {flaky.criterion}: {times}, last {_minute(flaky.newest)}"
    yield from ("", "Runs:")
    for run in seen.runs:
        partial = f" ({run.selection})" if run.partial and run.selection else ""
        yield f"  {_minute(run.started)}  {run.final!s:<{_VERDICT}}  {_named(run)}{partial}"


def _stage(past: StagePast, longest: int) -> Iterator[str]:
    since = past.since
    before = f", before that {since.previous}" if since.previous else ""
    yield f"{past.id:<{longest}}  {past.verdict!s:<{_VERDICT}}  since {_minute(since.at)}{before}"
    if past.lapse is not None:
        yield from _lapse(past.lapse)
    if past.flips:
        flips = "1 flip" if len(past.flips) == 1 else f"{len(past.flips)} flips"
        yield f"    {flips}:"
    for flip in past.flips:
        yield f"      {_minute(flip.at)}  {flip.previous} -> {flip.verdict}  run {flip.run}"


def _lapse(lapse: Lapse) -> Iterator[str]:
    if lapse.turned is None:
        yield "    never CONFIRMED"
    elif lapse.confirmed is None:
        yield f"    last CONFIRMED before {_minute(lapse.turned.at)}, by a run that isn't kept"
    else:
        confirmed = lapse.confirmed
        yield f"    last CONFIRMED {_minute(confirmed.started)}, {_named(confirmed)}"
        yield f"    {lapse.turned.verdict} from {_minute(lapse.turned.at)}, run {lapse.turned.run}"
    for change in lapse.changes:
        yield f"      {change.name}: {_value(change.before)} -> {_value(change.after)}"
    for unmet in lapse.unmet:
        kind = f" ({unmet.kind})" if unmet.kind else ""
        why = f" {one_line(unmet.reason, limit=_REASON_LIMIT)}" if unmet.reason else ""
        yield f"    {unmet.criterion}: {unmet.verdict}{kind}{why}"


def _named(run: KeptRun) -> str:
    commit = f", commit {run.commit[:12]}" if run.commit else ""
    release = f", release {run.release}" if run.release else ""
    return f"run {run.run}{commit}{release}"


def _value(value: str | None) -> str:
    return "none" if value is None else one_line(value, limit=60)


def _minute(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M} UTC"
