"""Which step may follow which, decided without a database."""

from __future__ import annotations

from datetime import datetime

from pytest_prodstatus.state.entry import Entry
from pytest_prodstatus.state.errors import Expired, IllegalTransition
from pytest_prodstatus.state.state import State

BY_THE_PROCESS = {
    State.INTENT: frozenset({State.SENT, State.REJECTED, State.UNKNOWN}),
    State.SENT: frozenset({State.CONFIRMED, State.REJECTED, State.UNKNOWN}),
}
BY_RESOLUTION = {
    State.INTENT: frozenset({State.CONFIRMED, State.REJECTED}),
    State.SENT: frozenset({State.CONFIRMED, State.REJECTED}),
    State.UNKNOWN: frozenset({State.CONFIRMED, State.REJECTED}),
}
_NOTHING: frozenset[State] = frozenset()


def require_step(entry: Entry, wanted: State, now: datetime) -> None:
    """Raise unless the process that claimed `entry` may write `wanted` at `now`.

    A supplier's success is accepted even after a person resolved the entry: money that moved is
    never refused a line in the journal. An order may leave only before its expiry and on the UTC
    day whose claim it holds.

    Raises:
        IllegalTransition: the step doesn't follow.
        Expired: the order would leave too late.
    """
    newest = entry.events[-1]
    late_answer = wanted is State.CONFIRMED and newest.resolution and _was_sent(entry)
    if wanted not in BY_THE_PROCESS.get(newest.state, _NOTHING) and not late_answer:
        raise IllegalTransition(entry, wanted)
    if wanted is State.SENT and (now >= entry.expires_at or now.date() != entry.day):
        raise Expired(entry, wanted, now)


def require_resolution(entry: Entry, wanted: State, now: datetime) -> None:
    """Raise unless `entry` may be resolved as `wanted` at `now`.

    A CONFIRMED entry dated after today (a clock had jumped ahead) may be confirmed once more:
    that line, dated now, is how a person says that the old date was wrong.

    Raises:
        IllegalTransition: it is settled already, or `wanted` settles nothing.
    """
    redated = (
        entry.state is State.CONFIRMED and wanted is State.CONFIRMED and entry.last_day > now.date()
    )
    if wanted not in BY_RESOLUTION.get(entry.state, _NOTHING) and not redated:
        raise IllegalTransition(entry, wanted)


def _was_sent(entry: Entry) -> bool:
    return any(event.state is State.SENT for event in entry.events)
