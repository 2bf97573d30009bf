"""A claimed purchase as the journal tells it: the plan, its key and every event since."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pytest_prodstatus.state.plan import Plan
from pytest_prodstatus.state.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the journal, never changed once written.

    Attributes:
        at: the UTC instant by the clock of the process that wrote it; events are ordered by
            their place in the journal, since a clock may jump.
        state: the state the purchase entered.
        detail: what was seen, in words.
        who: who wrote it: the plan's own `who`, or the one who resolved it.
        order_ids: the supplier's ids, on CONFIRMED only.
        resolution: whether it was written by `resolve` and not by the process that ordered.
    """

    at: datetime
    state: State
    detail: str
    who: str
    order_ids: tuple[str, ...] = ()
    resolution: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry(Plan):
    """A plan that was claimed, with what came of it.

    Attributes:
        id: the number it is resolved by.
        attempt: 1 for the day's first claim; each REJECTED one makes the next claimable.
        out_order_id: the key sent to the supplier, derived from criterion, target, day, attempt.
        events: all of them, in the order they were written; never empty.
    """

    id: int
    attempt: int
    out_order_id: str
    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        """Accept what was stored: an old line stays readable when the rules for plans change."""

    @property
    def state(self) -> State:
        """The state of the newest event."""
        return self.events[-1].state

    @property
    def settled(self) -> bool:
        """Whether it is known what happened (CONFIRMED or REJECTED)."""
        return self.state.settled

    @property
    def order_ids(self) -> tuple[str, ...]:
        """The supplier's ids by the newest event that carries any, or none."""
        return next((event.order_ids for event in reversed(self.events) if event.order_ids), ())

    @property
    def claimed_at(self) -> datetime:
        """The UTC instant of the claim, by the clock of the process that made it."""
        return self.events[0].at

    @property
    def last_day(self) -> date:
        """The latest UTC day that it is known by: what a person said last, else claim and end.

        They differ where the clock was set back in between; which was right nobody can tell.
        """
        newest = self.events[-1]
        return newest.at.date() if newest.resolution else max(self.day, newest.at.date())

    def describe(self) -> str:
        """Return the words that name this entry in a sentence."""
        return (
            f"entry {self.id} ({self.criterion} on {self.target}, {self.day.isoformat()}, "
            f"attempt {self.attempt}, key {self.out_order_id})"
        )
