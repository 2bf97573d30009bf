"""The journal of real actions: each happens at most once, and its events can always be read.

The steps, each on the disk before the next begins:

    intend   the claim, with INTENT, in one transaction
    sent     SENT, before the action is sent
    confirmed | rejected | unknown   its result
    resolve  the result that a person or the other side reports later, if it was left open
    lapsed   what was done has ended without effect, which frees the key

A process may die between any two steps. Then the action stays INTENT (nothing was sent), SENT (it
may have been sent) or UNKNOWN, and blocks every later action of its chain (`Plan.chain`) until it
is resolved.

The journal can't distinguish a claim of a living process from that of a dead one: process numbers
are reused, hosts differ, and heartbeats stop in a pause. So an INTENT or SENT with another key
blocks until it is settled, and one with the same key keeps that key taken.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from typing import Literal, final

from msgspec import Struct
from msgspec.structs import asdict, replace
from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from pytest_prodstatus.clock import now
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.store import (
    Claimed,
    ClockBehind,
    Expired,
    IllegalTransition,
    InvalidRecord,
    JournalUnavailable,
    OpenPart,
    UnknownAction,
    Unresolved,
)
from pytest_prodstatus.store.action import (
    TEXT_LIMIT,
    Action,
    Detail,
    Event,
    Key,
    Plan,
    State,
    once_a_day,
    require_aware,
)
from pytest_prodstatus.store.database import Database, parse_address
from pytest_prodstatus.store.schema import actions, events


def next_attempt(
    history: Sequence[Action], plan: Plan, today: date, attempts: int | None = None
) -> int:
    """Return the number of the attempt that `plan` may claim, 1 for a new key.

    Args:
        history: all actions that the plan follows.
        plan: the action to claim.
        today: the current UTC day.
        attempts: how often a key may be claimed; None for any number.

    Raises:
        Unresolved: an action with another key is not settled; also one of a later day, since a
            clock may have jumped back.
        ClockBehind: an action was claimed or confirmed on a later day than today.
        Claimed: an action with the plan's key doesn't free it, or its attempts are used up.
    """
    # First, since nothing may be done while it isn't known what was done. The plan's own key is
    # left to the last rule, whose message is about that key.
    for action in history:
        if action.key != plan.key and not action.settled:
            raise Unresolved(action)
    for action in history:
        if action.state in (State.CONFIRMED, State.LAPSED) and action.last_day > today:
            raise ClockBehind(action, today)
    same = [action for action in history if action.key == plan.key]
    # The newest first: it is the one that a message should name.
    for action in reversed(same):
        if not action.state.frees_key:
            raise Claimed(action)
    if attempts is not None and len(same) >= attempts:
        raise Claimed(same[-1])
    return len(same) + 1


def require_current(plan: Plan, now: datetime) -> None:
    """Raise InvalidRecord if `plan` has expired at `now` (UTC), or its key is another day's."""
    if _is_of_another_day(plan, now):
        msg = f"The plan is of {plan.key} and today is {now.date()} (UTC): plan again."
        raise InvalidRecord(msg)
    if now >= plan.expires_at:
        msg = f"The plan expired at {plan.expires_at.isoformat()}: plan again."
        raise InvalidRecord(msg)


def _is_of_another_day(plan: Plan, now: datetime) -> bool:
    """Return whether a plan has a day's key, and `now` is on another UTC day."""
    return plan.key.period == "day" and plan.key != once_a_day(now)


_STEPS = {
    State.INTENT: (State.SENT, State.REJECTED, State.UNKNOWN),
    State.SENT: (State.CONFIRMED, State.REJECTED, State.UNKNOWN),
    State.CONFIRMED: (State.LAPSED,),
}
"""The states that the process that acts may write next, by the present state."""


def require_step(action: Action, wanted: State, now: datetime) -> None:
    """Raise unless the process that claimed `action` may write `wanted` at `now`.

    A success is accepted even after a person resolved the action: the journal must have everything
    that happened in the world. An action may be sent only before its expiry and, if its key is a
    day's, on that UTC day.

    Raises:
        IllegalTransition: the step doesn't follow from the action's state.
        Expired: the action would be sent too late.
    """
    newest = action.events[-1]
    # A person may have resolved it as REJECTED while the process still waited for the answer.
    was_sent = any(event.state is State.SENT for event in action.events)
    late_success = wanted is State.CONFIRMED and newest.resolution and was_sent
    if wanted not in _STEPS.get(action.state, ()) and not late_success:
        raise IllegalTransition(action, wanted)
    if wanted is State.SENT and (now >= action.expires_at or _is_of_another_day(action, now)):
        raise Expired(action, wanted, now)


def resolution_event(
    action: Action, *, state: str, receipts: Sequence[str], who: str, how: str, now: datetime
) -> Event:
    """Build the event that settles `action` as `state`: CONFIRMED, REJECTED or LAPSED.

    Only a CONFIRMED action can have lapsed. One that is dated after today (a clock had jumped
    ahead) may be confirmed once more. By that event, dated now, a person says that the old date
    was wrong.

    Raises:
        InvalidRecord: the state settles nothing, `who` or `how` is empty, or the receipts don't
            fit the state.
        IllegalTransition: the action is settled already.
    """
    if state not in ("CONFIRMED", "REJECTED", "LAPSED"):
        msg = f"An action can't be resolved as {state!r}: it must be CONFIRMED, REJECTED or LAPSED."
        raise InvalidRecord(msg)
    wanted = State(state)
    name, grounds = _line(who), _line(how)
    if not name or not grounds:
        msg = f"A resolution needs who ({who!r}) and how ({how!r}): give both in words."
        raise InvalidRecord(msg)
    if wanted is not State.CONFIRMED and receipts:
        msg = f"{wanted} means that nothing is left of it, yet receipts are given: {receipts!r}."
        raise InvalidRecord(msg)
    if wanted is State.LAPSED and action.state is not State.CONFIRMED:
        raise IllegalTransition(action, wanted)
    redated = action.state is wanted is State.CONFIRMED and action.last_day > now.date()
    if action.settled and not redated and wanted is not State.LAPSED:
        raise IllegalTransition(action, wanted)
    # Confirmed once more, it keeps its ids unless others are given.
    final = receipts_of(receipts or action.receipts) if wanted is State.CONFIRMED else ()
    return Event(at=now, state=wanted, note=grounds, who=name, receipts=final, resolution=True)


def receipts_of(receipts: Sequence[str]) -> tuple[str, ...]:
    """Return the receipts of an action, each as one printable line.

    Raises:
        InvalidRecord: there is no receipt, one is empty, or `receipts` is a single text.
    """
    # A text is a sequence, too: of its letters.
    if isinstance(receipts, str):
        msg = f"The receipts are {receipts!r}; they must be a sequence of texts."
        raise InvalidRecord(msg)
    lines = tuple(_line(str(receipt)) for receipt in receipts)
    if not lines or not all(lines):
        msg = (
            f"The receipts are {tuple(receipts)!r}; an action is confirmed by at least one and "
            "none of them empty: without one it is UNKNOWN."
        )
        raise InvalidRecord(msg)
    return lines


def _line(text: str) -> str:
    return one_line(text, limit=TEXT_LIMIT)


def _load(
    connection: Connection, *conditions: ColumnElement[bool], newest: int | None = None
) -> tuple[Action, ...]:
    """Load the actions that satisfy all `conditions`, oldest first; at most the `newest` ones."""
    # The limit counts actions, so it is in a query of its own: joined, each event is a row.
    wanted = select(actions.c.id).where(*conditions).order_by(actions.c.id.desc()).limit(newest)
    statement = (
        select(actions, events)
        .join_from(actions, events, events.c.action_id == actions.c.id)
        .where(actions.c.id.in_(wanted.scalar_subquery()))
        .order_by(actions.c.id, events.c.ordinal)
    )
    rows_by_action: dict[int, list[RowMapping]] = {}
    for row in connection.execute(statement).mappings():
        rows_by_action.setdefault(row[actions.c.id], []).append(row)
    return tuple(map(_action, rows_by_action.values()))


_COPIED = tuple(name for name in Plan.__struct_fields__ if name not in ("key", "subject"))
"""The fields of a plan that have a column of the same name."""


def _action(rows: list[RowMapping]) -> Action:
    """Build an action from its joined rows, one for each of its events in order."""
    row, written = rows[0], tuple(map(_event, rows))
    return Action(
        **{name: row[actions.c[name]] for name in (*_COPIED, "id", "attempt")},
        key=Key(period=row[actions.c.period], name=row[actions.c.key]),
        subject=_subject(row[actions.c.chain]),
        state=written[-1].state,
        events=written,
    )


def _subject(chain: str) -> str:
    """Return the subject in the text of a chain; "" if it is the chain of a target."""
    parts: list[str] = json.loads(chain)
    return parts[2] if len(parts) > 2 else ""


def _event(row: RowMapping) -> Event:
    """Build an event from a joined row."""
    values = {name: row[events.c[name]] for name in Event.__struct_fields__}
    return Event(**{**values, "state": State(values["state"])})


def _insert_event(connection: Connection, action: Action, event: Event) -> Action:
    """Write the event that follows the last one of `action`, and return the action with it.

    Raises:
        IntegrityError: another process has written an event after the same one.
    """
    values = {**asdict(event), "state": event.state.value}
    place = {"action_id": action.id, "ordinal": len(action.events) + 1}
    connection.execute(insert(events).values(**place, **values))
    return replace(action, state=event.state, events=(*action.events, event))


_AHEAD = timedelta(days=1)
"""How far in the future a confirmed action may be dated, by another machine's clock."""


class _Wanted(Struct, frozen=True, kw_only=True):
    """The confirmed action that `Journal.latest_confirmed` describes."""

    target: str
    project: str
    subject: str
    since: datetime
    until: datetime
    details: Mapping[str, Detail]
    key: Key | None = None

    def newest(self, history: Sequence[Action]) -> Action | None:
        """Return the newest one of the actions of a criterion, None if there is none."""
        return next(filter(self._fits, reversed(history)), None)

    def _fits(self, action: Action) -> bool:
        if action.state is not State.CONFIRMED or not action.is_of(self.project):
            return False
        # An action without a subject did what its target says.
        same = action.subject == self.subject if action.subject else action.target == self.target
        return (
            same
            and self.key in (None, action.key)
            and self.details.items() <= action.details.items()
            and self.since <= action.claimed_at <= self.until
        )


# A round fails only because another process wrote, so ten racers need ten rounds at most.
_ROUNDS = 50
_CONTENDED = (
    f"The journal could not be written in {_ROUNDS} tries, each lost to another process: "
    "try again when the other runs have ended."
)


@final
class Journal(OpenPart):
    """The journal at one address; open it with `Journal.open` and use it in a `with` block."""

    __slots__ = ("_clock", "_database")

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = now) -> Journal:
        """Open the journal at `url`, and create its file and tables if they are missing.

        Args:
            url: a SQLite file by its absolute path, or a PostgreSQL database.
            clock: returns the aware instant that claims are judged by.

        Raises:
            JournalUnavailable: the journal can't be used; one sentence with the remedy.
        """
        database = Database(parse_address(url))
        database.prepare()
        return cls(database, clock)

    def close(self) -> None:
        """Release the database's connections; everything is written by then."""
        self._database.close()

    def intend(
        self,
        plan: Plan,
        *,
        attempts: int | None = None,
        since: datetime | None = None,
        details: Mapping[str, Detail] | None = None,
    ) -> Action:
        """Claim the key of `plan` and return its action at INTENT, on the disk before this returns.

        Args:
            plan: the action to claim.
            attempts: how often its key may be claimed, with those that were REJECTED or LAPSED;
                None for any number.
            since: an aware instant. An action that `latest_confirmed` finds since then, with any
                key, makes the plan's unnecessary; None if only the plan's key counts. Another
                process may have done it after this one looked, on the day before.
            details: the details that such an action must have.

        Raises:
            InvalidRecord: the plan's key is of another UTC day than the clock's, the plan has
                expired, or `since` has no time zone.
            Unresolved: an earlier action that the plan follows is not settled.
            ClockBehind: an action was confirmed on a later day than today.
            Claimed: the key has an action that is neither REJECTED nor LAPSED, or as many attempts
                as it may have; or there is a confirmed action since `since`.
            JournalUnavailable: the claim could not be written, or the database's reply was lost.
                Send nothing then.
        """
        if since is not None:
            require_aware("The instant since which actions count", since)

        def claim(connection: Connection, now: datetime) -> Action:
            # Each round has an instant of its own: the former one may have waited beyond midnight.
            require_current(plan, now)
            # Of all chains of the criterion, since `follows` looks beyond the plan's own.
            former = _load(connection, actions.c.criterion == plan.criterion)
            if since is not None:
                wanted = _Wanted(
                    target=plan.target,
                    project=plan.project,
                    subject=plan.subject,
                    details=details or {},
                    since=since,
                    until=now + _AHEAD,
                )
                if (done := wanted.newest(former)) is not None:
                    raise Claimed(done)
            history = [action for action in former if plan.follows(action)]
            claimed = {
                **{name: getattr(plan, name) for name in _COPIED},
                "attempt": next_attempt(history, plan, now.date(), attempts),
            }
            place = {
                "chain": plan.chain,
                "link": sum(action.chain == plan.chain for action in history) + 1,
                "period": plan.key.period,
                "key": plan.key.name,
            }
            result = connection.execute(insert(actions).values(**claimed, **place))
            number: int = next(iter(result.inserted_primary_key or ()))
            action = Action(
                **claimed,
                key=plan.key,
                subject=plan.subject,
                id=number,
                state=State.INTENT,
                events=(),
            )
            note = "claimed; nothing has left"
            intent = Event(at=now, state=State.INTENT, note=note, who=plan.armed_by)
            return _insert_event(connection, action, intent)

        return self._write(claim)

    def sent(self, action: Action, note: str = "") -> Action:
        """Record that the action is about to be sent; send it only once this has returned.

        Raises:
            Expired: the plan has expired, or the UTC day of its key is over.
            IllegalTransition: (here and below) the step doesn't follow from the action's state,
                for example because a person resolved it.
            JournalUnavailable: (here and below) the event could not be written. The action keeps
                its state and blocks.
        """
        return self._step(action, State.SENT, note)

    def confirmed(self, action: Action, receipts: Sequence[str], note: str = "") -> Action:
        """Record that the action was done, with the other side's ids.

        Args:
            action: the action.
            receipts: at least one id, as in an order number.
            note: a sentence about what was observed.

        Raises:
            InvalidRecord: there is no receipt.
        """
        return self._step(action, State.CONFIRMED, note, receipts_of(receipts))

    def rejected(self, action: Action, note: str) -> Action:
        """Record that the action is proved not to have been done; its key can be claimed again."""
        return self._step(action, State.REJECTED, note)

    def unknown(self, action: Action, note: str) -> Action:
        """Record that no one can know whether it was done; it blocks until it is resolved."""
        return self._step(action, State.UNKNOWN, note)

    def lapsed(self, action: Action, note: str) -> Action:
        """Record that what was done has ended without effect; its key can be claimed again.

        An order that was never paid for lapses, for example, or an invitation that wasn't accepted.
        """
        return self._step(action, State.LAPSED, note)

    def resolve(
        self,
        action_id: int,
        *,
        state: Literal["CONFIRMED", "REJECTED", "LAPSED"],
        receipts: Sequence[str] = (),
        who: str,
        how: str,
    ) -> Action:
        """Settle the action with this number, which was left open or has lapsed.

        Args:
            action_id: its number.
            state: "CONFIRMED" (it was done), "REJECTED" (it is proved that it wasn't), or "LAPSED"
                (it was done and CONFIRMED, and has ended without effect).
            receipts: the other side's ids: needed for CONFIRMED, not allowed for the others.
            who: the name of the person, or of the other side if its response settles it.
            how: how the result was found out.

        Raises:
            UnknownAction: there is no such action.
            InvalidRecord: who, how or the receipts are missing or don't fit.
            IllegalTransition: the action is settled already.
        """
        return self._append(
            action_id,
            lambda action, now: resolution_event(
                action, state=state, receipts=receipts, who=who, how=how, now=now
            ),
        )

    def action(self, action_id: int) -> Action:
        """Return the action with this number in its present state, or raise UnknownAction."""
        with self._database.reading() as connection:
            return _load_one(connection, action_id)

    def actions(
        self, *, criterion: str | None = None, target: str | None = None, limit: int = 100
    ) -> tuple[Action, ...]:
        """Return the newest `limit` actions, newest first; if given, of a criterion or target."""
        with self._database.reading() as connection:
            return _load(connection, *_of(criterion, target), newest=max(limit, 0))[::-1]

    def unsettled(
        self, *, criterion: str | None = None, target: str | None = None
    ) -> tuple[Action, ...]:
        """Return the actions at INTENT, SENT or UNKNOWN, oldest first."""
        # Its state isn't a column: a row never changes. Once settled, an action stays settled.
        ended = select(events.c.action_id).where(
            events.c.state.in_([state.value for state in State if state.settled])
        )
        with self._database.reading() as connection:
            return _load(connection, actions.c.id.not_in(ended), *_of(criterion, target))

    def latest_confirmed(
        self,
        criterion: str,
        target: str,
        *,
        project: str,
        since: datetime,
        key: Key | None = None,
        details: Mapping[str, Detail] | None = None,
        subject: str = "",
    ) -> Action | None:
        """Return the newest confirmed action that was claimed at or after `since`, or None.

        Its age counts from its claim, so it isn't younger if a person confirmed it weeks later. An
        action dated more than a day in the future doesn't count.

        Args:
            criterion: the id of the criterion.
            target: the system that it was done for. With a subject, only an action without one is
                compared by it.
            project: the project's name; an action of another project doesn't count. An action that
                is older than this field counts for every project.
            since: an aware instant.
            key: the key that it must have, for example of the same release; None for any.
            details: the details that it must have; it may have others.
            subject: the subject that it must have, for any target.

        Raises:
            InvalidRecord: `since` has no time zone.
        """
        require_aware("The instant since which actions count", since)
        wanted = _Wanted(
            target=target,
            project=project,
            subject=subject,
            key=key,
            details=details or {},
            since=since,
            until=self._now() + _AHEAD,
        )
        with self._database.reading() as connection:
            return wanted.newest(_load(connection, *_of(criterion, None if subject else target)))

    def _step(
        self, action: Action, wanted: State, note: str, receipts: tuple[str, ...] = ()
    ) -> Action:
        """Write an event of the process that acts, if the action's present state allows it.

        The present state is the database's; `action` may be older.
        """

        def decide(current: Action, now: datetime) -> Event:
            require_step(current, wanted, now)
            who = current.armed_by
            return Event(at=now, state=wanted, note=_line(note), who=who, receipts=receipts)

        return self._append(action.id, decide)

    def _append(self, action_id: int, decide: Callable[[Action, datetime], Event]) -> Action:
        """Write the event that `decide` returns for the action's present state in the database."""

        def append(connection: Connection, now: datetime) -> Action:
            current = _load_one(connection, action_id)
            return _insert_event(connection, current, decide(current, now))

        return self._write(append)

    def _write(self, change: Callable[[Connection, datetime], Action]) -> Action:
        """Make a change in a transaction; start it again if another process wrote first."""
        for _ in range(_ROUNDS):
            now = self._now()
            try:
                with self._database.writing() as connection:
                    return change(connection, now)
            # One of the unique keys in `schema`: another process has the place by now.
            except IntegrityError:
                continue
        raise JournalUnavailable(_CONTENDED)

    def _now(self) -> datetime:
        """Return the present instant in UTC by the journal's clock."""
        now = self._clock()
        require_aware("The journal's clock", now)
        return now.astimezone(timezone.utc)


def _load_one(connection: Connection, action_id: int) -> Action:
    """Return the action with this number, or raise UnknownAction."""
    # Beyond the column's type a database raises an error of its own.
    if 0 < action_id < 2**31:
        for action in _load(connection, actions.c.id == action_id):
            return action
    raise UnknownAction(action_id)


def _of(criterion: str | None, target: str | None) -> list[ColumnElement[bool]]:
    """Return the conditions for actions of a criterion and a target; None for any."""
    wanted = {"criterion": criterion, "target": target}
    return [actions.c[name] == value for name, value in wanted.items() if value is not None]
