"""The journal's tables, which only ever grow.

A claimed action is one row, and its events are rows that refer to it. Its state is that of its last
event, so no row ever changes. Triggers refuse every UPDATE and DELETE, even by hand. The revision
`actions` in `migrations` creates the tables and triggers; this module describes them for building
statements. Three unique keys do the locking, so READ COMMITTED is enough:

- (chain, period, key, attempt): one claim for a key, and one more after each REJECTED claim.
- (chain, link): the claims of a chain are numbered, and a process writes the next one only after it
  read all former ones. If two processes claim different keys at once, one finds its link taken and
  reads again.
- (action_id, ordinal): if two processes continue from the same state, one has to read again.

Values that were read before the insert can't become wrong meanwhile: a settled action stays
settled. `Plan.chain` defines the chain. The column stores its text, so that another definition
needs no revision.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from pytest_prodstatus.model.evidence import Money
from pytest_prodstatus.store.action import Detail, Limit


# No column is nullable, so no value is None.
class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant in UTC: timestamptz on PostgreSQL, text in UTC on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True  # here and below: without it, SQLAlchemy warns and compiles anew each time

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime:
        """Return the instant as the database stores it."""
        instant: datetime = value.astimezone(timezone.utc)
        # SQLAlchemy's type for SQLite writes no time zone, and would drop one silently.
        return instant.replace(tzinfo=None) if dialect.name == "sqlite" else instant

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime:
        """Return the instant, aware and in UTC, for any time zone of the database session."""
        if dialect.name == "sqlite":
            return datetime.combine(value.date(), value.time(), tzinfo=timezone.utc)
        instant: datetime = value.astimezone(timezone.utc)
        return instant


class Json(TypeDecorator[Any]):
    """A value as JSON in text, by two functions: databases differ in what their own JSON keeps.

    Args:
        encode: returns the text of a value.
        decode: returns the value of a text.
    """

    impl = Text
    cache_ok = True

    def __init__(self, encode: Callable[[Any], str], decode: Callable[[str], object]) -> None:
        super().__init__()
        self.encode = encode
        self.decode = decode

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:  # noqa: ARG002
        """Return the text."""
        return self.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> object:  # noqa: ARG002
        """Return the value."""
        return self.decode(value)


LINES = Json(json.dumps, lambda text: tuple(json.loads(text)))
"""A tuple of texts, in plain ASCII, which any encoding can hold."""

LIMITS = Json(
    lambda limits: msgspec.json.encode(limits).decode(),
    msgspec.json.Decoder(tuple[Limit, ...]).decode,
)
"""The limits of an action; amounts are texts, so no reader makes floats."""

# By default msgspec writes a Decimal as a string, like a text.
_DETAILS = msgspec.json.Encoder(decimal_format="number")


def _read_details(text: str) -> dict[str, Detail]:
    """Return the details of an action by name."""
    # Python's parser: without a type for it, msgspec's reads no number as Decimal.
    data = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    return {name: Money(**item) if isinstance(item, dict) else item for name, item in data.items()}


DETAILS = Json(lambda details: _DETAILS.encode(dict(details)).decode(), _read_details)
"""The details of an action, digit for digit.

Text is a string, a Decimal a number, and Money an object with `amount` and `currency`.
"""


# Column for column as the revisions make them; a test compares.
metadata = MetaData()

actions = Table(
    "prodstatus_action",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("chain", Text, nullable=False),
    Column("link", Integer, nullable=False),
    Column("criterion", Text, nullable=False),
    Column("project", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("period", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("payload_digest", Text, nullable=False),
    Column("armed_by", Text, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
    Column("limits", LIMITS, nullable=False),
    Column("details", DETAILS, nullable=False),
    UniqueConstraint("chain", "link"),
    UniqueConstraint("chain", "period", "key", "attempt"),
)

events = Table(
    "prodstatus_action_event",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("action_id", Integer, ForeignKey("prodstatus_action.id"), nullable=False),
    Column("ordinal", Integer, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("who", Text, nullable=False),
    Column("receipts", LINES, nullable=False),
    Column("resolution", Boolean, nullable=False),
    UniqueConstraint("action_id", "ordinal"),
)
