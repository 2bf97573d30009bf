"""The overrides: kept until they end and after, never changed, never taken back."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import final

from sqlalchemy import Column, Index, Integer, Table, Text, insert, select

from pytest_prodstatus.model.record import Override
from pytest_prodstatus.model.text import one_line
from pytest_prodstatus.store.address import OVERRIDES, parse_address
from pytest_prodstatus.store.database import Database
from pytest_prodstatus.store.errors import InvalidOverride
from pytest_prodstatus.store.schema import UtcDateTime, metadata

overrides = Table(
    "prodstatus_override",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("project", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("since", UtcDateTime, nullable=False),
    Column("until", UtcDateTime, nullable=False),
    Index("prodstatus_override_by_end", "project", "target", "until"),
)


@final
class Overrides:
    """One project's overrides; open them with `Overrides.open`, use them in a `with`."""

    __slots__ = ("_database", "_project")

    def __init__(self, database: Database, project: str) -> None:
        self._database = database
        self._project = project

    @classmethod
    def open(cls, url: str, project: str) -> Overrides:
        """Open the overrides at `url`, creating file and tables where they are missing.

        Args:
            url: a SQLite file by its absolute path, or a PostgreSQL database.
            project: whose they are, since many projects call their target "production".

        Raises:
            StateUnavailable: they can't be used, in one sentence with the remedy.
        """
        database = Database(parse_address(url, OVERRIDES), OVERRIDES)
        database.prepare()
        return cls(database, project)

    def __enter__(self) -> Overrides:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give back what is held of the database; nothing is left to be written."""
        self._database.close()

    def add(self, override: Override) -> None:
        """Write an override down; it is on the disk when this returns.

        Raises:
            InvalidOverride: a text is empty, or it ends before it begins.
            StateUnavailable: it could not be written.
        """
        values = {name: one_line(getattr(override, name)) for name in ("target", "reason", "who")}
        for name, value in values.items():
            if not value:
                msg = f"The override's {name} is {getattr(override, name)!r}: give it in words."
                raise InvalidOverride(msg)
        if override.until <= override.since:
            msg = (
                f"The override ends at {override.until.isoformat()} and begins at "
                f"{override.since.isoformat()}: let it end later than it begins."
            )
            raise InvalidOverride(msg)
        with self._database.writing() as connection:
            dated = {"since": override.since, "until": override.until}
            statement = insert(overrides).values(project=self._project, **values, **dated)
            connection.execute(statement)

    def active(self, target: str, now: datetime) -> tuple[Override, ...]:
        """Return the overrides of a target that hold at `now` (aware), the first written first.

        Raises:
            StateUnavailable: they can't be read.
        """
        statement = (
            select(overrides)
            .where(overrides.c.project == self._project, overrides.c.target == target)
            .where(overrides.c.until > now, overrides.c.since <= now)
            .order_by(overrides.c.id)
        )
        names = ("target", "reason", "who", "since", "until")
        with self._database.reading() as connection:
            rows = connection.execute(statement).mappings().all()
        return tuple(Override(**{name: row[overrides.c[name]] for name in names}) for row in rows)
