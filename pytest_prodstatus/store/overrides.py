"""The overrides: kept forever, also after they end, and never changed.

The person who gave an override can take it back. That is a row of its own, which ends when it
begins: it takes back every earlier override of its person and target. So the list only grows, and
who took what back, when and why, stays.
"""

from __future__ import annotations

from datetime import datetime
from typing import final

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.store import OVERRIDES, InvalidOverride, StateUnavailable, sqlite_file
from pytest_prodstatus.store.statements import FileStore, ProjectPart, Row, insert_into, instant_of


@final
class Overrides(ProjectPart):
    """One project's overrides."""

    __slots__ = ()
    part = OVERRIDES

    def add(self, override: Override) -> None:
        """Save an override; it is on the disk when this returns.

        Raises:
            InvalidOverride: a text is empty, or the override ends before it begins.
            StateUnavailable: the override could not be written.
        """
        if override.until <= override.since:
            msg = (
                f"The override ends at {override.until.isoformat()} and begins at "
                f"{override.since.isoformat()}: let it end later than it begins."
            )
            raise InvalidOverride(msg)
        row = self._row(override)
        with self._store.writing() as statements:
            statements.change(insert_into("prodstatus_override", row), row)

    def take_back(self, target: str, who: str, reason: str, now: datetime) -> tuple[Override, ...]:
        """Take back the active overrides that a person gave; it is on the disk at the return.

        Args:
            target: the system that the gate is for.
            who: the person, as the overrides name them.
            reason: why they are taken back.
            now: an aware instant.

        Returns:
            The overrides that were taken back; if there is none, nothing is written.

        Raises:
            InvalidOverride: a text is empty.
            StateUnavailable: it could not be read or written.
        """
        row = self._row(Override(target=target, reason=reason, who=who, since=now, until=now))
        # By the row, whose texts are on one line, as those of a stored override are.
        given = tuple(o for o in self.active(target, now) if o.who == row["who"])
        if given:
            with self._store.writing() as statements:
                statements.change(insert_into("prodstatus_override", row), row)
        return given

    def _row(self, override: Override) -> dict[str, object]:
        """Return the row of a new override by column, with its texts on one line.

        Raises:
            InvalidOverride: a text is empty.
        """
        values = {name: one_line(getattr(override, name)) for name in ("target", "reason", "who")}
        for name, value in values.items():
            if not value:
                msg = f"The override's {name} is {getattr(override, name)!r}: give it in words."
                raise InvalidOverride(msg)
        return {
            "project": self._project,
            **values,
            "since": override.since,
            "until": override.until,
        }

    def active(self, target: str, now: datetime) -> tuple[Override, ...]:
        """Return the overrides of a target that are active at `now` (aware), the oldest first.

        Raises:
            StateUnavailable: the overrides can't be read.
        """
        with self._store.reading() as statements:
            rows = statements.rows(_ACTIVE, project=self._project, target=target, now=now)
        return tuple(map(_override_of, rows))


def _override_of(row: Row) -> Override:
    """Build an override from its row; one that can't be read must not open the gate.

    Raises:
        StateUnavailable: a value in the row is not one that this package writes.
    """
    try:
        return Override(
            target=row["target"],
            reason=row["reason"],
            who=row["who"],
            since=instant_of(row["since"]),
            until=instant_of(row["until"]),
        )
    except (ValueError, TypeError, AttributeError) as error:
        msg = (
            f"The override with the id {row['id']!r} can't be read ({error}): none counts until "
            "that row of prodstatus_override is repaired."
        )
        raise StateUnavailable(msg) from None


# A row that takes back counts at once, also on a machine whose clock is behind.
_ACTIVE = (
    "SELECT * FROM prodstatus_override AS given "
    "WHERE project = :project AND target = :target AND until > :now AND since <= :now "
    "AND NOT EXISTS (SELECT 1 FROM prodstatus_override AS back "
    "WHERE back.project = given.project AND back.target = given.target "
    "AND back.who = given.who AND back.until <= back.since AND back.id > given.id) ORDER BY id"
)


def active_overrides(url: str, project: str, target: str, now: datetime) -> tuple[Override, ...]:
    """Return the overrides of a target that are active at `now`, without creating the store.

    The store is read each time, and it is the only place that has overrides. An override that can't
    be read opens nothing. One in a file counts only on its machine; in PostgreSQL, on all of them.
    A file costs 5 ms; PostgreSQL costs the import of SQLAlchemy as well.

    Args:
        url: the store's address.
        project: the project's name in the store, as `store.scope_of` gives it.
        target: the system that the gate is for.
        now: an aware instant.

    Raises:
        StateUnavailable: the overrides can't be read.
    """
    path = sqlite_file(url)
    if path is not None and not FileStore(path, OVERRIDES).may_hold():
        return ()
    with Overrides.open(url, project) as overrides:
        return overrides.active(target, now)
