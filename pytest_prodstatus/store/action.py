"""A real action: its plan and, once it is claimed, all its events.

A real action changes the world and can't be undone by running again: a payment, an e-mail, an
order. Values that only one kind of action has are its details.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias, get_args

from msgspec import Struct

from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.model.text import is_aware
from pytest_prodstatus.store import InvalidRecord

LINE_LIMIT = 200
"""Characters of a name, a key or a digest."""
TEXT_LIMIT = 2_000
"""Characters of a detail, and of what an event notes."""
FEW = 50
"""Details of one action at most, and limits at most."""
_DIGITS = 40
"""Digits of a number before the point at most, and as many after it."""
_LINE = f"one printable line of 1 to {LINE_LIMIT} characters"
_DETAIL = f"a printable line of 1 to {TEXT_LIMIT:,} characters, a finite Decimal, or Money"

Period: TypeAlias = Literal["day", "release", "key"]
Detail: TypeAlias = str | Decimal | Money
"""A value that one kind of action has: text, an exact number, or an amount of money."""


# Not StrEnum, which needs Python 3.11.
class State(str, Enum):
    """One step in the life of an action, stored as its own name.

    INTENT is written before anything is sent, SENT immediately before it is sent; the next three
    are its possible results. LAPSED may follow CONFIRMED: what was done has ended without effect.
    """

    INTENT = "INTENT"
    SENT = "SENT"
    CONFIRMED = "CONFIRMED"
    REJECTED = "REJECTED"
    UNKNOWN = "UNKNOWN"
    LAPSED = "LAPSED"

    # Else str() would give "State.INTENT", although the member is a text.
    def __str__(self) -> str:
        return self.value

    @property
    def settled(self) -> bool:
        """Whether the result is known: it was done, or it is proved that it wasn't."""
        return self in (State.CONFIRMED, State.REJECTED, State.LAPSED)

    @property
    def frees_key(self) -> bool:
        """Whether its key can be claimed again: nothing was done, or nothing is left of it."""
        return self in (State.REJECTED, State.LAPSED)


class Key(Struct, frozen=True, kw_only=True):
    """A key, for which an action happens at most once.

    Attributes:
        period: "day" (a UTC day), "release", or "key" for a key of the caller's.
        name: the day, release or key, as in "2026-03-10", "v41" or "invoice-7".
    """

    period: Period
    name: str

    def __str__(self) -> str:
        return f"{self.period} {self.name}"


def once_a_day(now: datetime) -> Key:
    """Return the key of an action that happens once a UTC day: the day of `now`, which is aware.

    Raises:
        InvalidRecord: `now` has no time zone.
    """
    require_aware("The instant of a day's key", now)
    return Key(period="day", name=now.astimezone(timezone.utc).date().isoformat())


def once_a_release(release: str) -> Key:
    """Return the key of an action that happens once for a release, given its name, as in "v41"."""
    return Key(period="release", name=release)


def once(name: str) -> Key:
    """Return a key for an action that happens once, ever, by a name such as "invoice-7"."""
    return Key(period="key", name=name)


class Limit(Struct, frozen=True, kw_only=True):
    """An amount that was checked before the action was planned.

    Attributes:
        name: the thing that is limited, as in "price" or "recipients".
        amount: the exact amount that the action has.
        maximum: the most that it may have.
        unit: the currency or unit of both, as in "USD" or "addresses".
    """

    name: str
    amount: Decimal
    maximum: Decimal
    unit: str

    def __str__(self) -> str:
        return f"{self.name} {self.amount:f} {self.unit} (at most {self.maximum:f})"


class Plan(Struct, frozen=True, kw_only=True):
    """The plan of one real action.

    Attributes:
        criterion: the id of the criterion that acts, as in "payment.payment-arrives".
        project: the project of the criterion; "" in journals that are older than this field.
        target: the system that the action is done for.
        key: the key, for which it happens at most once.
        payload_digest: a digest of the data that will be sent, so that a person can compare.
        limits: the amounts that were checked.
        armed_by: the person or job that armed the run.
        expires_at: an aware instant; at or after it the action may not be sent any more.
        details: the values that only this kind of action has. No secrets and no personal data:
            they are kept forever and printed by `prodstatus journal`.
        subject: the thing that is done, with whom and for whose account, in a line, as in
            "product 17 from the supplier for account 4". The claim is then that of the criterion,
            the project and the subject, under any name of the target. "" if the target says it.

    Raises:
        InvalidRecord: a field has the wrong type or breaks its rule.
    """

    criterion: str
    project: str
    target: str
    key: Key
    payload_digest: str
    armed_by: str
    expires_at: datetime
    limits: tuple[Limit, ...] = ()
    details: Mapping[str, Detail] = {}
    subject: str = ""

    # By hand: msgspec checks types when it decodes, not when Python code creates a value.
    def __post_init__(self) -> None:
        for name in ("criterion", "project", "target", "payload_digest", "armed_by"):
            _require(_is_line(value := getattr(self, name)), name, value, _LINE)
        subject = self.subject
        _require(subject == "" or _is_line(subject), "subject", subject, _LINE)
        key, limits, details = self.key, self.limits, self.details
        _require(_is_key(key), "key", key, "of once_a_day(…), once_a_release(…) or once(…)")
        _require(_is_few(limits, tuple), "limits", limits, f"a tuple of at most {FEW}")
        for limit in limits:
            _require(_is_limit(limit), "limit", limit, "a Limit of finite Decimals, zero or more")
            if limit.amount > limit.maximum:
                msg = f"The action's {limit} is above its maximum: plan less, or raise the maximum."
                raise InvalidRecord(msg)
        _require(_is_few(details, Mapping), "details", details, f"a mapping of at most {FEW}")
        for name, value in details.items():
            _require(_is_line(name), "name of a detail", name, _LINE)
            _require(_is_detail(value), f"detail {name!r}", value, _DETAIL)
        require_aware("The action's expires_at", self.expires_at)

    @property
    def chain(self) -> str:
        """The chain of its claim: all actions of one criterion, project and subject.

        Without a subject it is all actions of one criterion and target. In a chain nothing can be
        claimed while the result of an earlier action isn't known.
        """
        # As JSON, so that no text in one part can be taken for the end of it.
        if self.subject:
            return json.dumps([self.criterion, self.project, self.subject])
        return json.dumps([self.criterion, self.target])

    def follows(self, action: Action) -> bool:
        """Return whether `action` counts for the claim of this plan.

        It does if it is in the same chain. An action without a subject may have done the same as
        a plan with one, if it is of the same criterion and project, or older than projects.
        """
        if action.chain == self.chain:
            return True
        former = bool(self.subject) and not action.subject
        return former and action.criterion == self.criterion and action.is_of(self.project)


class Event(Struct, frozen=True, kw_only=True):
    """One line of the journal, which is never changed.

    Attributes:
        at: the UTC instant by the clock of the process that wrote it. Events are ordered by
            their place in the journal instead, since a clock may jump.
        state: the state that the action entered.
        note: a sentence about what was observed.
        who: the author: the plan's `armed_by`, or the person who resolved it.
        receipts: the other side's ids (of an order, a transaction, a message); on CONFIRMED only.
        resolution: whether `resolve` wrote it, rather than the process that acted.
    """

    at: datetime
    state: State
    note: str
    who: str
    receipts: tuple[str, ...] = ()
    resolution: bool = False


class Action(Plan, frozen=True, kw_only=True):
    """A plan that was claimed, with its events.

    Attributes:
        id: its number, which a person resolves it by.
        attempt: 1 for the key's first claim; after a REJECTED attempt the next can be claimed.
        state: the state of the newest event.
        events: all events in the order in which they were written; never empty.
    """

    id: int
    attempt: int
    state: State
    events: tuple[Event, ...]

    def __post_init__(self) -> None:
        """Check nothing: a stored action stays readable if the rules for plans change."""

    @property
    def settled(self) -> bool:
        """Whether the result is known: it is CONFIRMED, REJECTED or LAPSED."""
        return self.state.settled

    def is_of(self, project: str) -> bool:
        """Return whether it is an action of `project`; one older than this field is of any."""
        return self.project in (project, "")

    @property
    def receipts(self) -> tuple[str, ...]:
        """The other side's ids from the newest event that has any; else empty."""
        # A person may confirm it once more, with other ids.
        return next((event.receipts for event in reversed(self.events) if event.receipts), ())

    @property
    def claimed_at(self) -> datetime:
        """The UTC instant of the claim, by the clock of the process that made it."""
        return self.events[0].at

    @property
    def last_day(self) -> date:
        """Its latest UTC day: of a person's resolution, else the later one of claim and last event.

        Those two differ if the clock was set back in between; no one can know which was right.
        """
        newest = self.events[-1]
        day = newest.at.date()
        return day if newest.resolution else max(self.claimed_at.date(), day)

    def describe(self) -> str:
        """Name this action in a sentence, with its number, criterion, target, key and attempt."""
        return (
            f"action {self.id} ({self.criterion} on {self.target}, {self.key}, "
            f"attempt {self.attempt})"
        )


def require_aware(what: str, value: object) -> None:
    """Raise InvalidRecord unless `value` is a datetime with a time zone."""
    if not is_aware(value):
        msg = f"{what} is {value!r}; it must be a datetime with a time zone."
        raise InvalidRecord(msg)


def _require(holds: bool, what: str, value: object, rule: str) -> None:
    """Raise InvalidRecord with the value and the rule, unless the rule holds."""
    if not holds:
        msg = f"The action's {what} is {value!r}; it must be {rule}."
        raise InvalidRecord(msg)


def _is_line(value: object, limit: int = LINE_LIMIT) -> bool:
    """Return whether a value is text on one line, without control characters, and not blank."""
    if not isinstance(value, str) or not value.strip():
        return False
    return value.isprintable() and len(value) <= limit


def _is_key(key: object) -> bool:
    return isinstance(key, Key) and key.period in get_args(Period) and _is_line(key.name)


def _is_few(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and len(value) <= FEW


def _is_limit(limit: object) -> bool:
    if not isinstance(limit, Limit) or not _is_line(limit.name) or not _is_line(limit.unit):
        return False
    return all(_is_exact(value) and value >= 0 for value in (limit.amount, limit.maximum))


def _is_detail(value: object) -> bool:
    return isinstance(value, Money) or _is_exact(value) or _is_line(value, TEXT_LIMIT)


def _is_exact(value: object) -> bool:
    """Return whether a value is a finite Decimal that has no more digits than are kept."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return False
    exponent = value.as_tuple().exponent
    return value.adjusted() < _DIGITS and isinstance(exponent, int) and exponent >= -_DIGITS
