"""What the state store refuses, and why: one tree, one sentence each.

    StateError
    ├── StateUnavailable          a part of it can't be opened, read or written
    ├── InvalidOverride           what was to be an override breaks its rule
    └── JournalError
        ├── JournalUnavailable    (also a StateUnavailable) nothing may be ordered
        ├── InvalidRecord         what was to be written breaks a rule of the journal
        ├── UnknownEntry          no entry has that number
        ├── Claimed               the day is taken
        ├── Unresolved            nobody knows yet what an earlier purchase did
        ├── ClockBehind           the journal's last word is dated after today
        └── IllegalTransition     that step doesn't follow from where the purchase stands
            └── Expired           the step is right and comes too late

None holds a secret: places are named without their password.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_prodstatus.store.action import Entry, State


# ruff: noqa: N818 - the names say what happened, as the callers read them: `except Claimed`.


_RESOLVE = "find out what the supplier did and record it with `prodstatus journal resolve"


class StateError(Exception):
    """Any refusal of the state store; str() is one sentence."""


class StateUnavailable(StateError):
    """A part of the state store can't be opened, read or written."""


class InvalidOverride(StateError):
    """An override that may not be written down."""


class JournalError(StateError):
    """Any refusal of the journal."""


class JournalUnavailable(JournalError, StateUnavailable):
    """The journal can't be opened, read or written."""


class InvalidRecord(JournalError):
    """A value that may not be written into the journal."""


class UnknownEntry(JournalError):
    """There is no entry with this number."""

    def __init__(self, entry_id: int) -> None:
        super().__init__(entry_id)
        self.entry_id = entry_id

    def __str__(self) -> str:
        remedy = "list them with `prodstatus journal list --all`"
        return f"The journal has no entry {self.entry_id!r}: {remedy}."


class _OfEntry(JournalError):
    """A refusal that an entry of the journal is the reason for."""

    def __init__(self, entry: Entry) -> None:
        super().__init__(entry)
        self.entry = entry


class Claimed(_OfEntry):
    """The day's claim is taken, by this process or any other."""

    def __str__(self) -> str:
        entry = self.entry
        remedy = (
            "the next order can be placed tomorrow" if entry.settled else f"{_RESOLVE} {entry.id}`"
        )
        return (
            f"The purchase of {entry.day.isoformat()} is already claimed by {entry.describe()}, "
            f"which {entry.who} left {entry.state}: {remedy}."
        )


class Unresolved(_OfEntry):
    """An earlier purchase ended without anyone knowing what it did."""

    def __str__(self) -> str:
        entry = self.entry
        return (
            f"What {entry.describe()} did is not known, since it stands at {entry.state} "
            f"after {entry.events[-1].at:%Y-%m-%d %H:%M:%S} UTC: {_RESOLVE} {entry.id}`."
        )


class ClockBehind(_OfEntry):
    """The journal's last word on a confirmed purchase is dated after today."""

    def __init__(self, entry: Entry, today: date) -> None:
        super().__init__(entry)
        self.args = (entry, today)
        self.today = today

    def __str__(self) -> str:
        return (
            f"The clock says {self.today.isoformat()}, yet the journal already holds "
            f"{self.entry.describe()}: set the clock right, or, if that entry's date is the wrong "
            f"one, record it again as CONFIRMED with `prodstatus journal resolve {self.entry.id}`."
        )


class IllegalTransition(_OfEntry):
    """A step that doesn't follow from where the purchase stands."""

    def __init__(self, entry: Entry, wanted: State) -> None:
        super().__init__(entry)
        self.args = (entry, wanted)
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"The journal's {self.entry.describe()} stands at {self.entry.state} and can't become "
            f"{self.wanted}: look at it with `prodstatus journal list --all`."
        )


class Expired(IllegalTransition):
    """The order would leave after its permission ran out, or on another day than its own."""

    def __init__(self, entry: Entry, wanted: State, now: datetime) -> None:
        super().__init__(entry, wanted)
        self.args = (entry, wanted, now)
        self.now = now

    def __str__(self) -> str:
        return (
            f"The journal's {self.entry.describe()} was good on its own day and until "
            f"{self.entry.expires_at:%Y-%m-%d %H:%M:%S} UTC, and it is {self.now:%Y-%m-%d %H:%M:%S}"
            " UTC: record it as REJECTED (nothing was sent) and plan again."
        )
