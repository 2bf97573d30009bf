"""The exceptions of the state store: one tree; the text of each is one sentence.

    StateError
    ├── StateUnavailable          a part of it can't be opened, read or written
    ├── InvalidOverride           a new override breaks a rule
    └── JournalError
        ├── JournalUnavailable    (also a StateUnavailable) no real action may be started
        ├── InvalidRecord         a value for the journal breaks a rule
        ├── UnknownAction         no action has that number
        ├── Claimed               the key is taken, or its attempts are used up
        ├── Unresolved            the result of an earlier action isn't known
        ├── ClockBehind           an action in the journal is dated after today
        └── IllegalTransition     the step doesn't follow from the action's state
            └── Expired           the step is allowed, but too late

None contains a secret: addresses are shown without their password.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_prodstatus.store.action import Action, State


# ruff: noqa: N818 - the names say what happened, for the reader of `except Claimed`.


# Without its end: the action's number and a backquote follow.
_RESOLVE = "find out what became of it and record it with `prodstatus journal resolve"
_NEXT = {
    "day": "the next one can be done tomorrow (UTC)",
    "release": "the next one can be done for the next release",
    "key": "another one needs another key",
}


class StateError(Exception):
    """Any error of the state store; str() is one sentence."""


class StateUnavailable(StateError):
    """A part of the state store can't be opened, read or written."""


class InvalidOverride(StateError):
    """An override that breaks a rule, and isn't saved."""


class JournalError(StateError):
    """Any error of the journal."""


class JournalUnavailable(JournalError, StateUnavailable):
    """The journal can't be opened, read or written."""


class InvalidRecord(JournalError):
    """A value that may not be written into the journal."""


class UnknownAction(JournalError):
    """No action has this number."""

    def __init__(self, action_id: int) -> None:
        super().__init__(action_id)
        self.action_id = action_id

    def __str__(self) -> str:
        remedy = "list them with `prodstatus journal list --all`"
        return f"The journal has no action {self.action_id!r}: {remedy}."


class _ActionError(JournalError):
    """An error because of an action in the journal."""

    def __init__(self, action: Action) -> None:
        super().__init__(action)
        self.action = action


class Claimed(_ActionError):
    """The key is taken, by this process or another one, or its attempts are used up."""

    def __str__(self) -> str:
        action = self.action
        remedy = _NEXT[action.key.period] if action.settled else f"{_RESOLVE} {action.id}`"
        # Such a key could be claimed again, if its attempts weren't used up.
        if action.state.frees_key:
            return (
                f"The {action.key} has had all the attempts that it may have, the last of them "
                f"{action.describe()}, which {action.armed_by} left {action.state}: {remedy}."
            )
        return (
            f"The {action.key} is already claimed by {action.describe()}, "
            f"which {action.armed_by} left {action.state}: {remedy}."
        )


class Unresolved(_ActionError):
    """An earlier action ended, and its result isn't known."""

    def __str__(self) -> str:
        action = self.action
        return (
            f"What {action.describe()} did is not known, since it stands at {action.state} "
            f"after {action.events[-1].at:%Y-%m-%d %H:%M:%S} UTC: {_RESOLVE} {action.id}`."
        )


class ClockBehind(_ActionError):
    """A confirmed action in the journal is dated after today."""

    def __init__(self, action: Action, today: date) -> None:
        super().__init__(action)
        # Unpickling calls the class with `args`; so below.
        self.args = (action, today)
        self.today = today

    def __str__(self) -> str:
        return (
            f"The clock says {self.today.isoformat()}, yet the journal already holds "
            f"{self.action.describe()} of {self.action.last_day.isoformat()}: set the clock right, "
            "or, if that action's date is the wrong one, record it again as CONFIRMED with "
            f"`prodstatus journal resolve {self.action.id}`."
        )


class IllegalTransition(_ActionError):
    """A step that doesn't follow from the action's state."""

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
    """The action would be sent after its expiry, or on another day than its key's."""

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
