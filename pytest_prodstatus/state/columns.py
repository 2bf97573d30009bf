"""Column types that keep the same value exactly on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, datetime, timezone
from decimal import Decimal
from typing import Any

from sqlalchemy import DateTime, Dialect, Text, TypeDecorator


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as its own text: SQLite would turn NUMERIC into a float."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the digits, all of them, without an exponent."""
        return None if value is None else format(value, "f")

    def process_result_value(self, value: Any | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Return the same Decimal, trailing zeros included."""
        return None if value is None else Decimal(value)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the instant as the database keeps it."""
        if value is None:
            return None
        instant = value.astimezone(timezone.utc)
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        """Return the instant, aware and in UTC whatever the session's time zone."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.combine(value.date(), value.time(), tzinfo=timezone.utc)
        instant: datetime = value.astimezone(timezone.utc)
        return instant


class IsoDay(TypeDecorator[date]):
    """A day as its ISO text, so that its spelling in a unique key can't differ."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: date | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the day as in 2026-01-31."""
        return None if value is None else value.isoformat()

    def process_result_value(self, value: Any | None, dialect: Dialect) -> date | None:  # noqa: ARG002
        """Return the day."""
        return None if value is None else date.fromisoformat(value)


class Lines(TypeDecorator[tuple[str, ...]]):
    """A tuple of texts as a JSON array in plain ASCII, which any encoding can hold."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Return the JSON array."""
        return None if value is None else json.dumps(list(value))

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> tuple[str, ...] | None:
        """Return the texts."""
        return None if value is None else tuple(json.loads(value))


class Names(TypeDecorator[Mapping[str, "str | None"]]):
    """Texts by name, in their order, as a JSON object in plain ASCII."""

    impl = Text
    cache_ok = True

    def process_bind_param(
        self,
        value: Mapping[str, str | None] | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> str | None:
        """Return the JSON object."""
        return None if value is None else json.dumps(dict(value))

    def process_result_value(
        self,
        value: Any | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> Mapping[str, str | None] | None:
        """Return the texts by name."""
        names: Mapping[str, str | None] | None = None if value is None else json.loads(value)
        return names
