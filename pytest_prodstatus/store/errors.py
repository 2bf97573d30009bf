"""What the state store refuses, and why: one tree, one sentence each.

    StateError
    ├── StateUnavailable          a part of it can't be opened, read or written
    ├── InvalidOverride           what was to be an override breaks its rule
    └── JournalError
        ├── JournalUnavailable    (also a StateUnavailable) no real action may be started
        ├── InvalidRecord         what was to be written breaks a rule of the journal
        ├── UnknownAction         no action has that number
        ├── Claimed               the key is taken
        ├── Unresolved            no one knows yet what an earlier action did
        ├── ClockBehind           the journal's last word is dated after today
        └── IllegalTransition     that step doesn't follow from where the action stands
            └── Expired           the step is right and comes too late

None holds a secret: places are named without their password.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_prodstatus.store.action import Action, State


# ruff: noqa: N818 - the names say what happened, as the callers read them: `except Claimed`.


_RESOLVE = "find out what became of it and record it with `prodstatus journal resolve"
_NEXT = {
    "day": "the next one can be done tomorrow (UTC)",
    "release": "the next one can be done for the next release",
    "key": "another one needs another key",
}


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


class UnknownAction(JournalError):
    """There is no action with this number."""

    def __init__(self, action_id: int) -> None:
        super().__init__(action_id)
        self.action_id = action_id

    def __str__(self) -> str:
        remedy = "list them with `prodstatus journal list --all`"
        return f"The journal has no action {self.action_id!r}: {remedy}."


class _OfAction(JournalError):
    """A refusal that an action in the journal is the reason for."""

    def __init__(self, action: Action) -> None:
        super().__init__(action)
        self.action = action


class Claimed(_OfAction):
    """The key is taken, by this process or any other."""

    def __str__(self) -> str:
        action = self.action
        remedy = _NEXT[action.key.period] if action.settled else f"{_RESOLVE} {action.id}`"
        return (
            f"The {action.key} is already claimed by {action.describe()}, "
            f"which {action.armed_by} left {action.state}: {remedy}."
        )


class Unresolved(_OfAction):
    """An earlier action ended without anyone knowing what it did."""

    def __str__(self) -> str:
        action = self.action
        return (
            f"What {action.describe()} did is not known, since it stands at {action.state} "
            f"after {action.events[-1].at:%Y-%m-%d %H:%M:%S} UTC: {_RESOLVE} {action.id}`."
        )


class ClockBehind(_OfAction):
    """The journal's last word on a confirmed action is dated after today."""

    def __init__(self, action: Action, today: date) -> None:
        super().__init__(action)
        self.args = (action, today)
        self.today = today

    def __str__(self) -> str:
        return (
            f"The clock says {self.today.isoformat()}, yet the journal already holds "
            f"{self.action.describe()} of {self.action.last_day.isoformat()}: set the clock right, "
            "or, if that action's date is the wrong one, record it again as CONFIRMED with "
            f"`prodstatus journal resolve {self.action.id}`."
        )


class IllegalTransition(_OfAction):
    """A step that doesn't follow from where the action stands."""

    def __init__(self, action: Action, wanted: State) -> None:
        super().__init__(action)
        self.args = (action, wanted)
        self.wanted = wanted

    def __str__(self) -> str:
        return (
            f"The journal's {self.action.describe()} stands at {self.action.state} and can't "
            f"become {self.wanted}: look at it with `prodstatus journal list --all`."
        )


class Expired(IllegalTransition):
    """The action would be sent after its permission ran out, or on another day than its own."""

    def __init__(self, action: Action, wanted: State, now: datetime) -> None:
        super().__init__(action, wanted)
        self.args = (action, wanted, now)
        self.now = now

    def __str__(self) -> str:
        daily = "on its own day and " if self.action.key.period == "day" else ""
        return (
            f"The journal's {self.action.describe()} was good {daily}until "
            f"{self.action.expires_at:%Y-%m-%d %H:%M:%S} UTC, and it is "
            f"{self.now:%Y-%m-%d %H:%M:%S} UTC: record it as REJECTED (nothing was sent) and plan "
            "again."
        )
