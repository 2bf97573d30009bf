"""Between the journal's rows and its values: one SELECT, two INSERTs and nothing else."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, insert, select

from pytest_prodstatus.state.entry import Entry, Event
from pytest_prodstatus.state.key import out_order_id
from pytest_prodstatus.state.plan import Plan
from pytest_prodstatus.state.schema import claims, events
from pytest_prodstatus.state.state import State

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
