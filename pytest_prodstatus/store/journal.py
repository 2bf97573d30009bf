"""The journal of real orders: money moves at most once, and what happened can always be read.

The order of things, each on the disk before the next begins:

    intend   the claim, PLANNED and INTENT, in one transaction
    sent     SENT, before the order leaves
    confirmed | rejected | unknown   what came of it
    resolve  what a person or the supplier says later of one that was left open

A process may die between any two of them: what it leaves is an INTENT (nothing had left), a
SENT (it may have) or an UNKNOWN, and each blocks every later purchase until it is resolved.

A claim of a living process can't be told from one that a dead process left: process numbers are
reused, hosts differ, heartbeats stop in a pause. So an INTENT or SENT of another day blocks until
it is settled, whoever wrote it, and one of the same day holds the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Any, Literal, final

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select
from sqlalchemy.exc import IntegrityError

from pytest_prodstatus.clock import now
from pytest_prodstatus.store.action import (
    Entry,
    Event,
    Mode,
    Plan,
    State,
    out_order_id,
    require_aware,
)
from pytest_prodstatus.store.address import parse_address
from pytest_prodstatus.store.database import Database
from pytest_prodstatus.store.errors import (
    Claimed,
    ClockBehind,
    Expired,
    IllegalTransition,
    InvalidRecord,
    JournalUnavailable,
    UnknownEntry,
    Unresolved,
)
from pytest_prodstatus.store.schema import claims, events

_LIMIT = 2000


def one_line(text: str) -> str:
    """Return `text` as one printable line of at most 2000 characters; never raises."""
    line = " ".join(text[: 2 * _LIMIT].split())
    printable = "".join(character if character.isprintable() else "�" for character in line)
    return printable if len(printable) <= _LIMIT else printable[: _LIMIT - 1] + "…"


def supplier_ids(order_ids: Sequence[str]) -> tuple[str, ...]:
    """Return the ids of an order, each one printable line.

    Raises:
        InvalidRecord: there is none, or `order_ids` is one text instead of several.
    """
    if isinstance(order_ids, str):
        msg = f"The order ids are {order_ids!r}; they must be a sequence of texts."
        raise InvalidRecord(msg)
    ids = tuple(one_line(str(order_id)) for order_id in order_ids)
    if not ids or not all(ids):
        msg = (
            f"The order ids are {tuple(order_ids)!r}; an order is confirmed by at least one id "
            "and none of them empty: without one it is UNKNOWN."
        )
        raise InvalidRecord(msg)
    return ids


_PLAN_FIELDS = tuple(field.name for field in fields(Plan))


def load(
    connection: Connection, *where: ColumnElement[bool], newest: int | None = None
) -> tuple[Entry, ...]:
    """Return the entries whose claims satisfy `where`, oldest first; at most the `newest` ones."""
    wanted = select(claims.c.id).where(*where).order_by(claims.c.id.desc()).limit(newest)
    statement = (
        select(claims, events)
        .join_from(claims, events, events.c.claim_id == claims.c.id)
        .where(claims.c.id.in_(wanted.scalar_subquery()))
        .order_by(claims.c.id, events.c.ordinal)
    )
    rows_by_claim: dict[int, list[RowMapping]] = {}
    for row in connection.execute(statement).mappings():
        rows_by_claim.setdefault(row[claims.c.id], []).append(row)
    return tuple(_entry(rows) for rows in rows_by_claim.values())


def load_one(connection: Connection, entry_id: int) -> Entry | None:
    """Return the entry with this number, or None."""
    return next(iter(load(connection, claims.c.id == entry_id)), None)


def insert_claim(
    connection: Connection, plan: Plan, *, link: int, attempt: int, first: Iterable[Event]
) -> Entry:
    """Write a claim with its first events and return the entry.

    Raises:
        IntegrityError: another process took the link or the attempt.
    """
    key = out_order_id(criterion=plan.criterion, target=plan.target, day=plan.day, attempt=attempt)
    values = {name: getattr(plan, name) for name in _PLAN_FIELDS}
    result = connection.execute(
        insert(claims).values(**values, link=link, attempt=attempt, out_order_id=key)
    )
    claim_id: int = next(iter(result.inserted_primary_key or ()))
    written = Entry(
        **values,
        id=claim_id,
        attempt=attempt,
        out_order_id=key,
        events=(),
    )
    for event in first:
        written = insert_event(connection, written, event)
    return written


def insert_event(connection: Connection, entry: Entry, event: Event) -> Entry:
    """Write the event that follows the last one of `entry` and return the entry with it.

    Raises:
        IntegrityError: another process went on from the same event.
    """
    connection.execute(
        insert(events).values(
            claim_id=entry.id,
            ordinal=len(entry.events) + 1,
            at=event.at,
            state=event.state.value,
            detail=event.detail,
            who=event.who,
            order_ids=event.order_ids,
            resolution=event.resolution,
        )
    )
    return replace(entry, events=(*entry.events, event))


def _entry(rows: list[RowMapping]) -> Entry:
    first = rows[0]
    values: dict[str, Any] = {name: first[claims.c[name]] for name in _PLAN_FIELDS}
    return Entry(
        **values,
        id=first[claims.c.id],
        attempt=first[claims.c.attempt],
        out_order_id=first[claims.c.out_order_id],
        events=tuple(
            Event(
                at=row[events.c.at],
                state=State(row[events.c.state]),
                detail=row[events.c.detail],
                who=row[events.c.who],
                order_ids=row[events.c.order_ids],
                resolution=row[events.c.resolution],
            )
            for row in rows
        ),
    )


def next_attempt(history: Sequence[Entry], plan: Plan) -> int:
    """Return the number of the attempt that `plan` may claim, 1 on a new day.

    Args:
        history: every entry of the plan's criterion and target.
        plan: what is to be bought; its day is today.

    Raises:
        Unresolved: an entry of another day is not settled; later days count too, since a clock
            may have jumped back.
        ClockBehind: a purchase was claimed or confirmed on a later day than the plan's.
        Claimed: an entry of the plan's day is anything but REJECTED.
    """
    for entry in history:
        if entry.day != plan.day and not entry.settled:
            raise Unresolved(entry)
    for entry in history:
        if entry.state is State.CONFIRMED and entry.last_day > plan.day:
            raise ClockBehind(entry, plan.day)
    today = [entry for entry in history if entry.day == plan.day]
    for entry in reversed(today):
        if entry.state is not State.REJECTED:
            raise Claimed(entry)
    return len(today) + 1


def require_current(plan: Plan, now: datetime) -> None:
    """Raise InvalidRecord unless `plan` is of the UTC day of `now` and has not expired."""
    if plan.day != now.date():
        msg = (
            f"The plan is of {plan.day.isoformat()} and today is {now.date().isoformat()} (UTC): "
            "plan again."
        )
        raise InvalidRecord(msg)
    if now >= plan.expires_at:
        msg = f"The plan expired at {plan.expires_at.isoformat()}: plan again."
        raise InvalidRecord(msg)


def first_events(plan: Plan, now: datetime) -> tuple[Event, Event]:
    """Return PLANNED and INTENT, which are written together with the claim."""
    planned = (
        f"{plan.mode} order by the {plan.route} route for {plan.amount} {plan.currency}, "
        f"cap {plan.cap} {plan.currency}, until {plan.expires_at.isoformat()}"
    )
    return (
        Event(at=now, state=State.PLANNED, detail=planned, who=plan.who),
        Event(at=now, state=State.INTENT, detail="claimed; nothing has left", who=plan.who),
    )


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


def resolution_event(
    entry: Entry, *, state: str, order_ids: Sequence[str], who: str, how: str, now: datetime
) -> Event:
    """Return the event that settles `entry` as `state`, which is CONFIRMED or REJECTED.

    Raises:
        InvalidRecord: a state that settles nothing, no name, no grounds, or ids that don't fit.
        IllegalTransition: the entry is settled already.
    """
    if state not in ("CONFIRMED", "REJECTED"):
        msg = f"An entry can't be resolved as {state!r}: it must be CONFIRMED or REJECTED."
        raise InvalidRecord(msg)
    wanted = State(state)
    name, grounds = one_line(who), one_line(how)
    if not name or not grounds:
        msg = f"A resolution needs who ({who!r}) and how ({how!r}): give both in words."
        raise InvalidRecord(msg)
    if wanted is State.REJECTED and order_ids:
        msg = f"REJECTED means that no order exists, yet order ids are given: {order_ids!r}."
        raise InvalidRecord(msg)
    require_resolution(entry, wanted, now)
    ids = supplier_ids(order_ids or entry.order_ids) if wanted is State.CONFIRMED else ()
    return Event(at=now, state=wanted, detail=grounds, who=name, order_ids=ids, resolution=True)


# Each round is lost only to a process that wrote, so ten racers need ten at the most.
_ROUNDS = 50


@final
class Journal:
    """The journal at one address; open it with `Journal.open`, use it in a `with` block."""

    __slots__ = ("_clock", "_database")

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._clock = clock

    @classmethod
    def open(cls, url: str, *, clock: Callable[[], datetime] = now) -> Journal:
        """Open the journal at `url`, creating its file and tables where they are missing.

        Args:
            url: a SQLite file by its absolute path, or a PostgreSQL database.
            clock: returns the aware instant that claims are judged by.

        Raises:
            JournalUnavailable: it can't be used, in one sentence with the remedy.
        """
        database = Database(parse_address(url))
        database.prepare()
        return cls(database, clock)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what the journal holds of its database; nothing is left to be written."""
        self._database.close()

    def intend(self, plan: Plan) -> Entry:
        """Claim the day for `plan` and return its entry at INTENT, durable before this returns.

        Raises:
            InvalidRecord: the plan's day isn't the clock's UTC day, or it has expired.
            Unresolved: an earlier purchase of this criterion and target is not settled.
            ClockBehind: one was confirmed on a later day than today.
            Claimed: the day is taken, whatever its purchase has come to, REJECTED excepted.
            JournalUnavailable: it could not be written, or its answer was lost; order nothing.
        """
        for _ in range(_ROUNDS):
            now = self._now()
            require_current(plan, now)
            try:
                return self._claim(plan, now)
            except IntegrityError:  # another process wrote first: judge anew with its claim
                continue
        raise JournalUnavailable(_CONTENDED)

    def sent(self, entry: Entry, detail: str = "") -> Entry:
        """Record that the order is about to leave; send it only once this has returned.

        Raises:
            Expired: the plan's expiry or its UTC day is over.
            IllegalTransition: the entry isn't at INTENT (someone resolved it, say).
            JournalUnavailable: it could not be written; don't send.
        """
        return self._step(entry, State.SENT, detail)

    def confirmed(self, entry: Entry, order_ids: Sequence[str], detail: str) -> Entry:
        """Record the supplier's success with its order ids, at least one.

        Raises:
            InvalidRecord: there is no order id.
            IllegalTransition: nothing was sent, or its end is known already.
            JournalUnavailable: it could not be written; the entry stays at SENT and blocks.
        """
        return self._step(entry, State.CONFIRMED, detail, supplier_ids(order_ids))

    def rejected(self, entry: Entry, detail: str) -> Entry:
        """Record that it is proved that no order exists, which frees the day's claim.

        Raises:
            IllegalTransition: its end is known already, or is UNKNOWN (then use `resolve`).
            JournalUnavailable: it could not be written; the entry stays as it is and blocks.
        """
        return self._step(entry, State.REJECTED, detail)

    def unknown(self, entry: Entry, detail: str) -> Entry:
        """Record that nobody can tell whether an order exists, which blocks until resolved.

        Raises:
            IllegalTransition: its end is known already.
            JournalUnavailable: it could not be written; the entry stays as it is and blocks.
        """
        return self._step(entry, State.UNKNOWN, detail)

    def resolve(
        self,
        entry_id: int,
        *,
        state: Literal["CONFIRMED", "REJECTED"],
        order_ids: Sequence[str] = (),
        who: str,
        how: str,
    ) -> Entry:
        """Settle an entry that was left open.

        Args:
            entry_id: its number.
            state: "CONFIRMED" (an order exists) or "REJECTED" (it is proved that none does).
            order_ids: the supplier's ids: needed for CONFIRMED, not allowed for REJECTED.
            who: the person's name, or the supplier's where its answer settles it.
            how: how it was found out.

        Raises:
            UnknownEntry: there is no such entry.
            InvalidRecord: who, how or the ids are missing or don't fit.
            IllegalTransition: it is settled already.
        """
        return self._append(
            entry_id,
            lambda entry, now: resolution_event(
                entry, state=state, order_ids=order_ids, who=who, how=how, now=now
            ),
        )

    def entry(self, entry_id: int) -> Entry:
        """Return the entry with this number as it stands now, or raise UnknownEntry."""
        with self._database.reading() as connection:
            found = load_one(connection, entry_id)
        if found is None:
            raise UnknownEntry(entry_id)
        return found

    def entries(self, target: str | None = None, limit: int = 100) -> tuple[Entry, ...]:
        """Return the newest `limit` entries of `target`, or of all, newest first."""
        where = () if target is None else (claims.c.target == target,)
        with self._database.reading() as connection:
            return load(connection, *where, newest=max(limit, 0))[::-1]

    def unsettled(self, target: str | None = None) -> tuple[Entry, ...]:
        """Return the entries of `target`, or of all, at INTENT, SENT or UNKNOWN, oldest first."""
        ended = select(events.c.claim_id).where(
            events.c.state.in_([state.value for state in State if state.settled])
        )
        of_target = () if target is None else (claims.c.target == target,)
        with self._database.reading() as connection:
            return load(connection, claims.c.id.not_in(ended), *of_target)

    def unresolved(self, criterion: str, target: str) -> tuple[Entry, ...]:
        """Return the entries at INTENT, SENT or UNKNOWN, oldest first."""
        return tuple(entry for entry in self._history(criterion, target) if not entry.settled)

    def latest_confirmed(
        self, criterion: str, target: str, *, since: datetime, mode: Mode = "paid"
    ) -> Entry | None:
        """Return the newest confirmed purchase that was claimed at or after `since`, or None.

        Its age counts from its claim, so one that a person confirmed weeks later is no younger
        for it; one that claims to be more than a day in the future proves nothing.

        Raises:
            InvalidRecord: `since` has no time zone.
        """
        require_aware("The instant since which orders count", since)
        until = self._now() + timedelta(days=1)
        return next(
            (
                entry
                for entry in reversed(self._history(criterion, target))
                if entry.state is State.CONFIRMED
                and entry.mode == mode
                and since <= entry.claimed_at <= until
            ),
            None,
        )

    def _claim(self, plan: Plan, now: datetime) -> Entry:
        with self._database.writing() as connection:
            history = load(
                connection, claims.c.criterion == plan.criterion, claims.c.target == plan.target
            )
            attempt = next_attempt(history, plan)
            return insert_claim(
                connection,
                plan,
                link=len(history) + 1,
                attempt=attempt,
                first=first_events(plan, now),
            )

    def _step(
        self, entry: Entry, wanted: State, detail: str, order_ids: tuple[str, ...] = ()
    ) -> Entry:
        def decide(current: Entry, now: datetime) -> Event:
            require_step(current, wanted, now)
            return Event(
                at=now,
                state=wanted,
                detail=one_line(detail),
                who=current.who,
                order_ids=order_ids,
            )

        return self._append(entry.id, decide)

    def _append(self, entry_id: int, decide: Callable[[Entry, datetime], Event]) -> Entry:
        """Write what `decide` makes of the entry as it stands in the database at this moment."""
        for _ in range(_ROUNDS):
            now = self._now()
            try:
                with self._database.writing() as connection:
                    current = load_one(connection, entry_id)
                    if current is None:
                        raise UnknownEntry(entry_id)
                    return insert_event(connection, current, decide(current, now))
            except IntegrityError:  # another process went on from the same event: judge anew
                continue
        raise JournalUnavailable(_CONTENDED)

    def _history(self, criterion: str, target: str) -> tuple[Entry, ...]:
        with self._database.reading() as connection:
            return load(connection, claims.c.criterion == criterion, claims.c.target == target)

    def _now(self) -> datetime:
        now = self._clock()
        require_aware("The journal's clock", now)
        return now.astimezone(timezone.utc)


_CONTENDED = (
    f"The journal could not be written in {_ROUNDS} tries, each lost to another process: "
    "try again when the other runs have ended."
)
