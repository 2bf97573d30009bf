"""The journal of real orders: money moves at most once, and what happened can always be read.

The order of things, each on the disk before the next begins:

    intend   the claim, PLANNED and INTENT, in one transaction
    sent     SENT, before the order leaves
    confirmed | rejected | unknown   what came of it
    resolve  what a person or the supplier says later of one that was left open

A process may die between any two of them: what it leaves is an INTENT (nothing had left), a
SENT (it may have) or an UNKNOWN, and each blocks every later purchase until it is resolved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from types import TracebackType
from typing import Literal, final

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from pytest_prodstatus.clock import now
from pytest_prodstatus.state.address import parse_address
from pytest_prodstatus.state.claim import first_events, next_attempt, require_current
from pytest_prodstatus.state.database import Database
from pytest_prodstatus.state.entry import Entry, Event
from pytest_prodstatus.state.errors import JournalUnavailable, UnknownEntry
from pytest_prodstatus.state.plan import Mode, Plan, require_aware
from pytest_prodstatus.state.resolution import resolution_event
from pytest_prodstatus.state.rows import insert_claim, insert_event, load, load_one
from pytest_prodstatus.state.schema import claims, events
from pytest_prodstatus.state.state import State
from pytest_prodstatus.state.transition import require_step
from pytest_prodstatus.state.wording import one_line, supplier_ids

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
