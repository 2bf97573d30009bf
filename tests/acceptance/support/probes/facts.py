"""What a probe found, as the values that evidence takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import datetime
from typing import Any, NoReturn

from pytest_prodstatus import Money, blocked
from tests.acceptance.support import fields
from tests.acceptance.support.clock import from_column
from tests.acceptance.support.database.transaction import Row


def facts(found: Any) -> dict[str, Any]:
    """Return a probe's fields by name, without those that are empty or hidden from its repr.

    Args:
        found: an instance of one of the probes' dataclasses.
    """
    pairs = ((field, getattr(found, field.name)) for field in dataclasses.fields(found))
    return {
        field.name: value
        for field, value in pairs
        if field.repr and value is not None and value != ()
    }


def listed(ids: Iterable[object]) -> str:
    """Return ids as a sentence lists them."""
    return ", ".join(map(str, ids))


def require_data(count: int, noun: str, *, remedy: str | None = None) -> None:
    """End as BLOCKED, no-data, if there is nothing to judge: absence proves nothing."""
    if not count:
        blocked(f"there are no {noun} in the window", kind="no-data", remedy=remedy)


def block_dated_ahead(count: int, sales: Iterable[int]) -> NoReturn:
    """End as BLOCKED: sales that are dated ahead of the clock prove nothing."""
    blocked(
        f"{count} sales are dated ahead of the clock (newest: {listed(sales)}): when they were "
        "made is not known",
        kind="inconclusive",
        remedy="compare the clocks of the store and its database",
    )


def fields_of(row: Row) -> dict[str, Any]:
    """Return a row as a dataclass takes it: arrays as tuples, times as aware ones."""
    return {name: _field(value) for name, value in row.items()}


def _field(value: Any) -> Any:
    if isinstance(value, datetime):
        return from_column(value)
    return tuple(value) if isinstance(value, list) else value


def monies(texts: Iterable[str]) -> tuple[Money, ...]:
    """Return sums that a statement gave as `12.30 USD`, leaving out what names no currency."""
    pairs = (fields.money(*text.rsplit(" ", 1)) for text in texts)
    return tuple(pair for pair in pairs if pair is not None)
